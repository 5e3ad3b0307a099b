"""Fixtures that several files use, the order of files, and a bound on a worker's memory."""

import atexit
import ctypes
import gc
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = ROOT / "tests" / "workflow"
# What `make test` may take on a machine of 8 GB with two workers.
WORKER_GB = 4
LIBC = ctypes.CDLL(None)

# There are two workers: more threads of torch and BLAS than one spend most of their time waiting.
# Set before either is imported, and inherited by every process that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Collecting imports torch and much else, which never becomes garbage; searching it for garbage took
# a third of the time. Only what tests make is searched.
gc.disable()


def pytest_collection_finish() -> None:
    """Leave what is imported out of the search for garbage, until the process ends."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whole runs of the workflow as slow, and put what is slow first.

    A file stays with one worker: a long one that begins last would keep all others waiting.
    """
    for item in items:
        if item.path.is_relative_to(WORKFLOW):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not item.path.is_relative_to(WORKFLOW), item.path not in slow))


@pytest.fixture(autouse=True, scope="module")
def freed_memory_is_given_back() -> Iterator[None]:
    """Give the system what a module freed: glibc keeps gaps of hundreds of megabytes otherwise."""
    yield
    gc.collect()
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)


@pytest.fixture(autouse=True)
def memory_of_a_worker_is_bounded() -> Iterator[None]:
    """Fail the test that takes the worker beyond its memory."""
    before = _highest_gb()
    yield
    after = _highest_gb()
    assert after <= max(before, WORKER_GB), f"the worker reached {after:.1f} GB of memory"


def _highest_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in float32 as on a CPU, also where there is a GPU.

    Not for tests that train: seeds would be forked from a process that may have used the GPU.
    """
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(scope="session")
def root() -> Path:
    """Top folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def docs() -> Path:
    """The folder `docs/`."""
    return ROOT / "docs"
