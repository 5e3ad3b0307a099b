"""Attention areas of the image and motion-cue encoders, by class and frame type (Table 6)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusevad.csv_tables import read_csv, write_csv
from fusevad.data.label_tables import ALL_CLASSES, NORMAL
from fusevad.errors import FusevadError, counted
from fusevad.report import latex, sheet
from fusevad.report.runs import TableDataset
from fusevad.report.statistics import ALPHA, holm, paired_test
from fusevad.report.write_sheet import write_sheet

MODALITIES = {"image": "Image", "motion cue": "Motion cue"}
_FRAME_TYPES = ("Anomaly", "Normal")
_CELLS = [(modality, kind) for modality in MODALITIES for kind in _FRAME_TYPES]
_KEYS = ["class", "modality", "frame_type"]
_STATED = ["method", "relative_to", "threshold", "patches"]
_METHODS = {
    "last": "the encoder's last (in a transformer the class token's attention in the last block, "
    "in a residual network the attention pooling; mean over heads)",
    "rollout": "rolled out over all blocks (Abnar and Zuidema 2020; class token, mean over heads)",
}
_CAPTION = (
    "Share of an image's patches (0 to 1) that the encoder attends to, for the frames and for the "
    "motion cues: mean ± standard error over test videos, with their number in brackets "
    "(segments of type Anomaly / Normal). A segment is seen as the centre crop of its middle frame "
    "and of its motion cue; it is of type Anomaly if that frame is annotated. Normal segments of a "
    "class come from its anomalous videos; videos without an anomaly have a row of their own."
)
_PAPER_NOTE = (
    "In italics: printed in the IEF-VAD paper, which states no attention, threshold or spread; "
    "nothing re-run. Means of its classes: "
)


class _Cell(NamedTuple):
    mean: float
    error: float
    videos: int
    segments: int


def make_attention_table(
    name: str,
    title: str,
    datasets: Sequence[TableDataset],
    studies: Mapping[str, Path],
    published: Path | None,
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write the table of attention areas as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a number: block (published|measured), dataset, class, modality, frame_type,
    mean, standard_error (over videos; both shares of 1), videos, segments. The class `all classes`
    is the mean over the anomalous videos.

    Args:
        name: of the target, such as `table6`.
        title: caption.
        datasets: a table each, in order.
        studies: `attention.csv` of each data set, by its key.
        published: the paper's areas: dataset, class, modality, frame_type, area; None for none.

    Raises:
        FusevadError: a file is missing or wrong.
    """
    paper = _read_paper(published)
    parts, tables = [], []
    for dataset in datasets:
        areas = _read_areas(studies[dataset.key])
        cells = _cells(areas)
        printed = paper[paper["dataset"] == dataset.source]
        parts.append(sheet.Caption(f"{dataset.title}.", _stated(areas)))
        parts.append(_tabular(cells, printed))
        parts.append(sheet.Notes(tuple(_notes(areas, printed))))
        tables += [
            printed.assign(block="published", dataset=dataset.key).rename(columns={"area": "mean"}),
            _tidy(cells).assign(block="measured", dataset=dataset.key),
        ]
    columns = ["block", "dataset", *_KEYS, "mean", "standard_error", "videos", "segments"]
    tidy = pd.concat([table for table in tables if len(table)]).reindex(columns=columns)
    write_csv(tidy.astype({"videos": "Int64", "segments": "Int64"}), out_csv)
    caption = sheet.Caption(latex.numbered(name), f"{title}. {_CAPTION}")
    write_sheet([caption, *parts], out_tex, wide=True)


def _read_areas(path: Path) -> pd.DataFrame:
    text = (*_KEYS, "video", "method", "relative_to", "patches")
    areas = read_csv(path, [*_KEYS, "video", "segments", "area", *_STATED], text=text)
    if areas.empty or not areas["area"].between(0, 1).all():
        raise FusevadError(f"{path}: no areas from 0 to 1; run the attention study again")
    return areas


def _read_paper(published: Path | None) -> pd.DataFrame:
    columns = ["dataset", *_KEYS, "area"]
    if published is None:
        return pd.DataFrame(columns=columns)
    paper = read_csv(published, columns, text=("dataset", *_KEYS))
    known = paper["modality"].isin(MODALITIES) & paper["frame_type"].isin(_FRAME_TYPES)
    if not known.all() or paper.duplicated(["dataset", *_KEYS]).any():
        raise FusevadError(
            f"{published}: an area is given twice, a modality is not one of"
            f" {', '.join(MODALITIES)}, or a frame_type is not one of {', '.join(_FRAME_TYPES)};"
            " correct it"
        )
    if not (paper["area"].between(0, 1) | paper["area"].isna()).all():
        raise FusevadError(f"{published}: an area is not a number from 0 to 1; correct it")
    return paper


