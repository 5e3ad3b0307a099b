"""Clones and remotes: what one made, others pull, and Snakemake has nothing left to do."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.loopback import s3_bucket, serving
from tests.made_up_clone import git
from tests.workflow_runs import TINY, copy_dvc, copy_project, copy_tiny_data, planned_jobs, run

pytestmark = pytest.mark.timeout(2400)
TABLE = "results/tiny/table1.tex"
RUNS = "results/tiny/rendered-tiny/runs"
METHODS = ["image-only", "motion-only", "student-t"]


def planned(folder: Path, target: str = TABLE) -> dict[str, int]:
    """Jobs that Snakemake would run."""
    return planned_jobs(run(folder, "snakemake", "--dry-run", target, *TINY).stdout)


def change(path: Path, **values: object) -> None:
    """Set values of a YAML file, section by section."""
    content = yaml.safe_load(path.read_text())
    for key, value in values.items():
        content[key] = content[key] | value if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(content))


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[dict[str, str]]:
    """S3 on loopback, and a web server for the folder that is the default remote."""
    base = tmp_path_factory.mktemp("clones")
    (base / "fusevad-artifacts").mkdir()
    with s3_bucket("fusevad-artifacts") as s3, serving(base / "fusevad-artifacts") as (web, _):
        yield {"base": str(base), "s3": s3, "web": web}


@pytest.fixture(scope="module")
def first(root, tiny_made, servers) -> Path:
    """A clone that has made Table 1, and pushed it to a folder and to S3."""
    folder = copy_project(root, Path(servers["base"]) / "first")
    copy_tiny_data(tiny_made, folder)
    copy_dvc(root, folder)
    change(folder / "config/tiny.yaml", table1=METHODS)
    # A number that YAML and JSON write, and read, in different ways.
    model = {"refinement_steps": 2, "epsilon": 1.0e-8}
    change(folder / "config/hyperparameters/tiny.yaml", all={"model": model})
    git(folder, "init", "--quiet", "--initial-branch", "main")
    point_at(servers, folder)
    run(folder, "snakemake", "--cores", "2", TABLE, *TINY)
    run(folder, "fusevad", "push", *TINY)
    run(folder, "fusevad", "push", "--remote", "s3", *TINY)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "made")
    return folder


def point_at(servers: dict[str, str], folder: Path) -> None:
    """What a user says of the remotes, where only git on this machine sees it."""
    local = ("dvc", "remote", "modify", "--local")
    run(folder, *local, "s3", "endpointurl", servers["s3"])
    run(folder, *local, "public", "url", servers["web"])
    driver = "fusevad merge-records %O %A %B %P"
    git(folder, "config", "merge.fusevad.driver", driver)


def clone(servers: dict[str, str], first: Path, name: str) -> Path:
    """A fresh clone of the first one's commit, beside it, without any results."""
    folder = Path(servers["base"]) / name
    git(folder.parent, "clone", "--quiet", str(first), name)
    point_at(servers, folder)
    return folder


@pytest.fixture
def second(first, servers, request) -> Iterator[Path]:
    """A fresh clone for one test."""
    folder = clone(servers, first, "second")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("remote", ["folder", "s3", "public"])
def test_a_clone_pulls_the_table_and_has_nothing_to_do(first, second, remote):
    said = run(second, "fusevad", "pull", TABLE, "--remote", remote, *TINY).stdout
    assert "to fetch:" in said and "will be made again" not in said
    assert (second / TABLE).read_bytes() == (first / TABLE).read_bytes()
    assert (second / RUNS / "student-t/seeds.csv").is_file()
    for absent in ("cues", "embeddings", "source/videos"):
        assert not (second / "results/rendered-tiny" / absent).exists()
    assert planned(second) == {}
    (second / TABLE).unlink()
    assert planned(second) == {"table1": 1, "total": 1}
    run(second, "snakemake", "--cores", "2", TABLE, *TINY)
    assert (second / TABLE).read_bytes() == (first / TABLE).read_bytes()


def test_plain_dvc_pull_and_adopt_do_the_same(second):
    run(second, "dvc", "pull")
    assert planned(second)["total"] > len(METHODS)
    run(second, "fusevad", "adopt", *TINY)
    assert planned(second) == {}


