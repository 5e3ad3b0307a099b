"""Mirrors on Google Drive, through gdown."""

from pathlib import Path

import gdown
import requests
from gdown.exceptions import DownloadError, FileURLRetrievalError

from fusevad.data.fetch.answers import http_errors
from fusevad.data.fetch.mirrors import MirrorError, Slot, writing

_RETRIES = 3
_SECONDS = 60.0


def download(file_id: str, slot: Slot, known: bool) -> None:
    """Get the file to `slot.part`, resuming from what an earlier run left.

    known: whether the checksum is known. Otherwise nothing is resumed, as nothing would show that
        what was left is damaged, such as by a power cut.

    Raises:
        MirrorError: offline, not public, or requested too often today.
        FusevadError: the disk is full.
    """
    whole = slot.folder / "drive"
    left = _partial_files(slot)
    if not known:
        for path in left:
            path.unlink()
        left = []
    bytes_left = _size(left)
    try:
        _download(file_id, whole, slot.title)
    except MirrorError as error:
        if not left or _size(left) > bytes_left or error.unreachable:
            raise
        # gdown cannot resume a file that is complete or has changed on the server.
        for path in left:
            path.unlink()
        _download(file_id, whole, slot.title)
    slot.clear_part()
    whole.rename(slot.part)


def _download(file_id: str, whole: Path, title: Path) -> None:
    """Get the file to `whole` with gdown, whose failures become a MirrorError."""
    with writing(title), http_errors():
        try:
            gdown.download(
                id=file_id,
                output=str(whole),
                resume=True,
                retries=_RETRIES,
                timeout=_SECONDS,
                # gdown would keep cookies in the home folder, where FuseVAD writes nothing.
                use_cookies=False,
            )
        except FileURLRetrievalError as error:
            raise MirrorError(
                "not public, or requested too often today: get it with a browser"
            ) from error
        except DownloadError as error:
            unreachable = isinstance(error.__cause__, requests.exceptions.ConnectionError)
            raise MirrorError(str(error), unreachable) from error
        except requests.exceptions.HTTPError as error:
            raise MirrorError(f"answers {error.response.status_code}") from error


def _partial_files(slot: Slot) -> list[Path]:
    """Files that gdown left of an interrupted download."""
    return list(slot.folder.glob("drive*.part"))


def _size(paths: list[Path]) -> int:
    """Bytes of all files that still exist."""
    return sum(path.stat().st_size for path in paths if path.exists())
