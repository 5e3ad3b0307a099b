"""One run of `fetch`: its arguments, and what earlier runs have done."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fusevad.data.fetch import git
from fusevad.data.fetch.checksums import Locked, LockFile
from fusevad.data.fetch.mirrors import Slot, one_line
from fusevad.data.fetch.record import HIDDEN, Entry, Record
from fusevad.data.fetch.settings import FetchSettings, FileSettings
from fusevad.errors import FusevadError
from fusevad.files import sha256

# Bytes of lists and annotations, which no manifest has hashes of; they are hashed at every start.
_SMALL = 64_000_000


@dataclass(frozen=True, slots=True)
class FetchJob:
    """The arguments of `fetch` and the record of earlier runs."""

    dataset: str
    settings: FetchSettings
    folder: Path
    lock: LockFile
    record: Record

    def slot(self, file: FileSettings) -> Slot:
        """Where a file is stored until it is complete."""
        staging = self.folder / HIDDEN / "staging"
        return Slot.of(staging, file.name, self.folder / file.name)

    def expected(self, file: FileSettings) -> str | None:
        """SHA-256 that a file must have, once it is known."""
        return file.sha256 or self.lock.get(file.name).sha256

    def keep_checksum(self, file: FileSettings, sha256: str, size: int) -> None:
        """Lock the checksum of a first download."""
        if self.expected(file) is None:
            self.lock.add(file.name, Locked(sha256=sha256, size=size))

    def commits(self, file: FileSettings) -> set[str]:
        """Commits that a repository may be at; none until a branch or tag was resolved."""
        locked = self.lock.commit(file.name, file.revisions)
        pinned = set(filter(git.is_commit, file.revisions))
        return pinned or ({locked} if locked else set())

    def where_expected(self, file: FileSettings) -> str:
        """Where the expected checksum or commit of a file is stored, for messages."""
        return "the configuration" if file.sha256 else str(self.lock.path)


def refuse_links(job: FetchJob, file: FileSettings, path: str) -> None:
    """Refuse a file's `path` if a link shows something else of the data set there.

    Links of archives stay in the data set; links to other places are the user's own.

    Raises:
        FusevadError: there is such a link.
    """
    way = PurePosixPath(path)
    for name in (way, *way.parents[:-1]):
        place = job.folder / name
        if place.is_symlink():
            goal = PurePosixPath(os.path.normpath(name.parent / os.readlink(place)))
            if not goal.is_absolute() and ".." not in goal.parts:
                raise FusevadError(
                    f"{place}: a link to {one_line(str(goal))} of this data set, where {path} of"
                    f" {file.name} belongs; delete the link and run the command again"
                )


def refuse_other_disks(job: FetchJob, path: str) -> None:
    """Refuse a `path` behind the user's link to another disk, to which nothing can be moved.

    Raises:
        FusevadError: it is.
    """
    place = job.folder / path
    folder = next(each for each in (place, *place.parents) if each.is_dir())
    if folder.stat().st_dev != (job.folder / HIDDEN).stat().st_dev:
        raise FusevadError(
            f"{place}: a link leads to another disk than that of {job.folder}, where downloads are"
            f" unpacked; move {job.folder} itself there, put a link to it in its place, and run the"
            " command again"
        )


def is_done(job: FetchJob, file: FileSettings) -> bool:
    """Whether the record and the disk agree that a file is in its place.

    Raises:
        FusevadError: a version other than the requested one was cloned or unpacked there, a
            damaged repository or a link is in its place.
    """
    if file.from_git:
        return _repository_is_there(job, file)
    entry = job.record.get(file.name)
    if entry is None:
        return False
    if file.unpack:
        return _unpacked_is_there(job, file, entry)
    return _file_is_there(job, file, entry)


def _file_is_there(job: FetchJob, file: FileSettings, entry: Entry) -> bool:
    """Whether a file is as it was when it was checked: by its hash, a large one by its times."""
    path = job.folder / file.name
    if job.expected(file) not in (None, entry.sha256) or not path.is_file():
        return False
    found = path.stat()
    if (found.st_size, found.st_mtime_ns) != (entry.size, entry.changed):
        return False
    if entry.size <= _SMALL and sha256(path) != entry.sha256:
        return False
    job.keep_checksum(file, entry.sha256, entry.size)
    return True


def _unpacked_is_there(job: FetchJob, file: FileSettings, entry: Entry) -> bool:
    """Whether an archive was unpacked to its place, and its content is still there."""
    target = job.folder / file.target
    # A link may lead to what another archive brings, or to nothing.
    found = all(os.path.lexists(target / name) for name in entry.holds)
    if entry.target != file.target or not found:
        return False
    expected = job.expected(file)
    if expected not in (None, entry.sha256):
        raise FusevadError(
            f"{target}: {', '.join(entry.holds)} came from a {file.name} with SHA-256"
            f" {entry.sha256}, expected {expected} (from {job.where_expected(file)}); move that"
            " away and run the command again, or correct the expected value"
        )
    job.keep_checksum(file, entry.sha256, entry.size)
    return True


def _repository_is_there(job: FetchJob, file: FileSettings) -> bool:
    """Whether a repository is in its place, at the right commit as far as is known."""
    place = job.folder / file.name
    if not place.is_dir():
        return False
    refuse_links(job, file, file.name)
    commit, wanted = git.head(place), job.commits(file)
    if commit and wanted and commit not in wanted:
        raise FusevadError(
            f"{place}: is at commit {commit}, expected {', '.join(sorted(wanted))}; move it away"
            " and run the command again"
        )
    if commit and not wanted and (locked := job.lock.get(file.name).revision):
        raise FusevadError(
            f"{place}: is at commit {commit}, cloned when `revision` was {locked}; move it away and"
            f" run the command again for {', '.join(sorted(file.revisions))}"
        )
    return True
