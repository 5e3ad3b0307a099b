"""Writing so that nothing half-written has a final name, and what killed jobs resume from."""

import os

import pandas as pd
import pytest

from fusevad.errors import FusevadError
from fusevad.files import (
    atomic_path,
    keep,
    kept,
    progress_folder,
    read_csv,
    remove_abandoned,
    write_csv,
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


def test_folders_of_progress_of_longer_names_and_of_patterns_stay(tmp_path):
    others = [progress_folder(tmp_path / f"{name}.fusevad", {}) for name in ("cam-2", "cam")]
    progress_folder(tmp_path / "[a-z]am.fusevad", {})
    progress_folder(tmp_path / "cam.fusevad", {"a": 1})
    assert [each.exists() for each in others] == [True, False]


def test_old_files_of_other_machines_are_removed_and_new_ones_stay(tmp_path):
    old, new = (tmp_path / f".x.{host}-7.tmp.h5" for host in ("0000", "0001"))
    for path in (old, new):
        path.touch()
    week_ago = new.stat().st_mtime - 8 * 86400
    os.utime(old, (week_ago, week_ago))
    remove_abandoned(tmp_path)
    assert not old.exists() and new.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,frames\na,16,9\n", "rows with more cells"),
        ("video,frames\na,16\nb,16,9\n", r"not a CSV table \(.*saw 3\); make it again"),
        ("video,frames\na,many\n", "column frames: not all numbers"),
        ("video,frames\na," + "9" * 400 + "\n", "column frames: not all numbers"),
    ],
)
def test_a_table_of_other_values_is_one_line(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FusevadError, match=rf"a\.csv: {message}") as error:
        read_csv(path, ["video", "frames"], text=("video",))
    assert "\n" not in str(error.value)


def test_a_name_that_is_not_utf_8_is_one_line_and_leaves_no_table(tmp_path):
    with pytest.raises(FusevadError, match=r"a\.csv: .*film_.* is not UTF-8; rename"):
        write_csv(pd.DataFrame({"path": ["film_\udcff.mp4"]}), tmp_path / "a.csv")
    assert not any(tmp_path.iterdir())


def test_files_of_running_processes_and_of_users_are_never_removed(tmp_path):
    with atomic_path(tmp_path / "a.h5") as temporary:
        temporary.touch()
        others = [tmp_path / name for name in (".a.99999999.tmp.h5", "b.tmp", ".x.0000-7.tmp.h5")]
        for other in others:
            other.touch()
        remove_abandoned(tmp_path)
        assert temporary.exists() and all(other.exists() for other in others)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"video,frames\na\0b,16\n", "a NUL character"),
        (b"a," * 40_000, "too many columns"),
        (b'video,frames,"frames"\na,16,17\n', "two columns frames"),
    ],
)
def test_a_table_that_pandas_would_misread_is_one_line(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FusevadError, match=rf"a\.csv: not a CSV table \({message}|{message}"):
        read_csv(tmp_path / "a.csv", ["video", "frames"], text=("video",))


def test_hashes_are_texts_for_readers_that_do_not_ask_for_them(tmp_path):
    table = tmp_path / "index.csv"
    digest = "3e8160039594" + "0" * 52
    table.write_text(f"file,sha256\na,{digest}\nb,{'1' * 64}\n")
    found = read_csv(table, ["file"], text=("file",))
    assert found["sha256"].tolist() == [digest, "1" * 64]


@pytest.mark.parametrize("number", ["3e8160039594a3", "1E+2147483649", ".5e-9999999999"])
def test_a_number_whose_exponent_would_kill_pandas_is_one_line(tmp_path, number):
    """Found by fuzzing: a line that lost cells, so that a hash stood under `frames`."""
    (tmp_path / "a.csv").write_text(f"video,frames\na,16\nb,{number}\n")
    with pytest.raises(FusevadError, match=r"a\.csv: not a CSV table \(line 3: a number without"):
        read_csv(tmp_path / "a.csv", ["video", "frames"], text=("video",))


def test_a_name_or_hash_that_looks_like_such_a_number_is_text(tmp_path):
    (tmp_path / "a.csv").write_text('video,frames\n3e8160039594a3,16\n"1e999999999999",17\n')
    table = read_csv(tmp_path / "a.csv", ["video", "frames"], text=("video",))
    assert table["video"].tolist() == ["3e8160039594a3", "1e999999999999"]
    assert table["frames"].tolist() == [16, 17]


def test_a_table_of_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(FusevadError, match=r"a\.csv: not a CSV table \(3221225472 bytes"):
        read_csv(tmp_path / "a.csv", ["video"], text=("video",))
