"""The radar figure (Figure 2 of the paper): how well each input detects each anomaly class."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from fusevad.errors import FusevadError
from fusevad.report.runs import TableDataset, TableRow, check_protocol, read_class_measurements
from fusevad.report.statistics import summarize_table
from fusevad.report.style import (
    COLUMN,
    PAGE,
    LineStyle,
    figure_style,
    legend_label,
    line_styles,
    save_figure,
)

_COLUMNS = 2
_LABEL_CHARACTERS = 10


def make_radar(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    out_pdf: Path,
    out_png: Path,
) -> None:
    """Draw one radar chart a data set: an axis a class, a line a method, its band ± std of seeds.

    Args:
        experiments: the inputs to compare, usually image only, motion cue only and a fusion.
        datasets: one chart each.
        protocol: last, validation or oracle.

    Raises:
        FusevadError: an unknown protocol, or a run's file that is missing or wrong.
    """
    check_protocol(protocol)
    values = read_class_measurements(experiments, datasets)
    values = values[values["protocol"] == protocol]
    if values.empty:
        raise FusevadError(f"radar: no run was evaluated under protocol {protocol}; train again")
    summary = summarize_table(values, ["dataset", "class"])
    seeds = values["seed"].nunique()
    caption = (
        f"Detection by anomaly class: mean of {seeds} seeds, band ± 1 standard deviation; "
        f"protocol: {protocol}; only test videos that show the class."
    )
    with figure_style():
        columns = min(len(datasets), _COLUMNS)
        rows = -(-len(datasets) // columns)
        size = (COLUMN if columns == 1 else PAGE, (COLUMN + 0.35) * rows)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, subplot_kw={"projection": "polar"})
        for axis, dataset in zip(axes.flat, datasets, strict=False):
            _draw(axis, summary[summary["dataset"] == dataset.key], experiments)
            _label(axis, dataset)
        for axis in axes.flat[len(datasets) :]:
            axis.remove()
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2 * columns)
        save_figure(figure, out_pdf, out_png, caption)


def _draw(axis: PolarAxes, summary: pd.DataFrame, experiments: Sequence[TableRow]) -> None:
    classes = sorted(summary["class"].unique())
    angles = np.linspace(0, 2 * np.pi, len(classes), endpoint=False)
    styles = line_styles([row.name for row in experiments])
    for row in experiments:
        own = summary[summary["experiment"] == row.name].set_index("class").reindex(classes)
        mean = 100 * own["mean"].to_numpy(dtype=float)
        spread = 100 * own["std"].fillna(0.0).to_numpy(dtype=float)
        _closed_line(axis, angles, mean, spread, styles[row.name], row.label)
    axis.set_xticks(angles, [_in_lines(name) for name in classes])


def _in_lines(name: str) -> str:
    """A class in words, with long names broken into lines so that they stay beside their axis."""
    return fill(name.replace("_", " ").replace("-", " "), _LABEL_CHARACTERS)


def _closed_line(
    axis: PolarAxes,
    angles: np.ndarray,
    mean: np.ndarray,
    spread: np.ndarray,
    style: LineStyle,
    label: str,
) -> None:
    around, centre, half = (np.append(part, part[0]) for part in (angles, mean, spread))
    low, high = np.clip(centre - half, 0, 100), np.clip(centre + half, 0, 100)
    axis.plot(
        around,
        centre,
        style.dashes,
        color=style.colour,
        marker=style.marker,
        markersize=3,
        label=legend_label(label),
    )
    axis.fill_between(around, low, high, color=style.colour, alpha=0.1, linewidth=0)


def _label(axis: PolarAxes, dataset: TableDataset) -> None:
    axis.set_theta_zero_location("N")
    axis.set_theta_direction(-1)
    axis.set_rlim(0, 100)
    # Between the first two classes, where no axis line crosses the numbers.
    axis.set_rlabel_position(180 / max(len(axis.get_xticks()), 1))
    axis.set_rticks([20, 40, 60, 80, 100], ["20", "40", "60", "80", "100"])
    axis.grid(True, color="0.85", linewidth=0.7)
    axis.tick_params(axis="x", pad=0)
    for angle, text in zip(axis.get_xticks(), axis.get_xticklabels(), strict=True):
        # Away from the chart: to the right of its right half, above its upper one.
        right, up = np.sin(angle), np.cos(angle)
        text.set_horizontalalignment(
            "center" if abs(right) < 0.1 else "left" if right > 0 else "right"
        )
        text.set_verticalalignment("center" if abs(up) < 0.5 else "bottom" if up > 0 else "top")
    if dataset.class_metric == "AUC":
        angles = np.linspace(0, 2 * np.pi, 200)
        axis.plot(angles, np.full(200, 50.0), ":", color="0.4", linewidth=1.2, label="chance (50)")
    axis.set_title(f"{dataset.title}: frame-level {dataset.class_metric} in %", pad=10)
