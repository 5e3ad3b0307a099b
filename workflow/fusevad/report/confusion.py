"""The figure of confused classes: what a detector takes test videos of each class for."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fusevad.csv_tables import read_csv
from fusevad.data.label_tables import NORMAL
from fusevad.errors import FusevadError
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.scored_videos import class_video_counts
from fusevad.report.style import PAGE, figure_style, save_figure

_TEXT = ("protocol", "class", "predicted")
# A cell's side in inches, and from which percentage its number is white.
_CELL, _DARK = 0.36, 55


def make_confusion(
    experiment: TableRow, dataset: TableDataset, protocol: str, out_pdf: Path, out_png: Path
) -> None:
    """Draw the matrix of true and predicted classes of videos, in percent of the true class.

    Args:
        experiment: whose run has `confusion.csv`.
        dataset: of the run.
        protocol: last, validation or oracle.

    Raises:
        FusevadError: an unknown protocol, or a file that is missing or wrong.
    """
    check_protocol(protocol)
    path = experiment.runs[dataset.key] / "confusion.csv"
    table = read_csv(path, ["seed", "protocol", "class", "predicted", "videos"], text=_TEXT)
    table = table[table["protocol"] == protocol]
    if table.empty:
        raise FusevadError(f"{path}: nothing under protocol {protocol}; evaluate the run again")
    counts = class_video_counts(dataset)
    names = [NORMAL, *sorted(set(counts) | (set(table["predicted"]) - {NORMAL}))]
    shares = _shares(table, names)
    seeds = table["seed"].nunique()
    caption = (
        f"{dataset.title}: classes that {experiment.label} gives to test videos of each class, in"
        f" percent of the class's videos, mean of {seeds} seeds. Protocol: {protocol}."
    )
    with figure_style():
        side = min(PAGE, 1.9 + _CELL * len(names))
        figure = Figure(figsize=(side, side - 0.5), layout="constrained")
        _draw(figure, shares, [name.replace("_", " ").replace("-", " ") for name in names])
        save_figure(figure, out_pdf, out_png, caption)


def _shares(table: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Percent of the videos of each true class (rows) by predicted class; NaN without videos."""
    pairs = table.groupby(["class", "predicted"])["videos"].sum().unstack(fill_value=0.0)
    counts = pairs.reindex(index=names, columns=names, fill_value=0.0).to_numpy()
    totals = counts.sum(axis=1, keepdims=True)
    return 100 * np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def _draw(figure: Figure, shares: np.ndarray, names: list[str]) -> None:
    axis = figure.subplots()
    axis.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=100)
    for row, column in np.argwhere(shares >= 0.5):
        share = shares[row, column]
        colour = "white" if share > _DARK else "black"
        axis.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour)
    places = range(len(names))
    axis.set_xticks(places, names, rotation=90)
    axis.set_yticks(places, names)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlabel("predicted class, in % of the true class")
    axis.set_ylabel("true class")
