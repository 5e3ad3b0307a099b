"""`fusevad doctor --profile slurm` on a real Slurm: sound, too small, and without a controller."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cluster.slurm import NEEDS_SLURM, Cluster
from tests.workflow_runs import environment_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), *NEEDS_SLURM]
# Whether Snakemake could submit jobs to it, which this test does not try.
PLUGIN = find_spec("snakemake_executor_plugin_slurm") is not None


def test_the_doctor_finds_the_cluster_sound_then_its_faults(cluster, root, project):
    status, said = doctor(cluster, project)
    assert status == (0 if PLUGIN else 1), said
    assert said[0].startswith("ok " if PLUGIN else "MISSING") and "extra slurm" in said[0]
    assert not any(line.startswith("MISSING") for line in said[1:])
    assert "ok      partition batch: 2 of 2 nodes work" in said
    assert "ok      partition gpu: 1 of 1 nodes work" in said
    gpu = [line for line in said if line.startswith("ok      partition gpu, largest job:")]
    assert len(gpu) == 1 and "; two has 2, 3000 MB, GPUs: 2" in gpu[0]
    assert "ok      finished jobs: squeue knows them for 3600 s (MinJobAge)" in said

    # The profile as it is shipped asks for 16 processors and 60 GB; a node dies.
    shipped = root / "profiles" / "slurm" / "config.yaml"
    (project / "profiles" / "slurm" / "config.yaml").write_text(shipped.read_text())
    cluster.ask("scontrol", "update", "nodename=one", "state=down", "reason=test")
    status, said = doctor(cluster, project)
    assert status == 1
    assert len([line for line in said if line.startswith("MISSING partition")]) == 2
    assert any(
        line.startswith("note    partition batch: 1 of 2 nodes work (one down") for line in said
    )

    cluster.kill_controller()
    status, said = doctor(cluster, project)
    assert status == 1
    assert said[-1].startswith("MISSING Slurm's controller: s")


def doctor(cluster: Cluster, project: Path) -> tuple[int, list[str]]:
    """Status and lines."""
    result = subprocess.run(
        ["fusevad", "doctor", "--profile", "slurm", "--configfile", "config/tiny.yaml"],
        cwd=project,
        env=cluster.led_to(environment_in(project, as_installed=True)),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.stderr == ""
    return result.returncode, result.stdout.splitlines()
