"""Making Snakemake believe artifacts that fit the configuration, and none that don't.

Snakemake compares times: an input newer than an output runs its job. Files that were fetched have
times in any order, and those of a fresh clone are all new. So what fits gets times in the order of
the stages; what doesn't is moved away, and Snakemake makes it again. Where a job's own files aren't
there, Snakemake compares its inputs with the outputs of the jobs after it; so settings files and
sources of absent jobs have to be older than what was made from them, too.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fusevad.artifacts.check import Finding, check
from fusevad.artifacts.snakemake_memory import forget_other_settings
from fusevad.errors import FusevadError
from fusevad.plan.lineage import Job, Plan

UNFIT = "results/.unfit"
_STEP = 1_000_000  # nanoseconds between two stages


@dataclass(frozen=True, slots=True)
class Adopted:
    """What `adopt` found and did.

    Attributes:
        fitting: jobs whose files Snakemake will believe.
        moved: jobs whose files lie in `UNFIT` now, with the reason.
        incomplete: jobs of which only a part is there; what is there fits.
    """

    fitting: list[Job]
    moved: dict[str, str]
    incomplete: dict[str, str]


def adopt(plan: Plan, jobs: Iterable[Job] | None = None) -> Adopted:
    """Put the files of `jobs` and all before them (of all jobs, without any) in order, or away.

    Raises:
        FusevadError: Snakemake is running, or was killed.
    """
    refuse_while_running()
    chosen = plan.jobs if jobs is None else with_upstream(plan, (job.name for job in jobs))
    findings = check(plan, chosen.values())
    moved = {}
    for finding in findings.values():
        if not finding.fits:
            move_away(finding)
            moved[finding.job.name] = finding.reason
    fitting = {name: found for name, found in findings.items() if found.fits and found.hashes}
    set_times(plan, fitting)
    forget_other_settings(
        {plan.settings_file(found.job): found.hashes for found in fitting.values()}
    )
    incomplete = {
        name: f"{found.missing[0]}: not there" for name, found in fitting.items() if found.missing
    }
    return Adopted([found.job for found in fitting.values()], moved, incomplete)


def refuse_while_running() -> None:
    """Stop if Snakemake holds its lock on the working directory.

    Raises:
        FusevadError: it does.
    """
    folder = Path(".snakemake/locks")
    if folder.is_dir() and any(folder.iterdir()):
        raise FusevadError(
            f"{folder}: Snakemake is running here, or was killed; wait for it, or run: snakemake"
            " --unlock"
        )


def move_away(finding: Finding) -> dict[Path, Path]:
    """Move what is there of a job to `UNFIT`, under names that nothing has; returns old and new."""
    moved = {}
    for path in finding.files:
        target = Path(UNFIT, path)
        number = 1
        while os.path.lexists(target):
            number += 1
            target = Path(UNFIT, f"{path}.{number}")
        target.parent.mkdir(parents=True, exist_ok=True)
        moved[Path(path)] = Path(path).rename(target)
    return moved


def set_times(plan: Plan, fitting: Mapping[str, Finding]) -> None:
    """Give files times in the order of the stages, as far as theirs aren't; none in the future."""
    now = time.time_ns()
    needed = with_upstream(plan, fitting)
    newest: dict[str, int] = {}  # that a job depends on, however far away
    for name, job in needed.items():
        own = [_time(path) for path in job.inputs]
        newest[name] = max([0, *own, *(newest[other.name] for other in plan.upstream(job))])
        if name not in fitting:
            continue
        target = max(newest[name], min(newest[name] + _STEP, now))
        for path in (*fitting[name].hashes, job.record):
            if not newest[name] <= _time(path) <= now:
                _set_time(path, target)
    times = (_time(path) for name in fitting for path in fitting[name].hashes)
    before = min(times, default=now) - _STEP
    for job in needed.values():
        settings = plan.write_settings(job)
        if _time(settings) > before:
            _set_time(settings, before)


def with_upstream(plan: Plan, fitting: Iterable[str]) -> dict[str, Job]:
    """Jobs of these names and all before them, in plan order."""
    found: set[str] = set()
    waiting = list(fitting)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [other.name for other in plan.upstream(plan.jobs[name])]
    return {name: job for name, job in plan.jobs.items() if name in found}


def _time(path: str) -> int:
    """Modification time as Snakemake sees it: of a link, the later of its own and its file's."""
    try:
        own = os.lstat(path).st_mtime_ns
        return max(own, os.stat(path).st_mtime_ns)
    except FileNotFoundError:
        return 0


def _set_time(path: str, nanoseconds: int) -> None:
    for follow in (True, False) if os.path.islink(path) else (True,):
        os.utime(path, ns=(nanoseconds, nanoseconds), follow_symlinks=follow)
