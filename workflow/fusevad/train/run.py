"""Training: all seeds of one experiment on one data set, each once.

A seed reads video-level labels of the training split and embeddings of both splits. It never reads
a frame label: test videos are scored after every epoch; `evaluate` chooses the epoch and measures
later.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import torch
from safetensors.numpy import save
from tqdm import tqdm

from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.embed.store import default_device
from fusevad.errors import DivergedError, FusevadError, notice
from fusevad.evaluate.history import COLUMNS, EpochRecord
from fusevad.evaluate.scoring import weights_file
from fusevad.files import atomic_path, remove_abandoned, share
from fusevad.plan.memory import seeds_at_a_time
from fusevad.train.inputs import RunInputs, TrainData
from fusevad.train.session import Session
from fusevad.train.settings import TrainSettings
from fusevad.train.workers import train_in_processes

# Of 200 runs of the paper's methods on development data, 27 had less within videos; 6 of these had
# failed (test AUC under 75), and 2 of the other 173 (docs/methods/local.md).
COLLAPSED = 0.2


def train(
    settings: TrainSettings,
    data: TrainData,
    seeds: Sequence[int],
    folder: Path,
    workers: int,
    memory_mb: int | None = None,
    store: Path | None = None,
) -> None:
    """Train all seeds and write the run's `weights/`, `epoch-scores.safetensors`, `history.csv`.

    A seed is trained once for its settings, data and teacher: finished seeds are kept in `store`
    and the run is assembled from them, so a run with more seeds trains only the new ones.

    On a CPU `workers` seeds run at a time, each in a process with one thread; on a GPU they run one
    after another, share the data in device memory, and use deterministic algorithms. With
    `memory_mb`, at most as many seeds run at a time on a CPU as fit into it (`plan.memory`). The
    store has progress by epoch, so that a killed run resumes. Without a store, progress is in
    `folder/.progress/`, which is removed at the end.
    """
    inputs = RunInputs(settings, data, seeds, store or folder / ".progress")
    _train_missing([inputs], workers, memory_mb, folder.name)
    _assemble(inputs, folder)
    _warn_of_collapse(inputs)
    if store is None:
        shutil.rmtree(inputs.store)


def histories(
    candidates: Sequence[TrainSettings],
    data: TrainData,
    seeds: Sequence[int],
    store: Path,
    workers: int,
    memory_mb: int | None = None,
) -> list[dict[int, list[EpochRecord]]]:
    """Train all candidates with all seeds, as `train` does, in one go.

    Returns:
        Of each candidate, by seed, what validation said after every epoch; without seeds that
        diverged.
    """
    runs = [RunInputs(settings, data, seeds, store) for settings in candidates]
    _train_missing(runs, workers, memory_mb, store.name, tolerated=DivergedError)
    kept = [{seed: run.kept(seed) for seed in seeds} for run in runs]
    return [
        {seed: each.history() for seed, each in of_run.items() if each.finished()}
        for of_run in kept
    ]


def _train_missing(
    runs: Sequence[RunInputs],
    workers: int,
    memory_mb: int | None,
    what: str,
    tolerated: type[Exception] | tuple[()] = (),
) -> None:
    """Train the seeds of runs on the same data that the store does not have yet."""
    for folder in {run.kept(seed).folder for run in runs for seed in run.seeds}:
        remove_abandoned(folder)
    missing = [(run, seed) for run in runs for seed in run.seeds if not run.kept(seed).finished()]
    epochs = sum(run.settings.epochs for run, _ in missing)
    with tqdm(total=epochs, desc=what, unit="epoch") as bar:
        if default_device().type == "cuda":
            with _deterministic(), _one_line_without_memory(what):
                session = Session(runs[0]) if missing else None
                for run, seed in missing:
                    with suppress(tolerated):
                        session.train(run, seed, bar.update)
        else:
            if memory_mb is not None:
                workers = min(
                    seeds_at_a_time(workers, memory_mb, run.settings, run.width()) for run in runs
                )
            train_in_processes(missing, workers, bar.update, tolerated)


@contextmanager
def _deterministic() -> Iterator[None]:
    """Make a seed give the same bytes each time on one GPU; measured: an eighth more time.

    By default, the backward pass of attention adds in an order that changes from run to run.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it starts
    fill = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a safeguard that takes time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = fill


@contextmanager
def _one_line_without_memory(what: str) -> Iterator[None]:
    """Say in one line that a GPU has no memory left for the training of `what`.

    A smaller batch would be another training: only its settings may say so.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise FusevadError(
            f"{what}: GPU: out of memory; free it, or lower batch_size or max_segments, and run the"
            " command again: it resumes at the last epoch of each seed"
        ) from error


def _warn_of_collapse(inputs: RunInputs) -> None:
    for seed in inputs.seeds:
        share = inputs.kept(seed).history()[-1].within_share
        if share is not None and share < COLLAPSED:
            notice(
                f"seed {seed}: only {share:.0%} of the variance of its scores of held-out videos is"
                " within videos: it may have collapsed (docs/methods/local.md)"
            )


def _assemble(inputs: RunInputs, folder: Path) -> None:
    """Assemble the files of a run from the seeds in the store; remove files of other seeds."""
    kept = {seed: inputs.kept(seed) for seed in inputs.seeds}
    wanted = set()
    for seed, files in kept.items():
        for protocol in KEPT_PROTOCOLS:
            target = weights_file(folder, seed, protocol)
            wanted.add(target)
            share(files.weights(protocol), target)
    for other in set((folder / "weights").glob("seed-*.safetensors")) - wanted:
        other.unlink()
    scores = {seed: files.scores() for seed, files in kept.items()}
    values = {f"seed-{seed}": each.values for seed, each in scores.items()}
    columns = ",".join(scores[inputs.seeds[0]].columns)
    with atomic_path(folder / "epoch-scores.safetensors") as temporary:
        temporary.write_bytes(save(values, {COLUMNS: columns}))
    rows = [
        {"seed": seed} | record.row() for seed, files in kept.items() for record in files.history()
    ]
    write_csv(pd.DataFrame(rows), folder / "history.csv")
