"""Tables of hashes: written for, and read from, the program sha256sum."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from fusevad.errors import FusevadError
from fusevad.files import remove_folder, sha256
from fusevad.hash_tables import HASHES, folder_files, folder_sha256, hashes_text, listed_hashes
from fusevad.paths import shown_files
from tests.made_up_plan import make_deep

DIGEST = "0" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, one of them in a folder, with spaces and letters of others in their names."""
    (tmp_path / "train").mkdir()
    for number, name in enumerate(("a.mp4", "two  words.mp4", "train/Überfall.mp4")):
        (tmp_path / name).write_bytes(bytes(number))
    return tmp_path


def test_a_table_of_sha256sum_is_read(folder: Path) -> None:
    command = ["sha256sum", *folder_files(folder)]
    written = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    (folder / HASHES).write_bytes(written)
    assert listed_hashes(folder) == {name: sha256(folder / name) for name in folder_files(folder)}


def test_sha256sum_reads_our_table(folder: Path) -> None:
    hashes = {name: sha256(folder / name) for name in folder_files(folder)}
    (folder / HASHES).write_text(hashes_text(hashes), encoding="utf-8")
    subprocess.run(["sha256sum", "--check", "--strict", HASHES], cwd=folder, check=True)


def test_a_folder_with_a_name_that_is_not_utf_8_has_the_hash_of_what_sha256sum_writes(folder: Path):
    (folder / os.fsdecode(b"caf\xe9.mp4")).write_bytes(b"x")
    command = ["sha256sum", *folder_files(folder)]
    written = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    assert folder_sha256(folder) == hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize(
    "line",
    [
        f"{DIGEST}  ../victim.mp4\n",
        f"{DIGEST}  /victim.mp4\n",
        f"{DIGEST[1:]}  short.mp4\n",
        f"{DIGEST.replace('0', 'A')}  capitals.mp4\n",
        DIGEST[:40],
        "\0\n",
        "\n",
    ],
)
def test_lines_that_list_no_file_of_the_folder_are_ignored(tmp_path: Path, line: str) -> None:
    (tmp_path / HASHES).write_text(f"{DIGEST}  a.mp4\n{line}")
    assert listed_hashes(tmp_path) == {"a.mp4": DIGEST}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_table_that_an_editor_has_saved_is_read(tmp_path: Path, end: str) -> None:
    """Otherwise damaged weights would count as not listed."""
    (tmp_path / HASHES).write_bytes(f"{DIGEST}  a.mp4{end}".encode())
    assert listed_hashes(tmp_path) == {"a.mp4": DIGEST}


def test_the_last_line_of_a_path_counts(tmp_path: Path) -> None:
    later = "1" * 64
    (tmp_path / HASHES).write_text(f"{DIGEST}  a.mp4\n{later}  a.mp4\n")
    assert listed_hashes(tmp_path) == {"a.mp4": later}


def test_a_folder_without_a_table_lists_nothing(tmp_path: Path) -> None:
    assert listed_hashes(tmp_path) == {}


def test_a_table_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / HASHES).open("wb") as table:
        table.truncate(1 << 30)
    with pytest.raises(FusevadError, match=r"SHA256SUMS: 1073741824 bytes.*delete it"):
        listed_hashes(tmp_path)


@pytest.mark.parametrize("listed", [folder_files, lambda folder: list(shown_files(folder))])
def test_files_are_listed_however_deep_folders_of_others_are(tmp_path, listed):
    make_deep(str(tmp_path / "videos"), "d", 1500)
    (tmp_path / "a.mp4").touch()
    assert [str(each).removeprefix(f"{tmp_path}/") for each in listed(tmp_path)] == ["a.mp4"]
    remove_folder(tmp_path / "videos")
