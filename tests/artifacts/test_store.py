"""DVC's cache and remotes, a file at a time, and what happens when they fail."""

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import load_yaml

from fusevad.artifacts import objects
from fusevad.artifacts.store import Store
from fusevad.errors import FusevadError
from tests.made_up_store import (
    CONFIGFILE,
    CUES,
    MANIFEST,
    RUN,
    clone,
    configuration,
    make,
    published,
    share,
    workspace,
    write,
)

pytestmark = pytest.mark.slow

DATA = "data@rendered-tiny"
TRAINED = "runs@rendered-tiny.student-t"
HISTORY = f"{RUN}/history.csv"


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Path, Path]:
    """One that has pushed its data and a run to a folder, and one that has nothing yet."""
    remote = str(tmp_path / "remote")
    first = published(tmp_path / "first", remote, DATA, TRAINED)
    second = clone(tmp_path / "second", remote)
    share(first, second)
    return first, second


def cached(folder: Path, path: str) -> Path:
    (oid,) = Store(folder)._hashes([path]).values()
    return folder / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def on_remote(folder: Path, path: str) -> Path:
    (oid,) = Store(folder)._hashes([path]).values()
    return folder.parent / "remote/files/md5" / oid[:2] / oid[2:]


def damage(path: Path) -> None:
    """Other bytes of the same length, with the times and rights that DVC trusts."""
    status = path.stat()
    path.chmod(0o644)
    path.write_bytes(b"#" * status.st_size)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_recording_leaves_files_and_their_times_alone(tmp_path: Path) -> None:
    first = clone(tmp_path / "first", str(tmp_path / "remote"))
    made = make(first, TRAINED)
    file = first / HISTORY
    os.utime(file, ns=(10**18, 10**18))
    before = file.stat()
    assert Store(first).record([made], configuration(), [CONFIGFILE]) == [TRAINED]
    after = file.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    ("name", "file", "keys"),
    [
        ("student-t", "config/experiments/table1.yaml", {"student-t"}),
        ("student-t.loss-cls", "config/experiments/ablations.yaml", None),
        ("student-t.nu-4", "config/tables/table8.yaml", None),
    ],
)
def test_a_run_is_recorded_with_its_own_experiment_where_dvc_can_name_it(
    tmp_path: Path, name: str, file: str, keys: set[str] | None
) -> None:
    first = clone(tmp_path / "first", str(tmp_path / "remote"))
    unit = f"runs@rendered-tiny.{name}"
    Store(first).record([make(first, unit)], configuration(), [CONFIGFILE])
    locked = yaml.safe_load((first / "dvc.lock").read_text())["stages"][unit]["params"]
    (found,) = (set(values) for path, values in locked.items() if path.endswith(file))
    assert found == (keys or set(yaml.safe_load((first / file).read_text())))
    assert set(locked["config/config.yaml"]) == {"seeds", "motion_cue", "hyperparameters"}


def test_a_unit_is_recorded_once_and_again_when_it_changes(tmp_path: Path) -> None:
    first = clone(tmp_path / "first", str(tmp_path / "remote"))
    made = make(first, TRAINED)
    store = Store(first)
    store.record([made], configuration(), [CONFIGFILE])
    assert store.record([made], configuration(), [CONFIGFILE]) == []
    write(first, HISTORY, "other")
    assert store.record([made], configuration(), [CONFIGFILE]) == [TRAINED]


def test_small_numbers_of_the_configuration_are_recorded_as_dvc_reads_them(tmp_path: Path) -> None:
    first = clone(tmp_path / "first", str(tmp_path / "remote"))
    file = first / "config/hyperparameters/tiny.yaml"
    file.write_text(file.read_text() + "added: [1e-06]\n")
    made = make(first, TRAINED)
    Store(first).record([made], configuration(), [CONFIGFILE])
    Store(first).record([make(first, DATA)], configuration(), [CONFIGFILE])
    stage = load_yaml(first / "dvc.lock")["stages"][TRAINED]
    assert stage["params"]["config/hyperparameters/tiny.yaml"]["added"] == [1e-06]


def test_the_record_is_sorted_and_each_unit_has_its_line(clones: tuple[Path, Path]) -> None:
    first, _ = clones
    names = list(yaml.safe_load((first / "dvc.lock").read_text())["stages"])
    assert names == sorted(names) and set(names) == {DATA, TRAINED} == Store(first).units()
    assert "\n  rendered-tiny.student-t: {" in (first / ".dvc/tracked.yaml").read_text()


