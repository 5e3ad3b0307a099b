"""Time and memory of evaluation at UCF-Crime's size: on segments, against scikit-learn on frames.

    python benchmarks/evaluate.py [--seeds 10] [--epochs 10] [--resamples 1000]

Makes the test split of a data set as large as UCF-Crime's (290 videos, 140 of them anomalous in 13
classes, 1,111,808 frames: the length of the published ground truth) and random scores of an
experiment. Then, each in a process of its own: the stage `evaluate` as it is, with all three
protocols; the same metrics by scikit-learn on every single frame, as the stage computed them
before; and a bootstrap over the test videos. The two evaluations must agree to 1e-12.

How long single videos are is assumed: log-normal, with a median of 140 segments.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import peak
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.evaluate.history import COLUMNS, SCORE, WEIGHT

VIDEOS, ANOMALOUS, CLASSES, FRAMES = 290, 140, 13, 1_111_808
MEDIAN_SEGMENTS = 140


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds, MB at the highest, and what came out."""

    seconds: float
    highest: float
    value: object


def make_run(folder: Path, seeds: int, epochs: int, total: int = FRAMES) -> None:
    """Write `manifest.csv`, `intervals.csv` and the files that training leaves.

    Args:
        folder: to write into.
        seeds: of the run.
        epochs: of each seed.
        total: frames of all videos.
    """
    generator = np.random.default_rng(0)
    lengths = generator.lognormal(np.log(MEDIAN_SEGMENTS * 16), 1.0, VIDEOS)
    frames = np.maximum(32, (lengths * total / lengths.sum()).astype(int))
    frames[frames.argmax()] += total - frames.sum()
    videos, intervals = [], []
    for k, length in enumerate(frames.tolist()):
        label = f"class-{k % CLASSES:02d}" if k < ANOMALOUS else "normal"
        start, end = np.sort(generator.choice(length, 2, replace=False)).tolist()
        rest = 30, 320, 240, "0" * 64, False
        videos.append((f"v{k:03d}", f"v{k:03d}.mp4", "test", label, length, *rest))
        if k < ANOMALOUS:
            intervals.append((f"v{k:03d}", label, start, end))
    columns = ["video", "path", "split", "classes", "frames", "fps", "width", "height", "sha256"]
    columns.append("variable_rate")
    write_csv(pd.DataFrame(videos, columns=columns), folder / "manifest.csv")
    columns = ["video", "class", "start", "end"]
    write_csv(pd.DataFrame(intervals, columns=columns), folder / "intervals.csv")
    run = folder / "run"
    run.mkdir()
    shape = epochs, int(np.ceil(frames / 16).sum()), 3
    scores = {f"seed-{k}": generator.random(shape, np.float32) for k in range(seeds)}
    names = {COLUMNS: f"{SCORE},{WEIGHT}rgb,{WEIGHT}motion"}
    save_file(scores, run / "epoch-scores.safetensors", metadata=names)
    history = [
        {"seed": seed, "epoch": epoch, "validation_auc": generator.random(), "validation_loss": 0}
        for seed in range(seeds)
        for epoch in range(epochs)
    ]
    write_csv(pd.DataFrame(history), run / "history.csv")


def on_segments(folder: Path) -> None:
    """The stage as it is, writing its three files."""
    from fusevad.evaluate.run import evaluate

    evaluate(folder / "run", folder / "manifest.csv", folder / "intervals.csv", "AUC")


def on_frames(folder: Path) -> dict[tuple[int, str, str], float]:
    """The metrics alone, by scikit-learn on frames, at the epochs that the stage chose."""
    videos = read_test_videos(folder / "manifest.csv", folder / "intervals.csv")
    scores = load_file(folder / "run" / "epoch-scores.safetensors")
    chosen = pd.read_csv(folder / "run" / "seeds.csv").groupby(["seed", "protocol"])["epoch"].min()
    found = {}
    for seed in range(len(scores)):
        epochs = scores[f"seed-{seed}"]
        oracle = int(np.argmax([_frame_metrics(videos, epoch[:, 0])["AUC"] for epoch in epochs]))
        assert oracle == chosen[seed, "oracle"]
        for protocol in PROTOCOLS:
            values = epochs[chosen[seed, protocol]][:, 0]
            metrics = _frame_metrics(videos, values) | _class_metrics(videos, values)
            found |= {(seed, protocol, name): value for name, value in metrics.items()}
    return found


