"""What `fusevad pull`, the command itself, does when files, remotes or disks fail.

The artifacts are made up, and fit the plan of the tiny configuration.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dvc.utils.serialize import dump_yaml, load_yaml

from tests.loopback import Dying, serving
from tests.made_up_clone import clone, command, fill, plan_in, share

pytestmark = pytest.mark.slow

TINY = ("--configfile", "config/tiny.yaml")
RUN = "results/tiny/rendered-tiny/runs/student-t"
TARGETS = (RUN, "results/rendered-tiny/embeddings")
LARGE = f"{RUN}/scores.parquet"


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that pushed what the tests pull to the folder `remote` beside it."""
    base = tmp_path_factory.mktemp("pushed")
    first = clone(base / "first", str(base / "remote"))
    plan = plan_in(first, TINY[1])
    wanted = [
        name
        for name, job in plan.jobs.items()
        if job.stage in ("render", "manifest", "cues", "embed", "index")
        or name in ("train/rendered-tiny/student-t", "evaluate/rendered-tiny/student-t")
    ]
    fill(first, plan, wanted)
    _enlarge(first, plan.jobs["evaluate/rendered-tiny/student-t"].record)
    command(first, "push", *TINY)
    return base


def _enlarge(folder: Path, record: str) -> None:
    """Make one file of 12 MB, which a limit can stop."""
    values = json.loads((folder / record).read_text())
    content = b"large " * 2_000_000
    (folder / LARGE).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    values["outputs"][LARGE] = {"sha256": digest, "size": len(content)}
    (folder / record).write_text(json.dumps(values))


@pytest.fixture
def second(pushed: Path, tmp_path: Path) -> Path:
    """A clone that has a run's older results of its own, and a copy of the remote for itself."""
    shutil.copytree(pushed / "remote", tmp_path / "remote")
    folder = clone(tmp_path / "second", str(tmp_path / "remote"))
    share(pushed / "first", folder)
    plan = plan_in(folder, TINY[1])
    older = ["train/rendered-tiny/student-t", "evaluate/rendered-tiny/student-t"]
    fill(folder, plan, older, text="older")
    for name in older:
        record = folder / plan.jobs[name].record
        record.write_text(record.read_text().replace('"seeds"', '"other seeds"'))
    return folder


def _files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Contents and times of everything in results/."""
    paths = (path for path in (folder / "results").rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def _oid(folder: Path, path: str) -> str:
    """What DVC names a file of a folder unit."""
    stages = load_yaml(folder / "dvc.lock")["stages"].values()
    for out in (out for stage in stages for out in stage["outs"]):
        if out["path"] == path:
            return out["md5"]
        if path.startswith(f"{out['path']}/") and out["md5"].endswith(".dir"):
            listing = json.loads(_on_remote(folder, out["md5"]).read_text())
            inside = path.removeprefix(f"{out['path']}/")
            return next(entry["md5"] for entry in listing if entry["relpath"] == inside)
    raise KeyError(path)


def _on_remote(folder: Path, oid: str) -> Path:
    return folder.parent / "remote/files/md5" / oid[:2] / oid[2:]


def _damage(path: Path) -> bytes:
    """Other bytes of the same length; returns those before."""
    before, rights = path.read_bytes(), path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(b"#" * len(before))
    path.chmod(rights)
    return before


def _pull(folder: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    return command(folder, "pull", *TARGETS, *TINY, check=False, before=before)


def _errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines of stderr but those of progress bars."""
    lines = (line.rpartition("\r")[2] for line in done.stderr.replace("\r", "\n").split("\n"))
    return [line for line in lines if line and "it/s" not in line and not _is_bar(line)]


def _is_bar(line: str) -> bool:
    return line.startswith(("checking:", "fetching:"))


def fails_in_one_line(folder: Path, before: str = "") -> str:
    """Pull once, which fails as it should; returns what it says."""
    found = _files(folder)
    done = _pull(folder, before)
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = _errors(done)
    assert line.startswith("fusevad: ")
    assert _files(folder) == found
    return line


def completes(folder: Path, pushed: Path) -> None:
    """Pull again: everything is there and as it was made, and the older results lie aside."""
    done = _pull(folder)
    assert done.returncode == 0, done.stderr
    for place in TARGETS:
        original = pushed / "first" / place
        files = {path.relative_to(original) for path in original.rglob("*") if path.is_file()}
        copied = folder / place
        assert {path.relative_to(copied) for path in copied.rglob("*") if path.is_file()} == files
        assert all((copied / path).read_bytes() == (original / path).read_bytes() for path in files)
    assert (folder / "results/.unfit" / RUN / "history.csv").is_file()


def test_without_failures_everything_is_pulled(second: Path, pushed: Path) -> None:
    completes(second, pushed)


def test_a_damaged_file_in_the_cache(second: Path, pushed: Path) -> None:
    other = clone(second.parent / "other", str(second.parent / "remote"))
    share(pushed / "first", other)
    command(other, "pull", *TARGETS, *TINY)
    shutil.copytree(other / ".dvc/cache", second / ".dvc/cache")
    oid = _oid(second, LARGE)
    _damage(second / ".dvc/cache/files/md5" / oid[:2] / oid[2:])
    line = fails_in_one_line(second)
    assert f"damaged copy of {LARGE} in DVC's cache; it has been removed" in line
    completes(second, pushed)


