"""Unpacking zip and tar archives that nobody has vouched for.

Nothing leaves the folder: no member is written through a link, no link points outside, devices
are refused, and the count and size of what is written are capped while writing, as the archive's
own statements may be lies.
"""

import contextlib
import io
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from tqdm import tqdm

from fusevad.data.fetch.mirrors import one_line, writing
from fusevad.errors import FusevadError

_CHUNK = 1 << 20
# What zipfile, tarfile and the libraries below them raise at broken bytes.
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
)


class UnreadableArchiveError(FusevadError):
    """The archive is broken: getting it anew may help."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that an archive may unpack to: members, and bytes in all."""

    members: int
    size: int


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of any kind of archive; `link` is where a link points, `open` gives the bytes."""

    name: str
    kind: Literal["file", "folder", "link", "hard link", "other"]
    link: str = ""
    open: Callable[[], IO[bytes]] = io.BytesIO


def is_archive(path: Path) -> bool:
    """Whether a file is a tar archive (of any compression) or a zip archive."""
    # A tar archive can end in a zip archive, which makes it look like one.
    return tarfile.is_tarfile(path) or zipfile.is_zipfile(path)


def unpack(archive: Path, title: Path, folder: Path, caps: Caps) -> None:
    """Unpack `archive`, called `title` in messages, into the new folder `folder`.

    Raises:
        UnreadableArchiveError: broken, or encrypted.
        FusevadError: it would write outside, holds devices, is over a cap, or the disk is full.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    kind = _tar_members if tarfile.is_tarfile(archive) else _zip_members
    try:
        with tqdm(desc=f"unpack {title.name}", unit="B", unit_scale=True) as bar, writing(title):
            _write_all(kind(archive, title), title, folder, caps, bar)
        _check_links(folder, title)
    except Exception:
        shutil.rmtree(folder)
        raise


def merge(source: Path, target: Path, title: Path) -> None:
    """Move all of the folder `source` into `target`; files that are there already must be the same.

    It can be stopped anywhere and, after `source` was made again, be done again.

    Raises:
        FusevadError: something else is there already.
    """
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    elif _is_folder(source) and _is_folder(target):
        for child in sorted(source.iterdir()):
            merge(child, target / child.name, title)
        source.rmdir()
    elif _same(source, target):
        source.unlink()
    else:
        raise FusevadError(
            f"{target}: is there already and differs from what {title} holds; move it away and run"
            " the command again"
        )


def _write_all(
    members: Iterator[_Member], title: Path, folder: Path, caps: Caps, bar: "tqdm[None]"
) -> None:
    """Write all members below `folder`, within the caps."""
    written = 0
    for count, member in enumerate(members, start=1):
        if count > caps.members:
            raise FusevadError(
                f"{title}: holds more than {caps.members} members; if that is right, raise its"
                " max_members"
            )
        path = _place(folder, member, title)
        if member.kind == "folder":
            path.mkdir(exist_ok=True)
        elif member.kind == "link":
            _make_way(path).symlink_to(member.link)
        elif member.kind == "hard link":
            os.link(_linked(folder, member, title), _make_way(path))
        elif member.kind == "file":
            with _make_way(path).open("xb") as file:
                for chunk in _chunks(member, title):
                    written += len(chunk)
                    if written > caps.size:
                        raise FusevadError(
                            f"{title}: unpacks to more than {caps.size / 1e9:g} GB; if that is"
                            " right, raise its max_gigabytes"
                        )
                    file.write(chunk)
                    bar.update(len(chunk))
        else:
            raise _unsafe(title, member.name, "is no file, folder or link")


