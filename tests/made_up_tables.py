"""Tables of the data stage with rows that a test makes up, and tables read row by row."""

import csv
import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import write_csv
from fusevad.data.manifest import read_manifest, write_manifest

_COLUMNS = {
    "manifest": [
        "video",
        "path",
        "split",
        "classes",
        "frames",
        "fps",
        "width",
        "height",
        "sha256",
        "variable_rate",
    ],
    "intervals": ["video", "class", "start", "end"],
    "skipped": ["video", "path", "reason"],
}


def write_table(folder: Path, name: str, rows: Iterable[Sequence[object]] = ()) -> None:
    """Write `folder/NAME.csv`; its columns follow `manifest`, `intervals` or `skipped`.

    A row of a manifest may leave `variable_rate` out: the rate is constant. A hash may be any
    short text.
    """
    if name == "manifest":
        rows = [row if len(row) == len(_COLUMNS[name]) else (*row, False) for row in rows]
        rows = [(*row[:8], _digest(str(row[8])), row[9]) for row in rows]
    write_csv(pd.DataFrame(list(rows), columns=_COLUMNS[name]), folder / f"{name}.csv")


def _digest(text: str) -> str:
    """A hash as it is; of any other text, its own."""
    return text if len(text) == 64 else hashlib.sha256(text.encode()).hexdigest()


def with_a_changed_video(manifest: Path, video: str, folder: Path) -> Path:
    """A copy of a manifest in `folder`, where the file of one video is not what it was."""
    videos = {each.name: each for each in read_manifest(manifest)}
    changed = Path(shutil.copy(videos[video].path, folder))
    with changed.open("ab") as file:
        file.write(b"\0\0\0\x08free")  # an empty box: the pictures are the same
    videos[video] = replace(videos[video], path=changed)
    write_manifest([*videos.values()], folder / manifest.name)
    return folder / manifest.name


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table, all cells as text."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))