def test_a_wrong_object_on_the_remote(second: Path, pushed: Path) -> None:
    wrong = _on_remote(second, _oid(second, LARGE))
    right = _damage(wrong)
    line = fails_in_one_line(second)
    assert f"wrong content for {LARGE}" in line
    wrong.chmod(0o644)
    wrong.write_bytes(right)
    completes(second, pushed)


def test_a_remote_that_has_lost_an_object(second: Path, pushed: Path) -> None:
    lost = _on_remote(second, _oid(second, LARGE))
    lost.rename(second.parent / "aside")
    assert f"{LARGE} is missing; ask who recorded it" in fails_in_one_line(second)
    (second.parent / "aside").rename(lost)
    completes(second, pushed)


@pytest.fixture
def server(second: Path) -> Iterator[type[Dying]]:
    """The remote of `second`, by HTTP; `left` says when it dies."""
    with serving(second.parent / "remote") as (address, handler):
        config = second / ".dvc/config.local"
        lines = config.read_text().split("url = ")[0]
        config.write_text(f"{lines}url = {address}\nread_timeout = 5\n")
        yield handler


@pytest.mark.parametrize("requests", [0, 3, 30])
def test_a_remote_that_dies_in_the_middle(
    second: Path, pushed: Path, server: type[Dying], requests: int
) -> None:
    server.left = requests
    line = fails_in_one_line(second)
    assert "remote 'test' (http://127.0.0.1" in line
    assert "run the command again" in line
    server.left = 10**9
    completes(second, pushed)


def test_an_s3_server_that_is_gone(
    second: Path, pushed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    config = second / ".dvc/config.local"
    folder = config.read_text()
    start = folder.split("url = ")[0]
    gone = "endpointurl = http://127.0.0.1:9\naccess_key_id = a\nsecret_access_key = b"
    config.write_text(f"{start}url = s3://artifacts/dvc\n{gone}\nconnect_timeout = 1\n")
    assert "remote 'test' (s3://artifacts" in fails_in_one_line(second)
    config.write_text(folder)
    completes(second, pushed)


# A limit on the size of files stands for the full disk: mounting a small one needs to be root. It
# is larger than the databases in which DVC notes what it has seen.
FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, resource.RLIM_INFINITY))
"""
# As above, but the cache still has space; the workspace, on another disk, has none.
FULL_WORKSPACE = """
from fusevad.artifacts.store import Store
restore = Store.restore
def limited(*arguments):
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, resource.RLIM_INFINITY))
    restore(*arguments)
Store.restore = limited
"""


@pytest.mark.parametrize("limit", [FULL, FULL_WORKSPACE], ids=["cache", "workspace"])
def test_a_full_disk(second: Path, pushed: Path, limit: str) -> None:
    assert "a limit allows; use another disk" in fails_in_one_line(second, limit)
    completes(second, pushed)


@pytest.mark.parametrize("content", [None, b"no JSON", b'{"job": 1}', b"\xff\xfe"])
def test_a_damaged_record_is_named_and_the_rest_is_pulled(
    second: Path, pushed: Path, content: bytes | None
) -> None:
    record = f"{RUN}/seeds.provenance.json"
    if content is None:
        _damage(_on_remote(second, _oid(second, record)))
    else:
        _record_instead(second, record, content)
    done = _pull(second)
    assert done.returncode == 0, done.stderr
    name = "evaluate/rendered-tiny/student-t"
    assert f"will be made again: {name}: damaged record: {record}" in done.stdout
    assert done.stdout.count("damaged record") == 1
    for path in (f"{RUN}/history.csv", "results/rendered-tiny/manifest.csv"):
        assert (second / path).read_bytes() == (pushed / "first" / path).read_bytes()
    index = next((second / TARGETS[1]).rglob("index.csv"))
    assert index.is_file()


def _record_instead(folder: Path, path: str, content: bytes) -> None:
    """As if somebody had pushed a file that is no record."""
    _replace(folder, path, lambda _: content)


def _replace(folder: Path, path: str, change: Callable[[bytes], bytes]) -> None:
    lock = load_yaml(folder / "dvc.lock")
    outs = lock["stages"]["runs@tiny.rendered-tiny.student-t"]["outs"]
    listing = json.loads(_on_remote(folder, outs[0]["md5"]).read_text())
    inside = path.removeprefix(f"{outs[0]['path']}/")
    for entry in listing:
        if entry["relpath"] == inside:
            content = change(_on_remote(folder, entry["md5"]).read_bytes())
            entry["md5"] = hashlib.md5(content).hexdigest()
            _put(folder, entry["md5"], content)
    text = json.dumps(listing).encode()
    outs[0]["md5"] = f"{hashlib.md5(text).hexdigest()}.dir"
    _put(folder, outs[0]["md5"], text)
    dump_yaml(folder / "dvc.lock", lock)


def _put(folder: Path, oid: str, content: bytes) -> None:
    target = _on_remote(folder, oid)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)


def test_a_record_that_names_files_elsewhere_is_damaged_too(second: Path) -> None:
    record = f"{RUN}/seeds.provenance.json"
    _replace(second, record, lambda text: text.replace(LARGE.encode(), b"results/../precious"))
    done = _pull(second)
    assert done.returncode == 0, done.stderr
    assert f"damaged record: {record}: names results/../precious, outside results" in done.stdout
    assert (second / RUN / "history.csv").is_file()
