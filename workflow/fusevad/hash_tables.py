"""The table of hashes in a folder that is one output of a job, as the program sha256sum has it."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.files import read_limited, sha256
from fusevad.paths import inside, stays_inside

HASHES = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def folder_files(folder: Path) -> list[str]:
    """Paths of the files in a folder, sorted, without hidden files and its table of hashes."""
    found = (path.relative_to(folder) for path in inside(folder) if path.is_file())
    shown = (path for path in found if not any(part.startswith(".") for part in path.parts))
    return sorted(path.as_posix() for path in shown if path.as_posix() != HASHES)


def folder_size(folder: Path) -> int:
    """Bytes of all files of `folder_files`."""
    return sum((folder / path).stat().st_size for path in folder_files(folder))


def hashes_text(hashes: Mapping[str, str]) -> str:
    """A table of hashes by path, in the format of the program sha256sum."""
    return "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes))


def listed_hashes(folder: Path) -> dict[str, str]:
    """The table of hashes in a folder, by path; empty without one.

    Of several lines for a path the last counts. Half of a hash, which a killed job may leave, is
    ignored (half of a path names no file), and so is a
    path that leads out of the folder.

    Raises:
        FusevadError: it is larger than any such table.
    """
    table = folder / HASHES
    if not table.is_file():
        return {}
    try:
        text = read_limited(table).decode(errors="replace")
    except ValueError as error:
        raise FusevadError(f"{table}: {error}; delete it") from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    found = filter(None, map(_LINE.fullmatch, lines))
    return {line[2]: line[1] for line in found if stays_inside(line[2])}


def folder_sha256(folder: Path) -> str:
    """SHA-256 of the table of hashes that a folder has, or should have, read from all its files."""
    text = hashes_text({path: sha256(folder / path) for path in folder_files(folder)})
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