def _by_frame(videos: Sequence[LabelledVideo], scores: NDArray) -> list[NDArray]:
    borders = np.cumsum([-(-len(video.labels) // 16) for video in videos])[:-1]
    parts = np.split(scores, borders)
    return [
        np.repeat(part, 16)[: len(video.labels)] for video, part in zip(videos, parts, strict=True)
    ]


def _areas(labels: NDArray, scores: NDArray, prefix: str) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    return {
        f"{prefix}AUC": float(roc_auc_score(labels, scores)),
        f"{prefix}AP": float(average_precision_score(labels, scores)),
    }


def _frame_metrics(videos: Sequence[LabelledVideo], scores: NDArray) -> dict[str, float]:
    pairs = list(zip(videos, _by_frame(videos, scores), strict=True))
    found = {}
    for prefix, own in (("", pairs), ("Ano-", [pair for pair in pairs if pair[0].intervals])):
        labels = np.concatenate([video.labels for video, _ in own])
        found |= _areas(labels, np.concatenate([frames for _, frames in own]), prefix)
    return found


def _class_metrics(videos: Sequence[LabelledVideo], scores: NDArray) -> dict[str, float]:
    """Every made-up video shows one class, so that all its frames count."""
    pairs = list(zip(videos, _by_frame(videos, scores), strict=True))
    found = {}
    for name in sorted({video.intervals[0][0] for video in videos if video.intervals}):
        own = [pair for pair in pairs if name in {label for label, _, _ in pair[0].intervals}]
        labels = np.concatenate([video.labels for video, _ in own])
        found |= _areas(labels, np.concatenate([frames for _, frames in own]), f"{name} ")
    return found


def bootstrap(folder: Path, metric: str, resamples: int) -> None:
    """One metric of one seed on resampled test videos."""
    from fusevad.evaluate.metrics import LabelledSegments
    from fusevad.report.bootstrap import VideoBootstrap

    videos = read_test_videos(folder / "manifest.csv", folder / "intervals.csv")
    segments = LabelledSegments.of(videos)
    scores = np.random.default_rng(1).random(len(segments.video))
    VideoBootstrap(segments, resamples).metric(metric, scores)


def measured(work: Callable, *arguments: object) -> Measured:
    """Do some work in a process of its own; imports count for memory, and not for time."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, *arguments))


def _measure(work: Callable, *arguments: object) -> Measured:
    import sklearn.metrics  # noqa: F401

    import fusevad.evaluate.run
    import fusevad.report.bootstrap  # noqa: F401

    before = time.perf_counter()
    value = work(*arguments)
    seconds = time.perf_counter() - before
    return Measured(seconds, peak.highest_mb(), value)


def largest_difference(folder: Path, frames: dict[tuple[int, str, str], float]) -> float:
    """Between what the stage wrote and the metrics on frames."""
    seeds = pd.read_csv(folder / "run" / "seeds.csv", float_precision="round_trip")
    classes = pd.read_csv(folder / "run" / "classes.csv", float_precision="round_trip")
    classes["metric"] = classes["class"] + " " + classes["metric"]
    table = pd.concat([seeds, classes])
    assert len(table) == len(frames)
    return max(
        abs(row.value - frames[row.seed, row.protocol, row.metric]) for row in table.itertuples()
    )


def main() -> None:
    """Print a line a measurement, the ratio and the largest difference."""
    parser = argparse.ArgumentParser(description="Time and memory of evaluation.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_run(folder, options.seeds, options.epochs)
        segments = measured(on_segments, folder)
        frames = measured(on_frames, folder)
        _print("evaluate, on segments", segments)
        _print("its metrics, scikit-learn on frames", frames)
        print(f"ratio of times {frames.seconds / segments.seconds:.1f}")
        print(f"largest difference {largest_difference(folder, frames.value):.1e}")
        for metric in ("AUC", "AP"):
            drawn = measured(bootstrap, folder, metric, options.resamples)
            _print(f"{metric}, {options.resamples} resamples of the videos", drawn)


def _print(what: str, found: Measured) -> None:
    print(f"{what:36}{found.seconds:8.1f} s {found.highest:8.0f} MB")


if __name__ == "__main__":
    main()
