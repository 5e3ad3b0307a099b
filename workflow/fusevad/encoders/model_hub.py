"""Files of models on Hugging Face: from its cache if possible, else downloaded once."""

from collections.abc import Sequence
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import EntryNotFoundError, HFValidationError
from huggingface_hub.utils import validate_repo_id

from fusevad.errors import FusevadError, message_of


def from_hub(repository: str, names: Sequence[str], revision: str | None = None) -> Path:
    """The first of several files that a repository has.

    A file in the cache is used without any network access.

    Args:
        repository: `organisation/name`.
        names: of the files, the preferred one first.
        revision: commit, tag or branch; by default the newest commit.

    Raises:
        FusevadError: the repository has none of the files, or the download fails.
    """
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise FusevadError(
            f"{repository}: neither a local file nor a repository that huggingface.co could have;"
            " correct the name"
        ) from error
    for name in names:
        cached = huggingface_hub.try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
    for name in names:
        try:
            # A single try, without minutes of retries, to report being offline at once.
            url = huggingface_hub.hf_hub_url(repository, name, revision=revision)
            huggingface_hub.get_hf_file_metadata(url, retry_on_errors=False)
            return Path(huggingface_hub.hf_hub_download(repository, name, revision=revision))
        except EntryNotFoundError:
            continue
        except Exception as error:  # huggingface_hub raises many kinds
            raise FusevadError(
                f"{name} of huggingface.co/{repository}: download failed ({one_line(error)}); "
                "connect to the network, or give the path of a local file"
            ) from error
    raise FusevadError(f"huggingface.co/{repository}: no {' or '.join(names)}; use another one")


def one_line(error: Exception) -> str:
    """The beginning of an error's message, without line breaks."""
    return message_of(error)[:200]
