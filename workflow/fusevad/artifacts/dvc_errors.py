"""What goes wrong in DVC, at a remote or on the disk, as one line."""

import contextlib
import errno
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.system_errors import FULL_DISK
from fusevad.system_errors import explained as explained_by_system


class WrongContentError(FusevadError):
    """Objects of a remote aren't what their names say.

    Attributes:
        paths: recorded files that they would be.
    """

    def __init__(self, text: str, paths: list[str]) -> None:
        super().__init__(text)
        self.paths = paths


@contextlib.contextmanager
def one_line(
    doing: str, advice: str = "put that right and run the command again"
) -> Iterator[None]:
    """Turn every error of DVC and of what it uses into a `FusevadError` of one line.

    Args:
        doing: what was being done, in words: `remote 'folder' (s3://...)`.
        advice: what to do about errors other than a full disk.
    """
    with _quiet_dvc():
        try:
            yield
        except FusevadError:
            raise
        # DVC passes on whatever its many libraries raise; they share no class.
        except Exception as error:
            raise explained(doing, error, advice) from error


def explained(doing: str, error: BaseException, advice: str) -> FusevadError:
    """The error as one line; the innermost cause says most."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, sqlite3.OperationalError) and _is_full(cause):
            cause = OSError(errno.ENOSPC, str(cause))  # DVC notes what it has seen in a database
        if isinstance(cause, OSError) and cause.errno in FULL_DISK:
            return explained_by_system(cause, Path(doing))
    text = " ".join(str(error).split()) or type(error).__name__
    return FusevadError(f"{doing}: {text}; {advice}")


def _is_full(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


@contextlib.contextmanager
def _quiet_dvc() -> Iterator[None]:
    """No log lines and tracebacks from DVC: what matters of them is in the error."""
    loggers = [logging.getLogger(name) for name in ("dvc", "dvc_data", "dvc_objects", "asyncio")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
