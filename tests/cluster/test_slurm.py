"""`profiles/slurm` on a real Slurm: the tiny workflow through faults, to the bytes of a local run."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.cluster.slurm import Cluster, missing, running_cluster, wait_for
from tests.workflow_runs import TINY, copy_project, environment_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        bool(missing()), reason=f"needs slurm-wlm and munge: no {', '.join(missing())}"
    ),
    pytest.mark.skipif(
        find_spec("snakemake_executor_plugin_slurm") is None, reason="needs make env EXTRAS=slurm"
    ),
    pytest.mark.skipif(os.getuid() != 0, reason="the test's Slurm runs as root"),
]

# What docs/cluster.md has users change: the test's nodes are small.
SITE = {"threads": 2, "mem_mb": 5000}
PATIENCE = 600


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    # Not below pytest's folder: the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="fusevad-slurm-"))
    folder.chmod(0o755)
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


def test_a_run_through_faults_gives_the_bytes_of_a_local_run(cluster, project, tiny_made, tmp_path):
    log = tmp_path / "snakemake.log"
    with log.open("w") as output:
        workflow = subprocess.Popen(
            ["snakemake", "--profile", "profiles/slurm", "results/tiny/table1.tex", *TINY],
            cwd=project,
            env=environment_in(project, as_installed=True) | cluster_variables(cluster, project),
            stdout=output,
            stderr=output,
        )
    try:
        lost = the_node_of_the_embeddings_dies_and_comes_back(cluster, workflow)
        killed = a_training_is_killed(cluster, workflow)
        the_controller_restarts(cluster, workflow)
        assert workflow.wait(timeout=1500) == 0, log.read_text()[-6000:]
    finally:
        workflow.kill()
        workflow.wait()
    jobs = {job.number: job for job in cluster.jobs()}
    assert jobs[lost].state == "COMPLETED"
    assert "Restarts=1" in cluster.ask("scontrol", "show", "job", lost)
    assert jobs[killed].state == "FAILED"
    assert [job.number for job in jobs.values() if job.state != "COMPLETED"] == [killed]
    # 25 jobs of the workflow: cues and embeddings are one job each, an experiment is one of two.
    assert len(jobs) == len(("render", "manifest", "cues", "embed", "index", "index", "table1")) + 8
    assert {job.partition for job in jobs.values() if on_gpus(job.what)} == {"gpu"}
    assert {job.partition for job in jobs.values() if not on_gpus(job.what)} == {"batch"}
    assert same_bytes(project, tiny_made) == 8


def cluster_variables(cluster: Cluster, project: Path) -> dict[str, str]:
    """What leads Slurm's commands to the cluster, with the environment's programs first."""
    own = cluster.environment
    path = f"{own['PATH'].split(':')[0]}:{environment_in(project, as_installed=True)['PATH']}"
    return {"SLURM_CONF": own["SLURM_CONF"], "PATH": path}


def on_gpus(what: str) -> bool:
    return "embed" in what or "experiment" in what


def running(cluster: Cluster, what: str, workflow: subprocess.Popen) -> str | None:
    """Number of a running job; fails at once when the workflow has ended."""
    assert workflow.poll() is None, "the workflow ended before the fault"
    found = [job.number for job in cluster.jobs() if what in job.what and job.state == "RUNNING"]
    return found[0] if found else None


def process_of(verb: str, folder: str) -> psutil.Process | None:
    """A running `fusevad VERB` of a job in the test's folder."""
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = process.info["cmdline"] or []
        inside = folder in (process.info["environ"] or {}).get("PYTHONPATH", "")
        if inside and verb in words[2:3] and words[1].endswith("fusevad"):
            return process
    return None


def the_node_of_the_embeddings_dies_and_comes_back(
    cluster: Cluster, workflow: subprocess.Popen
) -> str:
    """Returns the number of the job that was on it."""
    folder = str(Path(workflow_folder(workflow)))
    wait_for(lambda: running(cluster, "embed", workflow) is not None, "embedding", PATIENCE)
    wait_for(lambda: process_of("embed", folder) is not None, "fusevad embed", PATIENCE)
    number = running(cluster, "embed", workflow)
    assert number is not None
    request = cluster.ask("scontrol", "show", "job", number)
    assert "NodeList=two" in request and "gres:gpu:1" in request
    cluster.kill_node("two")
    assert process_of("embed", folder) is None
    # As the controller does by itself when a node has not answered for SlurmdTimeout.
    cluster.ask("scontrol", "update", "nodename=two", "state=down", "reason=test")
    wait_for(lambda: running(cluster, "embed", workflow) is None, "the end of the job")
    cluster.start_node("two")
    return number


def a_training_is_killed(cluster: Cluster, workflow: subprocess.Popen) -> str:
    """Returns the number of its job."""
    folder = workflow_folder(workflow)
    wait_for(lambda: process_of("train", folder) is not None, "fusevad train", PATIENCE)
    training = process_of("train", folder)
    number = running(cluster, "experiment", workflow)
    assert training is not None and number is not None
    for process in [training, *training.children(recursive=True)]:
        process.send_signal(signal.SIGKILL)
    wait_for(lambda: running(cluster, "experiment", workflow) != number, "the end of the job")
    return number


def the_controller_restarts(cluster: Cluster, workflow: subprocess.Popen) -> None:
    """While a training runs, and for longer than the interval of status queries."""
    wait_for(lambda: running(cluster, "experiment", workflow) is not None, "training", PATIENCE)
    cluster.kill_controller()
    time.sleep(10)
    cluster.start_controller()


def workflow_folder(workflow: subprocess.Popen) -> str:
    return psutil.Process(workflow.pid).cwd()


def same_bytes(project: Path, local: Path) -> int:
    """Compare Table 1 and all seeds with those of a local run; returns the number of files."""
    tables = [Path("results/tiny/table1.csv")]
    tables += [file.relative_to(local) for file in local.glob("results/tiny/*/runs/*/seeds.csv")]
    for table in tables:
        assert (project / table).read_bytes() == (local / table).read_bytes(), table
    return len(tables)
