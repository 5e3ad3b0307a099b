"""Read and write artifacts so that nothing half-written ever has a final name.

Imports nothing heavy: the Snakefile reads it at every start.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fusevad.errors import FusevadError, notice
from fusevad.paths import LONGEST_NAME
from fusevad.system_errors import FULL_DISK, explained

# Marks the temporary files of this machine: other machines' process numbers mean nothing here.
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:4]
# Another disk, one without links, a file of another user.
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)
_SHALLOW = 8  # levels below a folder that is removed; deeper folders are first moved up
_TEMPORARY = re.compile(r"\..*\.([0-9a-f]{4})-(\d+)\.tmp(\..*)?")
# Seconds after which another machine's temporary file is not being written any more. Every write
# changes its time, and the longest, a shard that is joined, takes minutes.
_OLD = 7 * 86400


@contextlib.contextmanager
def atomic_path(final: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `final`; rename it to `final` if the block succeeds.

    The temporary name keeps the suffix of `final`, for writers that look at it. If the block fails,
    the temporary file is removed; a full disk, or any other error in writing `final`, is a
    `FusevadError`. Writers whose errors are not `OSError` (torch, safetensors) should serialise to
    bytes first.

    Args:
        final: the file to write.
        durable: whether the bytes reach the disk before the name does, so that a power cut leaves
            no empty file; not needed for many files that are cheap to make again.
    """
    if not final.name:  # the folder `.` or `/`
        raise FusevadError(f"{final}: a folder where a file belongs; name a file")
    temporary = temporary_path(final)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _clear(final.parent)
        yield temporary
        if durable:
            rename_durably(temporary, final)
        else:
            temporary.replace(final)
    except OSError as error:
        about = {None, str(temporary), str(final), str(final.parent)}
        if error.errno in FULL_DISK or (error.errno and error.filename in about):
            raise explained(error, final) from error
        raise
    finally:
        with contextlib.suppress(OSError):  # the first error has been reported
            temporary.unlink(missing_ok=True)


def temporary_path(final: Path) -> Path:
    """The name of a file that is not complete yet: no longer than a file system allows."""
    end = f".{_HOST}-{os.getpid()}.tmp"
    whole = f".{final.stem}{end}{final.suffix}"
    if len(os.fsencode(whole)) <= LONGEST_NAME:
        return final.with_name(whole)
    short = f".{hashlib.sha256(os.fsencode(final.name)).hexdigest()[:16]}{end}"
    # A folder's name may be nothing but a suffix, after its first letter.
    suffix = final.suffix if len(os.fsencode(short + final.suffix)) <= LONGEST_NAME else ""
    return final.with_name(short + suffix)


def rename_durably(source: Path, final: Path) -> None:
    """Give a complete file or folder its final name, and wait until the disk has both.

    The bytes of a file come first, so that a power cut leaves no part of one under this name.
    """
    sync(source)
    source.replace(final)
    sync(final.parent)


def replace_folder(source: Path, final: Path) -> None:
    """Give a complete folder its name, in place of an older one, which is hidden, then removed.

    All its bytes reach the disk before the name does.
    """
    for path in source.rglob("*"):
        if not path.is_symlink():
            sync(path)
    if not final.exists():
        rename_durably(source, final)
        return
    old = temporary_path(final.with_name(f"{final.name}.old"))
    remove_folder(old)  # of a killed process of this number, as in a restarted container
    final.rename(old)
    rename_durably(source, final)
    remove_folder(old)


def sync(path: Path) -> None:
    """Wait until the bytes of a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks cannot
            raise
    finally:
        os.close(handle)


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files and folders of killed processes from a folder.

    Of other machines, whose processes are not seen here, those that are a week old.
    """
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        match = _TEMPORARY.fullmatch(path.name)
        if match and not (_runs(int(match[2])) if match[1] == _HOST else _is_new(path)):
            remove_folder(path)


@cache
def _clear(folder: Path) -> None:
    """Remove from a folder, before it is first written to, what killed processes left there."""
    with contextlib.suppress(OSError):  # a file of another user
        remove_abandoned(folder)


