"""`fusevad push` and `fusevad pull` with the real DVC and a folder as the remote."""

import os
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fusevad.artifacts.adopt import adopt
from fusevad.artifacts.pull import Pull, advice_on_videos, carry_out, prepare
from fusevad.artifacts.push import Push, push
from fusevad.artifacts.store import Store
from fusevad.artifacts.unfit import move_back
from fusevad.errors import FusevadError
from fusevad.files import remove_folder
from fusevad.plan.lineage import Plan
from tests.made_up_plan import DATA, VIDEOS, made_up_plan, make, make_deep, rerun, write

pytestmark = pytest.mark.slow

RUN = f"{DATA}/runs/ours"
# As dvc.yaml has them, without parameters and commands.
UNITS = {
    "data@tiny": [
        f"{DATA}/{name}"
        for name in (
            "manifest.csv",
            "manifest.provenance.json",
            "source/labels.csv",
            "source/intervals.csv",
            "source/labels.provenance.json",
        )
    ],
    "cues@tiny.paper": [f"{DATA}/cues/paper"],
    "embeddings@tiny.clip.rgb": [f"{DATA}/embeddings/clip/rgb"],
    "runs@tiny.ours": [RUN],
    "tables@table1": ["results/table1.tex", "results/table1.csv", "results/table1.provenance.json"],
}


class Recorder(Store):
    """The real store; units are named in dvc.yaml by hand instead of by the configuration."""

    def record(self, units, config, configfiles=()):
        changed = self._commit(list(units))
        self._forget()
        return changed


def pushed(plan: Plan) -> Push:
    """Push everything that is whole and fits."""
    return push(plan, Recorder(), None)


def pulled(plan: Plan, *targets: str) -> Pull:
    """Pull targets; returns what was decided before."""
    store = Store()
    found = prepare(plan, store, targets)
    carry_out(plan, store, found)
    return found


def repository(folder: Path, remote: Path) -> None:
    """An empty git and DVC repository with the made-up plan's units in dvc.yaml."""
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text(
        "[core]\n    analytics = false\n    remote = folder\n"
        f"['remote \"folder\"']\n    url = {remote}\n    verify = true\n"
    )
    (folder / ".dvcignore").write_text(".snakemake_timestamp\n.progress\n")
    stages = []
    for name, outs in UNITS.items():
        stage, _, key = name.partition("@")
        listed = "".join(f"        - {out}: {{persist: true}}\n" for out in outs)
        stages.append(
            f"  {stage}:\n    foreach: [{key}]\n    do:\n      cmd: 'false'\n      outs:\n{listed}"
        )
    (folder / "dvc.yaml").write_text("stages:\n" + "\n".join(stages) + "\n")


@pytest.fixture
def clones(tmp_path, monkeypatch):
    """Clone A, the working directory, has everything and has pushed; B is empty."""
    for name in ("a", "b"):
        repository(tmp_path / name, tmp_path / "remote")
    monkeypatch.chdir(tmp_path / "a")
    plan = made_up_plan()
    make(plan)
    done = pushed(plan)
    assert set(done.new) == set(UNITS)
    assert not done.left
    assert not done.partial
    shutil.copy("dvc.lock", tmp_path / "b")
    write(str(tmp_path / "b/config/published.csv"), "the paper's numbers")
    return tmp_path


@pytest.fixture
def clone_b(clones, monkeypatch):
    """Clone B is the working directory: no videos, no artifacts."""
    monkeypatch.chdir(clones / "b")
    return clones


def files() -> set[str]:
    """Files in results/ but settings."""
    found = {str(path) for path in Path("results").rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith("results/settings/")}


def test_a_second_push_has_nothing_to_do(clones):
    done = pushed(made_up_plan())
    assert not done.new
    assert done.unchanged == len(UNITS)
    assert done.sent == 0


@pytest.mark.parametrize("name", [".key", "weights/.key", ".folder/key"])
def test_hidden_files_and_what_links_lead_to_are_not_sent(clones, name):
    # DVC records whole folders, and reads what links in them lead to.
    secret = clones / "secret"
    secret.write_text("of this machine")
    Path(RUN, name).parent.mkdir(exist_ok=True)
    Path(RUN, name).symlink_to(secret)
    done = pushed(made_up_plan())
    assert done.left == {
        "runs@tiny.ours": f"{RUN}/{name}: no job makes it, and it would be sent; move it away"
    }
    sent = [path.read_text() for path in (clones / "remote").rglob("*") if path.is_file()]
    assert "of this machine" not in sent


def test_what_dvc_ignores_hinders_no_push(clones):
    write(f"{RUN}/.progress/seed-0.pt", "half a seed")
    assert not pushed(made_up_plan()).left


def test_a_pipe_in_a_folder_that_dvc_reads_is_one_line(clones):
    os.mkfifo(f"{DATA}/cues/paper/.pipe")
    with pytest.raises(FusevadError, match=r"cues/paper/\.pipe: a pipe, a device or a folder too"):
        pushed(made_up_plan())


@pytest.mark.slow
def test_a_folder_deeper_than_functions_may_call_themselves_is_one_line(clones):
    make_deep(f"{DATA}/other", "d", 1100)
    with pytest.raises(FusevadError, match="a folder too deep; move it away") as caught:
        pushed(made_up_plan())
    remove_folder(Path(DATA, "other"))
    assert len(str(caught.value).splitlines()) == 1


