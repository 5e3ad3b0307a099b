"""How far scores and AUC change with the number of threads and with a processor's instructions.

    python benchmarks/determinism.py results/settings/train/rendered/student-t.HASH.json \
        results/settings/embed/rendered/fusevad-small.stride-16/*/*.json

The files are settings of jobs of a finished workflow, in its folder: of one training and, if they
are to be computed under each condition too, of its embeddings. Embeddings that are not
named are read as they are. Each condition below is a process of its own, which trains the same two
seeds; the first is tried twice. Prints a table of the largest differences from the first: of
embeddings, of scores of test videos under all protocols, and of the AUC.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from fusevad.embed.index import make_index
from fusevad.embed.run import embed_shard
from fusevad.embed.streams.registry import parse_settings
from fusevad.evaluate.run import evaluate
from fusevad.plan.made import processor
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.settings import train_settings

SEEDS = (0, 1)
_OLD = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}
_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}


@dataclass(frozen=True)
class Condition:
    """Under what a run is made.

    Attributes:
        name: as the table says it.
        threads: of embedding jobs; one of several decodes ahead.
        workers: of the training, a seed in each.
        variables: that choose the instructions of torch, oneDNN and MKL.
    """

    name: str
    threads: int = 1
    workers: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)


CONDITIONS = (
    Condition("1 thread, 1 seed at a time"),
    Condition("the same again"),
    Condition("2 threads, 2 seeds at a time", 2, 2),
    Condition("3 threads, of which 2 compute", 3, 2),
    *(
        Condition(f"`{name}={value}`", variables={name: value})
        for variables in (_AVX2, _OLD)
        for name, value in variables.items()
    ),
    Condition("all three as for AVX2", variables=_AVX2),
    Condition("all three for the oldest processors", variables=_OLD),
)


def main() -> None:
    """Measure under all conditions and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("training", type=Path)
    parser.add_argument("embeddings", type=Path, nargs="*")
    parser.add_argument("--inside", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        _make_run(given.training, given.embeddings, given.inside, given.threads, given.workers)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary) / str(number) for number in range(len(CONDITIONS))]
        for condition, folder in zip(CONDITIONS, folders, strict=True):
            _run(condition, folder)
        print(f"{_read(given.training)['job']}, seeds {SEEDS}, {processor()}\n")
        print("| condition | embeddings | scores | AUC, points |\n|---|---:|---:|---:|")
        for condition, folder in zip(CONDITIONS[1:], folders[1:], strict=True):
            print(f"| {condition.name} | {' | '.join(_differences(folders[0], folder))} |")


def _run(condition: Condition, folder: Path) -> None:
    words = (f"--threads={condition.threads}", f"--workers={condition.workers}")
    subprocess.run(
        [sys.executable, *sys.argv, "--inside", str(folder), *words],
        env=os.environ | condition.variables,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def _read(settings: Path) -> dict:
    return json.loads(settings.read_text())


def _make_run(
    training: Path, embeddings: Iterable[Path], folder: Path, threads: int, workers: int
) -> None:
    """Embed what is asked for, train, and evaluate, in a folder."""
    made = _embed(sorted(embeddings), folder, threads)
    job = _read(training)
    indices = {_role(path): path for path in map(Path, job["inputs"]) if path.name == "index.csv"}
    indices |= {_role(path): path for path in made}
    (manifest,) = (Path(path) for path in job["inputs"] if path.endswith("/manifest.csv"))
    data = TrainData(manifest, indices)
    train(train_settings(job["settings"], "train"), data, SEEDS, folder / "run", workers)
    evaluate(folder / "run", manifest, manifest.with_name("intervals.csv"), "AUC")


def _embed(settings: list[Path], folder: Path, threads: int) -> list[Path]:
    """Embed all shards of the streams of some jobs; returns the indices."""
    shards: dict[str, list[Path]] = {}
    for file in settings:
        job = _read(file)
        *_, stream, number = job["job"].split("/")
        count = sum(each.parent == file.parent for each in settings)
        (manifest,) = (Path(path) for path in job["inputs"] if path.endswith("/manifest.csv"))
        cues = [Path(path) for path in job["inputs"] if path.endswith(".h5")]
        out = folder / stream / f"shard-{number}.safetensors"
        chosen = parse_settings(job["settings"])
        embed_shard(manifest, int(number), count, chosen, out, cues, threads)
        shards.setdefault(stream, []).append(out)
    for stream, files in shards.items():
        make_index(manifest, files, folder / stream / "index.csv")
    return [folder / stream / "index.csv" for stream in shards]


def _role(index: Path) -> str:
    """Name by which a method knows the stream of an index."""
    return index.parent.name.partition("-")[0]


def _differences(first: Path, second: Path) -> list[str]:
    """Largest differences between two runs: of embeddings, scores and AUC."""
    shards = [path.relative_to(first) for path in first.glob("*/shard-*.safetensors")]
    embeddings = [_largest(load_file(first / path), load_file(second / path)) for path in shards]
    scores, seeds = [], []
    for folder in (first, second):
        scores.append(pd.read_parquet(folder / "run/scores.parquet")["score"].to_numpy())
        table = pd.read_csv(folder / "run/seeds.csv").query("metric == 'AUC'")
        seeds.append(table.set_index(["seed", "protocol"])["value"])
    auc = 100 * (seeds[0] - seeds[1]).abs().max()
    texts = [_text(max(embeddings))] if embeddings else ["not made"]
    return [*texts, _text(float(np.abs(scores[0] - scores[1]).max())), _text(auc)]


def _largest(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> float:
    """Largest difference, as a share of the largest value."""
    pairs = [(first[name].astype(np.float64), second[name].astype(np.float64)) for name in first]
    return float(max(np.abs(a - b).max() / np.abs(a).max() for a, b in pairs))


def _text(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"


if __name__ == "__main__":
    main()
