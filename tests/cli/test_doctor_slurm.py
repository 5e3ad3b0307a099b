"""`fusevad doctor --profile`: its lines for clusters that stand-ins of Slurm's programs describe.

`tests/cluster/test_slurm_doctor.py` asks a real Slurm.
"""

import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from fusevad.cli import app, shared_files, slurm
from fusevad.cli.profile import GPU_RULES, read_profile
from fusevad.cli.shared_files import Mount, file_quota, mount_of, room_for
from fusevad.errors import FusevadError

FITTING = ("batch|a|16|64000|(null)|idle", "gpu|b|32|128000|gpu:h100:4(S:0-1),gpu:a10:1|mixed")
SOUND = {
    "scontrol": "echo 'SLURM_VERSION = 24.11'; echo 'MinJobAge               = 300 sec'",
    "sinfo": "\n".join(f"echo '{line}'" for line in FITTING),
    "sbatch": "",
    "squeue": "",
}


@pytest.fixture
def repository(root, tmp_path, monkeypatch) -> Path:
    for name in ("config", "profiles"):
        shutil.copytree(root / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cluster(repository, monkeypatch):
    """Puts programs of Slurm on PATH, alone: a text a program, of the shell."""
    folder = repository / "bin"
    folder.mkdir()
    monkeypatch.setattr(slurm, "find_spec", lambda module: True)
    monkeypatch.setenv("PATH", str(folder))

    def put(**programs: str | None) -> None:
        for name, text in (SOUND | programs).items():
            if text is not None:
                (folder / name).write_text(f"#!/bin/sh\n{text}\n")
                (folder / name).chmod(0o755)

    return put


def examine(*more: str) -> tuple[int, list[str]]:
    """Status, and the lines that are no `ok`."""
    result = CliRunner().invoke(app, ["doctor", "--profile", "slurm", *more])
    faults = [line for line in result.stdout.splitlines() if not line.startswith("ok ")]
    # The test's own disk is of one machine.
    return result.exit_code, [
        line for line in faults if not line.startswith("note    shared files")
    ]


def test_a_sound_cluster_has_no_fault(cluster):
    cluster()
    assert examine() == (0, [])


def test_the_executor_plugin_must_be_installed(cluster, monkeypatch):
    cluster()
    monkeypatch.setattr(slurm, "find_spec", lambda module: None)
    line = "MISSING extra slurm: not installed; run: make env EXTRAS=slurm"
    assert examine() == (1, [line])


def test_a_machine_that_cannot_submit_jobs_is_named_as_such(cluster):
    cluster(sinfo=None, sbatch=None)
    assert examine() == (
        1,
        ["MISSING Slurm's programs: no sbatch, sinfo; run this on a node that can submit jobs"],
    )


def test_a_controller_that_does_not_answer_is_one_line(cluster):
    cluster(scontrol="echo 'Unable to contact slurm controller' >&2; exit 1")
    status, (line,) = examine()
    assert status == 1
    assert line == (
        "MISSING Slurm's controller: scontrol fails: Unable to contact slurm controller;"
        " start slurmctld, or set SLURM_CONF"
    )


def test_jobs_that_slurm_forgets_too_early_are_a_fault_of_squeue_alone(cluster, repository):
    forgetful = SOUND["scontrol"].replace("300", "180")
    cluster(scontrol=forgetful, sacct="")
    status, (line,) = examine()
    assert status == 1
    assert line.startswith("MISSING finished jobs: squeue knows them for 180 s (MinJobAge), and")
    assert "set MinJobAge=300 in slurm.conf" in line
    _edit_profile(repository, "slurm-status-command: squeue", "slurm-status-command: sacct")
    assert examine() == (0, [])


@pytest.mark.parametrize(
    ("sacct", "fault"),
    [
        (None, "no sacct"),
        ("echo 'accounting storage is disabled' >&2; exit 1",
         "sacct fails: accounting storage is disabled"),
    ],
)  # fmt: skip
def test_sacct_must_be_there_and_answer_if_the_profile_asks_it(cluster, repository, sacct, fault):
    _edit_profile(repository, "slurm-status-command: squeue", "slurm-status-command: sacct")
    cluster(sacct=sacct)
    line = f"MISSING finished jobs: {fault}; set slurm-status-command: squeue in the profile"
    assert examine() == (1, [line])


def test_a_partition_that_is_not_there_is_named_with_those_that_are(cluster):
    cluster(sinfo="echo 'debug|a|64|500000|gpu:2|idle'")
    status, lines = examine()
    assert status == 1
    assert lines == [
        f"MISSING partition {name}: not there; the cluster has debug;"
        " correct it in profiles/slurm/config.yaml"
        for name in ("batch", "gpu")
    ]


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        ("gpu|b|8|128000|gpu:1|idle", "b has 8, 128000 MB, GPUs: 1"),
        ("gpu|b|32|32000|gpu:1|idle", "b has 32, 32000 MB, GPUs: 1"),
        ("gpu|b|32|128000|(null)|idle", "b has 32, 128000 MB, GPUs: 0"),
    ],
)
def test_a_node_that_is_too_small_for_the_largest_job_is_a_fault(cluster, node, fault):
    cluster(sinfo=f"echo '{FITTING[0]}'; echo '{node}'")
    assert examine() == (
        1,
        [
            f"MISSING partition gpu, largest job: jobs ask for 16 processors, 60000 MB, GPUs: 1,"
            f" at most; {fault}; lower threads, mem_mb or gpus in profiles/slurm/config.yaml"
        ],
    )


