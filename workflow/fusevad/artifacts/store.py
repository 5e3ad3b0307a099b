"""Files that DVC tracks: list, fetch, restore, record and push them.

Uses DVC's cache and remotes file by file: `dvc pull` and `dvc checkout` treat a folder as a whole,
and put files into the workspace before they are checked.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from dvc.dvcfile import LOCK_FILE, ProjectFile
from dvc.repo import lock_repo
from dvc.stage.serialize import to_lockfile
from tqdm import tqdm

from fusevad.artifacts.copies import copy_file
from fusevad.artifacts.dvc_errors import one_line
from fusevad.artifacts.objects import Objects, ignore
from fusevad.artifacts.tracked import (
    TRACKED,
    lock_text,
    parse_tracked,
    read_records,
    records_text,
    with_units,
)
from fusevad.artifacts.trusted import (
    LockedStage,
    in_results,
    listed_files,
    locked_stages,
    refuse_linked_folders,
)
from fusevad.artifacts.units import Unit
from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.files import read_limited, remove_abandoned, temporary_path, write_text

if TYPE_CHECKING:
    from dvc.repo import Repo


class Store:
    """DVC's cache and one of its remotes, for the files of a repository.

    Paths are relative to `root`, as in `dvc.lock`.

    Args:
        root: the repository, with `.dvc/`.
        remote: a name of `.dvc/config`; None for the default.

    Raises:
        FusevadError: `root` is not a DVC repository.
    """

    def __init__(self, root: Path = Path(), remote: str | None = None) -> None:
        self.root = root
        self._listings: dict[str, dict[str, str]] = {}
        if not (root / ".dvc").is_dir():
            raise FusevadError(
                f"{root.absolute()}: no .dvc here; run it in the repository's folder"
            )
        parse_tracked(records_text(root / TRACKED))
        with one_line(f"{root.absolute()}", "correct .dvc/config and .dvc/config.local"):
            self._repo: Repo = _open_repo(root)
            self._objects = Objects(self._repo, remote)

    def reach_remote(self) -> str:
        """See `Objects.reach_remote`."""
        return self._objects.reach_remote()

    # Records

    def _locked(self) -> dict[str, LockedStage]:
        """Stages of `dvc.lock`, by name."""
        path = self.root / LOCK_FILE
        return locked_stages(read_records(path), str(path))

    @cached_property
    def _outs(self) -> dict[str, str]:
        """MD5 of every recorded file and folder; a folder's ends with `.dir`."""
        stages = self._locked().values()
        return {out.path: out.md5 for stage in stages for out in stage.outs}

    def units(self) -> set[str]:
        """Names of the recorded units."""
        return set(self._locked())

    def tracked(self, paths: Iterable[str]) -> set[str]:
        """The paths that are recorded, alone or within a folder.

        Fetches the lists of these folders from the remote if they aren't in the cache.
        """
        return set(self._hashes(paths))

    def _hashes(self, paths: Iterable[str]) -> dict[str, str]:
        """MD5 of the recorded paths."""
        folders: dict[str, list[str]] = {}
        found: dict[str, str] = {}
        for path in paths:
            if path in self._outs:
                found[path] = self._outs[path]
                continue
            for parent in map(str, PurePosixPath(path).parents):
                if parent in self._outs:
                    folders.setdefault(parent, []).append(path)
                    break
        self._load_listings(folders)
        for folder, inside in folders.items():
            listing = self._listings[folder]
            found |= {path: listing[path] for path in inside if path in listing}
        return found

    def _load_listings(self, folders: Iterable[str]) -> None:
        new = {folder: self._outs[folder] for folder in folders if folder not in self._listings}
        self._objects.obtain(new)
        for folder, md5 in new.items():
            try:
                content = read_limited(self._objects.file(md5))
            except ValueError as error:
                raise FusevadError(f"{folder}: DVC's list of the folder: {error}") from error
            self._listings[folder] = listed_files(content, folder)

    # Fetching

    def fetch(
        self, paths: Iterable[str], progress: Callable[[str], None] = ignore, largest: int = 0
    ) -> None:
        """Fetch files into DVC's cache, verified; the workspace is unchanged.

        Args:
            paths: recorded files.
            progress: called with each path when its file has arrived.
            largest: bytes of the largest of them, if records say so.

        Raises:
            WrongContentError: the remote has wrong files.
            FusevadError: a file isn't recorded, the remote fails, a file in the cache is damaged
                (it is removed), or the disk is full. Trying again fetches the rest.
        """
        self._objects.obtain(self._required(paths), progress, largest)

    def read(self, path: str) -> bytes:
        """Content of a small recorded file that has been fetched.

        Raises:
            FusevadError: it is not small.
        """
        try:
            return read_limited(self._objects.file(self._required([path])[path]))
        except ValueError as error:
            raise FusevadError(f"{path}: {error}; have it pushed again") from error

    def restore(self, paths: Iterable[str]) -> None:
        """Put fetched files into the workspace: all or, after an error, none of them.

        They are copies (sharing blocks if the file system supports it), never links: each has its
        own times. Other files of the same folders are unchanged.
        """
        wanted = self._required(paths)
        for path in wanted:
            if not in_results(path):
                raise FusevadError(f"{path}: outside results; not restored")
        refuse_linked_folders(wanted, self.root)
        self._objects.obtain(wanted)
        finals = [self.root / path for path in wanted]
        temporary = [temporary_path(final) for final in finals]
        try:
            with one_line("copying from DVC's cache into the workspace"):
                for folder in {final.parent for final in finals}:
                    folder.mkdir(parents=True, exist_ok=True)
                    remove_abandoned(folder)
                for md5, path in zip(wanted.values(), temporary, strict=True):
                    copy_file(self._objects.file(md5), path)
                for path, final in zip(temporary, finals, strict=True):
                    path.replace(final)
        finally:
            for path in temporary:
                path.unlink(missing_ok=True)

    def _required(self, paths: Iterable[str]) -> dict[str, str]:
        wanted = list(paths)
        found = self._hashes(wanted)
        for path in wanted:
            if path not in found or found[path].endswith(".dir"):
                raise FusevadError(f"{path}: no such file in {LOCK_FILE}; pull a newer version")
        return found

    # Recording and pushing

    def files_in(self, folder: str) -> Iterator[str]:
        """Files of a folder that `record` takes: hidden ones and links too, and none of .dvcignore.

        A link to a folder is named itself.
        """
        ignore = self._repo.dvcignore
        for parent, folders, files in os.walk(self.root / folder):
            inner = [os.path.join(parent, name) for name in folders]
            links = [path for path in inner if os.path.islink(path)]
            folders[:] = [
                os.path.basename(path) for path in inner if not ignore.is_ignored_dir(path)
            ]
            paths = [*links, *(os.path.join(parent, name) for name in files)]
            for path in paths:
                if not ignore.is_ignored_file(path):
                    yield Path(path).relative_to(self.root).as_posix()

    def record(
        self, units: Iterable[Unit], config: Config, configfiles: Iterable[Path] = ()
    ) -> list[str]:
        """Record units from the workspace: `.dvc/tracked.yaml`, `dvc.lock`, the cache.

        A unit is recorded whole, with all files of its folder. The workspace is unchanged. After an
        error both files are as before.

        Returns:
            Names of the units whose record is new or changed.
        """
        chosen = list(units)
        files = [self.root / TRACKED, self.root / LOCK_FILE]
        before = {path: records_text(path) if path.is_file() else None for path in files}
        try:
            text = with_units(before[files[0]] or "", chosen, self.units(), config, configfiles)
            write_text(text, files[0])
            return self._commit(chosen)
        except BaseException:
            for path, text in before.items():
                if text is not None:
                    write_text(text, path)
                else:
                    path.unlink(missing_ok=True)
            raise
        finally:
            self._forget()

    def _commit(self, units: list[Unit]) -> list[str]:
        """Like `dvc commit`, but works without dependencies, which users of pulled results lack.

        And in one pass: DVC reads and writes all records again for every stage.
        """
        for unit in units:
            for out in unit.outs:
                if not (self.root / out).exists():
                    raise FusevadError(f"{out}: missing; make it before {unit.name} is recorded")
        new: dict[str, Any] = {}
        with one_line("recording in dvc.lock"), lock_repo(self._repo):
            pipeline = ProjectFile(self._repo, f"{self.root.absolute()}/dvc.yaml")
            stages = pipeline.stages
            for unit in tqdm(units, "recording", unit="unit"):
                stage = stages[unit.name]
                # DVC's own cache of runs would hash all dependencies.
                stage.save(allow_missing=True, run_cache=False)
                # Without `relink` DVC would replace the files, and Snakemake compares their times.
                stage.commit(allow_missing=True, relink=False)
                new |= to_lockfile(stage)
            # As DVC reads it: to PyYAML, 1e-06 is text.
            old = pipeline.lockfile_contents.get("stages", {})
        changed = [name for name in new if new[name] != old.get(name)]
        if changed:
            write_text(lock_text(old | new), self.root / LOCK_FILE)
        return changed

    def _forget(self) -> None:
        self.__dict__.pop("_outs", None)
        self._listings.clear()

    def push(self, units: Iterable[Unit]) -> int:
        """Send the objects of recorded units that the remote lacks.

        Returns:
            Number of objects sent.

        Raises:
            FusevadError: the remote fails, or a file is neither on the remote nor in the cache.
        """
        locked = self._locked()
        return self._objects.push(out.md5 for unit in units for out in locked[unit.name].outs)


def _open_repo(root: Path) -> "Repo":
    """DVC's repository.

    Raises:
        FusevadError: the folder is no repository of git.
    """
    from dvc.repo import Repo
    from dvc.scm import SCMError

    try:
        return Repo(str(root))
    except SCMError as error:
        raise FusevadError(
            f"{root.absolute()}: {' '.join(str(error).split())}; DVC needs one: run 'git init'"
            " here, or clone the repository"
        ) from error
