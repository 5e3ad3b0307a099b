"""Writing so that nothing half-written has a final name, and what killed jobs resume from."""

import hashlib
import inspect
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fusevad.errors import FusevadError
from fusevad.files import (
    atomic_path,
    keep,
    kept,
    progress_folder,
    remove_abandoned,
    remove_folder,
    sha256,
    write_text,
)


def test_bytes_reach_the_disk_before_their_name_and_the_name_before_the_job_goes_on(
    tmp_path, monkeypatch
):
    done = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(handle):
        done.append(("sync", os.readlink(f"/proc/self/fd/{handle}").rpartition("/")[2]))
        real_sync(handle)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(
        os, "rename", lambda a, b: (done.append(("rename", "")), real_replace(a, b))
    )
    with atomic_path(tmp_path / "a.csv") as temporary:
        temporary.write_text("1")
        name = temporary.name
    assert [each for each in done if each[0] == "sync"] == [("sync", name), ("sync", tmp_path.name)]
    done.clear()
    with atomic_path(tmp_path / "b.csv", durable=False) as temporary:
        temporary.write_text("1")
    assert not [each for each in done if each[0] == "sync"]


@pytest.mark.parametrize("bit", [0, 7, 8 * 31, 8 * 32, 8 * 200, 8 * 1031 + 7])
def test_what_is_kept_comes_back_or_is_dropped_with_one_line(tmp_path, capsys, bit):
    file = tmp_path / "seed-0.pt"
    assert kept(file) is None
    content = os.urandom(1000)
    keep(content, file)
    assert kept(file) == content
    damaged = bytearray(file.read_bytes())
    damaged[bit // 8] ^= 1 << bit % 8
    file.write_bytes(damaged)
    assert kept(file) is None and not file.exists()
    assert capsys.readouterr().err == f"{file}: damaged; this part is made again\n"


@pytest.mark.parametrize("size", [0, 5, 32])
def test_an_emptied_file_is_no_kept_content(tmp_path, size):
    file = tmp_path / "seed-0.pt"
    keep(b"something", file)
    file.write_bytes(file.read_bytes()[:size])
    assert kept(file) is None and not file.exists()


def test_progress_of_other_settings_is_removed_and_that_of_other_files_stays(tmp_path):
    mine = progress_folder(tmp_path / "shard-1.h5", {"a": 1})
    other = progress_folder(tmp_path / "shard-10.h5", {"a": 1})
    (mine / "part").touch()
    assert progress_folder(tmp_path / "shard-1.h5", {"a": 1}) == mine and any(mine.iterdir())
    changed = progress_folder(tmp_path / "shard-1.h5", {"a": 2})
    assert changed != mine and not mine.exists() and other.exists()


def test_a_link_in_place_of_progress_is_removed_and_what_it_leads_to_stays(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "victim").touch()
    for settings in ({"a": 1}, {"a": 2}):
        progress = progress_folder(tmp_path / "shard-1.h5", settings)
        progress.rmdir()
        progress.symlink_to(mine)
        assert not progress_folder(tmp_path / "shard-1.h5", {"a": 1}).is_symlink()
    assert not progress.is_symlink() and (mine / "victim").exists()


def test_a_file_of_the_kernel_that_says_0_bytes_is_hashed_as_empty():
    assert sha256(Path("/proc/kmsg")) == hashlib.sha256().hexdigest()


def test_folders_of_progress_of_longer_names_and_of_patterns_stay(tmp_path):
    others = [progress_folder(tmp_path / f"{name}.fusevad", {}) for name in ("cam-2", "cam")]
    progress_folder(tmp_path / "[a-z]am.fusevad", {})
    progress_folder(tmp_path / "cam.fusevad", {"a": 1})
    assert [each.exists() for each in others] == [True, False]


def test_text_is_utf_8_in_any_locale(tmp_path):
    """Elsewhere than in UTF-8, Python writes the locale's encoding, which nobody reads."""
    work = (
        "from pathlib import Path; from fusevad.files import write_text;"
        "from fusevad.data.made_videos import add_video;"
        "write_text('caf\\u00e9', Path('a.txt')); Path('v').touch();"
        "add_video(Path(), Path('caf\\u00e9.mkv'), Path('v'))"
    )
    ascii_alone = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    subprocess.run(
        [sys.executable, "-c", work], check=True, cwd=tmp_path, env=os.environ | ascii_alone
    )
    assert (tmp_path / "a.txt").read_bytes() == "caf\u00e9".encode()
    assert (tmp_path / "SHA256SUMS").read_bytes().endswith("  caf\u00e9.mkv\n".encode())


@pytest.mark.parametrize("folder", [".", "/"])
def test_a_folder_without_a_name_is_one_line_where_a_file_is_written(folder):
    with pytest.raises(FusevadError, match=f"{folder}: a folder where a file belongs"):
        write_text("text", Path(folder))


def test_old_files_of_other_machines_are_removed_and_new_ones_stay(tmp_path):
    old, new = (tmp_path / f".x.{host}-7.tmp.h5" for host in ("0000", "0001"))
    for path in (old, new):
        path.touch()
    week_ago = new.stat().st_mtime - 8 * 86400
    os.utime(old, (week_ago, week_ago))
    remove_abandoned(tmp_path)
    assert not old.exists() and new.exists()


def test_a_killed_commands_file_is_removed_by_the_next_that_writes_there(tmp_path):
    final = tmp_path / "model.fusevad"
    program = (
        "import os, pathlib, signal\n"
        "from fusevad.files import atomic_path\n"
        f"with atomic_path(pathlib.Path({str(final)!r})) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    write_text("whole", final)
    assert not left.exists()
    assert list(tmp_path.iterdir()) == [final]


def test_files_of_running_processes_and_of_users_are_never_removed(tmp_path):
    with atomic_path(tmp_path / "a.h5") as temporary:
        temporary.touch()
        others = [tmp_path / name for name in (".a.99999999.tmp.h5", "b.tmp", ".x.0000-7.tmp.h5")]
        for other in others:
            other.touch()
        remove_abandoned(tmp_path)
        assert temporary.exists() and all(other.exists() for other in others)


def test_a_folder_is_removed_however_deep_it_is(tmp_path, monkeypatch):
    """Deeper than a function may call itself, and than the system takes as one path."""
    (tmp_path / "kept.txt").write_text("kept")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    for _ in range(100):
        Path("a" * 100).mkdir()
        os.chdir("a" * 100)
    Path("file.txt").write_text("a")
    Path("link").symlink_to(tmp_path)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 80)
    try:
        remove_folder(tmp_path / "deep")
    finally:
        sys.setrecursionlimit(limit)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
