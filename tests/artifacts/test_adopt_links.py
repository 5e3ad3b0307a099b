"""Links into DVC's cache, benchmark files and files of others: what `adopt` promises, holds."""

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc_objects.fs.local import localfs  # adopt imports it late; another user may not read it

from fusevad.artifacts.adopt import adopt
from fusevad.artifacts.unfit import move_back, undone_on_failure
from fusevad.errors import FusevadError
from tests.made_up_plan import (
    DATA,
    benchmark,
    made_up_plan,
    make,
    rerun,
    with_second_dataset,
    write,
)

pytestmark = pytest.mark.slow

RUN = f"{DATA}/runs/ours"
CACHE = Path("cache")
NOBODY = 65534


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def results() -> list[Path]:
    return sorted(path for path in Path("results").rglob("*") if os.path.lexists(path))


def files() -> list[Path]:
    return [path for path in results() if not path.is_dir() and path.suffix != ".json"]


def into_cache(kind: str, newest: float) -> None:
    """What `dvc checkout` with a cache type makes of results: equal bytes are one object."""
    CACHE.mkdir()
    for number, path in enumerate(reversed(files())):
        cached = CACHE / hashlib.md5(path.read_bytes()).hexdigest()
        if not cached.exists():
            cached.write_bytes(path.read_bytes())
            # Objects are as old as their first copy, in any order.
            os.utime(cached, (newest - number, newest - number))
            cached.chmod(0o444)
        path.unlink()
        if kind == "symlink":
            path.symlink_to(cached.absolute())
        elif kind == "hardlink":
            os.link(cached, path)
        elif kind == "reflink":
            _reflink(cached, path)
        else:
            path.write_bytes(cached.read_bytes())


def _reflink(source: Path, target: Path) -> None:
    """A copy that shares its blocks, as on btrfs and xfs; elsewhere the test is skipped."""
    try:
        localfs.reflink(str(source.absolute()), str(target.absolute()))
    except OSError:
        pytest.skip("this file system can't share blocks; name one with pytest --basetemp")


def cache_state() -> dict[str, tuple[bytes, int, int]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode)
        for path in CACHE.iterdir()
    }


@pytest.mark.parametrize("kind", ["copy", "reflink", "symlink", "hardlink"])
@pytest.mark.parametrize("equal", [False, True], ids=["other bytes", "equal bytes"])
def test_with_every_type_of_cache_snakemake_has_nothing_to_do(kind: str, equal: bool) -> None:
    plan = made_up_plan()
    make(plan, equal=equal)
    into_cache(kind, newest=time.time() - 10)
    before = cache_state()
    adopted = adopt(plan)
    assert {job.name for job in adopted.fitting} == set(plan.jobs)
    assert rerun(plan) == set()
    assert cache_state() == before


def test_with_several_data_sets_what_is_promised_is_what_snakemake_plans() -> None:
    plan = with_second_dataset(made_up_plan())
    make(plan)
    into_cache("copy", newest=time.time() - 10)
    assert rerun(plan)
    adopted = adopt(plan)
    assert {job.name for job in adopted.fitting} == set(plan.jobs)
    assert rerun(plan) == set()


def test_links_to_files_of_the_future_become_copies() -> None:
    plan = made_up_plan()
    make(plan)
    into_cache("symlink", newest=time.time() + 3600)
    before = cache_state()
    adopt(plan)
    assert rerun(plan) == set()
    assert cache_state() == before


def test_benchmark_files_of_copied_results_are_as_new_as_their_outputs() -> None:
    plan = made_up_plan()
    make(plan)
    for number in range(len(plan.jobs)):
        write(benchmark(number), "s\n1.0\n")
    now = time.time()
    for number, path in enumerate(results()):
        os.utime(path, (now - number, now - number))
    for number in range(len(plan.jobs)):
        os.utime(benchmark(number), (now - 10**6, now - 10**6))
    assert rerun(plan) == set(plan.jobs)
    adopt(plan)
    assert rerun(plan) == set()


