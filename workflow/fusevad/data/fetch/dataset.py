"""Fetch a data set: each file from the first mirror that has it, verified, to its place.

Incomplete files are in `.fetch/` of the data folder and get their final names by a rename, after
verification. So the command can be killed anywhere; started again, it ends with the same files.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from fusevad.data.fetch.checksums import LockFile
from fusevad.data.fetch.job import FetchJob, is_done
from fusevad.data.fetch.mirrors import one_line, writing
from fusevad.data.fetch.place import fetch_archive, fetch_file, fetch_repository
from fusevad.data.fetch.record import HIDDEN, Record
from fusevad.data.fetch.settings import FetchSettings, FileSettings, Licence
from fusevad.errors import FusevadError, notice
from fusevad.files import remove_folder


def fetch(
    dataset: str,
    settings: FetchSettings,
    folder: Path,
    lock: Path,
    existing: Path | None = None,
    only: Callable[[FileSettings], bool] = lambda _: True,
) -> None:
    """Bring the files of a data set to `folder`; existing files stay.

    folder: `data/{dataset}`. A link to the user's data is left alone.
    lock: file with the checksums of files that the configuration does not pin.
    existing: the user's folder with the data: `folder` becomes a link to it.
    only: which files are fetched; what has come of the others is kept for a later run.

    Raises:
        FusevadError: no mirror gave a file, a checksum is wrong, an archive is broken or unsafe,
            the disk is full, the user must request the data first, or `existing` is not a folder.
    """
    if existing is not None:
        _link(dataset, folder, existing)
        return
    if folder.is_symlink():
        if not folder.is_dir():
            raise FusevadError(f"{folder}: the link leads nowhere; repair or remove it")
        return
    with alone_in(folder):
        _fetch_all(FetchJob(dataset, settings, folder, LockFile(lock), Record(folder)), only)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other commands from fetching into a folder.

    Raises:
        FusevadError: one does, or the folder cannot be written to.
    """
    with writing(folder):
        (folder / HIDDEN).mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(folder / HIDDEN / "lock", timeout=0):
                yield
        except filelock.Timeout as error:
            raise FusevadError(
                f"{folder}: another command is fetching into it; wait until it ends"
            ) from error


def say_licence(dataset: str, licence: Licence) -> None:
    """Say on stderr what the user accepts."""
    where = f" ({licence.url})" if licence.url else ""
    text = " ".join(licence.text.split())
    notice(f"{dataset}: by using it you accept: {text}{where}")


def _link(dataset: str, folder: Path, existing: Path) -> None:
    """Make `folder` a link to the user's folder."""
    target = existing.expanduser().resolve()
    if not target.is_dir():
        raise FusevadError(f"{existing}: no such folder; correct data_root of {dataset}")
    if folder.exists() and folder.resolve() == target:
        return
    if os.path.lexists(folder):
        raise FusevadError(
            f"{folder}: exists and is not a link to {existing}; move it away, or drop"
            f" data_root of {dataset}"
        )
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(target)


def _fetch_all(job: FetchJob, only: Callable[[FileSettings], bool]) -> None:
    """Fetch missing files; print what the user must request after all others."""
    _remove_leftovers(job.lock.path)
    _remove_leftovers(job.record.path)
    wanted = list(filter(only, job.settings.files))
    missing = [file for file in wanted if not is_done(job, file)]
    if any(file.sources for file in missing):
        say_licence(job.dataset, job.settings.licence)
    to_ask_for = [file.name for file in missing if not _fetch(job, file)]
    if to_ask_for:
        raise FusevadError(
            f"{job.folder}: {', '.join(to_ask_for)} not found; {job.dataset} is given on request:"
            f" {one_line(job.settings.form or '', 1000)}; put it into the folder {job.folder} and"
            " run the command again"
        )
    if wanted == list(job.settings.files):
        remove_folder(job.folder / HIDDEN / "staging")


def _remove_leftovers(final: Path) -> None:
    """Remove what a killed run left while writing `final` (see `fusevad.files.atomic_path`)."""
    for path in final.parent.glob(f".{final.stem}.*.tmp{final.suffix}"):
        path.unlink()


def _fetch(job: FetchJob, file: FileSettings) -> bool:
    """Bring one file to its place; False if the user has to put it there."""
    if file.from_git:
        fetch_repository(job, file)
        return True
    return fetch_archive(job, file) if file.unpack else fetch_file(job, file)
