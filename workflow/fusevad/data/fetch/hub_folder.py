"""A folder of many files on the Hugging Face hub, downloaded one by one and verified."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import huggingface_hub
from huggingface_hub.utils import build_hf_headers
from tqdm import tqdm

from fusevad.data.fetch import git, https, hugging_face
from fusevad.data.fetch.checksums import Locked, LockFile
from fusevad.data.fetch.mirrors import MirrorError, MismatchError, Slot, need_room, settle
from fusevad.data.fetch.record import HIDDEN, is_ours
from fusevad.data.fetch.settings import HuggingFaceFolder
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.paths import stays_inside


@dataclass(frozen=True, slots=True)
class _File:
    """A file as the hub lists it; `place` is its destination."""

    path: str
    place: Path
    size: int
    sha256: str | None

    @property
    def there(self) -> bool:
        """Whether it was downloaded: only verified files get its name."""
        return self.place.is_file() and self.place.stat().st_size == self.size


def fetch_folder(source: HuggingFaceFolder, folder: Path, lock: LockFile) -> None:
    """Download the files of a folder on the hub to `folder`; existing files stay.

    The commit of the first run is locked, so that all files, also of later runs, have the same
    commit.

    Raises:
        FusevadError: the hub refuses or lacks files, one differs from the SHA-256 that the hub
            states, or they do not fit on the disk.
    """
    try:
        commit = _commit(source, lock)
        files = [
            _File(
                path=entry.path,
                place=folder / _below(entry.path, source),
                size=entry.size,
                sha256=entry.lfs.sha256 if entry.lfs else None,
            )
            for entry in hugging_face.listed(source, commit)
        ]
        missing = [file for file in files if not file.there]
        need_room(folder, folder, sum(file.size for file in missing))
        for file in tqdm(missing, desc=f"fetching {folder.name}", unit="file"):
            _fetch(source, commit, file, folder / HIDDEN / "staging")
    except MirrorError as error:
        raise FusevadError(
            f"{folder}: Hugging Face {source.repo}: {error}; run the command again later, or"
            " put the files there by hand"
        ) from error


def _commit(source: HuggingFaceFolder, lock: LockFile) -> str:
    if git.is_commit(source.revision):
        return source.revision
    commit = lock.commit(source.repo, [source.revision])
    if commit is None:
        commit = hugging_face.commit_of(source)
        lock.add(source.repo, Locked(commit=commit, revision=source.revision))
    return commit


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
    https.download(url, slot, file.sha256 is not None, build_hf_headers())
    if file.sha256 is not None:
        found = sha256(slot.part)
        if found != file.sha256:
            slot.clear()
            raise MismatchError(file.sha256, found)
    settle(slot.part, file.place)
    slot.clear()