def remove_folder(path: Path) -> None:
    """Remove a folder, if it is there; of a link, or a file in its place, only that name.

    However deep it is: `shutil.rmtree` calls itself, and opens a file, for each folder on the way
    down, and a path may be longer than the system takes.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    waiting = [path]
    while waiting:
        folder = waiting[-1]
        inside = _remove_files(folder)
        if not inside:
            folder.rmdir()
            waiting.pop()
        elif len(folder.parts) - len(path.parts) < _SHALLOW:
            waiting += inside
        else:
            for child in inside:  # the last look into `path` finds them
                child.rename(path / uuid.uuid4().hex)


def _remove_files(folder: Path) -> list[Path]:
    """Remove what is not a folder from a folder; return the folders in it."""
    inside = []
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                inside.append(Path(entry.path))
            else:
                os.unlink(entry)
    return inside


def _is_new(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime < _OLD
    except FileNotFoundError:  # its process has renamed it by now
        return True


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's process, or not a process number
        return True
    return True


def keep(content: bytes | memoryview, file: Path) -> None:
    """Write what a killed job resumes from, atomically: the bytes, preceded by their hash."""
    with atomic_path(file) as temporary, temporary.open("wb") as stream:
        stream.write(hashlib.sha256(content).digest())
        stream.write(content)


def kept(file: Path) -> bytes | None:
    """Read what `keep` wrote; None if there is nothing, or, with a message, if it is damaged."""
    if not file.is_file():
        return None
    stored = file.read_bytes()
    size = hashlib.sha256().digest_size
    content = stored[size:]
    if hashlib.sha256(content).digest() == stored[:size]:
        return content
    file.unlink()
    notice(f"{file}: damaged; this part is made again")
    return None


def share(source: Path, final: Path) -> None:
    """Give a file a second name, which takes no room on the disk; atomically.

    A link cannot be told from a copy as long as nobody writes into either: jobs replace files. Two
    names have one time, though, and Snakemake goes by times. So a file that already has two names
    (in another run, in DVC's cache) is copied, and so is any file where the disk takes no links.
    """
    if final.exists() and final.samefile(source):
        return
    with atomic_path(final) as temporary:
        elsewhere = source.is_symlink() or source.stat().st_nlink > 1
        if elsewhere or not _linked(source, temporary):
            shutil.copyfile(source, temporary)


def _linked(source: Path, target: Path) -> bool:
    """Link a file unless the disk or the file's owner forbids it."""
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    return True


def write_text(text: str, final: Path, durable: bool = True) -> None:
    """Write a text file, as `atomic_path`."""
    with atomic_path(final, durable) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(value: Mapping[str, Any], final: Path) -> None:
    """Write a JSON object, atomically."""
    write_text(json.dumps(value, indent=2) + "\n", final)


def check_size(path: Path, most: int) -> None:
    """Check a file of others before it is read.

    Raises:
        ValueError: it is a pipe, a device or a folder, or has more than `most` bytes.
        OSError: it can't be looked at.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("a folder, pipe or device")
    if found.st_size > most:
        raise ValueError(f"{found.st_size} bytes, and at most {most} belong in such a file")


def read_limited(path: Path, most: int = 64 << 20) -> bytes:
    """Read a file of others: a configuration, a record or notes, unless it may have more.

    Raises:
        ValueError, OSError: as `check_size`, or it can't be read.
    """
    check_size(path, most)
    return path.read_bytes()


def progress_folder(final: Path, made_with: Mapping[str, Any]) -> Path:
    """The hidden folder beside `final` where a job keeps finished parts; created if missing.

    Folders for settings other than `made_with` are removed.
    """
    folder = final.parent / f".{final.stem}-{settings_hash(made_with)}.progress"
    own = re.compile(rf"\.{re.escape(final.stem)}-[0-9a-f]{{12}}\.progress")
    if folder.is_symlink():  # what it leads to is not this job's
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for other in list(folder.parent.iterdir()):
        if other != folder and own.fullmatch(other.name):  # not a file's whose name is longer
            remove_folder(other)
    remove_abandoned(folder)
    return folder


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes.

    Raises:
        FusevadError: it is a pipe or device, whose bytes might never end.
        OSError: it can't be read.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise FusevadError(f"{path}: a folder, pipe or device, not a file; move it away")
    if not found.st_size:  # files of the kernel say so, too, and may wait for ever or never end
        return hashlib.sha256().hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that change whenever any setting changes."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