def test_a_unit_that_is_not_whole_is_not_recorded(tmp_path: Path) -> None:
    first = clone(tmp_path / "first", str(tmp_path / "remote"))
    made = make(first, DATA)
    (first / MANIFEST).unlink()
    before = (first / ".dvc/tracked.yaml").read_text()
    with pytest.raises(FusevadError, match=rf"{MANIFEST}: missing"):
        Store(first).record([made], configuration(), [CONFIGFILE])
    assert (first / ".dvc/tracked.yaml").read_text() == before
    assert not (first / "dvc.lock").exists()


def test_half_written_files_are_no_part_of_a_unit(tmp_path: Path) -> None:
    first = clone(tmp_path / "first", str(tmp_path / "remote"))
    made = make(first, TRAINED)
    stray = [f"{RUN}/.history.1.tmp.csv", f"{RUN}/.history.csv.2.restored.tmp"]
    stray += [f"{RUN}/.progress/seed-0.pt", f"{RUN}/.snakemake_timestamp"]
    for path in stray:
        write(first, path, "half")
    store = Store(first)
    store.record([made], configuration(), [CONFIGFILE])
    assert store.tracked([*stray, HISTORY]) == {HISTORY}


def test_what_is_tracked_is_known_file_by_file(clones: tuple[Path, Path]) -> None:
    _, second = clones
    asked = [HISTORY, MANIFEST, f"{RUN}/other.csv", f"{CUES}/shard-0.csv", "README.md"]
    assert Store(second).tracked(asked) == {HISTORY, MANIFEST}


def test_fetching_leaves_the_workspace_alone(clones: tuple[Path, Path]) -> None:
    first, second = clones
    store, arrived = Store(second), []
    store.fetch([HISTORY, MANIFEST], arrived.append)
    assert sorted(arrived) == sorted([HISTORY, MANIFEST])
    assert workspace(second) == {}
    assert store.read(HISTORY) == (first / HISTORY).read_bytes()


