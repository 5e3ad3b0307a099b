"""Speed and memory of the whole, each figure with its target: writes benchmarks/results.md.

    python benchmarks/bench.py [--out benchmarks/results.md]

Where possible, a figure is a ratio of two times measured in this run. Times are processor time
unless a row says "by the wall"; those rows need an idle machine. The other scripts in this folder
measure the same parts in more detail. Growth is the exponent of processor time against the size of
the data, fitted over three sizes: 1 is linear.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import cues
import cv2
import encoder
import evaluate
import graph
import numpy as np
import pandas as pd
import peak
import torch

from fusevad.csv_tables import write_csv
from fusevad.embed.run import embed_shard
from fusevad.embed.settings import EmbedSettings
from fusevad.encoders.settings import EncoderSettings
from fusevad.files import write_text
from fusevad.models.registry import own
from fusevad.parsing import read_yaml
from fusevad.plan.made import commit, processor
from fusevad.plan.measured import measured_jobs
from fusevad.train.run import TrainData, train
from fusevad.train.settings import TrainSettings, train_settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.made_up_embeddings import write_stream

ROOT = Path(__file__).resolve().parents[1]
TINY = ("--configfile", "config/tiny.yaml")
ROUNDS = 5
SIZES = (1, 2, 4)  # of the data, to fit an exponent
VIDEOS, SEGMENTS, CROPS, WIDTH = (
    80,
    20,
    10,
    128,
)  # made-up embeddings, as large as the rendered set's
EVALUATED = (3, 10)  # seeds and epochs of a run
GRAPH_VIDEOS = (1000, 10_000, 100_000)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of the report.

    Attributes:
        what: is measured.
        value: measured.
        text: the value with its unit and range.
        most: the target, where the value must not be above it.
        least: the target, where the value must not be below it.
    """

    what: str
    value: float
    text: str
    most: float | None = None
    least: float | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """What is measured, the figure, the target, and whether it is met."""
        if self.most is None and self.least is None:
            return self.what, self.text, "", ""
        target = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        met = self.value <= self.most if self.most is not None else self.value >= self.least
        return self.what, self.text, target, "yes" if met else "**no**"


def alone(work: Callable[..., object], *arguments: object) -> tuple[float, float, float]:
    """Processor seconds, wall seconds and highest MB of a call in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_alone, work, arguments).result()


def _alone(work: Callable[..., object], arguments: Sequence[object]) -> tuple[float, float, float]:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    wall, before = time.perf_counter(), _processor_seconds()
    work(*arguments)
    return _processor_seconds() - before, time.perf_counter() - wall, peak.highest_mb()


def _processor_seconds() -> float:
    """Of this process and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def ratio_row(
    what: str, pairs: Sequence[tuple[float, float]], most: float | None, least: float | None
) -> Row:
    """The ratio of medians, and the lowest and highest ratio of a round."""
    above, below = zip(*pairs, strict=True)
    value = statistics.median(above) / statistics.median(below)
    each = [a / b for a, b in pairs]
    return Row(what, value, f"{value:.2f} ({min(each):.2f} to {max(each):.2f})", most, least)


def growth_row(what: str, sizes: Sequence[float], seconds: Sequence[float], mb: float) -> Row:
    """How a stage grows with the data."""
    value = graph.exponent(sizes, seconds)
    text = f"{value:.2f} ({min(seconds):.1f} to {max(seconds):.1f} s; at most {mb:.0f} MB)"
    return Row(f"{what}: exponent", value, text, most=1.2)


def cue_rows(folder: Path) -> Iterator[Row]:
    """Motion cues against decoding, and against the released extractor's way."""
    for clip, most in zip(cues.make_clips(folder), (1.5, 2.4), strict=True):
        plain, ours, once = cues.on_one_core(clip, ROUNDS).seconds("CPU")
        name = clip.stem.replace("Mbps", " Mb/s")
        pairs = list(zip(ours, plain, strict=True))
        yield ratio_row(f"all cues and crops : decoding alone, {name}", pairs, most, None)
        pairs = list(zip(once, ours, strict=True))
        yield ratio_row(f"once a crop, one cue : all cues and crops, {name}", pairs, None, 15)
        faster, _ = cues.on_two_cores(clip, ROUNDS)
        value = statistics.median(faster)
        text = f"{value:.2f} ({min(faster):.2f} to {max(faster):.2f})"
        what = f"two videos one after the other : in two processes, {name}, by the wall"
        yield Row(what, value, text, least=1.8)
    spent = [alone(_cues_of_copies, clip, copies) for copies in SIZES]
    sizes = [float(copies) for copies in SIZES]
    yield growth_row(
        "motion cues by videos", sizes, [each[0] for each in spent], max(each[2] for each in spent)
    )


