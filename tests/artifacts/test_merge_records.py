"""Two people push different runs, and git keeps both."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import dump_yaml, load_yaml, parse_yaml

from fusevad.artifacts.merge import merge_records
from fusevad.artifacts.tracked import TRACKED, parse_tracked, tracked_text
from fusevad.errors import FusevadError
from tests.conftest import ROOT
from tests.made_up_clone import git


def lock(folder: Path, name: str, **units: str) -> Path:
    stages = {key: {"cmd": "make", "outs": [{"md5": md5}]} for key, md5 in units.items()}
    path = folder / name
    path.write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    return path


def recorded(path: Path) -> dict[str, str]:
    stages = yaml.safe_load(path.read_text())["stages"]
    return {name: stage["outs"][0]["md5"] for name, stage in stages.items()}


def test_runs_of_both_sides_are_kept(tmp_path: Path) -> None:
    base = lock(tmp_path, "base", data="1", table="1")
    ours = lock(tmp_path, "ours", data="1", table="1", run_a="2")
    theirs = lock(tmp_path, "theirs", data="1", table="3", run_b="4")
    merge_records(base, ours, theirs)
    assert recorded(ours) == {"data": "1", "table": "3", "run_a": "2", "run_b": "4"}
    assert list(recorded(ours)) == sorted(recorded(ours))


def test_numbers_stay_numbers_as_dvc_reads_them(tmp_path: Path) -> None:
    base, ours, theirs = (tmp_path / name for name in ("base", "ours", "theirs"))
    params = {"config/paper.yaml": {"eps": 1e-06, "names": ["1e-06", "on", "012"]}}
    stages = {"data": {"cmd": "make", "params": params, "outs": [{"md5": "1"}]}}
    dump_yaml(ours, {"schema": "2.0", "stages": stages})
    dump_yaml(base, {"schema": "2.0", "stages": stages})
    dump_yaml(theirs, {"schema": "2.0", "stages": stages | {"run": stages["data"]}})
    merge_records(base, ours, theirs)
    assert load_yaml(ours)["stages"] == stages | {"run": stages["data"]}


def test_a_unit_that_one_side_removed_is_gone(tmp_path: Path) -> None:
    base = lock(tmp_path, "base", data="1", old="1")
    ours = lock(tmp_path, "ours", data="1")
    theirs = lock(tmp_path, "theirs", data="2", old="1")
    merge_records(base, ours, theirs)
    assert recorded(ours) == {"data": "2"}


@pytest.mark.parametrize("side", ["base", "ours"])
def test_a_file_that_is_new_to_one_side_is_taken(tmp_path: Path, side: str) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    files = {name: lock(tmp_path, name, data="1") for name in ("base", "ours", "theirs")}
    files |= {"base": empty, side: empty}
    merge_records(files["base"], files["ours"], files["theirs"])
    assert recorded(files["ours"]) == {"data": "1"}


def test_a_unit_changed_on_both_sides_is_named_and_ours_while_the_others_are_merged(
    tmp_path: Path,
) -> None:
    base = lock(tmp_path, "base", data="1", table="1")
    ours = lock(tmp_path, "ours", data="2", table="1")
    theirs = lock(tmp_path, "theirs", data="3", table="2", run="1")
    with pytest.raises(FusevadError, match=r"dvc\.lock: changed on both sides: data; ours"):
        merge_records(base, ours, theirs)
    assert recorded(ours) == {"data": "2", "run": "1", "table": "2"}


def test_lists_of_units_merge_line_by_line(tmp_path: Path) -> None:
    entry = {"dataset": "rendered"}
    sides = {
        "base": {"runs": {"a": entry}},
        "ours": {"runs": {"a": entry, "b": entry}, "tables": {"table1": entry}},
        "theirs": {"runs": {"a": entry, "c": entry}},
    }
    for name, values in sides.items():
        (tmp_path / name).write_text(tracked_text(values))
    ours = tmp_path / "ours"
    merge_records(tmp_path / "base", ours, tmp_path / "theirs", ".dvc/tracked.yaml")
    both = {"runs": {"a": entry, "b": entry, "c": entry}, "tables": {"table1": entry}}
    assert ours.read_text() == tracked_text(both)


@pytest.mark.parametrize("name", ["2024", "on", "010", "1e3", "0o17", "2026-11-27", "a, b: {c}"])
def test_names_that_yaml_takes_for_something_else_are_names_to_dvc_too(name: str) -> None:
    text = tracked_text({"runs": {name: {"key": name}}})
    for read in (parse_tracked, lambda text: parse_yaml(text, TRACKED)):
        assert read(text)["runs"] == {name: {"key": name}}


def test_texts_of_others_with_line_breaks_can_be_read_after_a_merge(tmp_path: Path) -> None:
    """A record in a merged branch may have any text; it must not make the list unreadable."""
    theirs = {"a\nb": {"k\n": ["\n", {"x": "one\n\n two\n"}, 1, None, "\ttab\n"]}}
    for name, units in (("base", {}), ("ours", {"u": {"k": "v"}}), ("theirs", theirs)):
        (tmp_path / name).write_text(yaml.safe_dump({"data": units}))
    merge_records(tmp_path / "base", tmp_path / "ours", tmp_path / "theirs", TRACKED)
    text = (tmp_path / "ours").read_text()
    for read in (parse_tracked, lambda text: parse_yaml(text, TRACKED)):
        assert read(text)["data"] == {"u": {"k": "v"}, **theirs}


def test_units_that_an_older_clone_lists_in_config_are_merged_into_the_list_of_today(
    tmp_path: Path,
) -> None:
    """Earlier, the list was `config/tracked.yaml`; git sees that it was renamed."""
    entry = {"dataset": "rendered", "configfile": "config/config.yaml"}
    units = dict.fromkeys("abcdefgh", entry)
    before, after = tmp_path / "config/tracked.yaml", tmp_path / TRACKED
    before.parent.mkdir()
    before.write_text(tracked_text({"runs": units}))
    (tmp_path / ".gitattributes").write_text("config/tracked.yaml merge=fusevad\n")
    git(tmp_path, "init", "--quiet", "--initial-branch", "old")
    program = f'{sys.executable} -c "from fusevad.cli import main; main()"'
    git(tmp_path, "config", "merge.fusevad.driver", f"{program} merge-records %O %A %B %P")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "before")
    git(tmp_path, "checkout", "--quiet", "-b", "new")
    after.parent.mkdir()
    before.unlink()
    after.write_text(tracked_text({"runs": units | {"x": entry}}))
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "moved")
    git(tmp_path, "checkout", "--quiet", "old")
    before.write_text(tracked_text({"runs": units | {"y": entry}}))
    git(tmp_path, "commit", "--quiet", "--all", "--message", "pushed")
    git(tmp_path, "checkout", "--quiet", "new")
    git(tmp_path, "merge", "--quiet", "--no-edit", "old")
    assert not before.exists()
    assert after.read_text() == tracked_text({"runs": units | {"x": entry, "y": entry}})
