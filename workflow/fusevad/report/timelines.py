"""A page of score timelines: frames, motion cues, scores, weights and ground truth of videos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fusevad.cues.reading import CueShards
from fusevad.data.footage import open_footage
from fusevad.data.label_tables import NORMAL
from fusevad.data.manifest import Video, read_manifest
from fusevad.data.truth import LabelledVideo
from fusevad.embed.streams.registry import stream_title
from fusevad.evaluate.history import WEIGHT
from fusevad.report.runs import TableDataset, TableRow, check_protocol, read_scores
from fusevad.report.scored_videos import scores_by_seed, test_videos
from fusevad.report.style import (
    FUSION_COLOUR,
    IMAGE_COLOUR,
    MOTION_COLOUR,
    PAGE,
    TRUTH_COLOUR,
    figure_style,
    save_figure,
)
from fusevad.video.decode import SEGMENT_FRAMES

VIDEOS = 8
_PICTURES = 6
_COLUMNS = 2
_LEAST_RANGE = 0.02  # of an axis of weights
# Of the weights of streams, in the detector's order.
_COLOURS = (IMAGE_COLOUR, MOTION_COLOUR, "tab:green", "tab:purple", "tab:brown", "tab:pink")


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything drawn for one video.

    Attributes:
        title: class, name and length, for readers.
        seconds: length of the video.
        intervals: anomalies, in seconds.
        frames: one picture for each part of the video, (height, width, 3) uint8 RGB.
        cues: counts of the segments of these frames, (height, width) uint8.
        edges: start of each segment and end of the last, in seconds.
        scores: seeds x segments, in [0, 1].
        weights: likewise, by stream; empty for methods without weights.
    """

    title: str
    seconds: float
    intervals: tuple[tuple[float, float], ...]
    frames: list[NDArray[np.uint8]]
    cues: list[NDArray[np.uint8]]
    edges: NDArray[np.floating]
    scores: NDArray[np.floating]
    weights: Mapping[str, NDArray[np.floating]]


def choose_videos(
    truths: Sequence[LabelledVideo], videos: Mapping[str, Video], count: int = VIDEOS
) -> list[LabelledVideo]:
    """The first video of each class and the first normal one, in the manifest's order.

    Classes are in the order of their first appearance, as many as leave room for the normal video.
    No result decides.

    Args:
        truths: all test videos, in order.
        videos: their rows of the manifest, by name.
        count: how many to choose at most.
    """
    first: dict[str, LabelledVideo] = {}
    for truth in truths:
        first.setdefault(_shown_classes(truth, videos[truth.name])[0], truth)
    normal = [first.pop(NORMAL)] if NORMAL in first else []
    return [*list(first.values())[: count - len(normal)], *normal]


def _shown_classes(truth: LabelledVideo, video: Video) -> tuple[str, ...]:
    """The classes of a video's intervals, or the video's own where it has none."""
    return tuple(dict.fromkeys(label for label, _, _ in truth.intervals)) or video.classes


def make_timelines(
    experiment: TableRow,
    dataset: TableDataset,
    protocol: str,
    cues: tuple[Path, ...],
    window: int,
    threshold: int,
    out_pdf: Path,
    out_png: Path,
) -> None:
    """Draw the page for one experiment on one data set.

    Args:
        experiment: the detector; if it weights its streams, the weights are drawn too.
        protocol: last, validation or oracle.
        cues: shards of the motion cues of one definition.
        window, threshold: which motion cue to show (T in frames, tau in gray levels).

    Raises:
        FusevadError: an unknown protocol, or an unreadable video, cue or score file.
    """
    check_protocol(protocol)
    scores = read_scores(experiment.runs[dataset.key], protocol)
    videos = {video.name: video for video in read_manifest(dataset.manifest)}
    shards = CueShards(cues)
    lines = []
    for truth in choose_videos(test_videos(dataset), videos):
        video = videos[truth.name]
        counts = shards.counts(video, window, threshold)
        columns = ["score", *(c for c in scores if c.startswith(WEIGHT))]
        parts = {name: scores_by_seed(scores, video.name, name) for name in columns}
        lines.append(_timeline(video, truth, counts, parts))
    caption = (
        f"{experiment.label} on {dataset.title}: first test video of each class and a normal one, "
        f"in the manifest's order. Protocol: {protocol}, {scores['seed'].nunique()} seeds; motion "
        f"cue: T = {window} frames, threshold {threshold} gray levels."
    )
    with figure_style():
        figure = _draw_page(lines, window)
        save_figure(figure, out_pdf, out_png, caption)


