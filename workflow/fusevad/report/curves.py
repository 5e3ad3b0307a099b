"""ROC and precision-recall curves over all test frames, with the spread of the seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from fusevad.data.truth import LabelledVideo
from fusevad.evaluate.metrics import LabelledSegments, Ranking
from fusevad.report.runs import TableDataset, TableRow, check_protocol, with_runs
from fusevad.report.scored_videos import segment_scores, test_videos
from fusevad.report.style import (
    PAGE,
    LineStyle,
    block_titles,
    figure_style,
    line_styles,
    save_figure,
)

Curve = NDArray[np.floating]
_GRID = np.linspace(0.0, 1.0, 401)
_PANELS = 4  # side by side


@dataclass(frozen=True, slots=True)
class SeedCurves:
    """One method's curves on one data set, on the common horizontal grid `_GRID`.

    Attributes:
        roc: seeds x grid, true-positive rate at each false-positive rate.
        precision: seeds x grid, precision at each recall.
        auc, ap: area and average precision of each seed, from all its points.
    """

    roc: Curve
    precision: Curve
    auc: Curve
    ap: Curve


def make_curves(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    out_pdf: Path,
    out_png: Path,
) -> None:
    """Draw ROC and precision-recall curves, a panel a method, the other methods in gray.

    Args:
        experiments: methods, in the order of the panels.
        datasets: blocks of panels, one below another; those without a run are left out.
        protocol: last, validation or oracle.

    Raises:
        FusevadError: an unknown protocol, or scores that do not cover the test videos.
    """
    check_protocol(protocol)
    datasets = with_runs(datasets, experiments)
    styles = line_styles([row.name for row in experiments])
    titles = [dataset.title for dataset in datasets]
    caption = (
        f"Frame-level ROC (above) and precision-recall curves on {', '.join(titles)}, all test "
        "videos pooled: mean over seeds, band ± 1 standard deviation; gray: the other methods; "
        f"dotted: chance. Protocol: {protocol}."
    )
    blocks = []
    for dataset in datasets:
        videos = test_videos(dataset)
        shown = [row for row in experiments if dataset.key in row.runs]
        curves = [seed_curves(row.runs[dataset.key], protocol, videos) for row in shown]
        blocks.append((_base_rate(videos), list(zip(shown, curves, strict=True))))
    heights = [-(-len(found) // _PANELS) for _, found in blocks for _ in range(2)]
    with figure_style():
        size = PAGE, 1.75 * sum(heights) + 0.3 * len(blocks)
        figure = Figure(figsize=size, layout="constrained")
        parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        for k, (title, block) in enumerate(zip(block_titles(titles), blocks, strict=True)):
            base_rate, found = block
            parts[2 * k].suptitle(title, fontsize=8)
            _draw_roc(parts[2 * k], found, styles)
            _draw_precision(parts[2 * k + 1], found, styles, base_rate)
        save_figure(figure, out_pdf, out_png, caption)


def seed_curves(run: Path, protocol: str, videos: Sequence[LabelledVideo]) -> SeedCurves:
    """The curves of every seed of a run on the test videos."""
    segments = LabelledSegments.of(videos)
    roc, precision, auc, ap = [], [], [], []
    for scores in segment_scores(run, protocol, videos)[1]:
        ranking = Ranking.of(scores, segments.positive, segments.negative)
        roc.append(np.interp(_GRID, *ranking.roc()))
        precision.append(_precision_at(_GRID, *ranking.precision_recall()))
        auc.append(ranking.auc())
        ap.append(ranking.average_precision())
    return SeedCurves(np.array(roc), np.array(precision), np.array(auc), np.array(ap))


def _base_rate(videos: Sequence[LabelledVideo]) -> float:
    """Share of anomalous frames among all frames."""
    anomalous = sum(int(video.labels.sum()) for video in videos)
    return anomalous / sum(len(video.labels) for video in videos)


def _precision_at(grid: Curve, precision: Curve, recall: Curve) -> Curve:
    """Precision of the first threshold whose recall reaches each point of the grid.

    A step function, as in average precision: between thresholds, precision is not linear in recall.
    """
    rising = recall[::-1]
    return precision[::-1][np.searchsorted(rising, grid, side="left")]


def _draw_roc(
    part: SubFigure,
    found: Sequence[tuple[TableRow, SeedCurves]],
    styles: Mapping[str, LineStyle],
) -> None:
    part.supxlabel("false-positive rate (share of normal frames)", fontsize=7)
    part.supylabel("true-positive rate", fontsize=7)
    drawn = [(row, curves.roc, _area("AUC", curves.auc)) for row, curves in found]
    for axis in _panels(part, drawn, styles):
        axis.plot([0, 1], [0, 1], ":", color="0.3", linewidth=0.8)


def _draw_precision(
    part: SubFigure,
    found: Sequence[tuple[TableRow, SeedCurves]],
    styles: Mapping[str, LineStyle],
    base_rate: float,
) -> None:
    chance = f"dotted: chance, {100 * base_rate:.1f} % of frames are anomalous"
    part.supxlabel(f"recall (share of anomalous frames found); {chance}", fontsize=7)
    part.supylabel("precision", fontsize=7)
    drawn = [(row, curves.precision, _area("AP", curves.ap)) for row, curves in found]
    for axis in _panels(part, drawn, styles):
        axis.axhline(base_rate, linestyle=":", color="0.3", linewidth=0.8)


def _panels(
    part: SubFigure,
    drawn: Sequence[tuple[TableRow, Curve, str]],
    styles: Mapping[str, LineStyle],
) -> list[Axes]:
    """A panel a method, with its curve over the curves of all other methods."""
    rows = -(-len(drawn) // _PANELS)
    axes = part.subplots(rows, _PANELS, squeeze=False, sharex=True, sharey=True)
    panels = list(axes.flat[: len(drawn)])
    for axis in axes.flat[len(drawn) :]:
        axis.remove()
    for axis, (row, own, area) in zip(panels, drawn, strict=True):
        for other, curves, _ in drawn:
            if other is not row:
                axis.plot(_GRID, curves.mean(axis=0), color="0.75", linewidth=0.6)
        _draw(axis, own, styles[row.name])
        axis.set_title(f"{row.label}\n{area}", fontsize=7)
        axis.set(xlim=(0, 1), ylim=(0, 1.01), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axis.tick_params(labelbottom=True, labelleft=True)
        axis.grid(True, color="0.92", linewidth=0.5)
        axis.set_axisbelow(True)
    return panels


def _area(metric: str, values: Curve) -> str:
    spread = f" ± {100 * values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{metric} {100 * values.mean():.2f}{spread} (n = {len(values)})"


def _draw(axis: Axes, curves: Curve, style: LineStyle) -> None:
    mean = curves.mean(axis=0)
    spread = curves.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros_like(mean)
    low, high = np.clip(mean - spread, 0, 1), np.clip(mean + spread, 0, 1)
    axis.fill_between(_GRID, low, high, color=style.colour, alpha=0.2, linewidth=0)
    axis.plot(_GRID, mean, color=style.colour, linewidth=1.4)
