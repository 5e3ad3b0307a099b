"""Errors of DVC and of what it uses, as one line."""

import errno
import sqlite3

import pytest

from fusevad.artifacts.dvc_errors import one_line
from fusevad.errors import FusevadError


def fill(database: sqlite3.Connection) -> None:
    """Write until SQLite finds no room; a limit of pages stands for the disk."""
    database.execute("PRAGMA max_page_count = 2")
    database.execute("CREATE TABLE notes (text)")
    database.execute("INSERT INTO notes VALUES (?)", ("note " * 10_000,))


def test_a_database_of_dvc_on_a_full_disk_is_a_full_disk():
    message = "the disk is full; free some space"
    with pytest.raises(FusevadError, match=message), one_line("remote 'folder'"):
        fill(sqlite3.connect(":memory:"))


def test_another_error_of_a_database_keeps_its_words():
    with (
        pytest.raises(FusevadError, match="remote 'folder': no such table"),
        one_line("remote 'folder'"),
    ):
        sqlite3.connect(":memory:").execute("SELECT * FROM notes")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_the_user_may_not_use_is_named_whatever_dvc_was_doing(code):
    with (
        pytest.raises(FusevadError, match=r"^\.dvc/tmp: [^;]*; [^;]* run the command again$"),
        one_line("repository", "correct .dvc/config"),
    ):
        try:
            raise OSError(code, "refused", ".dvc/tmp")
        except OSError as error:
            raise RuntimeError("DVC wraps it") from error


def test_a_remote_that_refuses_keeps_its_words():
    with (
        pytest.raises(FusevadError, match="remote 's3': Forbidden; see docs"),
        one_line("remote 's3'", "see docs"),
    ):
        raise PermissionError("Forbidden")
