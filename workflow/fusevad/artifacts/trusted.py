"""Check foreign `dvc.lock` files, folder lists and records before their values become paths.

They come with a repository or from a remote, and are not trusted: a hash has only hexadecimal
    digits,
and a file is inside its folder and `results/`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusevad import json_text
from fusevad.errors import FusevadError
from fusevad.parsing import parse
from fusevad.paths import stays_inside

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
        values = json_text.load(content)
    except (ValueError, RecursionError) as error:
        raise FusevadError(
            f"{source}: not JSON; ask who recorded the folder to push it again"
        ) from error
    found = parse(tuple[_Listed, ...], values, source)
    return {f"{folder}/{each.relpath}": each.md5 for each in found}


def in_results(path: str) -> bool:
    """Whether a path of the repository names something in `results/`."""
    return path.startswith("results/") and stays_inside(path)


def linked_folder(path: str, root: Path = Path()) -> Path | None:
    """The folder below `results/` on the way to a path that is a link, if any.

    `results` itself may be a link: its owner has put results on another disk.
    """
    if not in_results(path):
        return None
    below = [root / parent for parent in Path(path).parents][:-2]  # without `results` and `.`
    return next((folder for folder in below if folder.is_symlink()), None)


def refuse_linked_folders(paths: Iterable[str], root: Path = Path()) -> None:
    """Refuse to change anything that a link below `results/` may have put outside.

    Raises:
        FusevadError: a folder on the way to one of the paths is a link.
    """
    folders = {str(Path(path).parent): path for path in paths}
    for path in folders.values():
        if link := linked_folder(path, root):
            raise FusevadError(
                f"{link}: a link to a folder, and nothing behind it is changed; put a real folder"
                " there, or make results itself the link"
            )
