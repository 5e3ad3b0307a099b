"""Heat maps of the encoders' attention over frames and motion cues (Figure 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from fusevad.csv_tables import read_csv
from fusevad.cues.reading import CueShards
from fusevad.data.footage import open_footage
from fusevad.data.label_tables import NORMAL
from fusevad.data.manifest import Video, read_manifest
from fusevad.errors import FusevadError
from fusevad.report.attention_table import MODALITIES
from fusevad.report.runs import TableDataset
from fusevad.report.style import PAGE, figure_style, save_figure
from fusevad.video.decode import FRAME_SIZE

EXAMPLES = 8
_LINE = 0.84  # inches a row of pictures
_CROP = 224
_LEFT, _TOP = (FRAME_SIZE[0] - _CROP) / 2, (FRAME_SIZE[1] - _CROP) / 2
_MAP, _OPACITY = "viridis", 0.5
_TITLES = (
    "frame",
    "image encoder's\nattention",
    "motion cue",
    "motion encoder's\nattention",
)


@dataclass(frozen=True, slots=True)
class ExampleMap:
    """One attention map: weights and attended patches, (rows, columns), and a patch's side.

    The side is a share of the crop's.
    """

    weights: NDArray[np.floating]
    attended: NDArray[np.bool_]
    patch: float


@dataclass(frozen=True, slots=True)
class Example:
    """Everything drawn for one segment; pictures are (256, 340[, 3]) uint8."""

    title: str
    frame: NDArray[np.uint8]
    cue: NDArray[np.uint8]
    maps: dict[str, ExampleMap]


def choose_classes(classes: Sequence[str], count: int = EXAMPLES) -> list[str]:
    """The first classes in order and `normal` last, at most `count`. No result decides."""
    normal = [NORMAL] if NORMAL in classes else []
    return [*[name for name in classes if name != NORMAL][: count - len(normal)], *normal]


def make_attention_maps(
    dataset: TableDataset,
    maps: Path,
    cues: tuple[Path, ...],
    window: int,
    threshold: int,
    out_pdf: Path,
    out_png: Path,
) -> None:
    """Draw, for some classes, a frame, its motion cue, and the encoders' attention over both.

    Args:
        dataset: of the videos.
        maps: `attention-maps.csv` of the study.
        cues: shards of the motion cues of one definition.
        window, threshold: of the motion cue (T in frames, tau in gray levels).

    Raises:
        FusevadError: a missing or unreadable file.
    """
    keys = ("class", "frame_type", "video", "modality")
    numbers = ["segment", "frame", "row", "column", "patch", "weight"]
    table = read_csv(maps, [*keys, *numbers, "attended"], text=keys, truths=("attended",))
    if table.empty:
        raise FusevadError(f"{maps}: no attention maps; run the attention study again")
    videos = {video.name: video for video in read_manifest(dataset.manifest)}
    shards = CueShards(cues)
    examples = []
    for name in choose_classes(list(table["class"].unique())):
        own = table[table["class"] == name]
        video = videos[own["video"].iloc[0]]
        examples.append(_example(name, own, video, shards, window, threshold))
    caption = (
        f"What the encoders attend to on {dataset.title}: of the segments that show a class in its"
        f" first test video, the middle one; motion cue: T = {window} frames, threshold"
        f" {threshold} gray levels."
    )
    with figure_style():
        save_figure(_draw(examples, window), out_pdf, out_png, caption)


def _example(
    name: str, own: pd.DataFrame, video: Video, cues: CueShards, window: int, threshold: int
) -> Example:
    time, segment = int(own["frame"].iloc[0]), int(own["segment"].iloc[0])
    counts = cues.chosen(video, window, threshold, [segment])
    label = "no anomaly" if name == NORMAL else name.replace("_", " ").replace("-", " ")
    footage = open_footage(video)
    return Example(
        title=f"{label}\n{video.name}\n{footage.edges()[time]:.1f} s",
        frame=next(islice(footage.frames(), time, None)),
        cue=next(counts),
        maps={key: _map(own[own["modality"] == key]) for key in MODALITIES},
    )


def _map(own: pd.DataFrame) -> ExampleMap:
    grid = own.pivot(index="row", columns="column", values=["weight", "attended"])
    return ExampleMap(
        grid["weight"].to_numpy(dtype=float),
        grid["attended"].to_numpy(dtype=bool),
        float(own["patch"].iloc[0]),
    )


def _draw(examples: Sequence[Example], window: int) -> Figure:
    """A row of four pictures an example."""
    size = PAGE, _LINE * len(examples) + 1.2
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(examples), len(_TITLES), squeeze=False)
    for line, example in zip(axes, examples, strict=True):
        _draw_example(line, example, window)
    for axis, title in zip(axes[0], _TITLES, strict=True):
        axis.set_title(title, fontsize=7)
    figure.colorbar(
        ScalarMappable(Normalize(0, 1), _MAP),
        ax=axes,
        location="bottom",
        aspect=60,
        shrink=0.6,
        alpha=_OPACITY,
        label="attention of a patch, as a share of the map's highest",
    )
    figure.legend(handles=_legend(), loc="outside lower center", ncols=2)
    return figure


def _draw_example(axes: Sequence[Axes], example: Example, window: int) -> None:
    frame, over_frame, cue, over_cue = axes
    frame.imshow(example.frame)
    over_frame.imshow(example.frame.mean(axis=2), cmap="gray", vmin=0, vmax=255)
    for axis in (cue, over_cue):
        axis.imshow(window - example.cue.astype(int), cmap="gray", vmin=0, vmax=window)
    for axis, shown in zip((over_frame, over_cue), example.maps.values(), strict=True):
        _overlay(axis, shown)
    for axis in axes:
        axis.add_patch(
            Rectangle((_LEFT, _TOP), _CROP, _CROP, fill=False, color="0.5", linestyle=":")
        )
        axis.set(xticks=[], yticks=[], xlim=(0, FRAME_SIZE[0]), ylim=(FRAME_SIZE[1], 0))
        axis.spines[:].set_visible(False)
    frame.set_ylabel(example.title, rotation=0, ha="right", va="center")


def _overlay(axis: Axes, shown: ExampleMap) -> None:
    """Draw the map over the crop that the encoder sees, and lines around the attended patches."""
    side = shown.patch * _CROP
    rows, columns = shown.weights.shape
    axis.imshow(
        shown.weights / shown.weights.max(),
        extent=(_LEFT, _LEFT + columns * side, _TOP + rows * side, _TOP),
        cmap=_MAP,
        vmin=0,
        vmax=1,
        alpha=_OPACITY,
        interpolation="nearest",
    )
    corner = np.array([_LEFT, _TOP])
    lines = [corner + side * line for line in borders(shown.attended)]
    axis.add_collection(LineCollection(lines, colors="red", linewidths=1.0, capstyle="round"))
    axis.text(
        _LEFT + 5, _TOP + 8, f"area {shown.attended.mean():.2f}", va="top",
        bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.8},
    )  # fmt: skip


def borders(attended: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Lines between attended patches and others: (lines, 2 ends, (column, row)) of corners."""
    inside = np.pad(attended, 1).astype(int)
    lines = []
    for axis, back in ((0, (0, 1)), (1, (1, 0))):
        # With the padding, a line runs wherever a patch differs from the next one.
        ends = np.argwhere(np.diff(inside, axis=axis))
        lines.append(np.stack([ends - np.array(back), ends], axis=1))
    return np.concatenate(lines)[..., ::-1].astype(float)


def _legend() -> list[Rectangle | Line2D]:
    crop = "centre crop that the encoder sees; its patches may end before the edges"
    return [
        Line2D([], [], color="red", label="attended area: patches above the table's threshold"),
        Line2D([], [], color="0.5", linestyle=":", label=crop),
        Rectangle(
            (0, 0),
            1,
            1,
            facecolor="white",
            edgecolor="0.5",
            label="motion cues: the darker, the more changes",
        ),
    ]
