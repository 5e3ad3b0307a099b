"""A made-up data set with runs whose differences are known, for the tests of the report."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pandas as pd

from fusevad.csv_tables import write_csv
from fusevad.files import sha256
from fusevad.report.runs import TableDataset, TableRow
from fusevad.report.scored_videos import test_videos as read_truth
from tests.made_up_tables import write_table

PUBLISHED = Path(__file__).parents[1] / "config" / "published"
METHODS = {
    "image-only": ("Image only", 0.80),
    "motion-only": ("Motion cue only", 0.78),
    "concat": ("Concatenation", 0.83),
    "cross-attention": ("Cross-attention", 0.84),
    "gating": ("Gating", 0.84),
    "gaussian": ("IEF-VAD (Gaussian)", 0.87),
    "student-t": ("IEF-VAD (Student-t)", 0.87),
}
CLASSES = ("abandoned_object", "fall", "fighting", "fire", "running")
METRICS = ("AUC", "AP", "Ano-AUC", "Ano-AP")
PROTOCOL_SHIFT = {"last": -0.01, "validation": 0.0, "oracle": 0.02}
SEEDS = range(10)
FRAMES, FPS = 90, 15


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A data set with its rows, and the values that its runs hold."""

    dataset: TableDataset
    rows: list[TableRow]


def write_data(folder, videos_on_disk):
    rows, intervals = [], []
    for k, name in enumerate(["normal", *CLASSES, "normal", *CLASSES]):
        video = f"test-{k:03d}"
        path = folder / f"{video}.mp4"
        if videos_on_disk:
            write_video(path, brightness=20 * k, moving=slice(30, 60))
        digest = sha256(path) if videos_on_disk else ""
        rows.append((video, path, "test", name, FRAMES, FPS, 320, 240, digest or "0"))
        if name != "normal":
            intervals.append((video, name, 30 + k, 60 + k))
    write_table(folder, "manifest", rows)
    write_table(folder, "intervals", intervals)
    write_table(folder, "skipped")
    return TableDataset(
        key="rendered",
        title="Rendered",
        metrics=METRICS,
        manifest=folder / "manifest.csv",
        intervals=folder / "intervals.csv",
        skipped=folder / "skipped.csv",
        crops=1,
        frame_stride=2,
    )


def write_video(path, brightness, moving):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for k in range(FRAMES):
            picture = np.full((240, 320, 3), brightness, dtype=np.uint8)
            left = 20 + 4 * (k if moving.start <= k < moving.stop else moving.start)
            picture[80:200, left : left + 40] = (250, 120, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_run(folder, name, mean, generator, videos, shared):
    """Values of each method are its mean, what all methods share of a seed, and its own noise."""
    keys = [(seed, protocol) for seed in SEEDS for protocol in PROTOCOL_SHIFT]

    def value(protocol, seed, shift=0.0):
        noise = shared[seed] + 0.002 * generator.standard_normal()
        return float(np.clip(mean + shift + PROTOCOL_SHIFT[protocol] + noise, 0, 1))

    write_csv(
        pd.DataFrame(
            [(s, p, 9, m, value(p, s, -0.05 * k)) for s, p in keys for k, m in enumerate(METRICS)],
            columns=["seed", "protocol", "epoch", "metric", "value"],
        ),
        folder / "seeds.csv",
    )
    strength = dict(zip(CLASSES, np.linspace(-0.2, 0.1, len(CLASSES)), strict=True))
    sign = -1 if name == "image-only" else 1
    write_csv(
        pd.DataFrame(
            [
                (s, p, c, m, value(p, s, sign * strength[c]))
                for s, p in keys
                for c in CLASSES
                for m in ("AUC", "AP")
            ],
            columns=["seed", "protocol", "class", "metric", "value"],
        ),
        folder / "classes.csv",
    )
    weight = np.nan if name in ("image-only", "motion-only", "concat") else 0.6
    parts = [
        scores_of(video, mean, weight, generator) | {"seed": s, "protocol": p}
        for s, p in keys
        for video in videos
    ]
    columns = {name: column_of(parts, name) for name in parts[0]}
    table = pd.DataFrame(columns).dropna(axis="columns")  # methods without weights have no columns
    table.to_parquet(folder / "scores.parquet", index=False)


def scores_of(video, mean, weight, generator):
    starts = np.arange(0, len(video.labels), 16)
    anomalous = np.add.reduceat(video.labels.astype(float), starts) / 16
    noise = (1 - mean) * 1.5 * generator.standard_normal(len(starts))
    weights = weight + 0.1 * np.sin(starts / 20)
    return {
        "video": video.name,
        "segment": np.arange(len(starts)),
        "start": starts,
        "end": np.minimum(starts + 16, len(video.labels)),
        "score": 1 / (1 + np.exp(-4 * (anomalous - 0.5 + noise))),
        "weight_rgb": weights,
        "weight_motion": 1 - weights,
    }


def column_of(parts, name):
    """One array; what holds for a whole video is repeated for its segments."""
    return np.concatenate([np.broadcast_to(part[name], len(part["segment"])) for part in parts])


def make_up(folder, videos_on_disk=False):
    folder.mkdir(parents=True, exist_ok=True)
    dataset = write_data(folder, videos_on_disk)
    generator = np.random.default_rng(0)
    shared = 0.01 * generator.standard_normal(len(SEEDS))
    videos, rows = read_truth(dataset), []
    for name, (label, mean) in METHODS.items():
        write_run(folder / "runs" / name, name, mean, generator, videos, shared)
        rows.append(TableRow(label, name, {"rendered": folder / "runs" / name}))
    return MadeUp(dataset, rows)


def changed_run(row, folder, change, file="seeds.csv"):
    """A copy of a run in which `change` has altered the table in `file`."""
    copy = folder / "changed"
    shutil.copytree(row.runs["rendered"], copy)
    change(pd.read_csv(copy / file)).to_csv(copy / file, index=False)
    return replace(row, runs={"rendered": copy})