def test_nodes_too_small_for_one_training_process_need_smaller_batches(cluster, repository):
    small = [line.replace("64000", "3000").replace("128000", "3000") for line in FITTING]
    cluster(sinfo="\n".join(f"echo '{line}'" for line in small))
    _edit_profile(repository, "mem_mb: 60000", "mem_mb: 3000")
    assert examine() == (0, [])
    # At the paper's size a process of training takes 8.7 GB (docs/reproduce.md).
    status, lines = examine("--configfile", "config/paper.yaml")
    assert status == 1 and len(lines) == 2
    asked = re.search(r"no node has the (\d+) MB of one training process", lines[0])
    assert asked is not None and 8000 < int(asked[1]) < 12000
    assert lines[0].endswith("; use a smaller batch_size")


def test_lost_nodes_are_noted_and_a_partition_without_any_is_a_fault(cluster):
    cluster(sinfo=f"echo '{FITTING[0]}'; echo 'batch|c|16|64000||down*'; echo '{FITTING[1]}'")
    line = "note    partition batch: 1 of 2 nodes work (c down*); scontrol show node says why"
    assert examine() == (0, [line])
    cluster(sinfo=f"echo '{FITTING[0]}'; echo '{FITTING[1].replace('mixed', 'drained')}'")
    line = "MISSING partition gpu: 0 of 1 nodes work (b drained); scontrol show node says why"
    assert examine() == (1, [line])


def test_files_that_are_written_slowly_are_noted(cluster, monkeypatch):
    cluster()
    monkeypatch.setattr(shared_files, "_SLOW_MS", 0.0)
    status, (line,) = examine()
    assert status == 0 and line.startswith("note    latency of files: ")
    assert line.endswith("jobs will wait for it: choose a faster file system")
    assert not list(Path().glob(".fusevad-doctor-*"))


def test_the_file_system_is_the_innermost_one(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 0:40 / /home rw shared:1 - nfs4 server:/home rw\n"
        "3 1 0:41 / /home/my\\040group rw - lustre fs:/group rw\n"
    )
    assert mount_of(Path("/home/me/clone"), table) == Mount("server:/home", "nfs4")
    assert mount_of(Path("/home/my group/clone"), table) == Mount("fs:/group", "lustre")
    assert mount_of(Path("/homes"), table).kind == "ext4"


def _quota(folder: Path, monkeypatch, columns: str) -> None:
    program = folder / "quota"
    program.write_text(f"#!/bin/sh\necho 'Disk quotas for user me (uid 7):'\necho '{columns}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_quota_of_files_counts_where_it_is_the_file_system_s(tmp_path, monkeypatch):
    here, other = Mount("server:/home", "nfs4"), Mount("server:/scratch", "nfs4")
    _quota(tmp_path, monkeypatch, "server:/home 5 0 0 0 900* 800 1000 1234")
    assert file_quota(here) == 0
    assert file_quota(other) is None
    _quota(tmp_path, monkeypatch, "server:/home 5 0 0 0 900 0 1000 0")
    assert file_quota(here) == 100
    assert room_for(101, tmp_path, here).line.startswith("MISSING number of files: 100 more")
    assert room_for(100, tmp_path, here).line.startswith("ok ")
    _quota(tmp_path, monkeypatch, "server:/home 5 0 0 0 900 0 0 0")
    assert file_quota(here) is None
    _quota(tmp_path, monkeypatch, "\nserver:/home 5 0 0 0 900 0 1000 0")  # an empty line first
    assert file_quota(here) == 100
    _quota(tmp_path, monkeypatch, "server:/home 5 0 0")
    with pytest.raises(FusevadError, match="quota: unexpected line"):
        file_quota(here)


def test_a_quota_that_does_not_answer_is_one_line(tmp_path, monkeypatch):
    _quota(tmp_path, monkeypatch, "'; exec sleep 9; echo '")
    monkeypatch.setattr(shared_files, "_QUOTA_SECONDS", 0.1)
    with pytest.raises(FusevadError, match=r"quota: no answer in 0\.1 s"):
        file_quota(Mount("server:/home", "nfs4"))


def test_a_file_system_without_free_inodes_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    full = SimpleNamespace(f_files=1000, f_favail=9)
    monkeypatch.setattr(os, "statvfs", lambda folder: full)
    assert room_for(10, tmp_path, Mount("/dev/sda1", "ext4")).missing
    full.f_files = full.f_favail = 0  # as btrfs, which makes them when they are needed
    assert not room_for(10, tmp_path, Mount("/dev/sda1", "btrfs")).missing


def test_other_profiles_are_refused_with_the_reason(repository):
    with pytest.raises(FusevadError, match=r"default/config\.yaml: no `executor: slurm`"):
        read_profile("default")
    with pytest.raises(FusevadError, match="no such profile"):
        read_profile("none")
    _edit_profile(repository, "executor: slurm", "executor: ?no_such_name")
    with pytest.raises(FusevadError, match="Snakemake can't read it"):
        read_profile("slurm")


def test_rules_with_gpus_are_those_of_the_workflow(root):
    rules = "".join(path.read_text() for path in sorted((root / "workflow" / "rules").glob("*")))
    parts = re.split(r"^rule (\w+):", rules, flags=re.MULTILINE)
    asking = {name for name, text in zip(parts[1::2], parts[2::2], strict=True) if "gpu=1" in text}
    assert asking == set(GPU_RULES)


def _edit_profile(folder: Path, old: str, new: str) -> None:
    file = folder / "profiles" / "slurm" / "config.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
