"""Errors of DVC, at a remote or on the disk, as one line."""

import contextlib
import errno
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fusevad.deploy.watch.address import scrubbed
from fusevad.errors import FusevadError, message_of
from fusevad.system_errors import FULL_DISK
from fusevad.system_errors import explained as explained_by_system

# The user may not read or write a file.
_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}


class WrongContentError(FusevadError):
    """Objects of a remote do not have the content that their names say.

    Attributes:
        paths: the recorded files with this content.
    """

    def __init__(self, text: str, paths: list[str]) -> None:
        super().__init__(text)
        self.paths = paths


@contextlib.contextmanager
def one_line(doing: str, advice: str = "resolve this and run the command again") -> Iterator[None]:
    """Turn every error of DVC and its libraries into a `FusevadError` of one line.

    Args:
        doing: the current operation, in words: `remote 'folder' (s3://...)`.
        advice: for errors other than a full disk and missing rights to a file.
    """
    with _quiet_dvc():
        try:
            yield
        except FusevadError:
            raise
        # DVC passes on errors of its many libraries, which share no class.
        except Exception as error:
            raise explained(doing, error, advice) from error


def explained(doing: str, error: BaseException, advice: str) -> FusevadError:
    """The error as one line, from its innermost cause."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, sqlite3.OperationalError) and _is_full(cause):
            cause = OSError(errno.ENOSPC, str(cause))  # DVC keeps its state in a database
        if isinstance(cause, OSError) and cause.errno in FULL_DISK:
            return explained_by_system(cause, Path(doing))
        # Only errors of this machine's files name one: those of other remotes don't.
        if isinstance(cause, OSError) and cause.errno in _RIGHTS and cause.filename:
            return explained_by_system(cause)
    text = message_of(error)
    return FusevadError(scrubbed(f"{doing}: {text}; {advice}"))


def _is_full(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


@contextlib.contextmanager
def _quiet_dvc() -> Iterator[None]:
    """Suppress DVC's log lines and tracebacks: the error has what matters."""
    loggers = [logging.getLogger(name) for name in ("dvc", "dvc_data", "dvc_objects", "asyncio")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
