"""`fusevad gc`: what no configuration refers to, and nothing else."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusevad.artifacts.adopt import adopt
from fusevad.artifacts.gc import Unused, delete, listed, unused
from fusevad.cli import app
from fusevad.errors import FusevadError
from fusevad.files import remove_folder
from tests.made_up_plan import DATA, EMBEDDINGS, made_up_plan, make, make_deep, write


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def paths(*plans) -> list[str]:
    """What is listed, largest first."""
    return [each.path for each in unused(plans)]


def test_what_a_plan_makes_is_kept_with_records_and_settings():
    plan = made_up_plan()
    make(plan)
    adopt(plan)
    assert paths(plan) == []


def test_a_run_that_is_no_more_is_listed_as_one_folder_with_its_size():
    make(made_up_plan(runs=("ours", "theirs")))
    folder = f"{DATA}/runs/theirs"
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    assert unused([made_up_plan()]) == [Unused(folder, size)]


def test_what_any_of_several_configurations_refers_to_is_kept():
    make(made_up_plan(runs=("ours", "theirs")))
    assert paths(made_up_plan(), made_up_plan(runs=("theirs",))) == []


def test_folders_of_unknown_data_sets_are_looked_at():
    write("results/gone/runs/ours/history.csv", "1")
    write("results/gone/cues/paper/shard-0.csv", "22")
    write("results/gone/embeddings/clip/rgb/index.csv", "333")
    write("results/gone/encoders/small/motion-cue.safetensors", "4444")
    write("results/gone/studies/noise.csv", "55555")
    assert paths(made_up_plan()) == [
        "results/gone/studies",
        "results/gone/encoders/small",
        "results/gone/embeddings/clip/rgb",
        "results/gone/cues/paper",
        "results/gone/runs/ours",
    ]


def test_shards_that_are_no_more_are_listed_and_the_others_kept():
    make(made_up_plan(shards=2))
    make(made_up_plan(shards=1))
    assert set(paths(made_up_plan(shards=1))) == {
        f"{DATA}/cues/paper/shard-1.h5",
        f"{DATA}/cues/paper/shard-1.provenance.json",
        f"{EMBEDDINGS}/shard-1.safetensors",
        f"{EMBEDDINGS}/shard-1.provenance.json",
    }


def test_progress_and_files_that_belong_to_outputs_without_a_record_are_kept():
    plan = made_up_plan()
    make(plan)
    write(f"{DATA}/runs/ours/.progress/seed-0.pt", "half")
    Path(plan.jobs["cues/tiny/paper/0"].record).unlink()
    assert paths(plan) == []


def test_unfit_files_and_forgotten_settings_are_listed():
    make(made_up_plan(rate=0.1, runs=("ours", "theirs")))
    adopt(made_up_plan(rate=0.1, runs=("ours", "theirs")))
    adopt(made_up_plan(rate=0.2))
    listed = paths(made_up_plan(rate=0.2))
    assert "results/.unfit" in listed
    assert any(path.startswith("results/settings/train/tiny/theirs.") for path in listed)
    current = made_up_plan(rate=0.2)
    assert current.settings_file(current.jobs["manifest/tiny"]) not in listed


def test_settings_files_are_one_line_a_stage_and_all_others_a_line_each():
    plan = made_up_plan(runs=("ours", "theirs"))
    make(plan)
    adopt(plan)
    found = unused([made_up_plan()])
    lines = {each.path: each.size for each in listed(found)}
    assert f"{DATA}/runs/theirs" in lines
    assert "results/settings/train/ (1 file)" in lines
    assert "results/settings/report/ (1 file)" in lines
    assert not any(path.endswith(".json") for path in lines)
    assert sum(lines.values()) == sum(each.size for each in found)
    many = [Unused(f"results/settings/cues/tiny/{n}.json", 10 + n) for n in range(3)]
    assert listed([*many, Unused("results/settings/book.json", 5)]) == [
        Unused("results/settings/cues/ (3 files)", 33),
        Unused("results/settings/ (1 file)", 5),
    ]


def test_settings_of_a_stage_that_is_called_as_a_folder_of_a_data_set_are_listed_once():
    written = [f"results/settings/{stage}/gone/x/0.json" for stage in ("cues", "runs", "studies")]
    for path in written:
        write(path, "{}")
    assert sorted(paths(made_up_plan())) == written
    delete(unused([made_up_plan()]))
    assert not Path("results/settings").exists()


def test_deleting_leaves_what_is_in_use_and_no_empty_folders():
    plan = made_up_plan(runs=("ours", "theirs"))
    make(plan)
    write("results/gone/runs/ours/history.csv", "1")
    left = made_up_plan()
    before = {path for path in Path("results").rglob("*") if path.is_file()}
    found = unused([left])
    delete(found)
    gone = before - {path for path in Path("results").rglob("*") if path.is_file()}
    folders = ("results/gone/", f"{DATA}/runs/theirs/")
    assert gone == {path for path in before if str(path).startswith(folders)}
    assert not Path("results/gone").exists()
    assert unused([left]) == []
    assert adopt(left).moved.keys() == {"report/table1"}  # made from both runs


def test_what_two_searches_find_is_listed_and_removed_once():
    """As runs of a data set called `seeds` were, before that name was refused."""
    write("results/seeds/seeds/runs/ours/history.csv", "1")
    assert paths(made_up_plan()) == ["results/seeds/seeds/runs/ours"]


def test_values_on_the_command_line_are_not_dropped_in_silence(tmp_path):
    """What they made was listed, and removed, although it was named."""
    (tmp_path / "config").symlink_to(Path(__file__).parents[2] / "config")
    found = CliRunner().invoke(app, ["gc", "--delete", "--config", "seeds=[0, 1]"])
    assert isinstance(found.exception, FusevadError)
    assert "--config: not read here" in str(found.exception)


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path):
    write("precious/history.csv", "1")
    folder = Path("results/gone/runs")
    folder.mkdir(parents=True)
    os.symlink(tmp_path / "precious", folder / "ours")
    delete(unused([made_up_plan()]))
    assert Path("precious/history.csv").is_file()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "levels"),
    [pytest.param("d", 1100, marks=pytest.mark.slow), ("n" * 255, 40), ("d", 101)],
)
def test_folders_are_listed_and_removed_however_deep_they_are(name, levels):
    """Deeper than functions may call themselves, or than the system takes as one path."""
    plan = made_up_plan()
    make(plan)
    adopt(plan)
    before = sorted(Path("results").rglob("*"))
    make_deep("results/gone/runs/ours", name, levels)
    make_deep(f"{DATA}/runs/ours", name, levels)
    make_deep("results/settings", name, levels)
    foreign, beside = sorted(paths(plan), key=len)
    assert foreign == "results/gone/runs/ours"
    assert beside.startswith(f"{DATA}/runs/ours/{name}/{name}/")
    delete(unused([plan]))
    remove_folder(Path("results/settings", name))
    assert sorted(Path("results").rglob("*")) == before


def test_a_name_of_several_lines_is_one_line_of_the_listing(tmp_path):
    (tmp_path / "config").symlink_to(Path(__file__).parents[2] / "config")
    write("results/rendered/runs/a\n0 B  results/\x1b[2K", "x")
    lines = CliRunner().invoke(app, ["gc"]).stdout.splitlines()
    assert [line for line in lines if "results/" in line] == [
        r"      1 B  results/rendered/runs/a\n0 B  results"
    ]