def test_an_empty_clone_gets_its_table_and_snakemake_runs_nothing(clone_b):
    plan = made_up_plan()
    found = pulled(plan)
    expected = {f"{RUN}/seeds.csv", "results/table1.tex", "results/table1.csv"}
    assert set(found.files) - expected == {f"{RUN}/seeds.provenance.json"} | {
        "results/table1.provenance.json"
    }
    sizes = sum(Path(path).stat().st_size for path in expected)
    assert sum(found.files.values()) == sizes
    assert files() == set(found.files)
    original = (clone_b / "a/results/table1.tex").read_bytes()
    assert Path("results/table1.tex").read_bytes() == original
    assert rerun(plan) == set()


def test_everything_pulled_is_believed_without_any_video(clone_b):
    plan = made_up_plan()
    pulled(plan, "results")
    assert not Path(DATA, "source/videos").exists()
    assert rerun(plan) == set()


def test_a_second_pull_fetches_nothing(clone_b):
    pulled(made_up_plan())
    assert not pulled(made_up_plan()).files


def test_a_changed_parameter_of_training_fetches_embeddings_and_reruns_training_and_later(clone_b):
    changed = made_up_plan(rate=0.002)
    found = pulled(changed)
    assert set(found.planned.remade) == {"train/tiny/ours", "evaluate/tiny/ours", "report/table1"}
    assert not advice_on_videos(changed, found)
    assert rerun(changed) == set(found.planned.remade)


def test_a_changed_parameter_of_embedding_does_not_need_videos_where_cues_are_kept(clone_b):
    changed = made_up_plan(crops=10)
    found = pulled(changed)
    assert f"{DATA}/cues/paper/shard-0.h5" in found.files
    assert not advice_on_videos(changed, found)
    assert rerun(changed) == set(found.planned.remade)


def test_without_kept_cues_the_command_that_gets_videos_is_named(clone_b):
    lock = Path("dvc.lock").read_text()
    start = lock.index("  cues@tiny.paper:")
    end = lock.index("  ", lock.index("nfiles", start))
    Path("dvc.lock").write_text(lock[:start] + lock[end:])
    changed = made_up_plan(crops=10)
    found = prepare(changed, Store(), [])
    (line,) = advice_on_videos(changed, found)
    assert f"snakemake --cores all {DATA}/source/labels.csv && fusevad adopt" in line


def test_an_older_table_in_the_workspace_is_moved_away_for_the_one_that_fits(clone_b):
    make(made_up_plan(rate=0.5))
    old = Path("results/table1.tex").read_bytes()
    plan = made_up_plan()
    pulled(plan)
    assert Path("results/.unfit/results/table1.tex").read_bytes() == old
    assert rerun(plan) == set()


def test_videos_that_no_remote_has_stay_when_their_labels_are_fetched_again(clone_b):
    plan = made_up_plan()
    make(plan, ["render/tiny"])
    video = Path(VIDEOS, "a.mp4").read_bytes()
    write(f"{DATA}/source/labels.csv", "damaged")
    store = Store()
    done = carry_out(plan, store, prepare(plan, store, [f"{DATA}/source/labels.csv"]))
    assert "labels.csv" in done.moved["render/tiny"]
    assert Path(VIDEOS, "a.mp4").read_bytes() == video
    for path in (f"{DATA}/source/{name}" for name in os.listdir(f"{DATA}/source")):
        if path != VIDEOS:
            Path(path).unlink()
    assert f"{DATA}/source/labels.csv" in move_back()
    assert Path(f"{DATA}/source/labels.csv").read_text() == "damaged"


def of_own_files(content: str | None) -> Plan:
    """The plan where the index is made from the user's own files; None where they are absent."""
    jobs = made_up_plan().jobs.values()
    own = {"content": content}
    return Plan([replace(job, options=own) if job.stage == "index" else job for job in jobs])


def test_pulled_results_of_absent_own_files_are_not_made_again(clones, monkeypatch):
    there = of_own_files("a hash")
    make(there)
    pushed(there)
    shutil.copy("dvc.lock", clones / "b")
    monkeypatch.chdir(clones / "b")
    pulled(of_own_files(None), f"{DATA}/embeddings/clip/rgb/index.csv", "results/table1.tex")
    assert rerun(of_own_files(None)) == set()


def test_an_older_table_stays_where_the_remote_is_gone(clone_b):
    make(made_up_plan(rate=0.5))
    before = files()
    plan, store = made_up_plan(), Store()
    found = prepare(plan, store, [])
    shutil.rmtree(clone_b / "remote")
    with pytest.raises(FusevadError):
        carry_out(plan, store, found)
    assert files() == before


def test_pulled_files_leave_the_table_that_was_made_from_them_as_it_is(clone_b):
    plan = made_up_plan()
    pulled(plan, "results/table1.tex")
    shutil.rmtree(RUN)
    pulled(plan, RUN)
    assert rerun(plan) == set()


def test_a_plain_checkout_of_everything_and_adopt_do_the_same(clone_b):
    store, plan = Store(), made_up_plan()
    paths = [path for job in plan.jobs.values() for path in (*job.kept_outputs, job.record)]
    random.Random(0).shuffle(paths)
    store.fetch(paths)
    for path in paths:
        store.restore([path])
    assert not adopt(plan).moved
    assert rerun(plan) == set()


def test_parts_and_what_does_not_fit_are_named_and_not_pushed(clones):
    lock = Path("dvc.lock").read_text()
    Path(f"{RUN}/weights/seed-0.safetensors").unlink()
    Path("results/table1.csv").write_text("edited")
    Path(f"{DATA}/cues/paper/notes.txt").write_text("a stray file")
    done = pushed(made_up_plan())
    assert done.partial == {"runs@tiny.ours": f"{RUN}/weights/seed-0.safetensors"}
    assert "results/table1.csv: " in done.left["tables@table1"]
    assert "notes.txt: no job makes it" in done.left["cues@tiny.paper"]
    assert Path("dvc.lock").read_text() == lock
