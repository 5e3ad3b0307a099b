"""A member of an archive, why one is not read, and the bounds on all that is read of it.

An archive's own figures may be false, and anything in it may be compressed a thousandfold: a name,
a link or a list of members can be gigabytes.
"""

import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Literal

from fusevad.errors import FusevadError

CHUNK = 1 << 20
# Bytes of the list of members at the end of a zip archive, or of zeros at the end of a tar archive.
LONGEST_END = 256 << 20
# Errors of zipfile, tarfile and the libraries below them on broken bytes.
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
)


class UnreadableArchiveError(FusevadError):
    """The archive is broken: downloading it again may help."""


class RefusedArchiveError(FusevadError):
    """The archive must not be used, so nothing of it is kept."""


class UnsupportedArchiveError(Exception):
    """The archive is intact, but in a form that Python does not read; the text says which."""


class UnsafeArchiveError(Exception):
    """A part of the archive must not be read; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of any archive; `link` is where a link points, `open` returns the bytes."""

    name: str
    kind: Literal["file", "folder", "link", "hard link", "other"]
    link: str = ""
    open: Callable[[], IO[bytes]] = io.BytesIO


class TooManyMembersError(Exception):
    """The archive has more members than allowed."""
