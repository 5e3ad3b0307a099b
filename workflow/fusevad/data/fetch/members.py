"""Read untrusted zip and tar archives, with bounds on all that is read.

An archive's own figures may be false, and anything in it may be compressed a thousandfold: a name,
a link or a list of members can be gigabytes.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Literal, Protocol

from fusevad.data.fetch.mirrors import one_line
from fusevad.errors import FusevadError

CHUNK = 1 << 20
# Bytes of a member's headers in a tar archive, with all extensions: far more than a name needs.
_HEADERS = 1 << 20
# No header has such a number; patterns of Python's tarfile take the square of its length in time.
_LONG_NUMBER = re.compile(rb"[0-9]{600}")
# Bytes of the list of members at the end of a zip archive, and of one name: PATH_MAX of Linux.
_DIRECTORY = 256 << 20
LONGEST_NAME = 4096
# Bytes that an xz decoder may take; `xz -9` needs 65 MB.
_XZ_MEMORY = 256 << 20
# Errors of zipfile, tarfile and the libraries below them on broken bytes.
_BROKEN = (
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


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


def is_archive(path: Path) -> bool:
    """Whether a file is a tar archive (of any compression) or a zip archive."""
    # A tar archive can end with a zip archive, which makes it look like a zip archive.
    return _is_tar(path) or zipfile.is_zipfile(path)


def members(archive: Path, title: Path, most: int) -> Iterator[Member]:
    """Members of an archive, called `title` in messages, in order.

    Raises:
        UnreadableArchiveError: broken bytes.
        UnsupportedArchiveError, UnsafeArchiveError: see there.
        TooManyMembersError: a zip archive lists more than `most`.
    """
    with reading(title):
        yield from _tar_members(archive) if _is_tar(archive) else _zip_members(archive, most)


@contextlib.contextmanager
def reading(title: Path) -> Iterator[None]:
    """Turn any error from broken bytes into one line."""
    try:
        yield
    except NotImplementedError as error:
        raise UnsupportedArchiveError(one_line(str(error))) from error
    except (*_BROKEN, MemoryError) as error:
        raise UnreadableArchiveError(
            f"{title}: the archive is broken ({one_line(str(error) or type(error).__name__)}); get"
            " it again: remove it if you put it there, and run the command again"
        ) from error


def _zip_members(archive: Path, most: int) -> Iterator[Member]:
    """Members of a zip archive; a link's bytes say where it points."""
    with archive.open("rb") as stream:
        _check_directory(stream, most)
        with zipfile.ZipFile(stream) as file:
            for info in file.infolist():
                _check_supported(info)
            for info in file.infolist():
                mode = info.external_attr >> 16
                # Some programs on Windows write backslashes.
                name = info.filename.replace("\\", "/")
                if name.endswith("/"):
                    yield Member(name, "folder")
                elif stat.S_ISLNK(mode):
                    yield Member(name, "link", link=_zip_link(file, info))
                elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                    yield Member(name, "file", open=partial(file.open, info))
                else:
                    yield Member(name, "other")


def _check_supported(info: zipfile.ZipInfo) -> None:
    """Refuse forms that zipfile can't decode before anything is written."""
    if info.flag_bits & 1:
        raise UnsupportedArchiveError("it is encrypted")
    method = zipfile.compressor_names.get(info.compress_type, f"method {info.compress_type}")
    # Of bzip2 and LZMA in a zip archive, zipfile decodes whole blocks, of gigabytes if they say so.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        windows = ", as Windows does above 2 GB" if method == "deflate64" else ""
        raise UnsupportedArchiveError(f"it is compressed by {method}{windows}")


