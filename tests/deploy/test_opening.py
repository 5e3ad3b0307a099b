"""The folder of an opened bundle: gone afterwards, however the process ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fusevad.deploy.archive import write_archive
from fusevad.deploy.contents import ABOUT
from fusevad.deploy.opening import read_bundle_facts, unpacked
from fusevad.errors import FusevadError

# Says where the bundle is unpacked, and waits there.
WAITS = """
import sys, tempfile, time
from pathlib import Path
from fusevad.deploy.opening import unpacked
tempfile.tempdir = sys.argv[2]
with unpacked(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def room(tmp_path, monkeypatch) -> Path:
    """A folder in place of /tmp."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


@pytest.fixture
def bundle(tmp_path) -> Path:
    write_archive({ABOUT: b"{}", "weights/seed-0.safetensors": b"w" * 5000}, tmp_path / "a.fusevad")
    return tmp_path / "a.fusevad"


def start_waiting(bundle: Path, room: Path) -> tuple[subprocess.Popen, Path]:
    words = [sys.executable, "-c", WAITS, str(bundle), str(room)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_nothing_is_left_when_a_bundle_is_closed_or_damaged(bundle, room):
    with unpacked(bundle) as folder:
        assert (folder / "weights/seed-0.safetensors").read_bytes() == b"w" * 5000
        assert list(room.iterdir()) == [folder]
    bundle.write_bytes(bundle.read_bytes()[:-30])
    with pytest.raises(FusevadError), unpacked(bundle):
        pass
    assert not list(room.iterdir())


@pytest.mark.slow
def test_nothing_is_left_after_sigterm(bundle, room):
    process, folder = start_waiting(bundle, room)
    assert folder.is_dir()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert not list(room.iterdir())


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(bundle, room):
    killed, left = start_waiting(bundle, room)
    killed.kill()
    killed.wait(30)
    assert (left / ABOUT).is_file()
    running, used = start_waiting(bundle, room)
    try:
        assert list(room.iterdir()) == [used]
        with unpacked(bundle):
            assert (used / ABOUT).is_file()
    finally:
        running.terminate()
        running.wait(30)


def test_folders_and_links_of_others_are_not_removed(bundle, room, tmp_path):
    (tmp_path / "precious").mkdir()
    (room / ".fusevad-bundle-abcd1234").symlink_to(tmp_path / "precious")
    (room / "fusevad-experiments").mkdir()
    (room / ".fusevad-bundle-abcd1234-mine").mkdir()
    before = sorted(room.iterdir())
    with unpacked(bundle):
        pass
    assert sorted(room.iterdir()) == before and (tmp_path / "precious").is_dir()


def test_a_fact_that_is_given_twice_is_one_line(made_up, tmp_path):
    with unpacked(made_up.file) as folder:
        text = (folder / ABOUT).read_text().replace("{", '{"method": "concat", ', 1)
        assert json.loads(text)["method"] == "student-t"
        (folder / ABOUT).write_text(text)
        with pytest.raises(FusevadError, match=r"its bundle\.json is not JSON.*twice"):
            read_bundle_facts(folder, made_up.file)


def test_a_folder_that_another_process_takes_for_an_abandoned_one_is_made_again(
    room, bundle, monkeypatch
):
    real, taken = os.open, []

    def take_the_first(path: object, *flags: int, **more: object) -> int:
        if not taken and Path(str(path)).parent == room:
            taken.append(path)
            os.rmdir(str(path))
        return real(path, *flags, **more)

    monkeypatch.setattr(os, "open", take_the_first)
    with unpacked(bundle) as folder:
        assert folder != taken[0] and (folder / ABOUT).is_file()
