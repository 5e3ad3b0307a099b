"""Time and memory of MIL, RTFM and UR-DMU on I3D features as `fetch --features i3d-32` brings them.

    python benchmarks/published_features.py [--share 0.04] [--epochs 1]

Makes random features of a share of UCF-Crime's videos, laid out as published (training videos 10 x
32 x 2048, test videos T x 10 x 2048, float32), in a temporary folder; makes their manifest, imports
them and trains one seed of each experiment of config/ucf-crime-i3d.yaml, as the workflow does.
Times are CPU times, scaled to the whole data set; memory is the highest of a step's processes that
is no mapped file, not scaled.

Sizes: UCF-Crime has 1,610 training videos, and 1,111,808 frames in 290 test videos (length of the
published ground truth). How long single test videos are is assumed: log-normal, with a median of 80
segments.
"""

import argparse
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from fusevad.config.load import load
from fusevad.csv_tables import write_csv
from fusevad.embed.imported.manifest import manifest_from_features
from fusevad.embed.imported.run import import_features
from fusevad.embed.imported.settings import ImportSettings
from fusevad.parsing import read_yaml
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.settings import train_settings

TRAIN, TEST, TEST_SEGMENTS, MEDIAN = 1610, 290, 1_111_808 // 16, 80
CROPS, BINS, WIDTH = 10, 32, 2048
CONFIG = Path("config")
SETTINGS = ImportSettings("i3d-32")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of a step, and the highest memory in MB that is no mapped file."""

    seconds: float
    highest: float


def make(folder: Path, share: float) -> int:
    """Write features, labels and intervals; returns the segments of test videos."""
    random = np.random.default_rng(0)
    spread = np.sqrt(2 * np.log(TEST_SEGMENTS / TEST / MEDIAN))
    draws = np.exp(spread * random.normal(size=max(4, round(TEST * share))))
    lengths = np.maximum(1, draws * share * TEST_SEGMENTS / draws.sum()).round().astype(int)
    rows, spans = [], []
    shapes = [("train", (CROPS, BINS, WIDTH))] * max(20, round(TRAIN * share))
    shapes += [("test", (int(length), CROPS, WIDTH)) for length in lengths]
    (folder / "features").mkdir()
    for number, (split, shape) in enumerate(shapes):
        name, kind = f"{split}{number}", ("normal", "anomalous")[number % 2]
        values = random.standard_normal(shape, dtype=np.float32)
        np.save(folder / "features" / f"{name}_i3d.npy", np.abs(values))
        rows.append((name, split, kind, name))
        if split == "test" and kind == "anomalous":
            spans.append((name, kind, 0, 8))
    labels = ["video", "split", "class", "path"]
    write_csv(pd.DataFrame(rows, columns=labels), folder / "labels.csv")
    columns = ["video", "class", "start", "end"]
    write_csv(pd.DataFrame(spans, columns=columns), folder / "intervals.csv")
    return int(lengths.sum())


def measured(step: Callable[..., object], *arguments: object) -> Cost:
    """The cost of a step in a process of its own."""
    context = get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=_run, args=(queue, step, *arguments))
    process.start()
    highest, done = [0.0], threading.Event()
    thread = threading.Thread(target=_watch, args=(psutil.Process(process.pid), highest, done))
    thread.start()
    seconds = queue.get()
    process.join()
    done.set()
    thread.join()
    return Cost(seconds, highest[0])


def _run(queue: "SimpleQueue[float]", step: Callable[..., object], *arguments: object) -> None:
    start = _cpu_seconds()
    step(*arguments)
    queue.put(_cpu_seconds() - start)


def _cpu_seconds() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)


def _watch(process: psutil.Process, highest: list[float], done: threading.Event) -> None:
    while not done.wait(0.05):
        try:
            family = (process, *process.children(recursive=True))
            texts = [Path(f"/proc/{each.pid}/status").read_text() for each in family]
        except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
            continue  # one has ended meanwhile
        parts = [text.partition("RssAnon:")[2].split() for text in texts]
        highest[0] = max(highest[0], sum(int(part[0]) for part in parts if part) * 1024 / 1e6)


def train_one(folder: Path, experiment: str, epochs: int) -> None:
    """One seed of an experiment, as the rule `train` does."""
    files = ("config.yaml", "ucf-crime-i3d.yaml")
    values: dict = {}
    for file in files:
        values |= read_yaml(CONFIG / file)
    config = load(values, CONFIG)
    wanted = config.train_settings("ucf-crime", experiment) | {"epochs": epochs, "milestones": []}
    data = TrainData(folder / "out" / "manifest.csv", {"rgb": folder / "out" / "rgb" / "index.csv"})
    train(train_settings(wanted, experiment), data, [0], folder / experiment, workers=1)


def main() -> None:
    """Print sizes, times and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.04, help="of the data set's size")
    parser.add_argument("--epochs", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segments = make(folder, asked.share)
        whole = TEST_SEGMENTS / segments
        print(f"share {asked.share}: {segments} of {TEST_SEGMENTS} test segments")
        out, features = folder / "out", folder / "features"
        tables = (folder / "labels.csv", folder / "intervals.csv", out)
        steps: list[tuple[str, Callable[..., object], tuple[object, ...]]] = [
            ("manifest", manifest_from_features, (SETTINGS, features, *tables)),
            (
                "import",
                import_features,
                (SETTINGS, features, out / "manifest.csv", "rgb", out / "rgb", 4),
            ),
        ]
        steps += [
            (experiment, train_one, (folder, experiment, asked.epochs))
            for experiment in read_yaml(CONFIG / "ucf-crime-i3d.yaml")["table1"]
        ]
        for title, step, arguments in steps:
            started = time.perf_counter()
            cost = measured(step, *arguments)
            print(
                f"{title}: {cost.seconds:.1f} s of CPU ({time.perf_counter() - started:.0f} s);"
                f" whole set {cost.seconds * whole / 60:.1f} min; {cost.highest:.0f} MB"
            )


if __name__ == "__main__":
    main()
