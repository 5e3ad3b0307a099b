"""Plan and set times of files in the order of the stages, as Snakemake compares them.

As an output, a path has its own time, even if it is a link; as an input, the later of a link's own
time and its file's. So a link gets a time that is not before its file's, and the file, which
belongs to DVC, is unchanged. Files with two names are one file with one time, which DVC uses too,
and become copies. A folder has the time of a hidden file in it.
"""

import os
import time
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from fusevad.artifacts.check import Finding
from fusevad.artifacts.copies import copy_file
from fusevad.artifacts.trusted import linked_folder
from fusevad.errors import FusevadError
from fusevad.files import atomic_path
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan

_STEP = 1_000_000  # nanoseconds between two stages
# Snakemake takes the age of a folder from this file.
_TIMESTAMP = ".snakemake_timestamp"


def plan_times(
    plan: Plan,
    needed: Mapping[str, Job],
    fitting: Mapping[str, Finding],
    gone: Container[str],
) -> dict[str, int]:
    """New times of files, where they aren't in order; none in the future.

    Args:
        plan: of the configuration.
        needed: jobs that fit and all before them, in plan order.
        fitting: findings on jobs, by name.
        gone: files that will be removed.

    Returns:
        Nanoseconds by path; settings files have none yet.
    """
    now = time.time_ns()
    times = _Times(gone)
    newest: dict[str, int] = {}  # of all direct and indirect inputs of a job
    for name, job in needed.items():
        own = [times.as_input(path) for path in job.inputs]
        newest[name] = max([0, *own, *(newest[other.name] for other in plan.upstream(job))])
        if name not in fitting:
            continue
        target = max(newest[name], min(newest[name] + _STEP, now))
        for path in (*fitting[name].hashes, job.record):
            if not newest[name] <= times.as_output(path) or times.as_input(path) > now:
                times.new[path] = min(max(target, _time_of_file(path)), now)
    outputs = [times.as_output(path) for name in fitting for path in fitting[name].hashes]
    for path in _benchmarks():
        # Snakemake includes them in an output's age.
        if times.as_output(path) < max(outputs, default=0):
            times.new[path] = now
    return times.new


def set_times(times: Mapping[str, int]) -> None:
    """Give files their planned times, without changing files that are shared with others."""
    for path, nanoseconds in times.items():
        if _is_folder(path):
            stamp = Path(path, _TIMESTAMP)
            if stamp.is_symlink():
                stamp.unlink()
            stamp.touch()
            os.utime(stamp, ns=(nanoseconds, nanoseconds))
        else:
            _see_to_own(Path(path), nanoseconds)
            os.utime(path, ns=(nanoseconds, nanoseconds), follow_symlinks=False)


def refuse_foreign(paths: Iterable[str]) -> None:
    """Refuse files whose times can't be set, before anything is moved.

    Raises:
        FusevadError: a file belongs to another user.
    """
    user = os.geteuid()
    for path in paths:
        found = os.lstat(path)
        if user not in (0, found.st_uid) and (found.st_nlink == 1 or _is_folder(path)):
            raise FusevadError(
                f"{path}: belongs to another user, so its time can't be set; copy the folder"
                " results to one of your own (cp -r) and run the command there"
            )


def settings_before(plan: Plan, jobs: Iterable[Job], fitting: Mapping[str, Finding]) -> None:
    """Write settings files of jobs, older than everything that was made with them."""
    times = (_own_time(path) for name in fitting for path in fitting[name].hashes)
    before = min(times, default=time.time_ns()) - _STEP
    for job in jobs:
        settings = plan.write_settings(job)
        if os.lstat(settings).st_mtime_ns > before:
            os.utime(settings, ns=(before, before))


class _Times:
    """Times of files, including the new ones."""

    def __init__(self, gone: Container[str]) -> None:
        self.new: dict[str, int] = {}
        self._gone = gone

    def as_output(self, path: str) -> int:
        """Time of an output for Snakemake; 0 if it does not exist."""
        if path in self._gone:
            return 0
        try:
            return self.new.get(path, _own_time(path))
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def as_input(self, path: str) -> int:
        """Time of an input for Snakemake; 0 if it does not exist."""
        own = self.as_output(path)
        return max(own, _time_of_file(path)) if own else 0


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _own_time(path: str) -> int:
    """Time of a file, a folder, or a link itself."""
    stamp = os.path.join(path, _TIMESTAMP)
    carrier = stamp if _is_folder(path) and os.path.exists(stamp) else path
    return os.lstat(carrier).st_mtime_ns


def _time_of_file(path: str) -> int:
    """Time of the file that a link leads to; 0 if it is not a link."""
    try:
        return os.stat(path).st_mtime_ns if os.path.islink(path) else 0
    except FileNotFoundError:
        return 0


def _see_to_own(path: Path, nanoseconds: int) -> None:
    """Replace a file with a copy if another name shares its time."""
    shared = path.lstat().st_nlink > 1
    if shared or _time_of_file(str(path)) > nanoseconds:
        with atomic_path(path, durable=False) as temporary:
            copy_file(path, temporary)


def _benchmarks() -> list[str]:
    """Benchmark files; not pipes of such names, which a copy would wait for."""
    found = (str(path) for path in Path("results").glob("**/benchmarks/*.tsv") if path.is_file())
    return [path for path in found if not linked_folder(path)]
