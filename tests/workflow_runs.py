"""Running the real workflow in a copy of the project, with no network beyond this machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.preloaded import install

TINY = ("--configfile", "config/tiny.yaml")
BLOCK = """
import socket

def _refuse(self, address, *rest):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost"):
        raise OSError("network is blocked in this test")
    return _connect(self, address, *rest)

_connect = socket.socket.connect
socket.socket.connect = socket.socket.connect_ex = _refuse
"""


def run(
    folder: Path, *command: str, check: bool = True, as_installed: bool = False
) -> subprocess.CompletedProcess:
    """Run a command of the environment in `folder`; connections leave no further than loopback.

    Args:
        folder: a copy of the project.
        command: the command and its arguments.
        check: whether the test fails if the command does.
        as_installed: whether each command imports its libraries itself, as users' do.
    """
    environment = environment_in(folder, as_installed)
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if check and result.returncode:
        pytest.fail(f"{' '.join(command)}\n{result.stdout[-3000:]}\n{result.stderr[-6000:]}")
    return result


def environment_in(folder: Path, as_installed: bool) -> dict[str, str]:
    """Environment of a command in `folder`; see `run`."""
    (folder / "block").mkdir(exist_ok=True)
    (folder / "block" / "sitecustomize.py").write_text(BLOCK)
    binaries = str(Path(sys.executable).parent)
    preloaded = {} if as_installed else install(folder / "block")
    first = [] if as_installed else [str(folder / "block")]
    return (
        os.environ
        | preloaded
        | {
            "PATH": ":".join([*first, binaries, os.environ["PATH"]]),
            # The copy's own package: another checkout's may be installed.
            "PYTHONPATH": f"{folder / 'block'}:{folder / 'workflow'}",
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
    )


def copy_project(root: Path, folder: Path) -> Path:
    """What a run needs of the project, copied to `folder`."""
    for name in ("workflow", "config", "envs", "profiles"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Snakefile", folder)
    return folder


def copy_tiny_data(made: Path, folder: Path) -> None:
    """The tiny data set's videos, cues and embeddings, with Snakemake's metadata; no run.

    Args:
        made: the project that made them.
        folder: another copy of the project.
    """
    data = "results/rendered-tiny"
    shutil.copytree(made / ".snakemake", folder / ".snakemake")
    shutil.copytree(made / data, folder / data, ignore=shutil.ignore_patterns("seeds"))


def copy_dvc(root: Path, folder: Path) -> None:
    """What DVC and git need of the project, copied to `folder`, but its cache and own remotes."""
    for name in ("dvc.yaml", ".dvcignore", ".gitignore", ".gitattributes"):
        shutil.copy(root / name, folder)
    own = shutil.ignore_patterns("cache", "tmp", "config.local")
    shutil.copytree(root / ".dvc", folder / ".dvc", ignore=own)


def planned_jobs(output: str) -> dict[str, int]:
    """Rules and numbers of jobs in what `snakemake --dry-run` printed, which it does twice."""
    table = [line.split() for line in output.rpartition("Job stats:")[2].splitlines()]
    return {row[0]: int(row[1]) for row in table if len(row) == 2 and row[1].isdigit()}
