"""Errors of the operating system in reading or writing files, as one line with advice."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from fusevad.errors import FusevadError

# Errors that mean a full disk.
FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Errors that the next file would meet, too.
ALL_FILES = FULL_DISK | {errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
_RIGHTS = "change its owner or rights (chown, chmod), or work in a copy of your own"
_ADVICE = {
    **dict.fromkeys(FULL_DISK, ("the disk is full", "free some space")),
    errno.EFBIG: (
        "larger than its file system or a limit allows",
        "use another disk, or allow more (ulimit -f)",
    ),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "use a shorter one"),
    errno.EROFS: ("its file system is read-only", "work in a writable folder"),
    errno.EACCES: ("no permission", _RIGHTS),
    errno.EPERM: ("not permitted, as for a file of another user", _RIGHTS),
    errno.ENOENT: ("no such file or folder", "check the path"),
    errno.ENOTDIR: ("a file where a folder belongs", "move it away"),
    errno.EISDIR: ("a folder where a file belongs", "move it away"),
    errno.EEXIST: ("something else is there already", "move it away"),
    errno.ENOTEMPTY: ("a folder that is not empty", "move it away"),
    errno.ELOOP: ("its links lead nowhere", "repair them"),
    errno.EMFILE: ("too many files are open", "allow more (ulimit -n 4096)"),
    errno.ENOMEM: ("no memory is left", "close other programs, or use fewer workers"),
    errno.EIO: ("the disk fails", "check its health, and save what is on it"),
    errno.ESTALE: ("the network disk was lost", "mount it again"),
}


def explained(error: OSError, path: Path | None = None) -> FusevadError:
    """The line for an error of the operating system; `path` is the file if the error names none."""
    name = path or error.filename or "a file"
    if error.errno == errno.ENOTDIR:
        name = _in_the_way(name)
    said = " ".join(str(error.strerror or error or type(error).__name__).split())
    what, advice = _ADVICE.get(error.errno or 0, (said, "check that it can be read and written"))
    return FusevadError(f"{_one_line(name)}: {what}; {advice} and run the command again")


@contextlib.contextmanager
def one_line_each() -> Iterator[None]:
    """Turn unexplained errors of the operating system into one line.

    Raises:
        FusevadError: in place of an OSError; a closed pipe is not an error.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise explained(error) from error


@contextlib.contextmanager
def about(path: Path) -> Iterator[None]:
    """Turn an error of the operating system that one file alone meets into its line.

    Raises:
        FusevadError: in place of an OSError that the next file need not meet.
    """
    try:
        yield
    except OSError as error:
        if error.errno in ALL_FILES:
            raise
        raise explained(error, path) from error


def _in_the_way(name: str | bytes | Path) -> str | bytes | Path:
    """The file that a path has as one of its folders."""
    above = Path(os.fsdecode(name)).parents
    return next((each for each in above if each.exists() and not each.is_dir()), name)


def _one_line(name: object) -> str:
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return " ".join(text.split())
