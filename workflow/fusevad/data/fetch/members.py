"""Read untrusted zip and tar archives, with bounds on all that is read."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from fusevad.data.fetch.member import (
    BROKEN,
    Member,
    UnreadableArchiveError,
    UnsupportedArchiveError,
)
from fusevad.data.fetch.mirrors import one_line
from fusevad.data.fetch.tar_members import is_tar, tar_members
from fusevad.data.fetch.zip_members import zip_members


def is_archive(path: Path) -> bool:
    """Whether a file is a tar archive (of any compression) or a zip archive."""
    # A tar archive can end with a zip archive, which makes it look like a zip archive.
    return is_tar(path) or zipfile.is_zipfile(path)


def members(archive: Path, title: Path, most: int) -> Iterator[Member]:
    """Members of an archive, called `title` in messages, in order.

    Raises:
        UnreadableArchiveError: broken bytes.
        UnsupportedArchiveError, UnsafeArchiveError: see there.
        TooManyMembersError: a zip archive lists more than `most`.
    """
    with reading(title):
        yield from tar_members(archive) if is_tar(archive) else zip_members(archive, most)


@contextlib.contextmanager
def reading(title: Path) -> Iterator[None]:
    """Turn any error from broken bytes into one line."""
    try:
        yield
    except NotImplementedError as error:
        raise UnsupportedArchiveError(one_line(str(error))) from error
    except (*BROKEN, MemoryError) as error:
        raise UnreadableArchiveError(
            f"{title}: the archive is broken ({one_line(str(error) or type(error).__name__)}); get"
            " it again: remove it if you put it there, and run the command again"
        ) from error