def _timeline(
    video: Video,
    truth: LabelledVideo,
    counts: Iterable[NDArray[np.uint8]],
    parts: Mapping[str, NDArray[np.floating]],
) -> Timeline:
    footage = open_footage(video)
    begins = footage.edges()
    shown = _shown_frames(truth, begins)
    segments = [k // SEGMENT_FRAMES for k in shown]
    pictures = {k: frame for k, frame in enumerate(footage.frames()) if k in set(shown)}
    cues = {k: count for k, count in enumerate(counts) if k in set(segments)}
    names = " + ".join(_shown_classes(truth, video)).replace("_", " ").replace("-", " ")
    unknown = ", no intervals" if video.anomalous and not truth.intervals else ""
    return Timeline(
        title=f"{names}{unknown}  ({video.name})",
        seconds=begins[-1],
        intervals=tuple((begins[start], begins[end]) for _, start, end in truth.intervals),
        frames=[pictures[k] for k in shown],
        cues=[cues[k] for k in segments],
        edges=np.append(begins[:-1:SEGMENT_FRAMES], begins[-1]),
        scores=parts["score"],
        weights={k.removeprefix(WEIGHT): v for k, v in parts.items() if k.startswith(WEIGHT)},
    )


def _shown_frames(truth: LabelledVideo, edges: NDArray[np.floating]) -> list[int]:
    """The middle frame of each of `_PICTURES` equally long parts of a video.

    The part with the middle of the first anomaly shows that frame instead, so that a short anomaly
    does not fall between two pictures.
    """
    # A nanosecond makes a frame that begins exactly in the middle the middle frame.
    middles = (np.arange(_PICTURES) + 0.5) / _PICTURES * edges[-1] + 1e-9
    shown = (np.searchsorted(edges, middles, "right") - 1).tolist()
    if truth.intervals:
        _, start, end = truth.intervals[0]
        middle = (start + end) // 2
        part = int(edges[middle] / edges[-1] * _PICTURES + 1e-9)
        shown[min(part, _PICTURES - 1)] = middle  # last frames may be of one time
    return shown


def _draw_page(lines: Sequence[Timeline], window: int) -> Figure:
    rows = -(-len(lines) // _COLUMNS)
    height = 2.4 * rows + 0.75
    figure = Figure(figsize=(PAGE, height))
    grid = GridSpec(
        rows,
        _COLUMNS,
        figure=figure,
        left=0.085,
        right=0.99,
        top=1 - 0.2 / height,
        bottom=0.8 / height,
        wspace=0.22,
        hspace=0.26,
    )
    limits = _weight_limits(lines)
    for place, line in zip(grid, lines, strict=False):
        _draw_video(figure, place, line, window, limits)
    figure.legend(handles=_legend(lines[0].weights), loc="lower center", ncols=3)
    return figure


def _weight_limits(lines: Sequence[Timeline]) -> tuple[float, float] | None:
    """The range of all weights and their bands on the page, one axis for all; None without weights.

    Fusion weights are often all near one half: on an axis from 0 to 1 they are a flat line.
    """
    bands = [_band_of(values) for line in lines for values in line.weights.values()]
    if not bands:
        return None
    everything = np.concatenate([side for low, _, high in bands for side in (low, high)])
    middle = (everything.min() + everything.max()) / 2
    half = max(0.55 * (everything.max() - everything.min()), _LEAST_RANGE / 2)
    return max(middle - half, -0.04), min(middle + half, 1.04)


def _draw_video(
    figure: Figure,
    place: SubplotSpec,
    line: Timeline,
    window: int,
    limits: tuple[float, float] | None,
) -> None:
    ratios = (1.15, 1.15, 1.2, 1.1)[: 4 if limits else 3]
    grid = place.subgridspec(len(ratios), 1, height_ratios=ratios, hspace=0.14)
    pictures, cues, score, *weights = axes = [figure.add_subplot(row) for row in grid]
    _strip(pictures, line.frames, line.seconds, "frames")
    _strip(cues, [window - cue for cue in line.cues], line.seconds, "motion\ncues", window)
    pictures.set_title(line.title, loc="left", fontweight="bold", pad=3, fontsize=7)
    _shade(score, line)
    _band(score, line.edges, line.scores, FUSION_COLOUR)
    score.set(ylabel="score", ylim=(-0.04, 1.04), yticks=(0, 0.5, 1))
    for axis in weights:
        score.tick_params(labelbottom=False)
        _shade(axis, line)
        for values, colour in zip(line.weights.values(), cycle(_COLOURS), strict=False):
            _band(axis, line.edges, values, colour)
        axis.set(ylabel="weights", ylim=limits)
        axis.yaxis.set_major_locator(MaxNLocator(3))
    for axis in axes:
        axis.set_xlim(0, line.seconds)
    axes[-1].set_xlabel("time in seconds", labelpad=1)
    figure.align_ylabels(axes[2:])


def _strip(
    axis: Axes,
    pictures: Sequence[NDArray[np.uint8]],
    seconds: float,
    label: str,
    highest: int | None = None,
) -> None:
    """Pictures side by side, each over its part of the time axis."""
    width = seconds / len(pictures)
    for k, picture in enumerate(pictures):
        extent = (k * width, (k + 1) * width, 0.0, 1.0)
        limits = {} if highest is None else {"cmap": "gray", "vmin": 0, "vmax": highest}
        axis.imshow(picture, extent=extent, aspect="auto", interpolation="antialiased", **limits)
        if k:
            axis.axvline(k * width, color="white" if highest is None else "0.7", linewidth=0.8)
    axis.set(ylim=(0, 1), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.set_ylabel(label, rotation=0, ha="right", va="center")


def _shade(axis: Axes, line: Timeline) -> None:
    for start, end in line.intervals:
        axis.axvspan(start, end, color=TRUTH_COLOUR, linewidth=0)


def _band(
    axis: Axes, edges: NDArray[np.floating], values: NDArray[np.floating], colour: str
) -> None:
    """Mean over seeds as a step function over segments, and ± 1 standard deviation around it."""
    low, mean, high = _band_of(values)
    axis.stairs(mean, edges, color=colour, linewidth=1.0, baseline=None)
    axis.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=0.2, linewidth=0)


def _band_of(values: NDArray[np.floating]) -> tuple[NDArray[np.floating], ...]:
    """Low end, mean and high end of each segment, from `seeds x segments`."""
    mean = values.mean(axis=0)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
    return np.clip(mean - spread, 0, 1), mean, np.clip(mean + spread, 0, 1)


def _legend(weighed: Iterable[str]) -> list[Line2D | Patch]:
    """What the marks mean; `weighed` are the streams with weights."""
    names = [stream_title(stream).replace(" ", "-") for stream in weighed]
    return [
        Line2D([], [], color=FUSION_COLOUR, label="anomaly score, mean over seeds"),
        *(
            Line2D([], [], color=colour, label=f"{name} weight (axis zoomed)")
            for name, colour in zip(names, cycle(_COLOURS), strict=False)
        ),
        Patch(color="black", alpha=0.2, linewidth=0, label="± 1 standard deviation over seeds"),
        Patch(color=TRUTH_COLOUR, linewidth=0, label="annotated anomaly"),
        Patch(facecolor="white", edgecolor="0.5", label="motion cues: darker, more changes"),
    ]
