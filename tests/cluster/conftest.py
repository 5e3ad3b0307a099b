"""The tiny data set's results of a run without a cluster, and a cluster to run it on."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.slurm import Cluster, running_cluster
from tests.workflow.conftest import tiny_made
from tests.workflow_runs import copy_project

__all__ = ["tiny_made"]

# What docs/cluster.md has users change: the test's nodes are small. Training, and a second attempt
# at it, would like more memory than a node has.
SITE = {"threads": 2, "mem_mb": 3000}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    # Not below pytest's folder: the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="fusevad-slurm-"))
    folder.chmod(0o755)  # munge refuses a socket that others can't reach
    with running_cluster(folder) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    folder = copy_project(root, tmp_path / "project")
    profile = folder / "profiles" / "slurm" / "config.yaml"
    text = profile.read_text()
    for name, value in SITE.items():
        text, changed = re.subn(rf"(?m)^  {name}: \d+", f"  {name}: {value}", text)
        assert changed == 1
    profile.write_text(text)
    return folder
