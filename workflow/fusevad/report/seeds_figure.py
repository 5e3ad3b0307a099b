"""The seeds behind Table 1: a strip for each method, so that a failed seed is seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fusevad.evaluate.settings import VIDEO_AUC
from fusevad.report.runs import TableDataset, TableRow, check_protocol, read_measurements, with_runs
from fusevad.report.statistics import interquartile_mean
from fusevad.report.style import PAGE, block_titles, figure_style, line_styles, save_figure

# A seed this far below its method's median has failed.
FAILED = 0.10
_LINE = 0.26  # inches a method
_MARGINS = 1.05  # inches a panel, for its title, axis and legend
_SPREAD = 0.22  # of dots across their strip, at most


def make_seeds_figure(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    ours: Sequence[TableRow],
    out_pdf: Path,
    out_png: Path,
) -> None:
    """Draw every seed's main metric, a panel a data set and a strip a method.

    Args:
        experiments: methods, from top to bottom.
        datasets: panels, one below another; those without a run are left out.
        protocol: last, validation or oracle.
        ours: methods below a line.

    Raises:
        FusevadError: an unknown protocol, or a run's file that is missing or wrong.
    """
    check_protocol(protocol)
    rows = [*experiments, *ours]
    datasets = with_runs(datasets, rows)
    values = read_measurements(rows, datasets)
    values = values[values["protocol"] == protocol]
    shown = {d.key: [row for row in rows if d.key in row.runs] for d in datasets}
    heights = [_MARGINS + _LINE * len(found) for found in shown.values()]
    titles = [dataset.title for dataset in datasets]
    caption = (
        f"Every seed on {', '.join(titles)}. A dot is one seed, the diamond the mean, the bar the"
        " interquartile mean. Circled, with its number: a failed seed, more than"
        f" {100 * FAILED:g} points below its method's median. Protocol: {protocol}."
    )
    with figure_style():
        figure = Figure(figsize=(PAGE, sum(heights)), layout="constrained")
        panels = figure.subplots(len(datasets), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, dataset, title in zip(panels, datasets, block_titles(titles), strict=True):
            metric = dataset.metrics[0]
            own = values[(values["dataset"] == dataset.key) & (values["metric"] == metric)]
            _draw_panel(axis, shown[dataset.key], len(experiments), own)
            axis.set_title(title, loc="left")
            judged = "held-out training" if metric == VIDEO_AUC else "test"
            axis.set_xlabel(f"{metric} on the {judged} videos, %")
        figure.legend(handles=_legend(), loc="outside lower center", ncols=4)
        save_figure(figure, out_pdf, out_png, caption)


def failed_seeds(values: pd.Series) -> list[int]:
    """Seeds (the index) more than `FAILED` below the median of a method."""
    return [int(seed) for seed in values.index[values < values.median() - FAILED]]


def _draw_panel(axis: Axes, rows: Sequence[TableRow], measured: int, values: pd.DataFrame) -> None:
    styles = line_styles([row.name for row in rows])
    for place, row in enumerate(rows):
        own = values[values["experiment"] == row.name].set_index("seed")["value"]
        _draw_strip(axis, place, own, styles[row.name].colour)
    if len(rows) > measured:
        axis.axhline(measured - 0.5, color="0.5", linewidth=0.6)
    labels = [row.label + (" (ours)" if k >= measured else "") for k, row in enumerate(rows)]
    axis.set_yticks(range(len(rows)), labels)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.grid(True, axis="x", color="0.9", linewidth=0.5)
    axis.set_axisbelow(True)
    axis.margins(x=0.03)


def _draw_strip(axis: Axes, place: int, values: pd.Series, colour: str) -> None:
    """The seeds of one method, alternately above and below its line, in order of their values."""
    ordered = values.sort_values() * 100
    offsets = _SPREAD * np.resize([-1, 0.5, -0.5, 1], len(ordered))
    axis.plot(ordered, place + offsets, "o", color=colour, markersize=3.5, alpha=0.7, zorder=3)
    failed = failed_seeds(values)
    for seed, offset in zip(ordered.index, offsets, strict=True):
        if seed in failed:
            at = (ordered[seed], place + offset)
            axis.plot(*at, "o", markersize=7, markerfacecolor="none", color="0.1", zorder=4)
            axis.annotate(
                f"seed {seed}", at, xytext=(6, 0), textcoords="offset points", va="center"
            )
    middle = 100 * interquartile_mean([values]).value
    axis.plot([middle, middle], [place - 0.38, place + 0.38], color="0.1", linewidth=1.6, zorder=5)
    axis.plot(
        ordered.mean(), place, "D", markersize=5, color="white", markeredgecolor="0.1", zorder=6
    )


def _legend() -> list[Line2D]:
    def mark(label: str, marker: str, size: float, **others: str | float) -> Line2D:
        return Line2D([], [], linestyle="", marker=marker, markersize=size, label=label, **others)

    return [
        mark("one seed", "o", 3.5, color="0.4"),
        mark("mean", "D", 5, markerfacecolor="white", markeredgecolor="0.1"),
        mark("interquartile mean", "|", 9, color="0.1", markeredgewidth=1.6),
        mark(
            f"failed seed: more than {100 * FAILED:g} points below its method's median",
            "o", 7, markerfacecolor="none", markeredgecolor="0.1",
        ),
    ]  # fmt: skip
