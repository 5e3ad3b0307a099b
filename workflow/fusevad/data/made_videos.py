"""Videos that a stage makes and keeps: a table of hashes says which of them are finished and whole.

The table, `videos.sha256`, is in the form of the program sha256sum, which can check it as well.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from fusevad.files import remove_abandoned, sha256, write_text

_TABLE = "videos.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def whole_videos(folder: Path) -> set[Path]:
    """Finished videos of `folder` whose bytes are still those of the table.

    Others that the table names are removed and said, and what killed jobs left of them too.
    """
    whole = {}
    for path, digest in _read(folder / _TABLE).items():
        file = folder / path
        if file.is_file() and sha256(file) == digest:
            whole[path] = digest
        elif file.is_file():
            print(f"{file}: damaged; this video is made again", file=sys.stderr)
            file.unlink()
    _write(folder, whole)
    for parent in folder.glob("videos/**/"):
        remove_abandoned(parent)
    return {folder / path for path in whole}


def add_video(folder: Path, file: Path, written: Path) -> None:
    """Note the hash of a video that is `written` and gets its name next, so that none is lost.

    Several processes may do so at a time.
    """
    line = f"{sha256(written)}  {file.relative_to(folder).as_posix()}\n"
    with (folder / _TABLE).open("a") as table:
        table.write(line)  # one write of a short line: lines of processes don't mix


def write_hashes(folder: Path, files: Iterable[Path]) -> None:
    """Write the table of a finished set: each of `files` once, in their order."""
    hashes = _read(folder / _TABLE)
    paths = [file.relative_to(folder).as_posix() for file in files]
    _write(folder, {path: hashes[path] for path in paths})


def forget_videos(folder: Path) -> None:
    """Remove the table."""
    (folder / _TABLE).unlink(missing_ok=True)


def _write(folder: Path, hashes: Mapping[str, str]) -> None:
    text = "".join(f"{digest}  {path}\n" for path, digest in hashes.items())
    write_text(text, folder / _TABLE)


def _read(table: Path) -> dict[str, str]:
    """Hashes by path; the last line of a path counts, and half a line of a killed job doesn't."""
    if not table.is_file():
        return {}
    text = table.read_text(errors="replace")
    lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    found = filter(None, map(_LINE.fullmatch, lines))
    return {line[2]: line[1] for line in found}