def _cues_of_copies(clip: Path, copies: int) -> None:
    for _ in range(copies):
        cues.cues(clip)


def encoder_rows(folder: Path) -> Iterator[Row]:
    """An encoder against the machine's matrix products, and the stage by number of images."""
    torch.set_num_threads(1)
    model, batch = encoder.MODEL["cpu"], encoder.BATCHES["cpu"]
    tower, operations = encoder.random_tower(model, torch.device("cpu"))
    own_rate, rates = encoder.measure(tower, operations, batch, ROUNDS, 1)
    for size, rate in rates.items():
        value = 100 * rate * operations / own_rate
        what = f"{model}, batch {size}: per cent of the machine's matrix products"
        yield Row(what, value, f"{value:.0f} ({rate:.1f} images/s)", least=90)
    clip = cues.make_clips(folder)[0]
    spent = []
    for copies in SIZES:
        manifest = encoder.copies_manifest(clip, copies, folder / f"copies-{copies}")
        spent.append(alone(_embed, manifest, folder / f"copies-{copies}.safetensors"))
    yield growth_row(
        "RGB embeddings (bundled encoder) by videos",
        [float(copies) for copies in SIZES],
        [each[0] for each in spent],
        max(each[2] for each in spent),
    )


def _embed(manifest: Path, shard: Path) -> None:
    values = read_yaml(ROOT / "config/encoders/fusevad-small.yaml")
    named = {key: values[key] for key in ("model", "pretrained")}
    settings = EmbedSettings("rgb", EncoderSettings("fusevad-small", **named))
    embed_shard(manifest, 0, 1, replace(settings, frame_stride=16), shard)


def training_rows(folder: Path) -> Iterator[Row]:
    """Ten seeds of Student-t against one, and one by number of videos."""
    settings = rendered_settings()
    cores = len(os.sched_getaffinity(0))
    data = made_up_data(folder / "once", VIDEOS)
    # The first start of worker processes is the longest.
    alone(_train, settings, data, [0], folder / "first", cores)
    one = alone(_train, settings, data, [0], folder / "one", cores)
    ten = alone(_train, settings, data, list(range(10)), folder / "ten", cores)
    what = f"ten seeds : one, on {cores} cores, by the wall (ideal: {10 / cores:g})"
    yield Row(what, ten[1] / one[1], f"{ten[1] / one[1]:.1f} ({one[1]:.1f} and {ten[1]:.1f} s)")
    what = "ten seeds : one, processor time"
    yield Row(what, ten[0] / one[0], f"{ten[0] / one[0]:.1f}", most=10)
    spent = [
        alone(
            _train, settings, made_up_data(folder / f"x{n}", n * VIDEOS), [0], folder / f"r{n}", 1
        )
        for n in SIZES
    ]
    yield growth_row(
        "training a seed by videos",
        [float(n) for n in SIZES],
        [each[0] for each in spent],
        max(each[2] for each in spent),
    )


def rendered_settings() -> TrainSettings:
    """Of Student-t on the rendered set."""
    values = read_yaml(ROOT / "config/hyperparameters/rendered.yaml")["all"]
    sections = {name: own("student-t", name, values[name]) for name in ("model", "loss")}
    return train_settings(values | sections | {"method": "student-t"}, "rendered")


def _train(
    settings: TrainSettings, data: TrainData, seeds: list[int], folder: Path, workers: int
) -> None:
    train(settings, data, seeds, folder, workers)


def made_up_data(folder: Path, videos: int) -> TrainData:
    """Random embeddings; every third video is of the test split."""
    random = np.random.default_rng(0)
    columns = ["video", "path", "split", "classes", "frames", "fps", "width", "height", "sha256"]
    names = [f"video-{k}" for k in range(videos)]
    rows = [
        (name, f"{name}.mp4", "test" if k % 3 == 2 else "train", "Fall" if k % 2 else "normal",
         16 * SEGMENTS, 25.0, 320, 240, "0" * 64, False)
        for k, name in enumerate(names)
    ]  # fmt: skip
    folder.mkdir()
    table = pd.DataFrame(rows, columns=[*columns, "variable_rate"])
    write_csv(table, folder / "manifest.csv")
    shape = (SEGMENTS, CROPS, WIDTH)
    indices = {
        stream: write_stream(
            folder / stream, {name: random.normal(size=shape).astype(np.float16) for name in names}
        )
        for stream in ("rgb", "motion")
    }
    return TrainData(folder / "manifest.csv", indices)


