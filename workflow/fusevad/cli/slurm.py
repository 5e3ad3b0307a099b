"""`fusevad doctor --profile`: what a Slurm cluster lacks of what a profile has jobs ask for."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from fusevad.cli.machine import Finding, most_asked_mb
from fusevad.cli.profile import Profile
from fusevad.cli.shared_files import shared_files
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs

_PLUGIN = "snakemake_executor_plugin_slurm"
_PROGRAMS = ("sbatch", "squeue", "scontrol", "sinfo")
# The longest that the executor plugin waits between two questions about jobs.
_BETWEEN_QUESTIONS_S = 180
# What rules can use at most, unless the profile says less.
_MOST_THREADS = 64
_NODES = "%R|%N|%c|%m|%G|%T"
_LOST = ("down", "drain", "fail", "unknown", "maint", "power", "reboot")
_GPUS = re.compile(r"gpu(?::[^:,()]+)?:(\d+)")


@dataclass(frozen=True, slots=True)
class Node:
    """A node in one of its partitions, as sinfo lists it; `mb` is its memory."""

    partition: str
    name: str
    processors: int
    mb: int
    gpus: int
    state: str

    @property
    def works(self) -> bool:
        """Whether it takes jobs, now or when others end; `*` marks one that does not answer."""
        return not self.state.startswith(_LOST) and "*" not in self.state


def examine_cluster(profile: Profile, jobs: Jobs | None) -> Iterator[Finding]:
    """All checks of a cluster; without a configuration, those that need none."""
    there = find_spec(_PLUGIN) is not None
    says = "installed" if there else "not installed"
    yield Finding("extra slurm", says, not there, remedy="run: make env EXTRAS=slurm")
    absent = [name for name in _PROGRAMS if shutil.which(name) is None]
    remedy = "run this on a node that can submit jobs"
    says = f"no {', '.join(absent)}" if absent else "there"
    yield Finding("Slurm's programs", says, bool(absent), remedy=remedy)
    if absent:
        return
    try:
        settings = _settings()
        nodes = _nodes()
    except FusevadError as error:
        yield Finding("Slurm's controller", str(error), True,
                      remedy="start slurmctld, or set SLURM_CONF")  # fmt: skip
        return
    yield Finding("Slurm's controller", f"answers, version {settings.get('SLURM_VERSION')}")
    yield finished_jobs(profile.status, settings)
    for partition in profile.partitions:
        yield from _partition(partition, profile, nodes, most_asked_mb(jobs) if jobs else 0)
    yield from shared_files(jobs)


def finished_jobs(status: str, settings: dict[str, str]) -> Finding:
    """Whether Slurm remembers finished jobs until Snakemake asks for them."""
    counts = re.match(r"\d+", settings.get("MinJobAge", ""))
    age = int(counts[0]) if counts else 0
    asked = {"squeue": ("squeue",), "sacct": ("sacct",)}.get(status, ("sacct", "squeue"))
    if "sacct" in asked and (fault := _sacct_fault()) is None:
        return Finding("finished jobs", "sacct knows them")
    if "squeue" not in asked:
        remedy = "set slurm-status-command: squeue in the profile"
        return Finding("finished jobs", fault, True, remedy=remedy)
    says = f"squeue knows them for {age} s (MinJobAge)"
    if age <= _BETWEEN_QUESTIONS_S:
        says += f", and Snakemake asks only every {_BETWEEN_QUESTIONS_S} s"
    other = "" if "sacct" in asked else ", or, with accounting, slurm-status-command: sacct"
    remedy = f"set MinJobAge=300 in slurm.conf and run scontrol reconfigure{other}"
    return Finding("finished jobs", says, age <= _BETWEEN_QUESTIONS_S, remedy=remedy)


def _sacct_fault() -> str | None:
    """Why `sacct` does not answer; None if it does."""
    if shutil.which("sacct") is None:
        return "no sacct"
    try:
        _ask("sacct", "--noheader", "--starttime=now-1minute")
    except FusevadError as error:
        return str(error)
    return None


def _partition(
    name: str, profile: Profile, nodes: Sequence[Node], least_mb: int
) -> Iterator[Finding]:
    """Whether a partition has nodes that work, and one that can run its largest jobs."""
    what = f"partition {name}"
    own = [node for node in nodes if node.partition == name]
    if not own:
        known = ", ".join(sorted({node.partition for node in nodes})) or "none"
        remedy = f"correct it in {profile.file}"
        yield Finding(what, f"not there; the cluster has {known}", True, remedy=remedy)
        return
    lost = [f"{node.name} {node.state}" for node in own if not node.works]
    remedy = "scontrol show node says why"
    missing = len(lost) == len(own)
    says = f"{len(own) - len(lost)} of {len(own)} nodes work"
    if lost:
        says += f" ({', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''})"
    yield Finding(what, says, bool(lost), needed=missing, remedy=remedy)
    yield _largest_job(what, name in profile.gpu_partitions, profile, own, least_mb)


def _largest_job(
    what: str, on_gpus: bool, profile: Profile, nodes: Sequence[Node], least_mb: int
) -> Finding:
    """Whether a node has all that the largest job asks for; threads end where the profile says."""
    threads = profile.threads or _MOST_THREADS
    gpus = min(1, profile.gpus if profile.gpus is not None else 1) if on_gpus else 0
    mb = profile.mem_mb or least_mb
    says = f"jobs ask for {threads} processors, {mb} MB, GPUs: {gpus}, at most"
    fits = [
        node for node in nodes if node.processors >= threads and node.mb >= mb and node.gpus >= gpus
    ]
    largest = max(nodes, key=lambda node: (node.gpus >= gpus, node.mb, node.processors))
    has = f"{largest.name} has {largest.processors}, {largest.mb} MB, GPUs: {largest.gpus}"
    if least_mb > max(node.mb for node in nodes):
        says = f"no node has the {least_mb} MB of one training process; {has}"
        return Finding(f"{what}, largest job", says, True, remedy="use a smaller batch_size")
    remedy = f"lower threads, mem_mb or gpus in {profile.file}"
    return Finding(f"{what}, largest job", f"{says}; {has}", not fits, remedy=remedy)


def _settings() -> dict[str, str]:
    """The controller's configuration."""
    lines = _ask("scontrol", "show", "config").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _nodes() -> list[Node]:
    """Every node once for each of its partitions.

    Raises:
        FusevadError: sinfo does not answer, or in another form.
    """
    found = []
    for line in _ask("sinfo", "--noheader", "--Node", f"--format={_NODES}").splitlines():
        try:
            partition, name, processors, mb, resources, state = line.split("|")
            gpus = sum(map(int, _GPUS.findall(resources)))
            found.append(Node(partition, name, int(processors), int(mb), gpus, state))
        except ValueError as error:
            raise FusevadError(f"sinfo: unexpected line {line!r}") from error
    return found


def _ask(*command: str) -> str:
    """Output of one of Slurm's programs.

    Raises:
        FusevadError: it fails, or does not answer within a minute.
    """
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=60
        )
    except subprocess.TimeoutExpired as error:
        raise FusevadError(f"{command[0]} does not answer for a minute") from error
    if result.returncode:
        said = result.stderr.strip().splitlines() or ["it says nothing"]
        raise FusevadError(f"{command[0]} fails: {said[-1]}")
    return result.stdout
