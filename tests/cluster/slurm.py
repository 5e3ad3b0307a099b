"""A Slurm cluster of two nodes on this machine, in one folder: with munge, without accounting."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue")
NODES = ("one", "two")
# In the environment of a node's daemon and of the steps that it starts.
_NODE = "FUSEVAD_TEST_NODE"

CONFIGURATION = """
ClusterName=fusevad-test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
SlurmctldPort={controller}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n
StateSaveLocation={folder}/state
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MinJobAge=3600
KillWait=2
SlurmdTimeout=15
GresTypes=gpu
NodeName=one NodeAddr=127.0.0.1 Port={one} CPUs=2 RealMemory=3000 State=UNKNOWN
NodeName=two NodeAddr=127.0.0.1 Port={two} CPUs=2 RealMemory=3000 Gres=gpu:2 State=UNKNOWN
PartitionName=batch Nodes=one,two Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=two MaxTime=INFINITE State=UP
"""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def missing() -> list[str]:
    """Programs of Slurm and munge that this machine lacks."""
    # Debian's daemons are in /usr/sbin, which is not in everybody's PATH.
    return [name for name in PROGRAMS if not _program(name)]


NEEDS_SLURM = (
    pytest.mark.skipif(
        bool(missing()), reason=f"needs slurm-wlm and munge: no {', '.join(missing())}"
    ),
    pytest.mark.skipif(os.getuid() != 0, reason="the test's Slurm runs as root"),
)


@dataclass(frozen=True)
class Job:
    """A job as squeue lists it; `what` is the plugin's comment, with the rule or group."""

    number: str
    what: str
    state: str
    partition: str


@dataclass
class Cluster:
    """Daemons of one cluster.

    Attributes:
        folder: of configuration, logs and state; short, as a socket's path has at most 107 bytes.
        daemons: running processes by name: `munged`, `slurmctld`, and each node's `slurmd`.
    """

    folder: Path
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which Slurm's commands talk to this cluster."""
        return self.led_to(dict(os.environ))

    def led_to(self, environment: dict[str, str]) -> dict[str, str]:
        """An environment whose commands of Slurm talk to this cluster."""
        path = f"{self.folder}/bin:{environment['PATH']}"
        return environment | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def ask(self, *command: str) -> str:
        """Output of one of Slurm's commands."""
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=60
        )
        return result.stdout

    def start(self) -> None:
        """Start all daemons, and wait until both nodes take jobs."""
        self._write_configuration()
        munge = self.folder / "munge"
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
        options = [f"--{option}={munge / name}" for option, name in files.items()]
        self._start("munged", "--foreground", "--force", f"--seed-file={munge}/seed", *options)
        wait_for((munge / "socket").exists, "munge's socket")
        self.start_controller()
        for node in NODES:
            self.start_node(node)

    def start_controller(self) -> None:
        """Start slurmctld, which goes on from its saved state."""
        self._start("slurmctld", "-D")
        wait_for(lambda: "is UP" in self._ping(), "slurmctld")

    def start_node(self, node: str) -> None:
        """Start a node's slurmd, and wait until it takes jobs."""
        self._start("slurmd", "-D", "-N", node, node=node)
        wait_for(lambda: self.state(node) in ("idle", "mixed", "allocated"), f"node {node}")

    def save_state(self, job: str) -> None:
        """Wait until slurmctld has written what it knows of a job.

        It writes every few seconds. Killed before, it starts a running job a second time, and the
        node, which has that job, is drained.
        """
        state = self.folder / "state" / "job_state"
        before = state.stat().st_mtime_ns if state.exists() else 0
        self.ask("scontrol", "update", f"jobid={job}", "admincomment=to be saved")
        wait_for(lambda: state.exists() and state.stat().st_mtime_ns > before, "Slurm's saved jobs")

    def kill_controller(self) -> None:
        """Kill slurmctld, as a crash does."""
        self._kill("slurmctld")

    def kill_node(self, node: str) -> None:
        """Kill a node's slurmd and all that runs on the node, as a failure of power does."""
        self._kill(node)
        self._end_all(node)

    def state(self, node: str) -> str:
        """State of a node, without the star of one that does not answer."""
        return self.ask("sinfo", "--noheader", "--nodes", node, "--format=%T").split()[0].strip("*")

    def jobs(self) -> list[Job]:
        """All jobs, finished ones too."""
        lines = self.ask(
            "squeue", "--noheader", "--states=all", "--format=%i|%k|%T|%P"
        ).splitlines()
        return [Job(*line.split("|")) for line in lines]

    def stop(self) -> None:
        """Stop daemons and jobs, also after a failure; nodes before what they ask."""
        for daemon in reversed(self.daemons):
            self.daemons[daemon].terminate()
        for process in self.daemons.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
        self.daemons.clear()
        for node in NODES:
            self._end_all(node)

    def _kill(self, daemon: str) -> None:
        process = self.daemons.pop(daemon)
        process.kill()
        process.wait()

    def _end_all(self, node: str) -> None:
        """Kill all that runs on a node, also what starts meanwhile."""
        while found := self._processes(node):
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=5)

    def _processes(self, node: str) -> list[psutil.Process]:
        """Steps that the node's slurmd started, which leave their parent, and what they started."""
        found = []
        for process in psutil.process_iter():
            # psutil's own reading ends where slurmstepd has written its title over the first lines.
            with suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
                environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
                if self._mark(node) in environment or (
                    f"SLURMD_NODENAME={node}".encode() in environment
                    and any(bytes(self.folder) in line for line in environment)
                ):
                    found.append(process)
        return found

    def _mark(self, node: str) -> bytes:
        return f"{_NODE}={self.folder}:{node}".encode()

    def _ping(self) -> str:
        command = ("scontrol", "ping")
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return result.stdout

    def _start(self, program: str, *options: str, node: str = "") -> None:
        name = node or program
        mark = {_NODE: f"{self.folder}:{node}"} if node else {}
        with (self.folder / f"{name}.out").open("a") as log:
            self.daemons[name] = subprocess.Popen(
                (_program(program), *options),
                env=self.environment | mark,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def _write_configuration(self) -> None:
        for name in ("munge", "state", "bin"):
            (self.folder / name).mkdir()
        # The plugin's job steps drop SLURM_CONF from the environment of their srun.
        srun = self.folder / "bin" / "srun"
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {_program("srun")} "$@"\n'
        )
        srun.chmod(0o755)
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        controller, one, two = _free_ports(3)
        text = CONFIGURATION.format(
            host=socket.gethostname(), folder=self.folder, controller=controller, one=one, two=two
        )
        (self.folder / "slurm.conf").write_text(text)
        # Slurm wants a device for each GPU, and opens none of them without cgroups.
        devices = "".join(f"NodeName=two Name=gpu File=/dev/{name}\n" for name in ("null", "zero"))
        (self.folder / "gres.conf").write_text(devices)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """A started cluster; whatever happens, its jobs and daemons are stopped."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it does not hold after `seconds`.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not ready after {seconds:.0f} s")
        time.sleep(0.3)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