def test_a_changed_parameter_of_training_reruns_training_and_later_alone(second):
    run(second, "fusevad", "pull", TABLE, *TINY)
    change(second / "config/hyperparameters/tiny.yaml", all={"learning_rate": 2.0e-3})
    said = run(second, "fusevad", "pull", TABLE, *TINY).stdout
    assert "train/rendered-tiny/student-t: settings: learning_rate: 0.001 recorded, 0.002" in said
    assert planned(second) == {"train": 3, "evaluate": 3, "table1": 1, "total": 7}
    run(second, "snakemake", "--cores", "2", TABLE, *TINY)
    assert not (second / "results/rendered-tiny/source/videos").exists()


def test_dvc_repro_makes_a_missing_run_alone_and_it_is_the_same(first, second):
    run(second, "dvc", "pull")
    run(second, "fusevad", "adopt", *TINY)
    shutil.rmtree(second / RUNS / "student-t")
    repro = ("dvc", "repro", "runs@tiny.rendered-tiny.student-t")
    rules = re.findall(r"^(?:local)?rule (\w+):", run(second, *repro).stderr, re.MULTILINE)
    assert rules == ["train", "evaluate"]
    path = f"{RUNS}/student-t/seeds.csv"
    assert (second / path).read_bytes() == (first / path).read_bytes()
    assert "up to date" in run(second, *repro).stdout
    # The table came from elsewhere, and its new input has new times.
    assert planned(second) == {"table1": 1, "total": 1}
    run(second, "fusevad", "adopt", *TINY)
    assert planned(second) == {}


def test_changed_motion_cues_need_videos_and_it_says_how_to_get_them(second):
    change(second / "config/tiny.yaml", cues={"windows": [4, 8, 16]})
    said = run(second, "fusevad", "pull", TABLE, *TINY).stdout
    (advice,) = (line for line in said.splitlines() if "are needed and missing" in line)
    for command in advice.partition("run: ")[2].split(" && "):
        run(second, *command.split(), *TINY)
    assert (second / "results/rendered-tiny/source/videos").is_dir()
    jobs = planned(second)
    assert set(jobs) == {"cues", "embed", "index", "train", "evaluate", "table1", "total"}
    # What sees no motion cue is not made again.
    assert jobs["train"] == 2


def test_two_people_push_different_runs_and_both_are_there(first, servers):
    people = [clone(servers, first, f"person-{nu}") for nu in (3, 5)]
    for nu, folder in zip((3, 5), people, strict=True):
        target = f"{RUNS}/student-t.nu-{nu}/seeds.csv"
        (folder / f"config/experiments/nu-{nu}.yaml").write_text(
            f"student-t.nu-{nu}: {{label: nu, method: student-t, set: {{model: {{nu: {nu}}}}}}}\n"
        )
        run(folder, "fusevad", "pull", target, *TINY)
        assert planned(folder, target) == {"train": 1, "evaluate": 1, "total": 2}
        run(folder, "snakemake", "--cores", "2", target, *TINY)
        refused = run(folder, "fusevad", "push", "--remote", "public", *TINY, check=False)
        assert refused.returncode == 1
        assert "remote 'public' (http" in refused.stderr.splitlines()[-1]
        run(folder, "fusevad", "push", *TINY)
        assert f"runs@tiny.rendered-tiny.student-t.nu-{nu}:" in (folder / "dvc.lock").read_text()
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", f"nu {nu}")
    git(people[1], "pull", "--quiet", "--no-rebase", "--no-edit", str(people[0]), "main")
    third = clone(servers, people[1], "third")
    targets = [f"{RUNS}/student-t.nu-{nu}/seeds.csv" for nu in (3, 5)]
    run(third, "fusevad", "pull", *targets, *TINY)
    for target, folder in zip(targets, people, strict=True):
        assert (third / target).read_bytes() == (folder / target).read_bytes()
        assert planned(third, target) == {}
    run(third, "fusevad", "pull", TABLE, *TINY)
    assert planned(third) == {}
