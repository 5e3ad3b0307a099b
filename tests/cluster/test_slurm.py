"""`profiles/slurm` on a real Slurm, through faults: the bytes of a local run come out."""

import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.cluster.slurm import NEEDS_SLURM, Cluster, wait_for
from tests.workflow_runs import TINY, environment_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),  # two runs of the workflow, on a busy machine
    pytest.mark.skipif(
        find_spec("snakemake_executor_plugin_slurm") is None, reason="needs make env EXTRAS=slurm"
    ),
    *NEEDS_SLURM,
]

# Seconds until a job starts, on a busy machine.
PATIENCE = 600


@dataclass(frozen=True)
class Run:
    """A workflow that runs on a cluster."""

    cluster: Cluster
    project: Path
    process: subprocess.Popen

    def running(self, group: str) -> str | None:
        """Number of the running job of a group of rules, if any."""
        assert self.process.poll() is None, "the workflow ended before the fault"
        jobs = [job for job in self.cluster.jobs() if group in job.what and job.state == "RUNNING"]
        return jobs[0].number if jobs else None

    def verb(self, name: str) -> psutil.Process | None:
        """A running `fusevad NAME` of this run, if any."""
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = process.info["cmdline"] or []
            if process.info["cwd"] == str(self.project) and words[1:] and words[2:3] == [name]:
                return process if Path(words[1]).name == "fusevad" else None
        return None

    def wait_for_verb(self, name: str, group: str) -> tuple[psutil.Process, str]:
        """The process of a verb, and the number of its job."""
        wait_for(lambda: bool(self.running(group) and self.verb(name)), name, PATIENCE)
        process, number = self.verb(name), self.running(group)
        assert process is not None and number is not None
        return process, number


def test_a_run_through_faults_gives_the_bytes_of_a_local_run(cluster, project, tiny_made, tmp_path):
    log = tmp_path / "snakemake.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["snakemake", "--profile", "profiles/slurm", "results/tiny/table1.tex", *TINY],
            cwd=project,
            env=cluster.led_to(environment_in(project, as_installed=True)),
            stdout=output,
            stderr=output,
        )
    run = Run(cluster, project, process)
    try:
        lost = the_node_of_the_embeddings_dies_and_comes_back(run)
        killed = a_training_is_killed(run)
        the_controller_restarts_while_a_training_runs(run)
        assert process.wait(timeout=3 * PATIENCE) == 0, log.read_text()[-6000:]
    finally:
        process.kill()
        process.wait()

    jobs = {job.number: job for job in cluster.jobs()}
    assert "Restarts=1" in cluster.ask("scontrol", "show", "job", lost)
    assert jobs[killed].state == "FAILED"
    assert [job.number for job in jobs.values() if job.state != "COMPLETED"] == [killed]
    # 25 jobs of the workflow; two shards of two streams are one, as training is with evaluation.
    own = ("render", "manifest", "cues", "embed", "index", "index", "table1")
    assert len(jobs) == len(own) + 7 + 1
    on_gpus = {number for number, job in jobs.items() if job.partition == "gpu"}
    asked = {n for n, job in jobs.items() if "embed" in job.what or "experiment" in job.what}
    assert on_gpus == asked and len(asked) == 1 + 7 + 1
    assert compared_with(tiny_made, project) == 1 + 7


def the_node_of_the_embeddings_dies_and_comes_back(run: Run) -> str:
    """Returns the number of the job that the node ran."""
    _, number = run.wait_for_verb("embed", "embed")
    request = run.cluster.ask("scontrol", "show", "job", number)
    assert "NodeList=two" in request and "gres:gpu:1" in request
    run.cluster.kill_node("two")
    assert run.verb("embed") is None
    # As the controller says by itself when a node has not answered for SlurmdTimeout.
    run.cluster.ask("scontrol", "update", "nodename=two", "state=down", "reason=test")
    wait_for(lambda: run.running("embed") is None, "Slurm to notice")
    run.cluster.start_node("two")
    # Slurm lets the lost job wait for two minutes. If it started at once, it would be killed by the
    # order to end it, which still reaches the node.
    return number


def a_training_is_killed(run: Run) -> str:
    """Returns the number of its job."""
    process, number = run.wait_for_verb("train", "experiment")
    for each in [*process.children(recursive=True), process]:
        each.kill()
    wait_for(lambda: run.running("experiment") != number, "the end of the job")
    return number


def the_controller_restarts_while_a_training_runs(run: Run) -> None:
    """For longer than the interval of status queries."""
    _, number = run.wait_for_verb("train", "experiment")
    run.cluster.save_state(number)
    run.cluster.kill_controller()
    time.sleep(10)
    run.cluster.start_controller()


def compared_with(local: Path, project: Path) -> int:
    """Compare Table 1 and all seeds with those of a local run; returns the number of files."""
    tables = [Path("results/tiny/table1.csv")]
    tables += [file.relative_to(local) for file in local.glob("results/tiny/*/runs/*/seeds.csv")]
    for table in tables:
        assert (project / table).read_bytes() == (local / table).read_bytes(), table
    return len(tables)