def _place(folder: Path, member: _Member, title: Path) -> Path:
    """Where a member goes, with its parent folders made; never through a link."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\0" in member.name:
        raise _unsafe(title, member.name, "leaves its folder")
    path = folder
    for part in name.parts[:-1]:
        path = path / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise _unsafe(title, member.name, "lies behind a link or a file")
        path.mkdir(exist_ok=True)
    path = folder / name
    if path.is_symlink() and member.kind == "folder":
        raise _unsafe(title, member.name, "is a link and a folder")
    return path


def _make_way(path: Path) -> Path:
    """`path`, with an earlier member of that name removed: the last one counts."""
    path.unlink(missing_ok=True)
    return path


def _linked(folder: Path, member: _Member, title: Path) -> Path:
    """The earlier member that a hard link stands for."""
    source = _place(folder, _Member(member.link, "hard link"), title)
    if not stat.S_ISREG(source.lstat().st_mode if os.path.lexists(source) else 0):
        raise _unsafe(title, member.name, "is a link to no file of the archive")
    return source


def _check_links(folder: Path, title: Path) -> None:
    """Raise FusevadError if a link points out of `folder`, also by way of other links."""
    inside = folder.resolve()
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(parent, name)
            if path.is_symlink() and not _within(path, inside):
                raise _unsafe(title, str(path.relative_to(folder)), "is a link to the outside")


def _within(link: Path, inside: Path) -> bool:
    """Whether a relative link ends inside; a loop of links ends nowhere."""
    try:
        end = link.resolve()
    except (OSError, RuntimeError):
        return False
    return not os.path.isabs(os.readlink(link)) and end.is_relative_to(inside)


def _unsafe(title: Path, name: str, what: str) -> FusevadError:
    return FusevadError(
        f"{title}: not unpacked: member {one_line(name, 80)!r} {what}; do not use this archive,"
        " and tell whoever gave it"
    )


@contextlib.contextmanager
def _reading(title: Path) -> Iterator[None]:
    """Turn whatever broken bytes raise into one line."""
    try:
        yield
    except _UNREADABLE as error:
        raise UnreadableArchiveError(
            f"{title}: the archive is broken ({one_line(str(error))}); get it anew: remove it if"
            " you put it there, and run the command again"
        ) from error


def _chunks(member: _Member, title: Path) -> Iterator[bytes]:
    """The bytes of a file in an archive."""
    with _reading(title), member.open() as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _zip_members(archive: Path, title: Path) -> Iterator[_Member]:
    """Members of a zip archive; a link's bytes say where it points."""
    with _reading(title), zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if info.flag_bits & 1:
                raise zipfile.BadZipFile("it is encrypted")
            mode = info.external_attr >> 16
            # Some programs on Windows write backslashes.
            name = info.filename.replace("\\", "/")
            if name.endswith("/"):
                yield _Member(name, "folder")
            elif stat.S_ISLNK(mode):
                yield _Member(name, "link", link=os.fsdecode(file.read(info)))
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                yield _Member(name, "file", open=partial(file.open, info))
            else:
                yield _Member(name, "other")


class _StrictInfo(tarfile.TarInfo):
    """Headers of a tar archive; tarfile itself takes a broken one for the archive's end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _tar_members(archive: Path, title: Path) -> Iterator[_Member]:
    """Members of a tar archive, in their order."""
    with _reading(title), tarfile.open(archive, tarinfo=_StrictInfo) as file:
        for info in file:
            if info.isfile():
                yield _Member(info.name, "file", open=partial(file.extractfile, info))
            elif info.isdir():
                yield _Member(info.name, "folder")
            elif info.issym() or info.islnk():
                kind = "link" if info.issym() else "hard link"
                yield _Member(info.name, kind, link=info.linkname)
            else:
                yield _Member(info.name, "other")
            file.members = []  # or tarfile keeps all headers in memory
        while file.fileobj.read(_CHUNK):  # the checksum of a compressed stream is at its end
            pass


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are equal links or files with equal bytes."""
    if one.is_symlink() or other.is_symlink():
        both = one.is_symlink() and other.is_symlink()
        return both and os.readlink(one) == os.readlink(other)
    if not (one.is_file() and other.is_file()) or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while chunk := first.read(_CHUNK):
            if chunk != second.read(_CHUNK):
                return False
    return True
