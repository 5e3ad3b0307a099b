"""What a stranger puts into `dvc.lock`, lists or records reaches nothing outside the repository."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dump_yaml, load_yaml

from fusevad.artifacts.merge import merge_records
from fusevad.artifacts.store import Store
from fusevad.artifacts.tracked import parse_tracked, read_records
from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.plan.ancestry import check_recorded
from fusevad.plan.records import FileRecord, Record, parse_record, read_record, write_record
from tests.made_up_store import MANIFEST, RUN, clone, make, published, share, workspace

DATA = "data@rendered-tiny"
TRAINED = "runs@rendered-tiny.student-t"
HISTORY = f"{RUN}/history.csv"
UP = "../../../../../victim.txt"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file outside the repository, whose name every attack uses."""
    path = tmp_path / "victim.txt"
    path.write_text("precious")
    return path


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A remote with data and a run, and a clone with the `dvc.lock` of those who pushed them."""
    folder = tmp_path_factory.mktemp("untouched")
    beside = "../../remote"  # of a clone's `.dvc/`
    first = published(folder / "first", beside, DATA, TRAINED)
    share(first, clone(folder / "second", beside))
    shutil.rmtree(first)
    return folder


@pytest.fixture
def clone_of_others(untouched: Path, tmp_path: Path, victim: Path) -> Path:
    """A copy of the clone, with a remote of its own, to spoil."""
    shutil.copytree(untouched, tmp_path, dirs_exist_ok=True)
    return tmp_path / "second"


def change_lock(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    lock = load_yaml(folder / "dvc.lock")
    change(lock["stages"])
    dump_yaml(folder / "dvc.lock", lock)


def on_remote(folder: Path, md5: str) -> Path:
    return folder.parent / "remote/files/md5" / md5[:2] / md5[2:]


def list_instead(folder: Path, content: bytes) -> None:
    """Put another list of the run's folder on the remote, under its right hash, and record it."""
    md5 = f"{hashlib.md5(content).hexdigest()}.dir"
    on_remote(folder, md5).parent.mkdir(exist_ok=True)
    on_remote(folder, md5).write_bytes(content)
    change_lock(folder, lambda stages: stages[TRAINED]["outs"][0].update(md5=md5))


def refused(folder: Path, path: str) -> str:
    with pytest.raises(FusevadError) as caught:
        Store(folder).restore([path])
    assert "\n" not in str(caught.value)
    assert workspace(folder) == {}
    return str(caught.value)


HASHES = [
    UP,
    f"00{UP}",
    "/etc/passwd",
    f"{'0' * 32}.dir/../../x",
    f"{'0' * 32}\n",
    f"{'0' * 31}G",
    "0" * 31,
    "",
    None,
    12,
    ["0" * 32],
]


@pytest.mark.parametrize("md5", HASHES)
def test_a_hash_of_dvc_lock_that_is_none_is_one_line_and_no_path(
    clone_of_others: Path, victim: Path, md5: Any
) -> None:
    change_lock(clone_of_others, lambda stages: stages[DATA]["outs"][0].update(md5=md5))
    assert "dvc.lock: stages." in refused(clone_of_others, MANIFEST)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("md5", HASHES)
def test_a_hash_of_a_folders_list_that_is_none_is_one_line_and_no_path(
    clone_of_others: Path, victim: Path, md5: Any
) -> None:
    list_instead(clone_of_others, json.dumps([{"relpath": "history.csv", "md5": md5}]).encode())
    assert f"{RUN}: DVC's list of the folder" in refused(clone_of_others, HISTORY)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    "relpath", ["../../../../victim.txt", "/etc/passwd", "a/../../b", "", ".", "a//b", "a\0b", 1]
)
def test_a_folders_list_names_files_in_the_folder_alone(
    clone_of_others: Path, victim: Path, relpath: Any
) -> None:
    entries = [
        {"relpath": "history.csv", "md5": "0" * 32},
        {"relpath": relpath, "md5": "0" * 32},
    ]
    list_instead(clone_of_others, json.dumps(entries).encode())
    assert f"{RUN}: DVC's list of the folder" in refused(clone_of_others, HISTORY)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{}", b"[1]", b'[{"relpath": "history.csv"}]', b"[" * 100_000]
)
def test_a_folders_list_that_is_none_is_one_line(clone_of_others: Path, content: bytes) -> None:
    list_instead(clone_of_others, content)
    assert f"{RUN}: DVC's list of the folder" in refused(clone_of_others, HISTORY)


