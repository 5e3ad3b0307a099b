"""Read untrusted zip archives."""

import stat
import struct
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from fusevad.data.fetch.member import (
    LONGEST_END,
    Member,
    TooManyMembersError,
    UnsafeArchiveError,
    UnsupportedArchiveError,
)
from fusevad.data.fetch.mirrors import one_line
from fusevad.paths import LONGEST_PATH


def zip_members(archive: Path, most: int) -> Iterator[Member]:
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
        target = stream.read(LONGEST_PATH + 1)
    if len(target) > LONGEST_PATH:
        raise UnsafeArchiveError(f"member {one_line(info.filename, 80)!r} is a link without end")
    return target.decode(errors="surrogateescape")


def _check_directory(stream: IO[bytes], most: int) -> None:
    """Check the list at the end of a zip archive before zipfile reads all of it into memory."""
    end = zipfile._EndRecData(stream)
    if end is None:
        raise zipfile.BadZipFile("no list of members at its end")
    size, place = end[zipfile._ECD_SIZE], _directory_end(stream, end)
    if size > LONGEST_END:
        raise UnsafeArchiveError(f"the list of its members has {size / 1e6:.0f} MB")
    stream.seek(max(place - size, 0))
    read = count = 0
    while read < size:
        entry = stream.read(zipfile.sizeCentralDir)
        if len(entry) < zipfile.sizeCentralDir:
            raise zipfile.BadZipFile("its list of members is cut")
        fields = struct.unpack(zipfile.structCentralDir, entry)
        name, extra, comment = fields[12:15]
        if name > LONGEST_PATH:
            raise UnsafeArchiveError(f"a member's name has {name} characters")
        count += 1
        if count > most:
            raise TooManyMembersError
        stream.seek(name + extra + comment, 1)
        read += len(entry) + name + extra + comment


def _directory_end(stream: IO[bytes], end: list[Any]) -> int:
    """Where the list of members ends, from what zipfile found behind it."""
    place: int = end[zipfile._ECD_LOCATION]
    stream.seek(place)
    found = stream.read(len(zipfile.stringEndArchive64))
    # Of large archives, which have two records more, Python before gh-139700 finds the last one.
    if end[zipfile._ECD_SIGNATURE] == zipfile.stringEndArchive64 != found:
        place -= zipfile.sizeEndCentDir64 + zipfile.sizeEndCentDir64Locator
    return place