def _zip_link(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Where a link of a zip archive points."""
    with file.open(info) as stream:
        target = stream.read(LONGEST_NAME + 1)
    if len(target) > LONGEST_NAME:
        raise UnsafeArchiveError(f"member {one_line(info.filename, 80)!r} is a link without end")
    return target.decode(errors="surrogateescape")


def _check_directory(stream: IO[bytes], most: int) -> None:
    """Check the list at the end of a zip archive before zipfile reads all of it into memory."""
    end = zipfile._EndRecData(stream)
    if end is None:
        raise zipfile.BadZipFile("no list of members at its end")
    size, place = end[zipfile._ECD_SIZE], end[zipfile._ECD_LOCATION]
    if end[zipfile._ECD_SIGNATURE] == zipfile.stringEndArchive64:
        place -= zipfile.sizeEndCentDir64 + zipfile.sizeEndCentDir64Locator
    if size > _DIRECTORY:
        raise UnsafeArchiveError(f"the list of its members has {size / 1e6:.0f} MB")
    stream.seek(max(place - size, 0))
    read = count = 0
    while read < size:
        entry = stream.read(zipfile.sizeCentralDir)
        if len(entry) < zipfile.sizeCentralDir:
            raise zipfile.BadZipFile("its list of members is cut")
        fields = struct.unpack(zipfile.structCentralDir, entry)
        name, extra, comment = fields[12:15]
        if name > LONGEST_NAME:
            raise UnsafeArchiveError(f"a member's name has {name} characters")
        count += 1
        if count > most:
            raise TooManyMembersError
        stream.seek(name + extra + comment, 1)
        read += len(entry) + name + extra + comment


def _is_tar(path: Path) -> bool:
    """Whether a file is a tar archive, of any compression."""
    try:
        with _open_tar(path):
            return True
    except tarfile.ReadError:
        return False
    except UnsafeArchiveError:
        return True


def _tar_members(archive: Path) -> Iterator[Member]:
    """Members of a tar archive, in order."""
    with _open_tar(archive) as (file, stream):
        while True:
            stream.allowance = _HEADERS
            info = file.next()
            stream.allowance = None
            if info is None:
                break
            if info.isfile():
                yield Member(info.name, "file", open=partial(file.extractfile, info))
            elif info.isdir():
                yield Member(info.name, "folder")
            elif info.issym() or info.islnk():
                kind = "link" if info.issym() else "hard link"
                yield Member(info.name, kind, link=info.linkname)
            else:
                yield Member(info.name, "other")
            file.members = []  # or tarfile keeps all headers in memory
        # The checksum of a compressed stream is at its end, behind zeros.
        stream.allowance = _DIRECTORY
        while stream.read(min(CHUNK, stream.allowance + 1)):
            pass


class _StrictInfo(tarfile.TarInfo):
    """Headers of a tar archive; tarfile itself takes a broken header for the archive's end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            info = super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        except RecursionError as error:
            raise UnsafeArchiveError("a member has headers without end") from error
        if info.size < 0:
            raise tarfile.ReadError("a member of negative size")
        return info


@contextlib.contextmanager
def _open_tar(path: Path) -> Iterator[tuple[tarfile.TarFile, "_Bounded"]]:
    """Open a tar archive of any compression, its first header read.

    Raises:
        tarfile.ReadError: it is not a tar archive.
    """
    for decoded in (lambda file: file, _gunzipped, bz2.BZ2File, _Xz):
        with path.open("rb") as file, contextlib.ExitStack() as stack:
            try:
                stream = _Bounded(decoded(file))
                stack.callback(stream.close)
                tar = tarfile.TarFile(fileobj=stream, tarinfo=_StrictInfo)
                stack.callback(tar.close)
            except (*_BROKEN, MemoryError):
                continue
            yield tar, stream
            return
    raise tarfile.ReadError("no tar archive")


def _gunzipped(file: IO[bytes]) -> _Readable:
    return gzip.GzipFile(fileobj=file)


class _Bounded:
    """A stream that is read forwards only, with a limited number of bytes for headers.

    Attributes:
        allowance: bytes that may still be read; None for no limit.
    """

    name = None
    mode = "rb"

    def __init__(self, source: _Readable) -> None:
        self._source = source
        self._place = 0
        self.allowance: int | None = _HEADERS

    def read(self, size: int) -> bytes:
        if size < 0:
            raise tarfile.ReadError("a header of negative size")
        if self.allowance is not None:
            if size > self.allowance:
                raise UnsafeArchiveError(f"a member's header has more than {_HEADERS} bytes")
            self.allowance -= size
        data = self._source.read(size)
        if self.allowance is not None and _LONG_NUMBER.search(data):
            raise UnsafeArchiveError("a member's header has a number of hundreds of digits")
        self._place += len(data)
        return data

    def tell(self) -> int:
        return self._place

    def seek(self, place: int) -> None:
        if place < self._place:
            raise tarfile.ReadError("a member lies before another")
        while self._place < place:
            data = self._source.read(min(CHUNK, place - self._place))
            if not data:
                raise tarfile.ReadError("unexpected end of data")
            self._place += len(data)

    def close(self) -> None:
        self._source.close()


class _Xz:
    """The content of an xz file, decoded in bounded memory, which `lzma.LZMAFile` cannot do."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        parts = []
        while size > 0 and (data := self._read_once(size)):
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def _read_once(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        while True:
            if self._decoder.eof:
                # Another stream may follow, after zeros.
                rest = self._decoder.unused_data.lstrip(b"\0")
                while not rest and (more := self._file.read(CHUNK)):
                    rest = more.lstrip(b"\0")
                if not rest:
                    return b""
                self._decoder = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
                data = self._decoder.decompress(rest, size)
            elif self._decoder.needs_input:
                more = self._file.read(CHUNK)
                if not more:
                    raise EOFError("it is cut")
                data = self._decoder.decompress(more, size)
            else:
                data = self._decoder.decompress(b"", size)
            if data:
                return data

    def close(self) -> None:
        self._file.close()