@pytest.mark.parametrize("path", ["config/config.yaml", "../victim.txt", "results/../x"])
def test_nothing_outside_results_is_restored_whatever_dvc_lock_names(
    clone_of_others: Path, victim: Path, path: str
) -> None:
    before = (clone_of_others / "config/config.yaml").read_bytes()
    change_lock(clone_of_others, lambda stages: stages[DATA]["outs"][0].update(path=path))
    assert f"{path}: outside results" in refused(clone_of_others, path)
    assert victim.read_text() == "precious"
    assert (clone_of_others / "config/config.yaml").read_bytes() == before


LOCKS = [
    "stages: 1",
    "stages: [a]",
    "stages: {data: 1}",
    "stages: {data: {outs: 1}}",
    "stages: {data: {outs: [1]}}",
    "stages: {data: {outs: [{path: a}]}}",
    "stages: {data: {outs: [{md5: a}]}}",
    "- a",
    "1",
    "[" * 10_000,
    "[" * 100_000 + "]" * 100_000,
    "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(12)),
    "\0",
    # Where a stage of others is kept and written out again, each alias is the whole text.
    f"stages: {{other: {{cmd: &t {'x' * 10_000}, outs: [], k: [{', '.join(['*t'] * 2000)}]}}}}",
]


@pytest.mark.parametrize("text", LOCKS)
def test_a_dvc_lock_of_other_types_is_one_line(clone_of_others: Path, text: str) -> None:
    (clone_of_others / "dvc.lock").write_text(text)
    assert str(clone_of_others / "dvc.lock") in refused(clone_of_others, MANIFEST)


def test_a_dvc_lock_that_is_no_text_is_one_line(clone_of_others: Path) -> None:
    (clone_of_others / "dvc.lock").write_bytes(b"\xff\xfe\x00stages")
    assert "dvc.lock: not text in UTF-8" in refused(clone_of_others, MANIFEST)


def test_nothing_is_pushed_for_a_hash_that_is_none(clone_of_others: Path, victim: Path) -> None:
    change_lock(clone_of_others, lambda stages: stages[DATA]["outs"][0].update(md5=UP))
    before = sorted(clone_of_others.parent.joinpath("remote").rglob("*"))
    with pytest.raises(FusevadError, match="is not an MD5"):
        Store(clone_of_others).push([make(clone_of_others, DATA)])
    assert sorted(clone_of_others.parent.joinpath("remote").rglob("*")) == before
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("text", [*LOCKS[:3], *LOCKS[7:]])
def test_merging_with_a_dvc_lock_of_other_types_keeps_ours(tmp_path: Path, text: str) -> None:
    ours, theirs, base = (tmp_path / name for name in ("ours", "theirs", "base"))
    ours.write_text("schema: '2.0'\nstages: {}\n")
    theirs.write_text(text)
    base.write_text("")
    with pytest.raises(FusevadError, match=r"dvc\.lock: "):
        merge_records(base, ours, theirs)
    assert ours.read_text() == "schema: '2.0'\nstages: {}\n"


@pytest.mark.parametrize("name", ["dvc.lock", ".dvc/tracked.yaml"])
@pytest.mark.parametrize(
    "content", [b"a: \xff\n", b"schema: '2.0'\nstages: {a: {b: !!python/x y}}"]
)
def test_a_side_of_a_merge_that_no_reader_takes_is_one_line(tmp_path, name, content) -> None:
    base, ours, theirs = (tmp_path / side for side in ("base", "ours", "theirs"))
    base.touch()
    ours.touch()
    theirs.write_bytes(content)
    with pytest.raises(FusevadError):
        merge_records(base, ours, theirs, name)
    assert ours.read_bytes() == b""


@pytest.mark.parametrize("name", ["dvc.lock", ".dvc/tracked.yaml"])
def test_a_list_that_is_not_utf_8_is_not_pushed_over(clone_of_others: Path, name: str) -> None:
    (clone_of_others / name).write_bytes(b"schema: \xff\n")
    with pytest.raises(FusevadError, match=rf"{name}: .*take it from git again"):
        Store(clone_of_others).record([], config=Config.__new__(Config))
    assert (clone_of_others / name).read_bytes() == b"schema: \xff\n"


