"""A folder of many files on the Hugging Face hub, downloaded one by one and verified."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import huggingface_hub
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers
from tqdm import tqdm

from fusevad.data.fetch import git, https, hugging_face
from fusevad.data.fetch.checksums import Locked, LockFile
from fusevad.data.fetch.mirrors import MirrorError, MismatchError, Slot, need_room, settle
from fusevad.data.fetch.record import HIDDEN, Entry, Record, is_ours
from fusevad.data.fetch.settings import HuggingFaceFolder
from fusevad.errors import FusevadError, counted
from fusevad.files import sha256
from fusevad.paths import stays_inside

_DIGEST = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _File:
    """A file as the hub lists it.

    place: its destination.
    digest: SHA-256 of a large file; of a small one, the SHA-1 of a blob of git.
    """

    path: str
    place: Path
    size: int
    digest: str

    def digest_of(self, path: Path) -> str:
        """The digest of a file on the disk, of the kind that the hub states for this one."""
        if len(self.digest) == hashlib.sha256().digest_size * 2:
            return sha256(path)
        blob = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: blob).hexdigest()

    @property
    def entry(self) -> Entry:
        """What the record has of it once its bytes in `place` are verified."""
        found = self.place.stat()
        return Entry(sha256=self.digest, size=found.st_size, changed=found.st_mtime_ns)


def fetch_folder(source: HuggingFaceFolder, folder: Path, lock: LockFile) -> None:
    """Download the files of a folder on the hub to `folder`; existing files stay.

    The commit of the first run that finds no files of others is locked, so that all files, also of
    later runs, have the same commit.

    Raises:
        FusevadError: the hub refuses or lacks files, one differs from the hash that the hub
            states, or they do not fit on the disk.
    """
    record = Record(folder)
    try:
        locked = _locked_commit(source, lock)
        commit = locked or hugging_face.commit_of(source)
        files = [
            _File(
                path=entry.path,
                place=folder / _below(entry.path, source),
                size=_size(entry),
                digest=_stated(entry),
            )
            for entry in hugging_face.listed(source, commit)
        ]
        _check_there(files, record, commit)
        _refuse_withdrawn(source, files, record, commit)
        if locked is None:
            lock.add(source.repo, Locked(commit=commit, revision=source.revision))
        missing = [file for file in files if not file.place.is_file()]
        need_room(folder, folder, sum(file.size for file in missing))
        _fetch_all(missing, source, commit, record)
    except MirrorError as error:
        raise FusevadError(
            f"{folder}: Hugging Face {source.repo}: {error}; run the command again later, or"
            " put the files there by hand"
        ) from error


def _locked_commit(source: HuggingFaceFolder, lock: LockFile) -> str | None:
    if git.is_commit(source.revision):
        return source.revision
    return lock.commit(source.repo, [source.revision])


def _check_there(files: Sequence[_File], record: Record, commit: str) -> None:
    """Raise FusevadError unless the files on the disk are those of a commit, and record them."""
    known = record.entries()
    new = [file for file in files if file.place.is_file() and known.get(file.path) != file.entry]
    bar = tqdm(new, desc=f"checking {record.folder.name}", unit="file", disable=not new)
    wrong = [file.place for file in bar if file.digest_of(file.place) != file.digest]
    if wrong:
        raise FusevadError(
            f"{wrong[0]}: not the file of commit {commit}, as {counted(len(wrong), 'file')} of"
            f" {len(files)}; move {record.folder} away, or such files, and run the command again"
        )
    record.add({file.path: file.entry for file in new})


def _refuse_withdrawn(
    source: HuggingFaceFolder, files: Sequence[_File], record: Record, commit: str
) -> None:
    """Raise FusevadError for files of an earlier commit that this one no longer has."""
    gone = record.entries().keys() - {file.path for file in files}
    there = [
        place
        for path in sorted(gone)
        if path.endswith(source.suffix)
        and PurePosixPath(path).is_relative_to(source.folder)
        and (place := record.folder / _below(path, source)).is_file()
    ]
    if there:
        raise FusevadError(
            f"{there[0]}: fetched earlier, but commit {commit} has no such file, as"
            f" {counted(len(there), 'file')} here; move {record.folder} away, or such files, and"
            " run the command again"
        )


def _fetch_all(
    missing: Sequence[_File], source: HuggingFaceFolder, commit: str, record: Record
) -> None:
    """Download files; the record is written once, as it has a line for each of thousands."""
    fetched: dict[str, Entry] = {}
    try:
        for file in tqdm(missing, desc=f"fetching {record.folder.name}", unit="file"):
            _fetch(source, commit, file, record.folder / HIDDEN / "staging")
            fetched[file.path] = file.entry
    finally:
        record.add(fetched)


def _size(entry: RepoFile) -> int:
    """The bytes that a file has, as the hub says."""
    if not isinstance(entry.size, int) or entry.size < 0:
        raise MirrorError(f"states no size of {entry.path!r}")
    return entry.size


def _stated(entry: RepoFile) -> str:
    """The hash that the hub states for a file."""
    digest = entry.lfs.sha256 if entry.lfs else entry.blob_id
    if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        raise MirrorError(f"states no hash of {entry.path!r}")
    return digest


def _below(path: str, source: HuggingFaceFolder) -> PurePosixPath:
    """The path of a listed file below the folder."""
    place = PurePosixPath(path)
    if not (stays_inside(path) and place.is_relative_to(source.folder)):
        top = source.folder or "its top"
        raise MirrorError(f"lists {path!r}, which can't be the path of a file below {top}")
    below = place.relative_to(source.folder)
    if is_ours(below):
        raise MirrorError(f"lists {path!r}, where the downloader keeps its own files")
    return below


def _fetch(source: HuggingFaceFolder, commit: str, file: _File, staging: Path) -> None:
    slot = Slot.of(staging, file.path, file.place)
    slot.folder.mkdir(parents=True, exist_ok=True)
    url = huggingface_hub.hf_hub_url(source.repo, file.path, repo_type="dataset", revision=commit)
    https.download(url, slot, known=True, headers=build_hf_headers(), size=file.size)
    found = file.digest_of(slot.part)
    if found != file.digest:
        slot.clear()
        raise MismatchError(file.digest, found)
    settle(slot.part, file.place)
    slot.clear()
