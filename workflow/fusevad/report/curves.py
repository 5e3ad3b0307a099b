"""ROC and precision-recall curves over all test frames, with the spread of the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fusevad.data.truth import LabelledVideo
from fusevad.evaluate.metrics import LabelledSegments, Ranking
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.style import LineStyle, figure_style, legend_label, line_styles, save_figure
from fusevad.report.test_split import segment_scores, test_videos

Curve = NDArray[np.floating]
_GRID = np.linspace(0.0, 1.0, 401)


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
    """Draw ROC and precision-recall curves, a row of panels a data set, a line a method.

    Args:
        experiments: methods, in the order of the legend.
        datasets: rows of panels.
        protocol: last, validation or oracle.

    Raises:
        FusevadError: an unknown protocol, or scores that do not cover the test videos.
    """
    check_protocol(protocol)
    styles = line_styles([row.name for row in experiments])
    with figure_style():
        figure = Figure(figsize=(11, 6.6 * len(datasets)), layout="constrained")
        panels = figure.subplots(len(datasets), 2, squeeze=False)
        for (left, right), dataset in zip(panels, datasets, strict=True):
            videos = test_videos(dataset)
            for row in experiments:
                if dataset.key not in row.runs:
                    continue
                curves = seed_curves(row.runs[dataset.key], protocol, videos)
                style = styles[row.name]
                _draw(left, curves.roc, _legend(row, "AUC", curves.auc), style)
                _draw(right, curves.precision, _legend(row, "AP", curves.ap), style)
            _finish_roc(left, dataset)
            _finish_precision(right, dataset, _base_rate(videos))
        figure.suptitle(
            "Frame-level detection, all test videos pooled: mean over seeds, band ± 1 standard "
            f"deviation (protocol: {protocol})",
            fontsize=10,
        )
        save_figure(figure, out_pdf, out_png)


def seed_curves(run: Path, protocol: str, videos: Sequence[LabelledVideo]) -> SeedCurves:
    """The curves of every seed of a run on its test videos."""
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
    """Share of all frames that are anomalous."""
    anomalous = sum(int(video.labels.sum()) for video in videos)
    return anomalous / sum(len(video.labels) for video in videos)


def _precision_at(grid: Curve, precision: Curve, recall: Curve) -> Curve:
    """Precision of the first threshold whose recall reaches each point of the grid.

    A step, as in average precision: between two thresholds precision is not linear in recall.
    """
    rising = recall[::-1]
    return precision[::-1][np.searchsorted(rising, grid, side="left")]


def _legend(row: TableRow, metric: str, values: Curve) -> str:
    spread = f" ± {100 * values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{row.label}: {metric} {100 * values.mean():.2f}{spread} (n = {len(values)})"


def _draw(axis: Axes, curves: Curve, label: str, style: LineStyle) -> None:
    mean = curves.mean(axis=0)
    spread = curves.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros_like(mean)
    axis.plot(_GRID, mean, style.dashes, color=style.colour, label=legend_label(label))
    low, high = np.clip(mean - spread, 0, 1), np.clip(mean + spread, 0, 1)
    axis.fill_between(_GRID, low, high, color=style.colour, alpha=0.12, linewidth=0)


def _finish_roc(axis: Axes, dataset: TableDataset) -> None:
    axis.plot([0, 1], [0, 1], ":", color="0.5", label="chance")
    axis.set(
        title=f"{dataset.title}: ROC",
        xlabel="False-positive rate (share of normal frames)",
        ylabel="True-positive rate (share of anomalous frames)",
    )
    _frame(axis)


def _finish_precision(axis: Axes, dataset: TableDataset, base_rate: float) -> None:
    label = f"chance ({100 * base_rate:.1f} % of frames are anomalous)"
    axis.axhline(base_rate, linestyle=":", color="0.5", label=label)
    axis.set(
        title=f"{dataset.title}: precision and recall",
        xlabel="Recall (share of anomalous frames found)",
        ylabel="Precision (share of found frames that are anomalous)",
    )
    _frame(axis)


def _frame(axis: Axes) -> None:
    axis.set(xlim=(0, 1), ylim=(0, 1.01))
    axis.grid(True, color="0.92", linewidth=0.7)
    axis.set_axisbelow(True)
    # Below the panel: inside, some detector's curve would run behind it.
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=1)