def times() -> dict[Path, tuple[int, bytes]]:
    return {path: (path.lstat().st_mtime_ns, path.read_bytes()) for path in files()}


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    make(made_up_plan(rate=0.001))
    changed = made_up_plan(rate=0.002)
    before = times()
    said = adopt(changed, dry_run=True)
    assert times() == before
    assert not Path("results/.unfit").exists() and not Path("results/settings").exists()
    assert adopt(changed) == said


def test_what_was_moved_comes_back_and_snakemake_believes_it() -> None:
    plan = made_up_plan(rate=0.001)
    make(plan)
    before = {path: path.read_bytes() for path in files()}
    moved = adopt(made_up_plan(rate=0.002)).moved
    assert moved
    move_back()
    assert {path: path.read_bytes() for path in files()} == before
    assert not adopt(plan).moved
    assert rerun(plan) == set()


@pytest.mark.parametrize("failing", ["adopt", "move_back"])
def test_what_was_moved_before_a_failure_comes_back(
    monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    make(made_up_plan(rate=0.001))
    before = {path: path.read_bytes() for path in files()}
    rename, renamed = Path.rename, []

    def full(path: Path, target: Path) -> Path:
        renamed.append(path)
        if len(renamed) == 2:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    if failing == "move_back":
        adopt(made_up_plan(rate=0.002))
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(Path, "rename", full)
        if failing == "move_back":
            move_back()
        else:
            adopt(made_up_plan(rate=0.002))
    move_back()
    assert {path: path.read_bytes() for path in files()} == before


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_what_a_killed_adopt_had_moved_comes_back(killed_at: int, again: bool) -> None:
    """A killed process runs no more of its code, be it `finally`."""
    make(made_up_plan(rate=0.001))
    before = {path: path.read_bytes() for path in files()}
    there = [path for path in results() if path.is_file()]
    if not (child := os.fork()):
        rename, renamed = Path.rename, []

        def killed(path: Path, target: Path) -> Path:
            renamed.append(path)
            if len(renamed) == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(path, target)

        Path.rename = killed  # type: ignore[method-assign]
        adopt(made_up_plan(rate=0.002))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    gone = {str(path) for path in there if not path.exists()}
    assert len(gone) == killed_at - 1
    if again:
        adopt(made_up_plan(rate=0.002))
        gone = {str(path) for path in there if not path.exists()}
    assert set(move_back()) == gone
    assert {path: path.read_bytes() for path in files()} == before


def test_a_damaged_note_is_no_error_of_a_pull_that_fails() -> None:
    note = Path("results/.unfit/last.json")
    note.parent.mkdir(parents=True)
    note.write_bytes(b"\xff")
    with pytest.raises(KeyError), undone_on_failure({}):
        raise KeyError
    assert note.read_bytes() == b"\xff"


def test_an_adopt_that_moves_nothing_keeps_the_way_back() -> None:
    make(made_up_plan(rate=0.001))
    adopt(made_up_plan(rate=0.002))
    adopt(made_up_plan(rate=0.002))
    assert f"{RUN}/history.csv" in move_back()


def test_nothing_is_moved_back_over_what_was_made_since() -> None:
    make(made_up_plan(rate=0.001))
    changed = made_up_plan(rate=0.002)
    adopt(changed)
    make(changed)
    before = times()
    with pytest.raises(FusevadError, match="exists again; move it away"):
        move_back()
    assert times() == before


def test_without_anything_moved_there_is_no_way_back() -> None:
    with pytest.raises(FusevadError, match="nothing has been moved away"):
        move_back()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"results/a": 1}',
        '{"../a": "results/.unfit/b"}',
        '{"results/a": "results/other/c"}',
        '{"results/a": "results/.unfit/last.json"}',
        '{"results/a": "results/.unfit/b", "results/a2": "results/.unfit/b"}',
        '{"results/a": "results/.unfit/b", "results/a/a2": "results/.unfit/d/e"}',
        '{"results/a": "results/.unfit/d", "results/a2": "results/.unfit/d/e"}',
        '{"results/.unfit/a": "results/.unfit/b"}',
        pytest.param(
            '{"results/a": "results/.unfit/b",'
            f' "results/{"/".join(["a"] * 2000)}": "results/.unfit/d/e"}}',
            id="2000 folders deep",
        ),
        pytest.param(
            '{"results/a": "results/.unfit/b",'
            f' "results/{"/".join(["a" * 250] * 20)}": "results/.unfit/d/e"}}',
            id="5000 bytes",
        ),
    ],
)
def test_a_crafted_note_moves_nothing(text: str) -> None:
    assert "last.json: " in refusal_without_a_move(text)


