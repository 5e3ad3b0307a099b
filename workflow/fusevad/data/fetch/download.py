"""Download one file, verified, from a list of mirrors."""

from collections.abc import Callable
from typing import TypeVar

from fusevad.data.fetch import drive, https, hugging_face, local
from fusevad.data.fetch.checksums import sha256_with_progress
from fusevad.data.fetch.job import FetchJob
from fusevad.data.fetch.members import is_archive
from fusevad.data.fetch.mirrors import MirrorError, MismatchError, Slot, WrongFileError
from fusevad.data.fetch.settings import FileSettings, Source
from fusevad.errors import FusevadError

Result = TypeVar("Result")


def download(job: FetchJob, file: FileSettings, slot: Slot) -> str:
    """Download the file to `slot.part` from the first mirror that has the right one.

    Returns its SHA-256, which is the expected one if that is known.

    Raises:
        FusevadError: no mirror did, with each one's reason; or the disk is full.
    """
    expected = job.expected(file)
    slot.folder.mkdir(parents=True, exist_ok=True)

    def get(source: Source) -> str:
        while True:
            goes_on = slot.started
            stated = _bring(source, slot, expected)
            try:
                return _check(slot, expected or stated, archive=bool(file.unpack))
            except WrongFileError:
                slot.clear()
                slot.folder.mkdir()
                # Its beginning may have been wrong, from an earlier run or another mirror.
                if not goes_on:
                    raise

    return from_first_mirror(job, file, get)


def from_first_mirror(job: FetchJob, file: FileSettings, get: Callable[[Source], Result]) -> Result:
    """Return `get(source)` for the first source for which it raises no MirrorError.

    Raises:
        FusevadError: it raised one for each source.
    """
    failures: list[tuple[Source, MirrorError]] = []
    for source in file.sources:
        try:
            return get(source)
        except MirrorError as error:
            failures.append((source, error))
    raise _no_mirror(job, file, failures) from failures[-1][1]


def _check(slot: Slot, expected: str | None, archive: bool) -> str:
    """SHA-256 of `slot.part`.

    Raises:
        WrongFileError: it is not the expected one, or is not the expected archive.
    """
    sha256 = sha256_with_progress(slot.part, slot.title)
    if expected not in (None, sha256):
        raise MismatchError(expected, sha256)
    if archive and not is_archive(slot.part):
        raise WrongFileError("sends a file that is not a zip or tar archive")
    return sha256


def _bring(source: Source, slot: Slot, expected: str | None) -> str | None:
    """Get the bytes from one mirror; return the SHA-256 that the mirror states, if any."""
    if source.huggingface is not None:
        return hugging_face.download(source.huggingface, slot, expected)
    if source.drive is not None:
        drive.download(source.drive, slot, known=expected is not None)
    elif source.url is not None and source.url.startswith("file:"):
        local.download(source.url, slot)
    elif source.url is not None:
        https.download(source.url, slot, known=expected is not None)
    return None


def _no_mirror(
    job: FetchJob, file: FileSettings, failures: list[tuple[Source, MirrorError]]
) -> FusevadError:
    """The error that says in one line what was tried and what the user can do."""
    place = job.folder / file.name
    tried = "; ".join(f"{source}: {error}" for source, error in failures)
    by_hand = f"put it there by hand (files are expected in the folder {job.folder})"
    if any(isinstance(error, MismatchError) for _, error in failures):
        return FusevadError(
            f"{place}: no mirror has the expected file ({tried}); if you trust the new one, correct"
            f" the value in {job.where_expected(file)}, or {by_hand}"
        )
    remote = [error for source, error in failures if not str(source).startswith("file:")]
    if remote and all(error.unreachable for error in remote):
        return FusevadError(
            f"{place}: apparently offline: no mirror can be reached ({tried}); connect and run the"
            f" command again, or {by_hand}"
        )
    return FusevadError(
        f"{place}: no mirror gave it ({tried}); run the command again later, or {by_hand}"
    )
