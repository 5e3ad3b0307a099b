"""Spread work over processes, with progress, and one clear line when a process dies."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

from tqdm import tqdm

from fusevad.errors import FusevadError

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, what: str, unit: str
) -> Iterator[Result]:
    """Yield `function(item)` for all items, in order; one worker works in this process.

    Raises:
        FusevadError: a process was killed; finished items are not lost if `function` keeps them.
    """
    if workers == 1 or len(items) <= 1:
        yield from tqdm(map(function, items), total=len(items), desc=what, unit=unit)
        return
    # The calling process may hold threads of OpenCV or torch, which do not survive a fork; the fork
    # server holds none, and imports what `function` needs (torch takes seconds) once for all.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_module_of(function)])
    try:
        with ProcessPoolExecutor(min(workers, len(items)), context, end_with_parent) as pool:
            results = pool.map(function, items)
            yield from tqdm(results, total=len(items), desc=what, unit=unit)
    except BrokenProcessPool as error:
        raise FusevadError(
            f"{what}: a process was killed (out of memory?); run the command again, with fewer"
            " --workers if it happens again"
        ) from error


def end_with_parent() -> None:
    """Let this worker end when the process that started it was killed.

    It would finish its item, and then wait for the next one forever, with all its memory.
    """
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _module_of(function: Callable) -> str:
    return (function.func if isinstance(function, partial) else function).__module__