def test_an_object_that_goes_on_after_its_size_does_not_fill_the_disk(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second = clones
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = on_remote(second, HISTORY).stat().st_size
    monkeypatch.setattr(objects, "_SLACK", 0)
    with pytest.raises(FusevadError, match=r"larger than .* allows"):
        Store(second).fetch([HISTORY], largest=size - 1)
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == limits
    Store(second).fetch([HISTORY], largest=1 << 20)


def test_what_a_killed_process_had_received_is_removed_once_nobody_can_be_receiving_it(
    clones: tuple[Path, Path],
) -> None:
    _, second = clones
    folder = second / ".dvc/cache/files/md5/00"
    folder.mkdir(parents=True)
    old, new = (folder / f".{letter * 22}.tmp" for letter in "ab")
    for path in (old, new):
        path.write_text("half")
    kept = folder / f".{'c' * 22}.tmp"
    kept.mkdir()  # it can't be unlinked, like a file in a cache of others
    for path in (old, kept):
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    Store(second).fetch([HISTORY])
    assert sorted(folder.iterdir()) == [new, kept]


def test_restoring_touches_the_named_files_alone(clones: tuple[Path, Path]) -> None:
    first, second = clones
    write(second, f"{RUN}/seeds.csv", "my own")
    Store(second).restore([HISTORY, MANIFEST])
    expected = {path: workspace(first)[path] for path in (HISTORY, MANIFEST)}
    assert workspace(second) == expected | {f"{RUN}/seeds.csv": "my own"}


def test_restored_files_are_no_links_into_the_cache(clones: tuple[Path, Path]) -> None:
    _, second = clones
    Store(second).restore([HISTORY])
    kept = cached(second, HISTORY).stat()
    os.utime(second / HISTORY, (1, 1))
    assert (second / HISTORY).stat().st_nlink == 1 and not (second / HISTORY).is_symlink()
    assert cached(second, HISTORY).stat().st_mtime_ns == kept.st_mtime_ns
    assert os.access(second / HISTORY, os.W_OK)


def test_a_file_that_nobody_recorded_is_named(clones: tuple[Path, Path]) -> None:
    with pytest.raises(FusevadError, match=r"other\.csv: no such file in dvc\.lock"):
        Store(clones[1]).fetch([f"{RUN}/other.csv"])


def test_a_damaged_file_in_the_cache_is_found_and_then_fetched_anew(
    clones: tuple[Path, Path],
) -> None:
    first, second = clones
    Store(second).fetch([HISTORY, MANIFEST])
    damage(cached(second, HISTORY))
    with pytest.raises(FusevadError, match=rf"damaged copy of {HISTORY}") as caught:
        Store(second).restore([HISTORY, MANIFEST])
    assert "\n" not in str(caught.value)
    assert workspace(second) == {}
    Store(second).restore([HISTORY, MANIFEST])
    assert (second / HISTORY).read_bytes() == (first / HISTORY).read_bytes()


@pytest.mark.parametrize("rights", [0o644, 0o444])
def test_a_wrong_object_on_the_remote_never_gets_into_the_cache(
    clones: tuple[Path, Path], rights: int
) -> None:
    first, second = clones
    wrong = on_remote(second, HISTORY)
    right = wrong.read_bytes()
    damage(wrong)
    wrong.chmod(rights)
    with pytest.raises(FusevadError, match=rf"wrong content for {HISTORY}"):
        Store(second).restore([HISTORY, MANIFEST])
    assert workspace(second) == {} and not cached(second, HISTORY).exists()
    wrong.chmod(0o644)
    wrong.write_bytes(right)
    Store(second).restore([HISTORY, MANIFEST])
    assert (second / HISTORY).read_bytes() == (first / HISTORY).read_bytes()


def test_a_file_that_was_recorded_and_not_pushed_is_named(clones: tuple[Path, Path]) -> None:
    _, second = clones
    on_remote(second, HISTORY).unlink()
    with pytest.raises(FusevadError, match=rf"{HISTORY} is missing; ask who recorded it"):
        Store(second).fetch([HISTORY])


def test_a_remote_folder_that_is_gone_is_one_line(clones: tuple[Path, Path]) -> None:
    _, second = clones
    (second.parent / "remote").rename(second.parent / "elsewhere")
    with pytest.raises(FusevadError, match="remote 'test'") as caught:
        Store(second).fetch([HISTORY])
    assert "\n" not in str(caught.value)


def test_pushing_what_is_nowhere_is_refused(clones: tuple[Path, Path]) -> None:
    first, _ = clones
    object_ = on_remote(first, HISTORY)
    object_.unlink()
    cached(first, HISTORY).unlink()
    with pytest.raises(FusevadError, match="1 files of the units are neither there nor"):
        Store(first).push([make(first, TRAINED)])


FULL = """
import resource, signal, sys
from pathlib import Path
from fusevad.artifacts.store import Store
from fusevad.errors import FusevadError
store = Store(Path(sys.argv[1]))
if sys.argv[3] == "restore":
    store.fetch([sys.argv[2]])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
try:
    getattr(store, sys.argv[3])([sys.argv[2]])
except FusevadError as error:
    print(error)
"""


@pytest.mark.parametrize("action", ["fetch", "restore"])
def test_a_full_disk_is_one_line_and_a_second_try_completes(tmp_path: Path, action: str) -> None:
    remote = str(tmp_path / "remote")
    first = clone(tmp_path / "first", remote)
    made = make(first, TRAINED)
    write(first, HISTORY, "x" * 3_000_000)
    store = Store(first)
    store.record([made], configuration(), [CONFIGFILE])
    store.push([made])
    second = clone(tmp_path / "second", remote)
    share(first, second)
    said = subprocess.run(
        [sys.executable, "-c", FULL, str(second), HISTORY, action],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "a limit allows; use another disk" in said.stdout
    assert said.stdout.count("\n") == 1 and "Traceback" not in said.stderr
    assert [path for path in (second / "results").rglob("*") if path.is_file()] == []
    Store(second).restore([HISTORY])
    assert (second / HISTORY).stat().st_size == 3_000_000


def test_advice_without_a_git_repository_works(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone", str(tmp_path / "remote"))
    shutil.rmtree(folder / ".git")
    with pytest.raises(FusevadError, match=r"not a git repository; .* run 'git init'") as caught:
        Store(folder)
    assert "\n" not in str(caught.value)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    assert Store(folder).units() == set()


def test_a_folder_that_is_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(FusevadError, match=r"no \.dvc here; run it in the repository's folder"):
        Store(tmp_path)


def test_a_broken_configuration_of_dvc_is_named_as_such(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone", str(tmp_path / "remote"))
    (folder / ".dvc/config.local").write_text("no configuration")
    with pytest.raises(FusevadError, match=r"config file error.*; correct \.dvc/config") as caught:
        Store(folder)
    assert "\n" not in str(caught.value) and "git init" not in str(caught.value)