def test_a_note_of_a_path_below_a_file_moves_nothing() -> None:
    text = '{"results/a": "results/.unfit/b", "results/other/c/d": "results/.unfit/d/e"}'
    assert "other/c: exists" in refusal_without_a_move(text)


def refusal_without_a_move(text: str) -> str:
    """The line about a note after which all files are as before."""
    write("results/.unfit/last.json", text)
    for path in ("results/.unfit/b", "results/.unfit/d/e", "results/other/c"):
        write(path, "b")
    before = files()
    with pytest.raises(FusevadError) as refused:
        move_back()
    assert files() == before
    assert not Path("../a").exists()
    return str(refused.value)


def test_pipes_named_as_benchmark_files_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pipe(source: Path, target: Path) -> None:
        assert source.is_file(), f"{source}: would be waited for"

    monkeypatch.setattr("fusevad.artifacts.times.copy_file", no_pipe)
    plan = made_up_plan()
    make(plan)
    folder = Path(DATA, "benchmarks")
    folder.mkdir(exist_ok=True)
    os.mkfifo(folder / "pipe.tsv")
    os.utime(folder / "pipe.tsv", (1, 1))
    os.link(folder / "pipe.tsv", folder / "second-name.tsv")
    assert not adopt(plan).moved


def test_files_of_another_user_are_one_line_before_anything_is_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make(made_up_plan(rate=0.001))
    for path in files():
        os.utime(path, (time.time() + 3600,) * 2)
    before = times()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(FusevadError, match="belongs to another user, so its time can't be set"):
        adopt(made_up_plan(rate=0.002))
    assert times() == before and not Path("results/.unfit").exists()


def test_files_of_another_user_that_are_in_order_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = made_up_plan()
    make(plan)
    adopt(plan)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert len(adopt(plan).fitting) == len(plan.jobs)


def as_another_user(work: Callable[[], object]) -> str:
    """The error of `work` done by a user who owns the folder but none of the cached files."""
    for path in (
        Path(),
        Path("results"),
        *(each for each in results() if each.is_dir() or each.is_symlink()),
    ):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    for path in Path("results").rglob("*.json"):
        os.chown(path, NOBODY, NOBODY)
    said, tell = os.pipe()
    child = os.fork()
    if child == 0:
        error = ""
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            work()
        except BaseException as raised:  # a child that returned would run the other tests again
            error = f"{type(raised).__name__}: {raised}"
        os.write(tell, error.encode())
        os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    with os.fdopen(said) as pipe:
        return pipe.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_a_cache_of_a_group_keeps_what_others_own(kind: str, tmp_path: Path) -> None:
    for folder in tmp_path.parents:
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    plan = made_up_plan()
    make(plan)
    adopt(plan)  # imports all that it needs, which another user may not be able to read
    into_cache(kind, newest=time.time() - 10)
    CACHE.chmod(0o755)
    before = cache_state()
    error = as_another_user(lambda: adopt(plan))
    assert cache_state() == before
    assert error == ""
    assert rerun(plan) == set()
