"""Stage `data` for people's own videos: their tables, checked, where those of every origin are."""

import os
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import write_csv
from fusevad.data.label_tables import INTERVAL_COLUMNS, check_intervals, read_intervals, read_labels


def make_labels(labels: Path, intervals: Path, out_folder: Path) -> None:
    """Write `labels.csv` and `intervals.csv` to `out_folder`.

    Args:
        labels: table video, split, class, path; paths relative to the table's folder.
        intervals: table video, class, start, end: frames, half-open, test videos only.
        out_folder: where the tables go.

    Raises:
        FusevadError: a table is missing or wrong, or they contradict each other.
    """
    videos = read_labels(labels)
    spans = [each for own in read_intervals(intervals).values() for each in own]
    check_intervals(intervals, spans, videos)
    rows = [
        (video.name, video.split, ";".join(video.classes), place_in(out_folder, video.path))
        for video in videos
    ]
    found = [(each.video, each.label, each.start, each.end) for each in spans]
    write_csv(pd.DataFrame(found, columns=INTERVAL_COLUMNS), out_folder / "intervals.csv")
    columns = ["video", "split", "class", "path"]
    write_csv(pd.DataFrame(rows, columns=columns), out_folder / "labels.csv")


def place_in(folder: Path, video: Path) -> str:
    """A video's path in a table of `folder`: relative where the repository goes with it."""
    path = os.path.abspath(video)
    inside = Path(path).is_relative_to(Path.cwd())
    return Path(os.path.relpath(path, folder) if inside else path).as_posix()
