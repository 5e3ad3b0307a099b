"""Bring one file, archive or repository to its place."""

import os
from pathlib import Path, PurePosixPath

from fusevad.data.fetch import archives, git
from fusevad.data.fetch.caps import Caps
from fusevad.data.fetch.checksums import Locked, sha256_with_progress
from fusevad.data.fetch.download import download, from_first_mirror
from fusevad.data.fetch.job import FetchJob, refuse_links, refuse_other_disks
from fusevad.data.fetch.member import (
    RefusedArchiveError,
    UnreadableArchiveError,
    UnsupportedArchiveError,
)
from fusevad.data.fetch.mirrors import Slot, settle
from fusevad.data.fetch.record import Entry
from fusevad.data.fetch.settings import FileSettings, Source
from fusevad.errors import FusevadError
from fusevad.files import remove_folder, write_text


def fetch_file(job: FetchJob, file: FileSettings) -> bool:
    """Bring a verified file to its name; False if the user has to put it there.

    Raises:
        FusevadError: no mirror gave it, the user's file has a wrong checksum, or a link is there.
    """
    path = job.folder / file.name
    slot = job.slot(file)
    if path.is_dir() and not file.sources:
        refuse_links(job, file, file.name)
        return True
    if path.exists():
        sha256 = _check_by_hand(job, file)
        job.keep_checksum(file, sha256, path.stat().st_size)
    elif file.sources:
        refuse_other_disks(job, file.name)
        sha256 = download(job, file, slot)
        job.keep_checksum(file, sha256, slot.part.stat().st_size)
        settle(slot.part, path)
    else:
        return False
    found = path.stat()
    entry = Entry(sha256=sha256, size=found.st_size, changed=found.st_mtime_ns)
    job.record.add({file.name: entry})
    slot.clear()
    return True


def fetch_archive(job: FetchJob, file: FileSettings) -> bool:
    """Bring an archive's content to its place; False if the user has to get the archive.

    An archive that the user put there is never removed.

    Raises:
        FusevadError: no mirror gave it; a wrong checksum; broken, unsafe or too large; or other
            files are in its place.
    """
    slot = job.slot(file)
    own = job.folder / file.name
    by_hand = own.exists()
    # If `slot.complete` exists, an earlier run may have stopped halfway through unpacking.
    if not by_hand and not slot.complete.exists() and _is_given(job, file):
        slot.clear()
        return True
    if not by_hand and not file.sources:
        return False
    _check_target(job, file)
    if file.keep_archive and not by_hand:
        refuse_other_disks(job, file.name)
    archive = own if by_hand else slot.complete
    sha256 = _check_by_hand(job, file) if by_hand else _complete_archive(job, file, slot)
    try:
        archives.unpack(archive, own, slot.unpacked, _caps(file))
        _refuse_others(job, file, slot.unpacked, file.target)
    except (UnreadableArchiveError, RefusedArchiveError):
        slot.clear()
        raise
    except UnsupportedArchiveError as error:
        if not by_hand:
            settle(archive, own)
        raise _by_hand(job, file, str(error)) from error
    entry = Entry(
        sha256=sha256,
        size=archive.stat().st_size,
        target=file.target,
        holds=_noted_names(slot.unpacked),
    )
    job.keep_checksum(file, sha256, entry.size)
    _bring_unpacked(job, file, slot)
    if file.keep_archive and not by_hand:
        settle(archive, own)
    job.record.add({file.name: entry})
    slot.clear()
    return True


def fetch_repository(job: FetchJob, file: FileSettings) -> None:
    """Clone a repository to its place, at its pinned or locked commit, or at its branch's head.

    Raises:
        FusevadError: no mirror gave it; it is too large; or files of others are in it.
    """
    refuse_other_disks(job, file.name)
    slot = job.slot(file)

    def clone(source: Source) -> Locked:
        assert source.git is not None  # FileSettings checks it
        revision = source.git.revision
        locked = job.lock.commit(file.name, file.revisions)
        wanted = revision if git.is_commit(revision) else locked or revision
        return Locked(
            commit=git.clone(source.git, slot, wanted, _caps(file)),
            revision=revision,
        )

    cloned = from_first_mirror(job, file, clone)
    _refuse_others(job, file, slot.unpacked, file.name)
    if not job.commits(file):
        job.lock.add(file.name, cloned)
    place = job.folder / file.name
    os.sync()  # git leaves that to the system
    settle(slot.unpacked, place)
    slot.clear()


