"""Time and memory of the job graph of Table 1, by number of videos.

    python benchmarks/graph.py [--videos 1000 10000 100000]

For each number it makes up a data set of people's own videos: tables of labels and intervals, fifty
videos a shard as `fusevad init-dataset` starts, no video files. Then it measures `snakemake
--dry-run` of Table 1 in a copy of the repository, twice: before anything is made, and when the
manifest and all motion cues and embeddings are there (as empty files), so that runs remain. The
last lines have the fitted exponents of processor time by number of videos.
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import peak

ROOT = Path(__file__).resolve().parents[1]
VIDEOS_A_SHARD = 50
NAME = "many"
_TARGET = f"results/{NAME}/table1.tex"
_DATASET = """\
title: Many
metrics: [AUC]
crops: [0, 5]
frame_stride: 16
shards: {shards}
hyperparameters: rendered
own: {{labels: config/datasets/{name}/labels.csv, intervals: config/datasets/{name}/intervals.csv}}
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """A dry run.

    Attributes:
        jobs: that it would run.
        seconds: from start to end.
        processor: seconds of processors, which other programs of the machine change less.
        mb: its memory at the highest.
    """

    jobs: int
    seconds: float
    processor: float
    mb: float


def make_project(folder: Path, videos: int) -> None:
    """Copy what a run needs of the repository, and add the data set and its configuration."""
    for name in ("workflow", "config", "envs", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    tables = folder / "config" / "datasets" / NAME
    tables.mkdir()
    shards = math.ceil(videos / VIDEOS_A_SHARD)
    (tables.with_suffix(".yaml")).write_text(_DATASET.format(shards=shards, name=NAME))
    (folder / "config" / f"{NAME}.yaml").write_text(f"datasets: [{NAME}]\n")
    names = [f"camera-{k % 997:03d}/{k:07d}" for k in range(videos)]
    tested = range(0, videos, 5)
    labels = (
        f"{name},{'test' if k in tested else 'train'},{'Fall' if k % 2 else 'normal'},v/{name}.mp4"
        for k, name in enumerate(names)
    )
    intervals = (f"{names[k]},Fall,160,480" for k in tested if k % 2)
    _write(tables / "labels.csv", "video,split,class,path", labels)
    _write(tables / "intervals.csv", "video,class,start,end", intervals)


def _write(path: Path, header: str, rows: Iterable[str]) -> None:
    path.write_text("\n".join([header, *rows, ""]))


def make_embeddings(folder: Path) -> None:
    """Make empty files in place of all outputs up to the embeddings, the earlier ones older."""
    program = (
        "from pathlib import Path\n"
        "from fusevad.config.load import load_files\n"
        "from fusevad.plan.stage import SHARED_UNITS\n"
        "from fusevad.plan.stages import plan\n"
        f"jobs = plan(load_files([Path('config/{NAME}.yaml')])).jobs.values()\n"
        "for path in (p for job in jobs if job.unit in SHARED_UNITS for p in job.outputs):\n"
        "    Path(path).parent.mkdir(parents=True, exist_ok=True)\n"
        "    Path(path).touch()\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=_environment(folder), check=True
    )


def dry_run(folder: Path) -> Measured:
    """Measure `snakemake --dry-run` of Table 1."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", _TARGET]
    command += ["--configfile", f"config/{NAME}.yaml"]
    log = folder / "dry-run.log"
    before = time.perf_counter()
    status, processor, mb = peak.run(command, folder, _environment(folder), log)
    seconds = time.perf_counter() - before
    text = log.read_text()
    if status:
        raise SystemExit(f"{' '.join(command)}: failed\n{text[-3000:]}")
    total = next(line for line in reversed(text.splitlines()) if line.startswith("total "))
    return Measured(int(total.split()[1]), seconds, processor, mb)


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder / "workflow")}


def exponent(videos: Sequence[int], seconds: Sequence[float]) -> float:
    """Slope of the line through the logarithms: 1 is linear."""
    return float(np.polyfit(np.log(videos), np.log(seconds), 1)[0])


def main() -> None:
    """Print a line a measurement, and the exponents."""
    parser = argparse.ArgumentParser(description="Time and memory of the job graph.")
    parser.add_argument("--videos", type=int, nargs="+", default=[1000, 10_000, 100_000])
    numbers = parser.parse_args().videos
    found: dict[str, list[Measured]] = {"before anything": [], "with embeddings": []}
    for videos in numbers:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_project(folder, videos)
            for state, measured in found.items():
                if state == "with embeddings":
                    make_embeddings(folder)
                measured.append(dry_run(folder))
                one = measured[-1]
                print(
                    f"{videos} videos, {state}: {one.jobs} jobs, {one.seconds:.1f} s,"
                    f" {one.processor:.1f} s of a processor, {one.mb:.0f} MB",
                    flush=True,
                )
    if len(numbers) > 1:
        for state, measured in found.items():
            fitted = exponent(numbers, [each.processor for each in measured])
            print(f"{state}: exponent {fitted:.2f}")


if __name__ == "__main__":
    main()