@pytest.mark.parametrize("text", ["runs: 1", "runs: [a]", "runs: {a: 1}", "1: {}", "- runs"])
def test_a_tracked_yaml_of_other_types_is_one_line(text: str) -> None:
    with pytest.raises(FusevadError, match=r"\.dvc/tracked\.yaml: "):
        parse_tracked(text)


@pytest.mark.parametrize(
    "value",
    ["config/tiny.yaml; touch PWN", "a.yaml $(touch PWN)", "a.yaml --snakefile evil.smk", "a 'b"],
)
def test_a_tracked_yaml_whose_values_would_run_something_is_one_line(
    clone_of_others: Path, value: str
) -> None:
    text = f"data:\n  rendered: {{configfile: {json.dumps(value)}}}\n"
    with pytest.raises(FusevadError, match=r"rendered: configfile: .* `dvc repro` would run it"):
        parse_tracked(text)
    (clone_of_others / ".dvc/tracked.yaml").write_text(text)
    with pytest.raises(FusevadError, match="would run it"):
        Store(clone_of_others)


def test_a_record_without_end_is_damaged() -> None:
    deep = '{"a": ' * 500 + "1" + "}" * 500
    text = (
        '{"job": "a", "stage": "a", "inputs": {}, "outputs": {}, "packages": {},'
        f' "lineage": {deep}}}'
    )
    with pytest.raises(FusevadError, match="nested too deeply"):
        parse_record(text.encode(), "a.json")
    with pytest.raises(FusevadError, match="not JSON"):
        parse_record(b"[" * 100_000, "a.json")


@pytest.mark.parametrize("step", [5, "text", None, [], {"settings": "x"}, {"sources": ["x"]}])
def test_a_record_whose_steps_are_none_is_damaged(step: Any) -> None:
    values = {"job": "a", "stage": "a", "lineage": {"a": step}}
    rest = {"inputs": {}, "outputs": {}, "packages": {}}
    with pytest.raises(FusevadError, match=r"a\.json: a lineage of something else than steps"):
        parse_record(json.dumps(values | rest).encode(), "a.json")


@pytest.mark.parametrize("first", ["", ".", "/", "//", "../x"])
def test_outputs_that_no_job_has_do_not_hide_where_a_record_is(tmp_path: Path, first: str) -> None:
    table = tmp_path / "results/t.tex"
    table.parent.mkdir()
    table.write_text("as made")
    outputs = {first: FileRecord("0" * 64, 1), "results/t.tex": FileRecord.of(table)}
    write_record(Record("t", "report", {}, {}, outputs, {}), table.with_suffix(".provenance.json"))
    check_recorded(table)
    table.write_text("changed")
    with pytest.raises(FusevadError, match=r"t\.tex: changed .*results/t\.provenance\.json"):
        check_recorded(table)


def test_a_record_of_a_million_wrong_values_is_one_line_that_describes_none() -> None:
    wrong = {str(number): number for number in range(20_000)}
    values = {"job": "a", "stage": "a", "lineage": {}, "outputs": {}, "packages": {}}
    with pytest.raises(FusevadError, match=r"a\.json: 20000 wrong values"):
        parse_record(json.dumps(values | {"inputs": wrong}).encode(), "a.json")


def test_records_of_gigabytes_are_not_read(tmp_path: Path) -> None:
    for name, read in (("dvc.lock", read_records), ("a.provenance.json", read_record)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(3 << 30)
        with pytest.raises(FusevadError, match=name):
            read(tmp_path / name)


@pytest.mark.parametrize("size", [-1, 1 << 63])
def test_a_record_of_sizes_that_no_file_has_is_damaged(size: int) -> None:
    made = f'{{"results/a": {{"sha256": "0", "size": {size}}}}}'
    text = (
        f'{{"job": "a", "stage": "a", "inputs": {{}}, "outputs": {made}, "packages": {{}},'
        ' "lineage": {}}'
    )
    with pytest.raises(FusevadError, match=r"a\.json: outputs\.results/a: a size that no file"):
        parse_record(text.encode(), "a.json")