def _stated(areas: pd.DataFrame) -> str:
    """The attention and its threshold, in words."""
    first = areas.iloc[0]
    against = {"maximum": "the image's maximum", "mean": "the image's mean"}[first["relative_to"]]
    grids = areas.groupby("modality", sort=False)["patches"].first().str.replace("x", " x ")
    sizes = ", ".join(f"{MODALITIES[key].lower()} {grid}" for key, grid in grids.items())
    return (
        f"Attention: {_METHODS[first['method']]}. A patch counts as attended above "
        f"{first['threshold']:g} times {against}. Patches: {sizes}."
    )


def _cells(areas: pd.DataFrame) -> dict[tuple[str, str, str], _Cell]:
    """Mean over videos by class, modality and frame type; `all classes` counts a video once."""
    of_classes = areas[areas["class"] != NORMAL]
    once = of_classes.drop_duplicates(["video", "modality", "frame_type", "segments", "area"])
    once = once.groupby(["video", "modality", "frame_type"], as_index=False).agg(
        area=("area", "mean"), segments=("segments", "sum")
    )
    result = {}
    for keys, own in pd.concat([areas, once.assign(**{"class": ALL_CLASSES})]).groupby(_KEYS):
        error = own["area"].std(ddof=1) / np.sqrt(len(own))
        result[keys] = _Cell(own["area"].mean(), error, len(own), int(own["segments"].sum()))
    return result


def _tabular(cells: Mapping[tuple[str, str, str], _Cell], printed: pd.DataFrame) -> sheet.Tabular:
    paper = {
        (row["class"], row["modality"], row["frame_type"]): row["area"]
        for row in printed.to_dict("records")
    }
    groups = [(label, _FRAME_TYPES) for label in MODALITIES.values()]
    if paper:
        groups += [(f"{label}, paper", _FRAME_TYPES) for label in MODALITIES.values()]
    classes = sorted({key[0] for key in (*cells, *paper)} - {NORMAL, ALL_CLASSES})
    lines = [*sheet.grouped_head("Class (videos; segments)", groups), "rule"]
    for name in (*classes, ALL_CLASSES, NORMAL):
        if name == ALL_CLASSES:
            lines.append("rule")
        texts = [_text(cells.get((name, *cell))) for cell in _CELLS]
        if paper:
            values = [paper.get((name, *cell), float("nan")) for cell in _CELLS]
            texts += [sheet.published(value) for value in values]
        lines.append(sheet.line([_label(name, cells), *texts]))
    return sheet.tabular(len(groups) * len(_FRAME_TYPES), lines)


def _label(name: str, cells: Mapping[tuple[str, str, str], _Cell]) -> str:
    own = [cells.get((name, "image", kind)) for kind in _FRAME_TYPES]
    videos = max((cell.videos for cell in own if cell), default=0)
    segments = " / ".join(str(cell.segments) if cell else "0" for cell in own)
    title = {NORMAL: "Videos without an anomaly", ALL_CLASSES: "All classes"}.get(name, name)
    return f"{title.replace('_', ' ').replace('-', ' ')} ({videos}; {segments})"


def _text(cell: _Cell | None) -> sheet.Cell:
    if cell is None:
        return sheet.MISSING
    return sheet.spread(cell.mean, cell.error)


def _notes(areas: pd.DataFrame, printed: pd.DataFrame) -> list[str]:
    """Notes on whether an encoder attends to more or less of a video during the anomaly."""
    of_classes = areas[areas["class"] != NORMAL]
    by_video = of_classes.groupby(["modality", "frame_type", "video"])["area"].mean()
    empty = pd.Series(dtype=float)
    tests = {}
    for modality in MODALITIES:
        both = [by_video.get((modality, kind), empty) for kind in _FRAME_TYPES]
        tests[modality] = paired_test(*both)
    corrected = holm([test.p for test in tests.values()])
    found = []
    for (modality, test), p in zip(tests.items(), corrected, strict=True):
        low, high = test.interval()
        said = f"{test.difference:+.3f} [{low:+.3f}, {high:+.3f}], p = {p:.2g}, {test.n} videos"
        if test.n < 2:
            said = f"not testable with {counted(test.n, 'video')}"
        found.append(f"{MODALITIES[modality].lower()} {said}")
    notes = [
        f"Anomaly minus Normal within an anomalous video, with its {100 * (1 - ALPHA):.0f} % "
        f"interval (paired t-test over videos, Holm's correction): {'; '.join(found)}."
    ]
    if len(printed):
        means = printed.groupby(["modality", "frame_type"])["area"].mean()
        texts = [
            f"{MODALITIES[m].lower()} {kind} {means[m, kind]:.2f}"
            for m, kind in _CELLS
            if pd.notna(means.get((m, kind)))
        ]
        notes.append(f"{_PAPER_NOTE}{', '.join(texts)}.")
    return notes


def _tidy(cells: Mapping[tuple[str, str, str], _Cell]) -> pd.DataFrame:
    columns = [*_KEYS, "mean", "standard_error", "videos", "segments"]
    return pd.DataFrame([(*keys, *cell) for keys, cell in cells.items()], columns=columns)
