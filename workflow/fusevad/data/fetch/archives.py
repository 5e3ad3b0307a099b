"""Unpack untrusted zip and tar archives.

Nothing leaves the folder: no member is written through a link, no link points outside, devices
are refused, and the count, depth and size of what is written are capped while writing, as the
archive's own figures may be false.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from fusevad.data.fetch.caps import Caps, Tally
from fusevad.data.fetch.member import (
    CHUNK,
    Member,
    RefusedArchiveError,
    TooManyMembersError,
    UnsafeArchiveError,
)
from fusevad.data.fetch.members import members, reading
from fusevad.data.fetch.mirrors import one_line, writing
from fusevad.data.fetch.record import HIDDEN, is_ours
from fusevad.errors import FusevadError
from fusevad.files import remove_folder
from fusevad.paths import DEEPEST, LONGEST_PATH


def unpack(archive: Path, title: Path, folder: Path, caps: Caps) -> None:
    """Unpack `archive`, called `title` in messages, into the new folder `folder`.

    Raises:
        UnreadableArchiveError: it is broken.
        UnsupportedArchiveError: it has a form that Python does not read.
        RefusedArchiveError: it would write outside, or holds devices.
        FusevadError: it is over a cap, or the disk is full.
    """
    remove_folder(folder)
    folder.mkdir(parents=True)
    try:
        with tqdm(desc=f"unpack {title.name}", unit="B", unit_scale=True) as bar, writing(title):
            _Unpacking(archive, title, folder, caps, bar).write_all()
    except UnsafeArchiveError as error:
        remove_folder(folder)
        raise RefusedArchiveError(
            f"{title}: not unpacked: {error}; do not use this archive, and tell whoever gave it"
        ) from error
    except TooManyMembersError as error:
        remove_folder(folder)
        raise caps.too_many(title) from error
    except Exception:
        remove_folder(folder)
        raise


def merge(source: Path, target: Path, title: Path) -> None:
    """Move the content of the folder `source` into `target`; existing files must be the same.

    It can be stopped anywhere and repeated after `source` was made again.

    Raises:
        FusevadError: something else is already there.
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
            f"{target}: exists and differs from the one in {title}; move it away and run"
            " the command again"
        )


class _Unpacking:
    """Writes the content of an archive below a folder, and counts it."""

    def __init__(
        self, archive: Path, title: Path, folder: Path, caps: Caps, bar: "tqdm[None]"
    ) -> None:
        self.archive = archive
        self.title = title
        self.folder = folder
        self.caps = caps
        self.bar = bar
        self.tally = Tally(caps, title, archive.stat().st_size)

    def write_all(self) -> None:
        for member in members(self.archive, self.title, self.caps.members):
            self.tally.add_member()
            path = self._place(member.name)
            if member.kind == "folder":
                if path.is_symlink():
                    raise _unsafe(member.name, "is a link and a folder")
                path.mkdir(exist_ok=True)
            elif member.kind == "link":
                check_link(member.name, member.link)
                _make_way(path, member).symlink_to(member.link)
            elif member.kind == "hard link":
                source = self._linked(member)
                if source != path:
                    os.link(source, _make_way(path, member))
            elif member.kind == "file":
                self._write_file(member, _make_way(path, member))
            else:
                raise _unsafe(member.name, "is not a file, folder or link")
        _refuse_loops(self.folder)

    def _write_file(self, member: Member, path: Path) -> None:
        with path.open("xb") as file:
            for chunk in _chunks(member, self.title):
                self.bar.update(len(chunk))
                self.tally.add_bytes(len(chunk))
                file.write(chunk)

    def _place(self, text: str) -> Path:
        """Where a member goes, after making its parent folders; never through a link."""
        name = PurePosixPath(text)
        if name.is_absolute() or ".." in name.parts or "\0" in text:
            raise _unsafe(text, "leaves its folder")
        if len(text) > LONGEST_PATH:
            raise _unsafe(text, f"has a name of {len(text)} characters")
        if len(name.parts) > DEEPEST:
            raise _unsafe(text, f"is more than {DEEPEST} folders deep")
        if is_ours(name):
            raise _unsafe(text, f"is where the downloader keeps its own files ({HIDDEN})")
        path = self.folder
        for part in name.parts[:-1]:
            path = path / part
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                raise _unsafe(text, "is behind a link or a file")
            if not path.exists():
                self.tally.add_member()
                path.mkdir()
        return self.folder / name

    def _linked(self, member: Member) -> Path:
        """The earlier member that a hard link refers to."""
        source = self._place(member.link)
        if not stat.S_ISREG(source.lstat().st_mode if os.path.lexists(source) else 0):
            raise _unsafe(member.name, "is a link to no file of the archive")
        return source


def check_link(name: str, target: str) -> None:
    """Refuse a link that could leave its folder, whatever the folders and links around it become.

    The archive moves into a folder with other files, among them links of other archives. So a link
    may first go up, through the real folders that it is in, and then only down: each further link
    on its way down does the same.

    Raises:
        UnsafeArchiveError: it could.
    """
    link = PurePosixPath(target)
    ups = next((i for i, part in enumerate(link.parts) if part != ".."), len(link.parts))
    inside = ups <= len(PurePosixPath(name).parts) - 1
    if not link.parts or link.is_absolute() or not inside or "\0" in target:
        raise _unsafe(name, "is a link to the outside")
    if ".." in link.parts[ups:] or len(target) > LONGEST_PATH or is_ours(link):
        raise _unsafe(name, "is a link whose target depends on other files")


def _refuse_loops(folder: Path) -> None:
    """Raise UnsafeArchiveError for links that lead back to themselves."""
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(parent, name)
            if path.is_symlink() and not _ends(path):
                raise _unsafe(str(path.relative_to(folder)), "is a link without an end")


def _ends(link: Path) -> bool:
    """Whether the system can follow a link; it gives up after 40, however long the chain is."""
    try:
        link.stat()
    except OSError as error:
        return error.errno != errno.ELOOP  # a link to nothing ends, too
    return True


def _make_way(path: Path, member: Member) -> Path:
    """`path`, after removing an earlier member of that name: the last member counts."""
    if _is_folder(path):
        raise _unsafe(member.name, "has the name of a folder")
    path.unlink(missing_ok=True)
    return path


def _unsafe(name: str, what: str) -> UnsafeArchiveError:
    return UnsafeArchiveError(f"member {one_line(name, 80)!r} {what}")


def _chunks(member: Member, title: Path) -> Iterator[bytes]:
    """The bytes of a file in an archive."""
    with reading(title), member.open() as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


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
        while chunk := first.read(CHUNK):
            if chunk != second.read(CHUNK):
                return False
    return True
