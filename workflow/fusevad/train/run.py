"""Training: all seeds of one experiment on one data set, each once.

A seed reads video-level labels of the training split and embeddings of both splits. It never reads
a frame label: test videos are scored after every epoch; `evaluate` chooses the epoch and measures
later.
"""

import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import pandas as pd
import torch
from safetensors.numpy import save
from tqdm import tqdm

from fusevad.config.protocols import KEPT_PROTOCOLS, TEACHING
from fusevad.data.manifest import read_manifest
from fusevad.embed.store import default_device, open_streams
from fusevad.encoders.text import load_class_texts
from fusevad.errors import DivergedError, FusevadError
from fusevad.evaluate.history import COLUMNS, EpochRecord
from fusevad.evaluate.scoring import load_detector, read_about, weights_file
from fusevad.files import atomic_path, remove_abandoned, sha256, share, write_csv
from fusevad.models.base import Detector
from fusevad.models.registry import check_teacher, find, read_in_training
from fusevad.parallel import end_with_parent
from fusevad.plan.made import Made, commit, processor
from fusevad.plan.memory import seeds_at_a_time
from fusevad.train.sampling import training_videos
from fusevad.train.seed_key import SeedKey
from fusevad.train.seed_run import SeedData, SeedRun
from fusevad.train.seed_store import KeptSeed
from fusevad.train.settings import TrainSettings

# Of 200 runs of the paper's methods on development data, 27 had less within videos; 6 of these had
# failed (test AUC under 75), and 2 of the other 173 (docs/methods/local.md).
COLLAPSED = 0.2


@dataclass(frozen=True, slots=True)
class TrainData:
    """Paths of a run's training data.

    Attributes:
        manifest: `manifest.csv` of the data set.
        streams: index of each stream, by role; unused streams are ignored.
        teacher: folder of the teacher's run; None for methods without one.
        tests: whether test videos are scored after every epoch; a choice of settings must not.
        texts: file of the texts of classes; None for methods that read none.
    """

    manifest: Path
    streams: Mapping[str, Path]
    teacher: Path | None = None
    tests: bool = True
    texts: Path | None = None

    def teacher_weights(self, seed: int) -> Path | None:
        """The teacher's weights for a seed."""
        return weights_file(self.teacher, seed, TEACHING) if self.teacher else None


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
    inputs = _RunInputs(settings, data, seeds, store or folder / ".progress")
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
    runs = [_RunInputs(settings, data, seeds, store) for settings in candidates]
    _train_missing(runs, workers, memory_mb, store.name, tolerated=DivergedError)
    kept = [{seed: run.kept(seed) for seed in seeds} for run in runs]
    return [
        {seed: each.history() for seed, each in of_run.items() if each.finished()}
        for of_run in kept
    ]


