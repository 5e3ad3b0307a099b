"""Mirrors on the Hugging Face hub.

The library finds the file, its commit and its checksum and adds the user's token; `https.download`
gets the bytes, as the library's own download (2.4) starts again after a kill.
"""

import contextlib
import re
from collections.abc import Iterator

import httpx2
import huggingface_hub
from huggingface_hub import HfApi, errors
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers

from fusevad.data.fetch import https
from fusevad.data.fetch.mirrors import MirrorError, MismatchError, Slot
from fusevad.data.fetch.settings import HuggingFaceFile, HuggingFaceFolder

_MOST = 1_000_000  # files of a folder
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BUSY = (408, 429, 500, 502, 503, 504)
# What the library raises on malformed headers and JSON, which it does not expect.
_NOT_UNDERSTOOD = (
    httpx2.InvalidURL,
    ValueError,
    OverflowError,
    TypeError,
    LookupError,
    AttributeError,
)


class _BusyError(MirrorError):
    """The hub asks for a later request."""


def download(source: HuggingFaceFile, slot: Slot, expected: str | None) -> str | None:
    """Get the file to `slot.part`, at the commit that the revision refers to now.

    expected: the SHA-256 that it must have; if the hub states another, nothing is downloaded.

    Returns the SHA-256 that the hub states (for large files; otherwise None).

    Raises:
        MismatchError: the hub has another file.
        MirrorError: offline, gated, no such repository, revision or file.
        FusevadError: the disk is full.
    """
    try:
        metadata = _metadata(source, retry=False)
    except _BusyError:
        metadata = _metadata(source, retry=True)
    url = huggingface_hub.hf_hub_url(
        source.repo, source.file, repo_type=source.repo_type, revision=metadata.commit_hash
    )
    sha256 = metadata.etag if _SHA256.fullmatch(metadata.etag or "") else None
    if expected and sha256 and expected != sha256:
        raise MismatchError(expected, sha256)
    https.download(url, slot, bool(expected or sha256), build_hf_headers())
    return sha256


def listed(source: HuggingFaceFolder, commit: str) -> Iterator[RepoFile]:
    """The files of a folder at a commit, with their sizes and, if large, their SHA-256.

    Raises:
        MirrorError: offline, gated, no such repository, revision or folder.
    """
    with _hub_errors(source.revision):
        entries = HfApi().list_repo_tree(
            source.repo, source.folder or None, recursive=True, revision=commit, repo_type="dataset"
        )
        for number, entry in enumerate(entries):
            if number == _MOST:
                raise MirrorError(f"lists more than {_MOST} files")
            if isinstance(entry, RepoFile) and entry.path.endswith(source.suffix):
                yield entry


def commit_of(source: HuggingFaceFolder) -> str:
    """The commit that a folder's revision stands for now.

    Raises:
        MirrorError: offline, gated, no such repository or revision.
    """
    with _hub_errors(source.revision):
        found = HfApi().dataset_info(source.repo, revision=source.revision).sha
    if found is None:
        raise MirrorError("the hub names no commit")
    return found


def _metadata(source: HuggingFaceFile, retry: bool) -> huggingface_hub.HfFileMetadata:
    """The hub's facts about the file; with `retry` the library asks again and again."""
    url = huggingface_hub.hf_hub_url(
        source.repo, source.file, repo_type=source.repo_type, revision=source.revision
    )
    with _hub_errors(source.revision, _BusyError if not retry else MirrorError):
        return huggingface_hub.get_hf_file_metadata(url, retry_on_errors=retry)


@contextlib.contextmanager
def _hub_errors(revision: str, busy: type[MirrorError] = MirrorError) -> Iterator[None]:
    """Turn what the hub says against an answer into a MirrorError, of type `busy` if it may pass.

    Raises:
        MirrorError: it does.
    """
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise MirrorError("HF_HUB_OFFLINE is set", unreachable=True) from error
    except errors.GatedRepoError as error:
        raise MirrorError("gated: accept its terms on the hub, then `hf auth login`") from error
    except errors.RepositoryNotFoundError as error:
        raise MirrorError("no such repository, or a private one") from error
    except errors.RevisionNotFoundError as error:
        raise MirrorError(f"no revision {revision}") from error
    except errors.EntryNotFoundError as error:
        raise MirrorError("no such file in the repository") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        kind = busy if status in _BUSY else MirrorError
        raise kind(f"answers {status}") from error
    except httpx2.HTTPError as error:
        raise MirrorError(f"not reached: {error}", unreachable=True) from error
    except errors.HFValidationError as error:
        raise MirrorError(str(error)) from error
    except _NOT_UNDERSTOOD as error:
        raise MirrorError(f"its answer is malformed: {error}") from error
