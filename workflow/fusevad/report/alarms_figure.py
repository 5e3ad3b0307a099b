"""The figure of alarms: events found against false alarms an hour, a panel a method."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fusevad.csv_tables import read_csv
from fusevad.evaluate.timed_videos import timed_videos
from fusevad.report.alarm_curves import FoundCurve, found_curve
from fusevad.report.runs import TableDataset, TableRow, check_protocol, with_runs
from fusevad.report.style import (
    PAGE,
    LineStyle,
    block_titles,
    figure_style,
    line_styles,
    save_figure,
)
from fusevad.studies.settings import AlarmTableSettings

_PANELS = 4  # side by side
_STEPS = 48  # of a curve
_COLUMNS = ["dataset", "experiment", "threshold_from", "rate", "found", "found_low", "found_high"]
_COLUMNS += ["false_alarms", "block"]
_TEXTS = ("dataset", "experiment", "threshold_from", "block")
# Thresholds that are marked, with their filling.
_CERTIFIED, _ESTIMATED = ("footage", "held-out"), "held-out-estimate"

# Key of a data set, and the curve of each method.
_Block = tuple[str, Sequence[tuple[TableRow, FoundCurve]]]


def make_alarms_figure(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    table: Path,
    alarms: AlarmTableSettings,
    protocol: str,
    out_pdf: Path,
    out_png: Path,
) -> None:
    """Draw what each method finds, and what it finds at the thresholds of the table of alarms.

    Args:
        experiments: panels, in order; the other methods' curves are gray in each.
        datasets: blocks of panels, one below another; those without a run are left out.
        table: CSV of `make_alarms_table` for the same rows.
        alarms: rates, and how scores become alarms.
        protocol: last or validation.

    Raises:
        FusevadError: an unknown protocol, or a file that is missing or wrong.
    """
    check_protocol(protocol)
    datasets = with_runs(datasets, experiments)
    marks = read_csv(table, _COLUMNS, text=_TEXTS)
    marks = marks[(marks["block"] != "transfer") & marks["found"].notna()]
    rates = np.geomspace(min(alarms.rates) / 2, 3 * max(alarms.rates), _STEPS)
    styles = line_styles([row.name for row in experiments])
    blocks: list[_Block] = []
    for dataset in datasets:
        videos = timed_videos(dataset.manifest, dataset.intervals, "test")
        shown = [row for row in experiments if dataset.key in row.runs]
        runs = [row.runs[dataset.key] for row in shown]
        curves = [found_curve(run, protocol, videos, alarms.events, rates) for run in runs]
        blocks.append((dataset.key, list(zip(shown, curves, strict=True))))
    titles = [dataset.title for dataset in datasets]
    with figure_style():
        figure = _drawn(titles, blocks, marks, rates, alarms.rates, styles)
        save_figure(figure, out_pdf, out_png, _caption(titles, alarms, protocol))


def _drawn(
    titles: Sequence[str],
    blocks: Sequence[_Block],
    marks: pd.DataFrame,
    rates: np.ndarray,
    promised: Sequence[float],
    styles: Mapping[str, LineStyle],
) -> Figure:
    """The whole figure, a block of panels a data set."""
    columns = min(_PANELS, max(len(found) for _, found in blocks))
    heights = [-(-len(found) // columns) for _, found in blocks]
    size = PAGE, 1.6 * sum(heights) + 0.45 * len(blocks) + 0.35
    figure = Figure(figsize=size, layout="constrained")
    parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, title, (key, found) in zip(parts, block_titles(titles), blocks, strict=True):
        own = marks[marks["dataset"] == key]
        part.suptitle(title, fontsize=8)
        part.supxlabel("false alarms an hour of the test videos", fontsize=7)
        part.supylabel("events found, %", fontsize=7)
        axes = part.subplots(
            -(-len(found) // columns), columns, squeeze=False, sharex=True, sharey=True
        )
        _draw_block(list(axes.flat), found, own, rates, promised, styles)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
    return figure


def _caption(titles: Sequence[str], alarms: AlarmTableSettings, protocol: str) -> str:
    promised = ", ".join(f"{rate:g}" for rate in alarms.rates)
    return (
        f"{', '.join(titles)}: annotated events found against the false alarms an hour that the"
        " test videos raise; gray: the other methods' curves. Dashed, with its 95 % interval over"
        " seeds and videos: the threshold is chosen on the test videos, which is optimistic."
        f" Filled, with the same interval: thresholds certified for {promised} false alarms an hour"
        " (beside each) on normal footage that training has not seen. Hollow: thresholds at which"
        " the held-out videos raise so many, without a bound. Marks at the left edge raise none,"
        " at the right edge more than are shown."
        f" Protocol: {protocol}."
    )


def _draw_block(
    axes: Sequence[Axes],
    found: Sequence[tuple[TableRow, FoundCurve]],
    marks: pd.DataFrame,
    rates: np.ndarray,
    promised: Sequence[float],
    styles: Mapping[str, LineStyle],
) -> None:
    """The panels of a data set, one a method; axes that are left over are removed."""
    for axis in axes[len(found) :]:
        axis.remove()
    for axis, (row, curve) in zip(axes[: len(found)], found, strict=True):
        for other, behind in found:
            if other is not row:
                axis.step(rates, 100 * behind.share, color="0.8", linewidth=0.6, where="post")
        _draw_curve(axis, rates, curve, styles[row.name])
        _draw_marks(axis, marks[marks["experiment"] == row.name], rates, styles[row.name])
        axis.set_title(row.label, fontsize=7)
        axis.set(xscale="log", xlim=(rates[0] / 1.15, rates[-1] * 1.15), ylim=(0, 104))
        axis.set_xticks(promised, [f"{rate:g}" for rate in promised])
        axis.set_xticks([], minor=True)
        axis.tick_params(labelbottom=True, labelleft=True)
        axis.grid(True, color="0.92", linewidth=0.5)
        axis.set_axisbelow(True)


def _draw_curve(axis: Axes, rates: np.ndarray, curve: FoundCurve, style: LineStyle) -> None:
    band = 100 * curve.low, 100 * curve.high
    axis.fill_between(rates, *band, color=style.colour, alpha=0.15, linewidth=0, step="post")
    axis.step(rates, 100 * curve.share, "--", color=style.colour, linewidth=1, where="post")


def _draw_marks(axis: Axes, marks: pd.DataFrame, rates: np.ndarray, style: LineStyle) -> None:
    """The thresholds of the table: filled and with their rate, if certified; else hollow."""
    for mark in marks[marks["threshold_from"].isin([*_CERTIFIED, _ESTIMATED])].itertuples():
        certified = mark.threshold_from in _CERTIFIED
        at = float(np.clip(mark.false_alarms, rates[0], rates[-1])), mark.found
        layer = 4 if certified else 3
        # Not as error bars, which refuse a length of -1e-15.
        ends = mark.found_low, mark.found_high
        width = 0.8 if certified else 0.4
        axis.vlines(at[0], *ends, color=style.colour, linewidth=width, zorder=layer)
        filling = style.colour if certified else "white"
        axis.plot(*at, "o", markersize=4, color=style.colour, markerfacecolor=filling, zorder=layer)
        if certified:
            axis.annotate(
                f"{mark.rate:g}", at, xytext=(4, -6), textcoords="offset points", fontsize=7
            )


def _legend() -> list[Line2D]:
    def mark(label: str, filling: str) -> Line2D:
        return Line2D(
            [], [], linestyle="", marker="o", color="0.3", markerfacecolor=filling, label=label
        )

    line = Line2D([], [], linestyle="--", color="0.3", label="chosen on the test (optimistic)")
    return [line, mark("certified", "0.3"), mark("estimated, no bound", "white")]