def _caps(file: FileSettings) -> Caps:
    return Caps(file.max_members, int(file.max_gigabytes * 1e9), file.max_ratio)


def _bring_unpacked(job: FetchJob, file: FileSettings, slot: Slot) -> None:
    """Move an archive's content to its place, so that a power cut leaves no file empty or missing.

    One sync of all disks is faster than one for each file (0.01 s), of which an archive may have
    thousands.
    """
    os.sync()
    target = job.folder / file.target
    if target.is_symlink():
        target = target.resolve()  # the user's own, or it would have been refused
    archives.merge(slot.unpacked, target, job.folder / file.name)
    os.sync()


def _by_hand(job: FetchJob, file: FileSettings, reason: str) -> FusevadError:
    """Tell the user how to unpack an intact archive that only other programs read."""
    own = job.folder / file.name
    advice = f"unpack it with 7z or unzip into {job.folder / file.target}, remove it"
    if not file.gives:
        advice = "unpack it with 7z or unzip, pack that again as a .tar under the same name"
        if job.expected(file):
            advice += f", update its checksum in {job.where_expected(file)}"
    return FusevadError(f"{own}: intact, but {reason}; {advice}, and run the command again")


def _refuse_others(job: FetchJob, file: FileSettings, unpacked: Path, target: str) -> None:
    """Refuse an archive or repository that contains another file of the data set.

    So does one with a link in place of a folder above that file.

    unpacked: its content, which belongs in `target` of the data folder.

    Raises:
        RefusedArchiveError: it does.
    """
    top = PurePosixPath(target)
    for other in job.settings.files:
        for path in map(PurePosixPath, () if other is file else (other.name, *other.gives)):
            if path in map(PurePosixPath, file.gives) or not path.is_relative_to(top):
                continue
            for name in (path, *path.parents):
                if name == top:
                    break
                place = unpacked / name.relative_to(top)
                if place.is_symlink() or (name == path and place.exists()):
                    what = str(path) if name == path else f"a link {name} on the way to {path}"
                    remove_folder(unpacked)
                    raise RefusedArchiveError(
                        f"{job.folder / file.name}: not unpacked: contains {what}, which belongs"
                        f" to {other.name}; do not use it, and tell whoever gave it"
                    )


def _check_target(job: FetchJob, file: FileSettings) -> None:
    """Refuse a folder that an archive's content can't be moved to, before the archive is fetched.

    Raises:
        FusevadError: it is on another disk, or a link to another folder of the data set.
    """
    if (job.folder / file.target).is_symlink():
        refuse_links(job, file, file.target)
    refuse_other_disks(job, file.target)


def _check_by_hand(job: FetchJob, file: FileSettings) -> str:
    """SHA-256 of a file that the user put in its place or changed there.

    Raises:
        FusevadError: it is not the expected one, a folder, or behind a link.
    """
    path = job.folder / file.name
    refuse_links(job, file, file.name)
    if path.is_dir():
        raise FusevadError(f"{path}: a folder where a file belongs; move it away")
    sha256 = sha256_with_progress(path, path)
    expected = job.expected(file)
    if expected not in (None, sha256):
        raise FusevadError(
            f"{path}: SHA-256 is {sha256}, expected {expected} (from {job.where_expected(file)});"
            " remove the file and run the command again, or correct the expected value"
        )
    return sha256


def _noted_names(folder: Path) -> tuple[str, ...]:
    """Names in a folder, without those that JSON can't hold: they have bytes that are no UTF-8."""
    names = (path.name for path in folder.iterdir())
    return tuple(sorted(name for name in names if name == name.encode(errors="ignore").decode()))


def _is_given(job: FetchJob, file: FileSettings) -> bool:
    """Whether the user has already unpacked an archive in its place.

    Raises:
        FusevadError: a link from elsewhere in the data set makes it look so.
    """
    if not file.gives or not all((job.folder / path).exists() for path in file.gives):
        return False
    for path in file.gives:
        refuse_links(job, file, path)
    return True


def _complete_archive(job: FetchJob, file: FileSettings, slot: Slot) -> str:
    """Bring the complete archive to `slot.complete`; return its SHA-256."""
    if slot.complete.exists():
        sha256 = sha256_with_progress(slot.complete, slot.title)
        if sha256 == (job.expected(file) or slot.noted_sha256()):
            return sha256
        slot.clear()
    sha256 = download(job, file, slot)
    # For a later run, if this one is killed before the checksum is locked.
    write_text(sha256, slot.hash)
    settle(slot.part, slot.complete)
    return sha256
