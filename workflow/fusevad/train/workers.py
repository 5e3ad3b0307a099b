"""Train several seeds at a time on a CPU, each in a process of its own."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import torch
from tqdm import tqdm

from fusevad.errors import FusevadError
from fusevad.parallel import end_with_parent
from fusevad.train.inputs import RunInputs
from fusevad.train.session import Session

tqdm.monitor_interval = 0

_session: Session | None = None
_epochs_done: multiprocessing.Queue
_stop: multiprocessing.Event


def _start_worker(epochs_done: multiprocessing.Queue, stop: multiprocessing.Event) -> None:
    global _epochs_done, _stop
    end_with_parent()
    torch.set_num_threads(1)
    _epochs_done, _stop = epochs_done, stop


def _train_in_worker(inputs: RunInputs, seed: int) -> None:
    global _session
    # Here and not when the worker starts: errors in the data then reach the parent.
    _session = _session or Session(inputs)
    _session.train(inputs, seed, partial(_after_epoch, seed))


def _after_epoch(seed: int) -> None:
    _epochs_done.put(seed)
    parent = multiprocessing.parent_process()
    if _stop.is_set() or parent is None or not parent.is_alive():
        raise FusevadError(f"seed {seed} was stopped; run the command again to resume it")


def train_in_processes(
    tasks: Sequence[tuple[RunInputs, int]],
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
