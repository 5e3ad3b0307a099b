"""What the operating system says against a file is one line that names it, with advice."""

import errno
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fusevad.errors import FusevadError
from fusevad.files import atomic_path, remove_abandoned, write_text
from fusevad.system_errors import explained, one_line_each

CODES = sorted(errno.errorcode)


@pytest.mark.parametrize("code", CODES)
def test_every_error_is_one_line_that_names_its_file(code: int) -> None:
    said = str(explained(OSError(code, os.strerror(code), "a\nb/c.csv")))
    assert said.startswith("a b/c.csv: ") and said.endswith("and run the command again")
    assert "\n" not in said


def test_errors_without_a_number_keep_their_text() -> None:
    assert "Unable to open file" in str(explained(OSError("Unable to open\nfile")))


@pytest.mark.parametrize("size", [240, 245, 251, 255])
def test_a_name_as_long_as_the_file_system_takes_is_written(tmp_path: Path, size: int) -> None:
    final = tmp_path / f"{'ü' * ((size - 4) // 2)}{'a' * (size % 2)}.csv"
    assert len(os.fsencode(final.name)) == size
    write_text("a", final)
    assert final.read_text() == "a" and list(tmp_path.iterdir()) == [final]


def test_long_names_that_killed_processes_leave_are_removed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from fusevad.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('a'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / ("a" * 250))], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FusevadError, match="the name is too long for this file system"):
        write_text("a", tmp_path / ("a" * 256))


def test_a_file_where_a_folder_belongs_is_one_line(tmp_path: Path) -> None:
    write_text("a", tmp_path / "a")
    with pytest.raises(FusevadError, match="move it away"):
        write_text("a", tmp_path / "a/b.csv")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG])
def test_what_stops_the_writing_of_a_file_names_the_file_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(path: Path, _: Path) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(FusevadError, match=rf"{tmp_path}/a\.csv: .* and run the command again"):
        write_text("a", tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_file_that_is_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    below = tmp_path / "taken/.hidden.progress/a.h5"
    with (
        pytest.raises(FusevadError, match=r"/taken: a file where a folder belongs"),
        one_line_each(),
    ):
        below.parent.mkdir(parents=True)


def test_a_file_that_a_limit_forbids_is_not_a_full_disk(tmp_path: Path) -> None:
    said = str(explained(OSError(errno.EFBIG, "File too large"), tmp_path / "a.h5"))
    assert "larger than its file system or a limit allows" in said and "full" not in said


def test_errors_of_other_files_are_not_blamed_on_the_one_that_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.csv"):
        (tmp_path / "absent").read_text()


def test_the_command_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb() -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", "results/a.csv")

    cli = importlib.import_module("fusevad.cli.app")
    monkeypatch.setattr(cli, "app", verb)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("fusevad: results/a.csv: not permitted, as for a file of another user")
    assert said.count("\n") == 1


def test_a_closed_pipe_stays_what_it_is() -> None:
    with pytest.raises(BrokenPipeError), one_line_each():
        raise BrokenPipeError
