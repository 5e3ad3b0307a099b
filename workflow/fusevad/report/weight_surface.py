"""Figure 3: how fusion weights of latent dimensions change when part of a stream is masked."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import NDArray

from fusevad.embed.streams.registry import stream_title
from fusevad.errors import FusevadError
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.studies import read_studies
from fusevad.report.style import PAGE, figure_style, save_figure

_COLUMNS = ("masked", "level", "dimension", "is_masked", "weight_change")
_COLOURS = "RdBu_r"


def make_weight_surface(
    experiment: TableRow,
    studies: Mapping[str, Path],
    datasets: Sequence[TableDataset],
    protocol: str,
    out_pdf: Path,
    out_png: Path,
) -> None:
    """Draw a surface for each data set (a row) and masked stream, in the detector's order.

    Height and colour are the change of the masked stream's weight. Dimensions are ranked within
    each seed by their change at the largest share, as dimensions of two seeds do not correspond;
    heights are means over seeds at a rank. Ranking alone tilts a surface, so the mean over
    dimensions is printed beside each.

    Args:
        experiment: the detector of the study.
        studies: the file of dimensions of `studies.masking.study_masking`, by key of the data set.
        datasets: a row of surfaces each.
        protocol: last or validation.

    Raises:
        FusevadError: an unknown protocol, or a file that is missing or wrong.
    """
    check_protocol(protocol)
    values = read_studies(experiment, studies, datasets, protocol, _COLUMNS)
    limit = max(
        float(np.abs(ranked_changes(own)[1]).max())
        for _, own in values.groupby(["dataset", "masked"])
    )
    limit = limit or 1.0  # of weights that do not change
    norm = TwoSlopeNorm(0.0, -limit, limit)
    streams = list(values["masked"].unique())
    seeds = values["seed"].nunique()
    caption = (
        f"{experiment.label}: change of a stream's weight in each latent dimension when part of its"
        f" input is masked; masked minus clean, mean of {seeds} seeds, protocol {protocol}. Blue:"
        " the fusion turns away from the masked stream; red: towards it. Dimensions are ranked by"
        " their change at the largest share, which alone tilts a surface: compare with the mean"
        " change."
    )
    with figure_style():
        figure = Figure(figsize=(PAGE, 0.5 + 2.9 * len(datasets)))
        top = 1 - 0.55 / figure.get_figheight()
        figure.subplots_adjust(left=0.02, right=0.88, bottom=0.05, top=top, wspace=0.1, hspace=0.3)
        axes = figure.subplots(
            len(datasets), len(streams), squeeze=False, subplot_kw={"projection": "3d"}
        )
        for row, dataset in zip(axes, datasets, strict=True):
            for axis, stream in zip(row, streams, strict=True):
                own = values[(values["dataset"] == dataset.key) & (values["masked"] == stream)]
                _draw(axis, own, norm)
                axis.set_title(
                    f"{dataset.title}: {stream_title(stream)} masked\n{_summary(own)}",
                    fontsize=7,
                    y=0.97,
                )
        bar = figure.add_axes((0.92, 0.22, 0.014, 0.45))
        figure.colorbar(axes[0][0].collections[0], cax=bar)
        bar.set_title("change of\nthe weight", fontsize=7)
        save_figure(figure, out_pdf, out_png, caption)


def ranked_changes(values: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares (0 first), and mean changes as shares x ranks, of one stream's dimensions.

    Raises:
        FusevadError: a seed lacks a share or a dimension.
    """
    levels = np.array(sorted(values.loc[values["level"] > 0, "level"].unique()))
    sizes = values.groupby(["seed", "level"]).size()
    if sizes.nunique() != 1 or len(sizes) != values["seed"].nunique() * len(levels):
        raise FusevadError("weight surface: seeds have different dimensions; run the study again")
    total = np.zeros((len(levels), int(sizes.iloc[0])))
    for _, own in values.groupby("seed"):
        table = own.pivot(index="level", columns="dimension", values="weight_change").to_numpy()
        total += table[:, np.argsort(table[-1], kind="stable")]
    clean = np.zeros((1, total.shape[1]))
    return np.append(0.0, levels), np.vstack([clean, total / values["seed"].nunique()])


def _draw(axis: Axes3D, values: pd.DataFrame, norm: TwoSlopeNorm) -> None:
    levels, changes = ranked_changes(values)
    ranks = np.linspace(0, 100, changes.shape[1])
    x, y = np.meshgrid(ranks, 100 * levels)
    axis.plot_surface(
        x, y, changes, cmap=_COLOURS, norm=norm, rcount=len(levels), ccount=64,
        edgecolor=(0, 0, 0, 0.25), linewidth=0.25, shade=False,
    )  # fmt: skip
    # The largest share is in front; the dashed line is the height of no change.
    front = np.full_like(ranks, 100 * levels[-1])
    axis.plot(ranks, front, changes[-1], color="black", linewidth=1.4)
    axis.plot(ranks, front, np.zeros_like(ranks), "--", color="black", linewidth=0.9)
    axis.set_zlim(norm.vmin, norm.vmax)
    axis.set_xlabel("latent dimensions in %, by rank", labelpad=-4)
    axis.set_xlim(100, 0)
    axis.set_ylabel("masked share ρ in %", labelpad=-4)
    axis.set_yticks(100 * levels[levels != 0.05])
    axis.view_init(elev=20, azim=64)
    axis.set_box_aspect((1.25, 1.0, 0.8))
    axis.tick_params(labelsize=7, pad=-2)
    axis.tick_params("z", pad=1)
    axis.zaxis.set_major_locator(MaxNLocator(5))


def _summary(values: pd.DataFrame) -> str:
    """A summary of the surface at the largest share, in words."""
    last = values[values["level"] == values["level"].max()]
    change = last["weight_change"]
    masked = last.loc[last["is_masked"] == 1, "weight_change"].mean()
    other = last.loc[last["is_masked"] == 0, "weight_change"].mean()
    text = (
        f"at ρ = {100 * last['level'].iloc[0]:g} %: mean change {change.mean():+.4f}, "
        f"{100 * (change < 0).mean():.0f} % of dimensions fall\n"
        f"dimensions masked in the input {masked:+.4f}, the others {other:+.4f}"
    )
    return text.replace("-", "−")
