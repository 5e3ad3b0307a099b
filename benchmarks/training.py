"""Memory and time of one training epoch on a training set of UCF-Crime's size.

    python benchmarks/training.py [--share 0.05] [--seeds 2] [--batches 2]

Makes random features of as many and as long videos as UCF-Crime's training split has, times
`--share`, in a temporary folder. Then `--seeds` processes do what a seed does: read every batch of
an epoch (nothing else, so that reading is seen apart), and train `gaussian` with the settings of
`config/hyperparameters/paper.yaml` on `--batches` of them. Times are CPU times of one thread (on a
GPU, where one process trains all seeds, they are wall times: use `--seeds 1`), scaled to the whole
set; memory is measured in one seed's process while all of them are at work.

Sizes: UCF-Crime has 1,900 videos and 13,741,393 frames (comparison tables of several papers), about
1.11 million of them in the 290 test videos (length of the published ground truth). How long single
videos are is assumed: log-normal, with a median of 140 segments.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pandas as pd
import peak
import torch
from numpy.typing import NDArray

from fusevad.csv_tables import write_csv
from fusevad.embed.shards import write_shard
from fusevad.embed.store import Streams, default_device, open_streams, pool_segments
from fusevad.files import sha256
from fusevad.models.base import build
from fusevad.models.output import Batch
from fusevad.models.registry import own
from fusevad.parsing import read_yaml
from fusevad.plan.memory import seed_memory_mb
from fusevad.train.sampling import Sample, TrainVideo, epoch_batches
from fusevad.train.settings import TrainSettings, train_settings

VIDEOS, SEGMENTS = 1610, (13_741_393 - 1_111_808) // 16
MEDIAN_SEGMENTS = 140
CROPS, WIDTH, SHARDS = 10, 768, 4
STREAMS = ("rgb", "motion")
MB, GB = 1e6, 1e9


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one seed: seconds to read an epoch and to train on a batch; MB before, after, highest.

    `device` is the highest memory of a GPU in MB, features included; 0 on a CPU.
    """

    reading: float
    step: float
    before: dict[str, float]
    after: dict[str, float]
    highest: float
    device: float


class Seed:
    """One seed's work in its process."""

    def __init__(self, folder: Path, settings: TrainSettings) -> None:
        self.settings = settings
        indices = {name: folder / name / "index.csv" for name in STREAMS}
        self.streams: Streams = open_streams(indices, STREAMS, "this benchmark")
        model = build(settings.method, settings.model, self.streams.widths, settings.loss)
        self.model = model.to(self.streams.device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), settings.learning_rate)

    def batches(self, videos: list[TrainVideo]) -> list[list[Sample]]:
        """Of the first epoch."""
        s = self.settings
        sampling = (s.crops_per_epoch, s.batch_size, s.sampling, s.drop_last)
        return list(epoch_batches(videos, CROPS, *sampling, seed=0, epoch=0))

    def read(self, samples: list[Sample]) -> Batch:
        """Features of a batch, and its labels."""
        named = [(sample.video.name, crop) for sample in samples for crop in sample.crops]
        longest = self.settings.max_segments
        read = self.streams.training_samples(named, lambda x: pool_segments(x, longest))
        labels = torch.tensor([float(sample.video.anomalous) for sample in samples])
        return Batch(read.streams, read.mask, labels.to(read.mask.device))

    def step(self, samples: list[Sample]) -> None:
        """Train on a batch."""
        batch = self.read(samples)
        terms = self.model.losses(self.model(batch.streams, batch.mask), batch)
        self.optimizer.zero_grad()
        sum(terms.values()).backward()
        self.optimizer.step()


def lengths(share: float) -> NDArray[np.int64]:
    """Segments of each video: a log-normal with the data set's median and mean."""
    count = max(4, round(VIDEOS * share))
    spread = np.sqrt(2 * np.log(SEGMENTS / VIDEOS / MEDIAN_SEGMENTS))
    draws = np.exp(spread * np.random.default_rng(0).normal(size=count))
    return np.maximum(1, np.round(draws * SEGMENTS / VIDEOS / draws.mean())).astype(np.int64)


def make_features(folder: Path, segments: dict[str, int]) -> None:
    """Write both streams and their indices; all values come from one random block."""
    block = np.random.default_rng(0).normal(size=4_000_000).astype(np.float16)
    for stream in STREAMS:
        rows = []
        for number in range(SHARDS):
            names = list(segments)[number::SHARDS]
            shapes = {name: (segments[name], CROPS, WIDTH) for name in names}
            file = folder / stream / f"shard-{number}.safetensors"
            arrays = (np.resize(block, shape) for shape in shapes.values())
            write_shard(file, shapes, arrays, {"origin": "random"})
            digest = sha256(file)
            rows += [(name, file.name, *shape, digest) for name, shape in shapes.items()]
        columns = ["video", "file", "segments", "crops", "dim", "sha256"]
        write_csv(pd.DataFrame(rows, columns=columns), folder / stream / "index.csv")


