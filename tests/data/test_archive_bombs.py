"""Archives of a few kilobytes that would fill memory or the disk are refused in little of both."""

import gzip
import io
import lzma
import stat
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fusevad.data.fetch.members import is_archive

ZEROS = bytes(1 << 20)
# Address space beside what the imports take: less than any of these archives asks for.
LIMITED = """
import os, resource, sys
from pathlib import Path
from fusevad.data.fetch.archives import Caps, unpack
from fusevad.data.fetch.member import UnreadableArchiveError, UnsupportedArchiveError
from fusevad.data.fetch.members import is_archive
from fusevad.errors import FusevadError
archive, folder, members = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
resource.setrlimit(resource.RLIMIT_AS, (taken + 200_000_000,) * 2)
assert is_archive(archive)
try:
    unpack(archive, archive, folder, Caps(members, 10**12, 200))
except (FusevadError, UnsupportedArchiveError) as error:
    print(error)
"""


def refused(tmp_path: Path, content: bytes, members: int = 1000) -> str:
    """The line with which an archive is refused where memory is short."""
    archive = tmp_path / "a.archive"
    archive.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(archive), str(tmp_path / "in"), str(members)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert not (tmp_path / "in").exists()
    return done.stdout


def many(first: bytes, repeated: bytes, times: int) -> bytes:
    """A gzip file that decodes to gigabytes, made in no time of repeated members."""
    return gzip.compress(first) + gzip.compress(repeated) * times


def header(name: str, kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def deflated_zip(mode: int, megabytes: int) -> bytes:
    """A zip archive of one member of zeros, with its deflated blocks repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    data = block * megabytes + packer.flush()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo("a")
        info.external_attr = mode << 16
        file.writestr(info, data)
    content = bytearray(buffer.getvalue())
    central = content.rindex(b"PK\x01\x02")
    for method, size in ((8, 22), (central + 10, central + 24)):
        struct.pack_into("<H", content, method, 8)
        struct.pack_into("<I", content, size, megabytes << 20)
    return bytes(content)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_tar_name_of_2_gb(tmp_path: Path, kind: bytes) -> None:
    size = 2 << 30
    content = many(header("././@LongLink", kind, size), b"a" * (1 << 24), size >> 24)
    assert "a member's header has more than" in refused(tmp_path, content)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_pax_header_of_2_gb(tmp_path: Path, kind: bytes) -> None:
    size = 2 << 30
    content = many(header("pax", kind, size), b"a" * (1 << 24), size >> 24)
    assert "a member's header has more than" in refused(tmp_path, content)


def test_a_second_members_name_of_2_gb(tmp_path: Path) -> None:
    size = 2 << 30
    first = header("a", tarfile.REGTYPE, 0) + header("@", tarfile.GNUTYPE_LONGNAME, size)
    content = many(first, b"a" * (1 << 24), size >> 24)
    assert "a member's header has more than" in refused(tmp_path, content)


@pytest.mark.slow
def test_a_sparse_map_without_end(tmp_path: Path) -> None:
    pax = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    first = header("pax", tarfile.XHDTYPE, len(pax)) + pax.ljust(512, b"\0")
    first += header("a", tarfile.REGTYPE, 1 << 30) + b"999999999\n".rjust(512, b"0")
    content = many(first, b"0\n" * (1 << 23), 100)
    assert "a member's header has more than" in refused(tmp_path, content)


def test_a_size_below_zero(tmp_path: Path) -> None:
    info = bytearray(header("a", tarfile.GNUTYPE_LONGNAME, 0))
    info[124:136] = b"\xff" * 12  # -1 in base 256
    info[148:156] = b" " * 8
    info[148:156] = b"%06o\0 " % sum(info)
    content = header("b", tarfile.REGTYPE, 0) + bytes(info) + ZEROS
    assert "the archive is broken" in refused(tmp_path, content)


def test_a_zip_link_of_3_gb(tmp_path: Path) -> None:
    assert "is a link without end" in refused(tmp_path, deflated_zip(stat.S_IFLNK | 0o777, 3000))


@pytest.mark.slow
def test_a_file_that_is_compressed_beyond_belief(tmp_path: Path) -> None:
    said = refused(tmp_path, deflated_zip(stat.S_IFREG | 0o644, 3000))
    assert "unpacks to more than 200 times its own size" in said and "max_ratio" in said


def test_a_dictionary_of_4_gb(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("a"))
    first, second = (bytearray(lzma.compress(part)) for part in (buffer.getvalue(), b"a" * 100))
    size = (second[12] + 1) * 4
    second[16] = 40  # what LZMA2 calls 4 GB
    struct.pack_into("<I", second, 12 + size - 4, zlib.crc32(second[12 : 12 + size - 4]))
    assert "emory usage limit" in refused(tmp_path, bytes(first + second))


def test_a_list_of_a_million_members(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a", b"")
    content = buffer.getvalue()
    start, end = content.rindex(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    directory = content[start:end] * 1_000_000
    final = bytearray(content[end:])
    struct.pack_into("<HHII", final, 8, 1, 1, len(directory), start)
    said = refused(tmp_path, content[:start] + directory + bytes(final))
    assert "more than 1000 members" in said


@pytest.mark.slow
def test_gigabytes_after_the_last_member(tmp_path: Path) -> None:
    end = header("a", tarfile.REGTYPE, 0) + bytes(1024)
    content = many(end, bytes(1 << 24), 200)
    assert "more than" in refused(tmp_path, content)


def test_headers_that_each_announce_the_next_end_in_a_line(tmp_path):
    link = header("a", tarfile.GNUTYPE_LONGNAME, 1) + b"a".ljust(512, b"\0")
    assert "headers without end" in refused(tmp_path, link * 3000)


def test_a_number_of_thousands_of_digits_in_a_header_is_not_searched_for_an_end(tmp_path):
    """Python's tarfile takes the square of its length: 23 s for 200,000 digits."""
    size = 200_000
    extension = header("a", tarfile.XHDTYPE, size) + b"1" * size + bytes(-size % 512)
    assert "hundreds of digits" in refused(tmp_path, extension + header("a", tarfile.REGTYPE, 0))


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def test_a_name_in_a_gzip_header_takes_no_time(tmp_path: Path) -> None:
    """Read byte by byte, as Python's gzip does, 20 MB take 3 to 11 s."""
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * (20 << 20))
    assert seconds(lambda: is_archive(archive)) < 1


def test_many_empty_xz_streams_take_as_long_as_each_by_itself(tmp_path: Path) -> None:
    """Each copied all that was read ahead, a megabyte, which took eight times as long."""
    archive, stream, times = tmp_path / "a.tar.xz", lzma.compress(b""), 1 << 16
    archive.write_bytes(stream * times)

    def each() -> None:
        for _ in range(times):
            lzma.LZMADecompressor(memlimit=1 << 28).decompress(stream)

    assert seconds(lambda: is_archive(archive)) < 4 * seconds(each)