def evaluation_rows(folder: Path) -> Iterator[Row]:
    """Metrics on segments against scikit-learn on frames, at UCF-Crime's size."""
    spent, frames = [], [evaluate.FRAMES // 4, evaluate.FRAMES // 2, evaluate.FRAMES]
    for total in frames:
        place = folder / f"{total}"
        place.mkdir()
        evaluate.make_run(place, *EVALUATED, total)
        spent.append(evaluate.measured(evaluate.on_segments, place))
    slow = evaluate.measured(evaluate.on_frames, place)
    value = slow.seconds / spent[-1].seconds
    text = f"{value:.0f} ({slow.seconds:.1f} and {spent[-1].seconds:.2f} s)"
    yield Row("evaluation by scikit-learn on frames : on segments", value, text, least=10)
    yield growth_row(
        "evaluation by frames",
        [float(total) for total in frames],
        [each.seconds for each in spent],
        max(each.highest for each in spent),
    )


def graph_rows(folder: Path) -> Iterator[Row]:
    """Snakemake's plan of Table 1 before anything is made, by number of videos."""
    found = []
    for videos in GRAPH_VIDEOS:
        place = folder / f"{videos}"
        place.mkdir()
        graph.make_project(place, videos)
        found.append(graph.dry_run(place))
    most = found[-1]
    what = f"job graph of {GRAPH_VIDEOS[-1]:,} videos"
    text = f"{most.seconds:.0f} ({most.processor:.0f} s of a processor)"
    yield Row(f"{what}: seconds by the wall", most.seconds, text, most=60)
    yield Row(f"{what}: MB", most.mb, f"{most.mb:.0f}", most=4000)
    value = graph.exponent(GRAPH_VIDEOS, [each.processor for each in found])
    yield Row("job graph by videos: exponent", value, f"{value:.2f}", most=1.2)


def workflow_rows(project: Path) -> Iterator[Row]:
    """A run of the workflow that has nothing left to do, after Table 1 of the tiny set."""
    for name in ("workflow", "config", "envs", "profiles"):
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, project / name, ignore=unwanted)
    shutil.copy(ROOT / "Snakefile", project)
    made = _snakemake(project)
    nothing = [_snakemake(project) for _ in range(ROUNDS)]
    value = statistics.median(each[0] for each in nothing)
    wall = statistics.median(each[1] for each in nothing)
    what = "Table 1 with nothing left to do: seconds of a processor"
    yield Row(what, value, f"{value:.1f} ({wall:.1f} by the wall)", most=4)
    what = "Table 1 of the tiny set from nothing: seconds of a processor"
    yield Row(what, made[0], f"{made[0]:.0f} ({made[1]:.0f} by the wall)")


def _snakemake(project: Path) -> tuple[float, float]:
    """Processor and wall seconds of Table 1 of the tiny set."""
    wall, before = time.perf_counter(), _processor_seconds()
    environment = os.environ | {"PYTHONPATH": str(project / "workflow")}
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "all",
        "results/tiny/table1.tex",
        *TINY,
    ]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: failed\n{done.stderr[-3000:]}")
    return _processor_seconds() - before, time.perf_counter() - wall


def memory_lines(project: Path) -> Iterator[str]:
    """Memory of the workflow's jobs by rule."""
    yield "| rule | jobs | highest MB |"
    yield "|---|---:|---:|"
    jobs = measured_jobs(project / "results")
    for rule in sorted({job.rule for job in jobs}):
        own_jobs = [job.mb for job in jobs if job.rule == rule]
        known = [mb for mb in own_jobs if mb is not None]
        yield (
            f"| {rule} | {len(own_jobs)} | {max(known):.0f} |"
            if known
            else (f"| {rule} | {len(own_jobs)} | too short to measure |")
        )


PARTS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "Motion cues": cue_rows,
    "Encoders": encoder_rows,
    "Training": training_rows,
    "Evaluation": evaluation_rows,
    "Planning": graph_rows,
    "The workflow": workflow_rows,
}


def report(out: Path) -> None:
    """Measure everything, print each figure as it comes, and write the report."""
    lines = [
        "# Speed and memory",
        "",
        f"Made by `make bench` on {date.today()}: {processor()}, {len(os.sched_getaffinity(0))}"
        f" cores, commit {commit()[:12] or 'unknown'}. Ratios have the lowest and highest ratio"
        " of a round behind them.",
        "",
        "| what | measured | target | met |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        folders = {part: Path(name) / str(k) for k, part in enumerate(PARTS)}
        for part, rows in PARTS.items():
            folders[part].mkdir()
            lines.append(f"| **{part}** | | | |")
            for row in rows(folders[part]):
                lines.append(f"| {' | '.join(row.cells)} |")
                print(": ".join(row.cells[:2]), flush=True)
        lines += ["", "Memory of the tiny set's jobs, all processes of a job together:", ""]
        lines += memory_lines(folders["The workflow"])
    write_text("\n".join([*lines, ""]), out)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results.md")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    report(arguments.out)


if __name__ == "__main__":
    main()
