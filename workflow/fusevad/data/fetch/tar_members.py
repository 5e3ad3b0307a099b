"""Read untrusted tar archives, of any compression, as streams."""

import bz2
import contextlib
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from fusevad.data.fetch.member import BROKEN, CHUNK, LONGEST_END, Member, UnsafeArchiveError

# Bytes of a member's headers, with all extensions: far more than a name needs.
_HEADERS = 1 << 20
# No header has such a number; patterns of Python's tarfile take the square of its length in time.
_LONG_NUMBER = re.compile(rb"[0-9]{600}")
# Bytes that an xz decoder may take; `xz -9` needs 65 MB.
_XZ_MEMORY = 256 << 20
# Bytes that a decoder gets at once: at the end of each stream it copies what is left of them.
_PIECE = 1 << 14


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


def is_tar(path: Path) -> bool:
    """Whether a file is a tar archive, of any compression."""
    try:
        with _open_tar(path):
            return True
    except tarfile.ReadError:
        return False
    except UnsafeArchiveError:
        return True


def tar_members(archive: Path) -> Iterator[Member]:
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
        stream.allowance = LONGEST_END
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
    gunzipped, unxzed = partial(_Decoded, _Gunzip), partial(_Decoded, _unxz)
    for decoded in (lambda file: file, gunzipped, bz2.BZ2File, unxzed):
        with path.open("rb") as file, contextlib.ExitStack() as stack:
            try:
                stream = _Bounded(decoded(file))
                stack.callback(stream.close)
                tar = tarfile.TarFile(fileobj=stream, tarinfo=_StrictInfo)
                stack.callback(tar.close)
            except (*BROKEN, MemoryError):
                continue
            yield tar, stream
            return
    raise tarfile.ReadError("no tar archive")


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


class _Decoder(Protocol):
    """A decoder of one compressed stream, such as `lzma.LZMADecompressor`."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """A decoder of one gzip stream; Python's gzip module reads a header's name byte by byte."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        found = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = len(found) < max_length
        return found


def _unxz() -> _Decoder:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)  # which `lzma.LZMAFile` cannot limit


class _Decoded:
    """The content of a file of compressed streams, decoded in bounded memory."""

    def __init__(self, new: Callable[[], _Decoder], file: IO[bytes]) -> None:
        self._new = new
        self._file = file
        self._decoder = new()

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
                while not rest and (more := self._file.read(_PIECE)):
                    rest = more.lstrip(b"\0")
                if not rest:
                    return b""
                self._decoder = self._new()
                data = self._decoder.decompress(rest, size)
            elif self._decoder.needs_input:
                more = self._file.read(_PIECE)
                if not more:
                    raise EOFError("it is cut")
                data = self._decoder.decompress(more, size)
            else:
                data = self._decoder.decompress(b"", size)
            if data:
                return data

    def close(self) -> None:
        self._file.close()
