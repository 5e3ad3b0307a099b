"""Figure 2 of the paper: how well each input detects each anomaly class, as radar or as bars."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from fusevad.errors import FusevadError
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    check_protocol,
    read_class_measurements,
    with_runs,
)
from fusevad.report.statistics import summarize_table
from fusevad.report.style import (
    COLUMN,
    PAGE,
    LineStyle,
    block_titles,
    figure_style,
    legend_label,
    line_styles,
    save_figure,
)

_COLUMNS = 2
_LABEL_CHARACTERS = 10
_LEAST_AXES = 3  # of a radar: two are a line, one is a point
_BARS = 0.8  # of the space of a class
_CHANCE = {"linestyle": ":", "color": "0.4", "linewidth": 1.2, "label": "chance (50)"}


def make_radar(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    out_pdf: Path,
    out_png: Path,
) -> None:
    """Draw one radar chart a data set: an axis a class, a line a method, its band ± std of seeds.

    With fewer than three classes: bars, with ± std of seeds.

    Args:
        experiments: the inputs to compare, usually image only, motion cue only and a fusion.
        datasets: one chart each; those without a run are left out.
        protocol: last, validation or oracle.

    Raises:
        FusevadError: an unknown protocol, or a run's file that is missing or wrong.
    """
    check_protocol(protocol)
    datasets = with_runs(datasets, experiments)
    values = read_class_measurements(experiments, datasets)
    values = values[values["protocol"] == protocol]
    if values.empty:
        raise FusevadError(f"radar: no run was evaluated under protocol {protocol}; train again")
    summary = summarize_table(values, ["dataset", "class"])
    seeds = values["seed"].nunique()
    titles = [dataset.title for dataset in datasets]
    metrics = " and ".join(dict.fromkeys(dataset.class_metric for dataset in datasets))
    caption = (
        f"{', '.join(titles)}: frame-level {metrics} in % by anomaly class, mean of {seeds} seeds "
        f"± 1 standard deviation; protocol: {protocol}; only test videos that show the class."
    )
    with figure_style():
        columns = min(len(datasets), _COLUMNS)
        rows = -(-len(datasets) // columns)
        size = (COLUMN if columns == 1 else PAGE, (COLUMN + 0.1) * rows)
        figure = Figure(figsize=size, layout="constrained")
        for k, (dataset, title) in enumerate(zip(datasets, block_titles(titles), strict=True)):
            own = summary[summary["dataset"] == dataset.key]
            radar = own["class"].nunique() >= _LEAST_AXES
            place = rows, columns, k + 1
            axis = figure.add_subplot(*place, projection="polar" if radar else None)
            (_draw_radar if radar else _draw_bars)(axis, own, experiments, dataset.class_metric)
            axis.set_title(title, pad=10)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2 * columns)
        save_figure(figure, out_pdf, out_png, caption)


def _draw_radar(
    axis: PolarAxes, summary: pd.DataFrame, experiments: Sequence[TableRow], metric: str
) -> None:
    classes = sorted(summary["class"].unique())
    angles = np.linspace(0, 2 * np.pi, len(classes), endpoint=False)
    styles = line_styles([row.name for row in experiments])
    for row in experiments:
        mean, spread = _percentages(summary, row, classes)
        _closed_line(axis, angles, mean, spread, styles[row.name], row.label)
    axis.set_xticks(angles, [_in_lines(name) for name in classes])
    _label(axis)
    if metric == "AUC":
        around = np.linspace(0, 2 * np.pi, 200)
        axis.plot(around, np.full(200, 50.0), **_CHANCE)


def _draw_bars(
    axis: Axes, summary: pd.DataFrame, experiments: Sequence[TableRow], metric: str
) -> None:
    """A group of bars a class."""
    classes = sorted(summary["class"].unique())
    styles = line_styles([row.name for row in experiments])
    width = _BARS / len(experiments)
    places = np.arange(len(classes)) - (_BARS - width) / 2
    for k, row in enumerate(experiments):
        mean, spread = _percentages(summary, row, classes)
        axis.bar(
            places + k * width, mean, 0.9 * width, yerr=spread, color=styles[row.name].colour,
            error_kw={"ecolor": "0.4", "capsize": 2}, label=legend_label(row.label),
        )  # fmt: skip
    axis.set_xticks(range(len(classes)), [_in_lines(name) for name in classes])
    axis.set(ylim=(0, 100), ylabel=f"{metric} in %")
    if metric == "AUC":
        axis.axhline(50.0, **_CHANCE)


def _percentages(
    summary: pd.DataFrame, row: TableRow, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of a method's seeds by class; NaN where it has no value."""
    own = summary[summary["experiment"] == row.name].set_index("class").reindex(classes)
    mean, spread = own["mean"].to_numpy(dtype=float), own["std"].fillna(0.0).to_numpy(dtype=float)
    return 100 * mean, 100 * spread


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


def _label(axis: PolarAxes) -> None:
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
