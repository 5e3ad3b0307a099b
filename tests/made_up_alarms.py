"""Hand-made scores whose events, delays and false alarms are known."""

from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.evaluate.settings import AlarmSettings
from fusevad.report.runs import TableDataset
from fusevad.studies.settings import AlarmTableSettings
from tests.made_up_tables import write_table

FPS, SEGMENTS = 16, 1800  # a segment is a second, a video half an hour
PLAIN = AlarmSettings(smoothing=0, release=1, shortest=0, gap=0)
ALARMS = AlarmTableSettings(rates=(1, 5, 20), overlaps=(0.2, 0.5), judged_at=5, events=PLAIN)
# Peaks of normal videos, a second each: at 5 an hour the test's own may have 5, so 0.6 is the
# lowest threshold; at 1 an hour one, so 0.9; at 20 an hour all ten, so 0.5.
CALM = {"calm0": (0.9, 0.8, 0.7, 0.65, 0.6), "calm1": (0.5,) * 5}
# Of the events at seconds 100 to 140 and 1000 to 1040 the first is seen from 110 to 140 with 0.75.
EVENTS = [(100, 140), (1000, 1040)]


def frame(video: str, scores: np.ndarray, **more: object) -> pd.DataFrame:
    starts = 16 * np.arange(len(scores))
    columns = {"segment": np.arange(len(scores)), "start": starts, "end": starts + 16}
    return pd.DataFrame({"video": video} | columns | {"score": scores} | more)


def calm(peaks: tuple[float, ...]) -> np.ndarray:
    scores = np.full(SEGMENTS, 0.1)
    scores[50 : 50 + 100 * len(peaks) : 100] = peaks
    return scores


def fight() -> np.ndarray:
    scores = np.full(SEGMENTS, 0.1)
    scores[110:140] = 0.75
    return scores


def write_alarms(folder: Path) -> None:
    """Write a data set with two seeds' scores; `folder` is that of their run as well."""
    names = [(name, "test", "normal") for name in CALM] + [("fight0", "test", "fight")]
    names += [(f"train{k}", "train", "normal") for k in range(8)]
    frames = 16 * SEGMENTS
    rows = [
        (n, f"{n}.mp4", split, c, frames, FPS, 320, 240, f"{n} in {folder}")
        for n, split, c in names
    ]
    write_table(folder, "manifest", rows)
    spans = [("fight0", "fight", 16 * start, 16 * end) for start, end in EVENTS]
    write_table(folder, "intervals", spans)
    write_table(folder, "skipped")
    tests = [frame(name, calm(peaks)) for name, peaks in CALM.items()] + [frame("fight0", fight())]
    scores = [part.assign(seed=s, protocol="validation") for s in (0, 1) for part in tests]
    pd.concat(scores).to_parquet(folder / "scores.parquet", index=False)
    # Two videos held out, so one hour: it can certify 5 and 20 an hour, and not 1.
    normal = [
        frame(f"train{k}", calm((0.55,)), seed=s, part="held-out" if k < 2 else "learned")
        for s in (0, 1)
        for k in range(8)
    ]
    pd.concat(normal).to_parquet(folder / "normal.parquet", index=False)


def alarms_dataset(folder: Path, key: str = "rendered") -> TableDataset:
    """The data set that `write_alarms` wrote there."""
    return TableDataset(
        key=key,
        title=key.capitalize(),
        metrics=("AUC",),
        manifest=folder / "manifest.csv",
        intervals=folder / "intervals.csv",
        skipped=folder / "skipped.csv",
        crops=1,
        frame_stride=16,
    )
