"""The file system that all nodes of a cluster share: what it is, how fast, and room for files."""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fusevad.cli.machine import Finding
from fusevad.errors import FusevadError
from fusevad.files import write_text
from fusevad.plan.jobs import Jobs
from fusevad.plan.needed import needed_for
from fusevad.plan.stages import plan

_FILES = 50
# Cues and embeddings write files video by video: slower than this, jobs wait for the disk.
_SLOW_MS = 50.0
# Of one machine: other nodes don't see their files.
_LOCAL = ("btrfs", "ext2", "ext3", "ext4", "overlay", "ramfs", "tmpfs", "xfs", "zfs")
# Beside its outputs, a job leaves its settings, its record, a log and a benchmark file.
_BESIDE = 4
_QUOTA_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a folder's file system is mounted: what (`server:/home`), and its type (`nfs4`)."""

    source: str
    kind: str


def shared_files(jobs: Jobs | None) -> Iterator[Finding]:
    """Checks of the file system with the results, which may be a link to a larger disk."""
    folder = Path("results").resolve() if Path("results").is_dir() else Path.cwd()
    mount = mount_of(folder)
    local = mount.kind in _LOCAL
    says = mount.kind + (", of one machine: other nodes don't see it" if local else "")
    remedy = "put the clone on a file system that all nodes share"
    yield Finding("shared files", says, local, False, remedy)
    yield _speed(folder)
    if jobs is not None:
        made = needed_for(plan(jobs.config), jobs.made("table1.tex")).values()
        wanted = sum(len(job.outputs) + _BESIDE for job in made)
        yield room_for(wanted, folder, mount)


def mount_of(folder: Path, table: Path = Path("/proc/self/mountinfo")) -> Mount:
    """The file system that a folder is on, as Linux lists it.

    Raises:
        FusevadError: none of the table's places is above the folder.
    """
    found: dict[Path, Mount] = {}
    for line in table.read_text().splitlines():
        before, _, after = line.partition(" - ")
        place = Path(before.split()[4].replace("\\040", " "))
        if folder.is_relative_to(place):
            kind, source = after.split()[:2]
            found[place] = Mount(source, kind)  # the last mount of a place hides earlier ones
    if not found:
        raise FusevadError(f"{table}: no file system of {folder}")
    return found[max(found, key=lambda place: len(place.parts))]


def _speed(folder: Path) -> Finding:
    """How long a small file takes until it is safely written, and then to look at it."""
    written, looked = [], []
    with tempfile.TemporaryDirectory(prefix=".fusevad-doctor-", dir=folder) as name:
        for number in range(_FILES):
            file = Path(name) / f"{number}.json"
            start = time.perf_counter()
            write_text("{}", file)
            middle = time.perf_counter()
            file.stat()
            written.append(1000 * (middle - start))
            looked.append(1000 * (time.perf_counter() - middle))
    typical, longest = statistics.median(written), max(written)
    says = (
        f"{typical:.1f} ms to write a file, {longest:.1f} ms at most,"
        f" {statistics.median(looked):.2f} ms to look at one"
    )
    remedy = "jobs will wait for it: choose a faster file system"
    return Finding("latency of files", says, typical > _SLOW_MS, False, remedy)


def room_for(wanted: int, folder: Path, mount: Mount) -> Finding:
    """Whether so many more files fit: by the file system's count, and by the user's quota."""
    state = os.statvfs(folder)
    # Some file systems make inodes as they need them, and count none.
    free = [state.f_favail] if state.f_files else []
    quota = file_quota(mount)
    free += [quota] if quota is not None else []
    says = f"{min(free)} more files possible" if free else "no limit is known"
    remedy = "delete files, ask for a larger quota, or use fewer `shards`"
    short = bool(free) and min(free) < wanted
    return Finding("number of files", f"{says}, Table 1 makes {wanted}", short, remedy=remedy)


def file_quota(mount: Mount) -> int | None:
    """How many more files the user's quota allows on a file system; None without a quota.

    Raises:
        FusevadError: `quota` lists the file system in another form, or doesn't answer.
    """
    if shutil.which("quota") is None:
        return None
    command = ("quota", "--no-wrap", "--raw-grace")
    # Its status is 1 for somebody over a quota, which the lines say too.
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_QUOTA_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FusevadError(
            f"quota: no answer in {_QUOTA_SECONDS} s; ask who runs the file servers, or take"
            " `quota` out of PATH"
        ) from error
    for line in done.stdout.splitlines():
        source, *columns = line.split() or [""]
        if source != mount.source:
            continue
        try:
            used, soft, hard = (int(each.rstrip("*")) for each in columns[4:7])
        except ValueError as error:
            raise FusevadError(f"quota: unexpected line {line!r}") from error
        limit = soft or hard
        return max(0, limit - used) if limit else None
    return None
