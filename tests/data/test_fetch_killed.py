"""Fetching killed at any moment and started again ends with the same files."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest

from tests.local_mirrors import running

pytestmark = pytest.mark.slow

BYTES = os.urandom(3_000_000)

FETCH = """
import json, sys
from pathlib import Path
from fusevad.data.fetch.dataset import fetch
from fusevad.data.fetch.settings import FetchSettings
from fusevad.parsing import parse

settings = parse(FetchSettings, json.loads(sys.argv[1]), "test")

def run(top):
    fetch("set", settings, Path(top, "data/set"), Path(top, "lock.json"))
"""

# Runs the fetch in children that kill themselves before their n-th change on the disk, for every n
# that there is, and again in children that live. Prints what each pair leaves behind.
AT_EVERY_STEP = (
    FETCH
    + """
import os, signal
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"}

def child(top, last=None):
    pid = os.fork()
    if pid == 0:
        if last is not None:
            left = iter(range(last))
            def count(event, arguments):
                changes = event in CHANGES or event == "open" and arguments[2] & (
                    os.O_WRONLY | os.O_RDWR | os.O_CREAT)
                if changes and next(left, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)
            sys.addaudithook(count)
        try:
            run(top)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

first, step = None, 0
while first != 0:
    top = Path(sys.argv[2], str(step))
    top.mkdir()
    (top / "data/set/in").mkdir(parents=True)
    first = child(top, step)
    print(json.dumps([str(top), first, child(top)]), flush=True)
    step += 1
"""
)


@pytest.fixture
def mirror():
    with running() as server:
        server.files = {"a.bin": BYTES}
        yield server


def settings(*files):
    return json.dumps({"licence": {"text": "none"}, "files": files})


def contents(top):
    """Each file's bytes and each link's goal; of the hidden folder only the names."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            hidden = ".fetch" in path.parts
            found[name] = "" if hidden else hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "folder"
    return found


def test_a_download_killed_again_and_again_goes_on_and_ends_with_the_same_bytes(mirror, tmp_path):
    file = {"name": "a.bin", "sources": [{"url": f"{mirror.url}/slow/a.bin"}]}
    often = "from fusevad.data.fetch import https; https._KEEP_SECONDS = 0.0\n"
    program = FETCH + often + "run(sys.argv[2])"
    command = [sys.executable, "-c", program, settings(file), str(tmp_path)]
    note = tmp_path / "data" / "set" / ".fetch" / "staging" / "a.bin" / "part.json"
    for least in (100_000, 1_500_000):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not (note.exists() and json.loads(note.read_text())["received"] > least):
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (tmp_path / "data" / "set" / "a.bin").exists()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert (tmp_path / "data" / "set" / "a.bin").read_bytes() == BYTES
    starts = [int((wanted or "bytes=0-")[6:-1]) for _, _, wanted in mirror.seen]
    assert len(starts) == 3 and starts[0] == 0
    assert starts[1] > 100_000 and starts[2] > 1_500_000


@pytest.mark.parametrize("damage", ["flipped", "zeros", "cut"])
def test_what_a_killed_download_received_is_compared_before_it_goes_on(mirror, tmp_path, damage):
    """Else the hash of the damaged file would be locked: nobody knows a first download's."""
    file = {"name": "a.bin", "sources": [{"url": f"{mirror.url}/slow/a.bin"}]}
    often = "from fusevad.data.fetch import https; https._KEEP_SECONDS = 0.0\n"
    program = FETCH + often + "run(sys.argv[2])"
    command = [sys.executable, "-c", program, settings(file), str(tmp_path)]
    folder = tmp_path / "data" / "set" / ".fetch" / "staging" / "a.bin"
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    note = folder / "part.json"
    while not (note.exists() and json.loads(note.read_text())["received"] > 100_000):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    content = bytearray((folder / "part").read_bytes())
    if damage == "flipped":
        content[500] ^= 1
    elif damage == "zeros":
        content[50_000:] = bytes(len(content) - 50_000)
    else:
        del content[50_000:]
    (folder / "part").write_bytes(content)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "a.bin: what was received is damaged; it is downloaded again" in done.stderr
    assert (tmp_path / "data" / "set" / "a.bin").read_bytes() == BYTES


def test_killed_before_any_change_on_the_disk_it_ends_with_the_same_files(mirror, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("in/a.txt", "in/b/c.txt", "new/d.txt"):
            archive.writestr(name, name * 1000)
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        for name, kind in (("in/e.txt", tarfile.REGTYPE), ("in/link", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "e.txt" if kind == tarfile.SYMTYPE else ""
            archive.addfile(info, io.BytesIO())
    mirror.files = {"a.bin": BYTES[:100_000]}
    mirror.files |= {name: (tmp_path / name).read_bytes() for name in ("a.zip", "b.tar.gz")}
    files = (
        {"name": "a.bin", "sources": [{"url": f"{mirror.url}/ok/a.bin"}]},
        {
            "name": "a.zip",
            "sources": [{"url": f"{mirror.url}/ok/a.zip"}],
            "unpack": True,
            "gives": ["in/a.txt"],  # which is there before the rest
        },
        {
            "name": "x/b.tar.gz",
            "sources": [{"url": (tmp_path / "b.tar.gz").as_uri()}],
            "unpack": "in/deep",
            "keep_archive": True,
        },
    )
    command = [sys.executable, "-c", AT_EVERY_STEP, settings(*files), str(tmp_path)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    runs = [json.loads(line) for line in result.stdout.splitlines()]
    *killed, (whole, _, _) = runs
    assert len(killed) > 40
    assert {first for _, first, _ in killed} == {-signal.SIGKILL}
    assert {second for _, _, second in runs} == {0}
    wanted = contents(tmp_path / whole)
    assert wanted["data/set/a.bin"] == hashlib.sha256(BYTES[:100_000]).hexdigest()
    assert {"data/set/in/b/c.txt", "data/set/in/deep/in/link", "data/set/x/b.tar.gz"} < set(wanted)
    for top, _, _ in killed:
        assert contents(tmp_path / top) == wanted, f"killed at step {top}"


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv on this system")
def test_git_ends_with_a_fetch_that_is_killed(tmp_path):
    """Else it would write on, into the folder of the next fetch."""
    fake, number = tmp_path / "bin" / "git", tmp_path / "number"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho $$ > {number}.new; mv {number}.new {number}\nexec sleep 60\n")
    fake.chmod(0o755)
    file = {"name": "r", "sources": [{"git": {"url": "https://localhost/r", "revision": "main"}}]}
    command = [sys.executable, "-c", FETCH + "run(sys.argv[2])", settings(file), str(tmp_path)]
    path = {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | path)
    while not number.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(ProcessLookupError):
        for _ in range(500):
            os.kill(int(number.read_text()), 0)
            time.sleep(0.01)
