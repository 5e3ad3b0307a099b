"""Check foreign `dvc.lock` files, folder lists and records before their values become paths.

They come with a repository or from a remote, and are not trusted: a hash has only hexadecimal
    digits,
and a file is inside its folder and `results/`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from fusevad.errors import FusevadError
from fusevad.files import stays_inside
from fusevad.parsing import parse

_FILE = re.compile(r"[0-9a-f]{32}")
_FILE_OR_FOLDER = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass(frozen=True, slots=True)
class LockedOut:
    """A file or folder of `dvc.lock`, and its MD5; the MD5 of a folder's list ends in `.dir`."""

    path: str
    md5: str

    def __post_init__(self) -> None:
        if not _FILE_OR_FOLDER.fullmatch(self.md5):
            raise ValueError(f"{self.md5!r} is not an MD5")


@dataclass(frozen=True, slots=True)
class LockedStage:
    """The parts of a unit's entry in `dvc.lock` that are used here."""

    outs: tuple[LockedOut, ...] = ()


@dataclass(frozen=True, slots=True)
class _Lock:
    stages: dict[str, LockedStage]


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file in a folder's list."""

    relpath: str
    md5: str

    def __post_init__(self) -> None:
        if not _FILE.fullmatch(self.md5):
            raise ValueError(f"{self.md5!r} is not an MD5")
        if not stays_inside(self.relpath):
            raise ValueError(f"{self.relpath!r} is outside the folder")


def locked_stages(values: Any, source: str) -> dict[str, LockedStage]:
    """Units of `dvc.lock`, by name, from its content.

    Raises:
        FusevadError: a hash is missing or invalid, or the file has another form.
    """
    return parse(_Lock, {"stages": values.get("stages") or {}}, source).stages


def listed_files(content: bytes, folder: str) -> dict[str, str]:
    """MD5 of every file in the list of `folder`, by path.

    Raises:
        FusevadError: the list is damaged, or names a file outside the folder.
    """
    source = f"{folder}: DVC's list of the folder"
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FusevadError(
            f"{source}: not JSON; ask who recorded the folder to push it again"
        ) from error
    found = parse(tuple[_Listed, ...], values, source)
    return {f"{folder}/{each.relpath}": each.md5 for each in found}


def in_results(path: str) -> bool:
    """Whether a path of the repository names something in `results/`."""
    return path.startswith("results/") and stays_inside(path)
