"""What the user's own files hold: encoder weights, scores, captions, features.

Lineages have hashes of them, wherever the files lie. Imports nothing heavy: the Snakefile reads it
at every start.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import cache
from glob import escape
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fusevad import json_text
from fusevad.files import read_limited, sha256
from fusevad.hash_tables import hashes_text
from fusevad.paths import is_shown, shown_files

if TYPE_CHECKING:
    from fusevad.embed.imported.settings import ImportSettings

# The option of a job (`Job.options`) that depends on what such files hold. It is None where they
# are not, as for somebody who has pulled what was made from them, or deleted them afterwards.
CONTENT = "content"
# Suffixes of the tables that streams such as captions are made from.
TABLES = (".csv",)


def content_of(suffixes: tuple[str, ...], *places: str) -> str | None:
    """One hash of what files hold, and the files of folders that end so; None if any has none."""
    tables = [_table(Path(place), suffixes) for place in places]
    return _hash("".join(tables)) if all(tables) else None


def outline_of(folder: str, settings: "ImportSettings") -> str | None:
    """A hash of the names and sizes of the features in a folder; None without any.

    Nobody would read hundreds of gigabytes at every start. Folders of streams may be hidden,
    behind links or outside `folder`; where nothing is in one of these, as of an unmounted disk, the
    features are absent.
    """
    found: dict[str, Path] = {}
    elsewhere = [name for name in settings.possible_folders() if not _is_below(name, folder)]
    for name in (".", *elsewhere):
        files = _files_below(Path(folder, name), settings.suffix)
        if not files and name in elsewhere:
            return None
        found |= {PurePosixPath(name, each).as_posix(): path for each, path in files.items()}
    sizes = [f"{found[name].stat().st_size}  {name}\n" for name in sorted(found)]
    return _hash("".join(sizes)) if sizes else None


def _is_below(name: str, folder: str) -> bool:
    """Whether a path leads down from a folder, and nothing on the way is a link or hidden."""
    above = os.path.realpath(folder)
    plain = os.path.normpath(os.path.join(above, name))
    way = PurePosixPath(os.path.relpath(plain, above)).parts
    return all(map(is_shown, way)) and os.path.realpath(os.path.join(folder, name)) == plain


def _files_below(folder: Path, suffixes: str | tuple[str, ...]) -> dict[str, Path]:
    """Files that end so, as their readers find them, by their paths in a folder."""
    files = (path for path in shown_files(folder) if path.name.endswith(suffixes))
    return {path.relative_to(folder).as_posix(): path for path in files}


def noted_content(step: str, records: Iterable[str], stem: str) -> str | None:
    """`CONTENT` of a step in its jobs' records, or settings files; None if none has it.

    So where the user's own files are absent, nothing that was made from them runs again.

    Args:
        step: whose own files are absent.
        records: of its jobs.
        stem: of the settings files of one of these, see `Plan.settings_stem`.
    """
    for file in chain(records, _last_first(Path(stem))):
        # Damaged files are reported where all of their content is read.
        with contextlib.suppress(OSError, ValueError, RecursionError, LookupError, TypeError):
            lineage = json_text.load(read_limited(Path(file)))["lineage"]
            content = lineage[step]["settings"][CONTENT]
            if isinstance(content, str):
                return content
    return None


def _last_first(stem: Path) -> Iterator[str]:
    """Settings files, the last changed first; `adopt` gives them other times of writing."""
    files = stem.parent.glob(f"{escape(stem.name)}.*.json")
    yield from map(str, sorted(files, key=lambda file: file.lstat().st_ctime_ns, reverse=True))


def digest(file: Path) -> str:
    """Hash of a file, which is read once: encoder weights are inputs of many jobs."""
    return _digest_at(file, file.stat().st_mtime_ns)


@cache
def _digest_at(file: Path, _time: int) -> str:
    return sha256(file)


def _table(place: Path, suffixes: tuple[str, ...]) -> str:
    if place.is_file():
        return f"{digest(place)}\n"
    files = _files_below(place, suffixes)
    return hashes_text({name: digest(path) for name, path in files.items()})


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
