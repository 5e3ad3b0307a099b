"""The tiny data set's results, made once and shared by all modules of all workers."""

import fcntl
import os
from pathlib import Path

import pytest

from tests.workflow_runs import TINY, copy_project, run


@pytest.fixture(scope="session")
def tiny_made(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with Table 1 of the tiny data set made; read-only: take a copy of it.

    The first worker that needs it makes it, while the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder of its own in the session's
        base = base.parent
    folder, made = base / "tiny", base / "tiny-is-made"
    with (base / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            copy_project(root, folder)
            command = ("snakemake", "--cores", "2", "results/tiny/table1.tex", *TINY)
            run(folder, *command, as_installed=True)
            made.touch()
    return folder
