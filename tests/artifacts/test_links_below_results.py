"""Nothing behind a link below `results/` is written, moved or removed; `results` may be one."""

import os
import shutil
import time
from pathlib import Path

import pytest

from fusevad.artifacts.adopt import adopt
from fusevad.artifacts.gc import delete, unused
from fusevad.artifacts.store import Store
from fusevad.artifacts.unfit import move_back
from fusevad.errors import FusevadError
from tests.made_up_plan import DATA, VIDEOS, made_up_plan, make, write
from tests.made_up_store import MANIFEST, RUN, clone, published, share

DATASET = "data@rendered-tiny"
TRAINED = "runs@rendered-tiny.student-t"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def moved_behind_a_link(folder: str) -> dict[str, tuple[int, bytes]]:
    """Move a folder out of the repository and put a link in its place; what is there now."""
    shutil.move(folder, "../outside")
    Path(folder).symlink_to(Path("../outside").absolute())
    return outside()


def outside() -> dict[str, tuple[int, bytes]]:
    """Times and contents of the files behind the link."""
    files = sorted(path for path in Path("../outside").rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("folder", [DATA, f"{DATA}/runs", f"{DATA}/runs/ours", "results/settings"])
def test_adopt_changes_nothing_behind_a_link(folder: str) -> None:
    make(made_up_plan(rate=0.1))
    adopt(made_up_plan(rate=0.1))
    before = moved_behind_a_link(folder)
    with pytest.raises(FusevadError, match=f"{folder}: a link to a folder") as caught:
        adopt(made_up_plan(rate=0.2))
    assert "\n" not in str(caught.value)
    assert outside() == before


def test_what_does_not_fit_is_not_moved_behind_a_link_nor_back_from_there() -> None:
    make(made_up_plan(rate=0.1))
    adopt(made_up_plan(rate=0.2))
    before = moved_behind_a_link("results/.unfit")
    with pytest.raises(FusevadError, match=r"\.unfit: a link to a folder"):
        move_back()
    with pytest.raises(FusevadError, match=r"\.unfit: a link to a folder"):
        adopt(made_up_plan(rate=0.2))
    assert outside() == before


@pytest.mark.parametrize("folder", [DATA, f"{DATA}/runs", f"{DATA}/cues"])
def test_gc_lists_and_removes_nothing_behind_a_link(folder: str) -> None:
    plan = made_up_plan()
    make(made_up_plan(runs=("ours", "theirs"), shards=3))
    assert any(each.path.startswith(folder) for each in unused([plan]))
    before = moved_behind_a_link(folder)
    found = unused([plan])
    assert not any(each.path.startswith(f"{folder}/") for each in found)
    delete(found)
    assert outside() == before


def test_gc_removes_an_unused_link_itself() -> None:
    make(made_up_plan(runs=("ours", "theirs")))
    before = moved_behind_a_link(f"{DATA}/runs/theirs")
    delete(unused([made_up_plan()]))
    assert not Path(DATA, "runs/theirs").is_symlink()
    assert outside() == before


def test_the_time_of_a_folder_is_not_written_through_a_link() -> None:
    plan = made_up_plan()
    make(plan)
    stamp = Path(VIDEOS, ".snakemake_timestamp")
    stamp.unlink(missing_ok=True)
    write("../outside/victim", "precious")
    stamp.symlink_to(Path("../outside/victim").absolute())
    future = time.time() + 1000  # so that the folder gets another time
    os.utime(stamp, (future, future), follow_symlinks=False)
    before = outside()
    adopt(plan)
    assert not stamp.is_symlink()
    assert outside() == before


def test_results_itself_may_be_a_link() -> None:
    plan = made_up_plan()
    make(plan)
    moved_behind_a_link("results")
    assert adopt(plan).moved == {}
    write(f"{DATA}/runs/theirs/history.csv", "1")
    delete(unused([plan]))
    assert not Path("../outside/tiny/runs/theirs").exists()


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A remote, and a clone with the `dvc.lock` of those who pushed there."""
    folder = tmp_path_factory.mktemp("pushed")
    first = published(folder / "first", "../../remote", DATASET, TRAINED)
    share(first, clone(folder / "second", "../../remote"))
    return folder


@pytest.fixture
def second(pushed: Path, tmp_path: Path) -> Path:
    """A copy of the clone, to spoil."""
    shutil.copytree(pushed, tmp_path / "copy")
    return tmp_path / "copy/second"


@pytest.mark.parametrize("link", ["results/rendered-tiny", "results/rendered-tiny/runs", RUN])
def test_pulled_files_are_not_written_behind_a_link(
    second: Path, tmp_path: Path, link: str
) -> None:
    write("../outside/history.csv", "precious")
    (second / link).parent.mkdir(parents=True, exist_ok=True)
    (second / link).symlink_to(tmp_path / "outside")
    before = outside()
    with pytest.raises(FusevadError, match=f"{link}: a link to a folder"):
        Store(second).restore([f"{RUN}/history.csv"])
    assert outside() == before


def test_a_file_that_is_a_link_is_replaced_and_its_target_kept(
    second: Path, tmp_path: Path
) -> None:
    write("../outside/victim", "precious")
    (second / MANIFEST).parent.mkdir(parents=True, exist_ok=True)
    (second / MANIFEST).symlink_to(tmp_path / "outside/victim")
    before = outside()
    Store(second).restore([MANIFEST])
    assert not (second / MANIFEST).is_symlink()
    assert outside() == before
