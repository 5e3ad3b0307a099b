"""Training: all seeds of one experiment on one data set.

A seed reads video-level labels of the training split and embeddings of both splits. It never sees a
frame label: test videos are scored after every epoch, and `evaluate` chooses and judges later.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as save_numpy
from safetensors.torch import save
from tqdm import tqdm

import fusevad
from fusevad.data.manifest import read_manifest
from fusevad.embed.store import EmbeddingStore, Streams
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, settings_hash, sha256, write_csv
from fusevad.models import needs_motion_cue
from fusevad.train.memory import seeds_at_a_time
from fusevad.train.sampling import TrainVideo
from fusevad.train.seed_run import EpochRecord, SeedRun, TrainSettings


@dataclass(frozen=True, slots=True)
class TrainData:
    """Paths of what a run learns from: the manifest and the index of each stream.

    `motion` is read by methods that need motion cues, and may be `None` for the others.
    """

    manifest: Path
    rgb: Path
    motion: Path | None = None

    def fingerprint(self) -> str:
        """Changes with the data (an index holds its shards' hashes) and the version."""
        paths = [path for path in (self.manifest, self.rgb, self.motion) if path is not None]
        files = {str(path): sha256(path) for path in paths}
        return settings_hash(files | {"version": fusevad.__version__})


@dataclass(frozen=True, slots=True)
class FinishedSeed:
    """What the parent process needs of a seed; its weights are on disk already."""

    history: list[EpochRecord]
    scores: NDArray[np.float32]


def train(
    settings: TrainSettings,
    data: TrainData,
    seeds: Sequence[int],
    folder: Path,
    workers: int,
    memory_mb: int | None = None,
) -> None:
    """Train all seeds and write the run's `weights/`, `epoch-scores.safetensors`, `history.csv`.

    On a CPU `workers` seeds run at a time, each in a process with one thread; on a GPU they run one
    after another, share the data in device memory, and use deterministic algorithms. With
    `memory_mb`, no more seeds run at a time on a CPU than it is enough for (`training_memory`).
    Progress is kept in `folder/.progress/` by epoch, so that a killed run goes on where it was; it
    is removed when all is written.
    """
    job = _Job(settings, data, folder)
    with tqdm(total=len(seeds) * settings.epochs, desc=folder.name, unit="epoch") as bar:
        if torch.cuda.is_available():
            with _deterministic():
                session = _Session(job, torch.device("cuda"))
                results = [session.train(seed, bar.update) for seed in seeds]
        else:
            if memory_mb is not None:
                workers = seeds_at_a_time(workers, memory_mb, asdict(settings))
            results = _train_in_processes(job, seeds, workers, bar.update)
    _write(folder, seeds, results)
    shutil.rmtree(folder / ".progress")


@contextmanager
def _deterministic() -> Iterator[None]:
    """A seed gives the same bytes each time on one GPU; measured: for an eighth more time.

    By default, the backward pass of attention adds in an order that changes from run to run.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it at its start
    fill = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a guard that takes time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = fill


@dataclass(frozen=True, slots=True)
class _Job:
    """What all seeds of a run share; travels to worker processes."""

    settings: TrainSettings
    data: TrainData
    folder: Path

    def progress(self) -> Path:
        key = settings_hash(asdict(self.settings) | {"data": self.data.fingerprint()})
        return self.folder / ".progress" / key


class _Session:
    """The data of a job, loaded once (memory-mapped) for all seeds of one process."""

    def __init__(self, job: _Job, device: torch.device) -> None:
        self.job = job
        manifest = read_manifest(job.data.manifest)
        self.streams = _streams(job, device)
        self.test_videos = [video.name for video in manifest if video.split == "test"]
        kinds = {video.anomalous for video in manifest if video.split == "test"}
        if kinds != {True, False}:
            raise FusevadError(
                f"{job.data.manifest}: the test split has not both normal and anomalous videos;"
                " there is nothing to measure"
            )
        self.train_videos = [
            TrainVideo(video.name, video.anomalous, ";".join(video.classes))
            for video in manifest
            if video.split == "train"
        ]

    def train(self, seed: int, after_epoch: Callable[[], object]) -> FinishedSeed:
        """Train one seed, with the same numbers alone or among others, and save its weights."""
        checkpoint = self.job.progress() / f"seed-{seed}.pt"
        result = SeedRun(
            self.job.settings, self.streams, self.train_videos, self.test_videos, seed, checkpoint
        ).run(after_epoch)
        for protocol, weights in (("last", result.last), ("validation", result.best)):
            path = self.job.folder / "weights" / f"seed-{seed}-{protocol}.safetensors"
            content = save(weights, {"settings": json.dumps(asdict(self.job.settings))})
            with atomic_path(path) as temporary:
                temporary.write_bytes(content)
        return FinishedSeed(result.history, result.scores.numpy())


def _streams(job: _Job, device: torch.device) -> Streams:
    rgb = EmbeddingStore(job.data.rgb, device)
    if not needs_motion_cue(job.settings.method):
        return Streams(rgb, None)
    if job.data.motion is None:
        raise FusevadError(
            f"{job.data.rgb}: method '{job.settings.method}' needs motion cues too, and there is no"
            " index of them; train image-only, or add their embeddings"
        )
    return Streams(rgb, EmbeddingStore(job.data.motion, device))


tqdm.monitor_interval = 0

_job: _Job
_session: _Session | None = None
_epochs_done: multiprocessing.Queue
_stop: multiprocessing.Event


def _start_worker(
    job: _Job, epochs_done: multiprocessing.Queue, stop: multiprocessing.Event
) -> None:
    global _job, _epochs_done, _stop
    torch.set_num_threads(1)
    _job, _epochs_done, _stop = job, epochs_done, stop


def _train_in_worker(seed: int) -> FinishedSeed:
    global _session
    # Here and not when the worker starts: what is wrong with the data then reaches the parent.
    _session = _session or _Session(_job, torch.device("cpu"))
    return _session.train(seed, partial(_after_epoch, seed))


def _after_epoch(seed: int) -> None:
    _epochs_done.put(seed)
    parent = multiprocessing.parent_process()
    if _stop.is_set() or parent is None or not parent.is_alive():
        raise FusevadError(f"seed {seed} was stopped; run the command again to go on")


def _train_in_processes(
    job: _Job, seeds: Sequence[int], workers: int, after_epoch: Callable[[], object]
) -> list[FinishedSeed]:
    # "fork" saves each worker the import of torch. It is safe here: on a CPU this process has done
    # nothing with torch but import it, and tqdm is kept from starting its thread.
    context = multiprocessing.get_context("fork")
    epochs_done, stop = context.Queue(), context.Event()
    workers = min(workers, len(seeds))
    with ProcessPoolExecutor(workers, context, _start_worker, (job, epochs_done, stop)) as pool:
        futures = [pool.submit(_train_in_worker, seed) for seed in seeds]
        running = set(futures)
        while running:
            done, running = wait(running, timeout=0.5)
            while not epochs_done.empty():
                epochs_done.get()
                after_epoch()
            failed = next((future.exception() for future in done if future.exception()), None)
            if failed:
                stop.set()  # the other seeds end with their epoch, which is kept
                pool.shutdown(wait=True, cancel_futures=True)
                _explain(failed, job)
        return [future.result() for future in futures]


def _explain(failure: BaseException, job: _Job) -> NoReturn:
    if isinstance(failure, BrokenProcessPool):
        raise FusevadError(
            f"{job.folder}: a training process was killed (out of memory?); run the command "
            "again: it goes on at the last epoch of each seed"
        ) from failure
    raise failure


def _write(folder: Path, seeds: Sequence[int], results: Sequence[FinishedSeed]) -> None:
    rows = [
        {"seed": seed} | asdict(record)
        for seed, result in zip(seeds, results, strict=True)
        for record in result.history
    ]
    scores = {f"seed-{seed}": result.scores for seed, result in zip(seeds, results, strict=True)}
    with atomic_path(folder / "epoch-scores.safetensors") as temporary:
        temporary.write_bytes(save_numpy(scores))
    write_csv(pd.DataFrame(rows), folder / "history.csv")