def _train_missing(
    runs: Sequence["_RunInputs"],
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
                session = _Session(runs[0]) if missing else None
                for run, seed in missing:
                    with suppress(tolerated):
                        session.train(run, seed, bar.update)
        else:
            if memory_mb is not None:
                workers = min(seeds_at_a_time(workers, memory_mb, run.settings) for run in runs)
            _train_in_processes(missing, workers, bar.update, tolerated)


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


class _RunInputs:
    """Inputs that all seeds of a run share; sent to worker processes.

    Raises:
        FusevadError: the method needs a stream, a teacher or texts that are not given.
    """

    def __init__(
        self, settings: TrainSettings, data: TrainData, seeds: Sequence[int], store: Path
    ) -> None:
        self.settings = settings
        self.data = data
        self.seeds = seeds
        self.store = store
        method = find(settings.method)
        if method.taught != (data.teacher is not None):
            raise FusevadError(
                f"method '{settings.method}' needs a teacher; name its run"
                if method.taught
                else f"method '{settings.method}' takes no teacher; name none"
            )
        teacher = None
        if data.teacher is not None:
            weights = data.teacher_weights(seeds[0])
            teacher = read_about(weights).settings.method
            check_teacher(settings.method, teacher, str(weights))
        self.roles = read_in_training(settings.method, teacher)
        lacking = [role for role in self.roles if role not in data.streams]
        if lacking:
            raise FusevadError(
                f"method '{settings.method}' needs stream {', '.join(lacking)} too; name its index:"
                f" --stream {lacking[0]}=INDEX"
            )
        files = [data.manifest, *(data.streams[role] for role in self.roles)]
        if settings.model.reads_texts:
            if data.texts is None:
                raise FusevadError(
                    f"method '{settings.method}' learns texts of classes; name their file:"
                    " --texts FILE"
                )
            files.append(data.texts)
        self._data = tuple(map(sha256, files))

    def kept(self, seed: int) -> KeptSeed:
        """The files of a seed in the store."""
        taught = self.data.teacher_weights(seed)
        if taught is not None and not taught.is_file():
            raise FusevadError(f"{taught}: no such file; train the teacher with seed {seed} first")
        key = SeedKey(
            self.settings,
            self._data,
            teacher=sha256(taught) if taught else None,
            device=default_device().type,
            torch=version("torch"),
            tests=self.data.tests,
        )
        return KeptSeed(key.folder(self.store), seed)


class _Session:
    """The data of runs, loaded once (memory-mapped) for all seeds of one process."""

    def __init__(self, inputs: _RunInputs) -> None:
        manifest = read_manifest(inputs.data.manifest)
        tests = [v for v in manifest if v.split == "test"] if inputs.data.tests else []
        if inputs.data.tests and {video.anomalous for video in tests} != {True, False}:
            raise FusevadError(
                f"{inputs.data.manifest}: the test split lacks normal or anomalous videos;"
                " there is nothing to measure"
            )
        what = f"method '{inputs.settings.method}'"
        streams = open_streams(inputs.data.streams, inputs.roles, what)
        texts = None
        if inputs.settings.model.reads_texts:
            texts = load_class_texts(inputs.data.texts, streams.device)
        self.data = SeedData(
            streams, training_videos(manifest), [video.name for video in tests], texts
        )

    def train(self, inputs: _RunInputs, seed: int, after_epoch: Callable[[], object]) -> None:
        """Train one seed, independently of the others, and store it."""
        kept = inputs.kept(seed)
        teacher = self._teacher(inputs.data.teacher_weights(seed))
        run = SeedRun(inputs.settings, self.data, seed, kept.checkpoint, teacher)
        start, device = time.monotonic(), self.data.streams.device.type
        result = run.run(after_epoch)
        machine = torch.cuda.get_device_name() if device == "cuda" else processor()
        made = Made(commit(), machine, round(time.monotonic() - start, 1))
        kept.keep(result, inputs.settings, device, made)

    def _teacher(self, weights: Path | None) -> Detector | None:
        if weights is None:
            return None
        return load_detector(weights, self.data.streams.device).model


tqdm.monitor_interval = 0

_session: _Session | None = None
_epochs_done: multiprocessing.Queue
_stop: multiprocessing.Event


def _start_worker(epochs_done: multiprocessing.Queue, stop: multiprocessing.Event) -> None:
    global _epochs_done, _stop
    end_with_parent()
    torch.set_num_threads(1)
    _epochs_done, _stop = epochs_done, stop


def _train_in_worker(inputs: _RunInputs, seed: int) -> None:
    global _session
    # Here and not when the worker starts: errors in the data then reach the parent.
    _session = _session or _Session(inputs)
    _session.train(inputs, seed, partial(_after_epoch, seed))


def _after_epoch(seed: int) -> None:
    _epochs_done.put(seed)
    parent = multiprocessing.parent_process()
    if _stop.is_set() or parent is None or not parent.is_alive():
        raise FusevadError(f"seed {seed} was stopped; run the command again to resume it")


def _train_in_processes(
    tasks: Sequence[tuple[_RunInputs, int]],
    workers: int,
    after_epoch: Callable[[], object],
    tolerated: type[Exception] | tuple[()],
) -> None:
    """Train seeds; the first failure that is not tolerated ends the others with their epoch."""
    if not tasks:
        return
    # "fork" saves each worker the import of torch and of optimisers, which takes seconds.
    # It is safe here: on a CPU this process has only imported torch, and tqdm is kept from starting
    # its thread.
    import_module("torch._dynamo")
    context = multiprocessing.get_context("fork")
    epochs_done, stop = context.Queue(), context.Event()
    workers = min(workers, len(tasks))
    with ProcessPoolExecutor(workers, context, _start_worker, (epochs_done, stop)) as pool:
        futures = [pool.submit(_train_in_worker, *task) for task in tasks]
        running = set(futures)
        while running:
            done, running = wait(running, timeout=0.5)
            while not epochs_done.empty():
                epochs_done.get()
                after_epoch()
            failures = filter(None, (future.exception() for future in done))
            failed = next((each for each in failures if not isinstance(each, tolerated)), None)
            if failed:
                stop.set()  # the other seeds stop after their epoch, which is kept
                pool.shutdown(wait=True, cancel_futures=True)
                _explain(failed, tasks[0][0].store)


def _explain(failure: BaseException, store: Path) -> NoReturn:
    if isinstance(failure, BrokenProcessPool):
        raise FusevadError(
            f"{store}: a training process was killed (out of memory?); run the command "
            "again: it resumes at the last epoch of each seed"
        ) from failure
    raise failure


def _warn_of_collapse(inputs: _RunInputs) -> None:
    for seed in inputs.seeds:
        share = inputs.kept(seed).history()[-1].within_share
        if share is not None and share < COLLAPSED:
            print(
                f"seed {seed}: only {share:.0%} of the variance of its scores of held-out videos is"
                " within videos: it may have collapsed (docs/methods/local.md)",
                file=sys.stderr,
            )


def _assemble(inputs: _RunInputs, folder: Path) -> None:
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