def memory() -> dict[str, float]:
    """MB of this process: resident (RSS), with shared pages counted by share (PSS), its own alone
    (USS), what is no mapped file and so can't be shared or dropped, and the highest RSS so far."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    used = {line.split(":")[0]: 1024 * int(line.split()[1]) / MB for line in lines}
    own = used["Private_Clean"] + used["Private_Dirty"]
    now = {"RSS": used["Rss"], "PSS": used["Pss"], "USS": own, "not mapped": used["Anonymous"]}
    return now | {"peak RSS": peak.highest_mb()}


@contextmanager
def watching() -> Iterator[list[float]]:
    """The highest memory of this process that is no mapped file, in MB, sampled all 20 ms."""
    highest, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text().partition("RssAnon:")[2]
            highest[0] = max(highest[0], 1024 * int(status.split()[0]) / MB)

    thread = threading.Thread(target=watch)
    thread.start()
    yield highest
    done.set()
    thread.join()


_all_seeds: Barrier


def _share(barrier: Barrier) -> None:
    global _all_seeds
    _all_seeds = barrier


def measure(
    folder: Path, settings: TrainSettings, videos: list[TrainVideo], steps: int
) -> Measured:
    """What one seed does, part by part."""
    torch.set_num_threads(1)
    device = default_device()
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    before = memory()
    seed = Seed(folder, settings)
    batches = seed.batches(videos)
    start = clock()
    for samples in batches:
        seed.read(samples)
    if device.type == "cuda":
        torch.cuda.synchronize()
    reading = clock() - start
    with watching() as highest:
        seed.step(batches[0])  # the first step also allocates
        start = clock()
        for number in range(steps):
            seed.step(batches[number % len(batches)])
        if device.type == "cuda":
            torch.cuda.synchronize()
        step = (clock() - start) / steps
    _all_seeds.wait()
    after = memory()
    _all_seeds.wait()
    on_device = torch.cuda.max_memory_allocated() / MB if device.type == "cuda" else 0.0
    return Measured(reading, step, before, after, highest[0], on_device)


def show(
    results: list[Measured], segments: NDArray[np.int64], videos: int, settings: TrainSettings
) -> None:
    """Print what was measured, and what it means for the whole set."""
    row = len(STREAMS) * CROPS * WIDTH * np.dtype(np.float16).itemsize
    pooled = np.minimum(segments, settings.max_segments).sum()
    whole = VIDEOS / videos
    batches = VIDEOS * CROPS / settings.batch_size
    reading = np.mean([result.reading for result in results])
    step = np.mean([result.step for result in results])
    print(f"share: {videos} of {VIDEOS} videos, {len(results)} seeds at a time")
    print(f"features: {row * segments.sum() / GB:.2f} GB; whole set {row * SEGMENTS / GB:.1f} GB")
    print(f"pooled to {settings.max_segments} segments: {row * pooled / GB:.2f} GB")
    print(f"read an epoch: {reading:.1f} s; whole set {reading * whole / 60:.1f} min")
    print(f"train on a batch: {step:.2f} s; whole set, {batches:.0f} batches:", end=" ")
    print(f"{step * batches / 3600:.2f} h an epoch and seed")
    for when in ("before", "after"):
        parts = [getattr(result, when) for result in results]
        mean = {name: np.mean([part[name] for part in parts]) for name in parts[0]}
        print(f"memory {when}: " + ", ".join(f"{k} {v:.0f} MB" for k, v in mean.items()))
    highest = max(result.highest for result in results)
    print(f"highest memory that is no mapped file: {highest:.0f} MB a seed", end="; ")
    print(f"rule train asks for {seed_memory_mb(settings, WIDTH)} MB")
    if device := max(result.device for result in results):
        print(f"highest memory of the GPU, features included: {device:.0f} MB")


def main() -> None:
    """Print sizes, times and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.05, help="of the data set's size")
    parser.add_argument("--seeds", type=int, default=2, help="processes")
    parser.add_argument("--batches", type=int, default=2, help="that are trained on")
    asked = parser.parse_args()
    values = read_yaml(Path("config/hyperparameters/paper.yaml"))["all"]
    sections = {name: own("gaussian", name, values[name]) for name in ("model", "loss")}
    settings = train_settings(values | sections | {"method": "gaussian"}, "paper")
    segments = {f"video-{n}": int(length) for n, length in enumerate(lengths(asked.share))}
    videos = [TrainVideo(name, n % 2 == 0, ("all",)) for n, name in enumerate(segments)]
    context = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork")
    with tempfile.TemporaryDirectory() as name:
        make_features(Path(name), segments)
        barrier = context.Barrier(asked.seeds)
        with ProcessPoolExecutor(asked.seeds, context, _share, (barrier,)) as pool:
            job = (Path(name), settings, videos, asked.batches)
            futures = [pool.submit(measure, *job) for _ in range(asked.seeds)]
            results = [future.result() for future in futures]
    show(results, np.array(list(segments.values())), len(videos), settings)


if __name__ == "__main__":
    main()
