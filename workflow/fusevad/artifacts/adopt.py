"""Make Snakemake trust artifacts that fit the configuration, and no others.

Snakemake compares times: an input newer than an output runs its job. Fetched files have times in
any order, and in a fresh clone all times are new. So artifacts that fit get times in the order of
the stages; the others are moved away, and Snakemake makes them again. If a job's own files are
missing, Snakemake compares its inputs with the outputs of the jobs after it; so settings files and
sources of absent jobs must also be older than those outputs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fusevad.artifacts.check import Finding, check
from fusevad.artifacts.seeds import take_seeds
from fusevad.artifacts.snakemake_memory import forget_other_settings, forget_unfinished
from fusevad.artifacts.times import plan_times, refuse_foreign, set_times, settings_before
from fusevad.artifacts.trusted import refuse_linked_folders
from fusevad.artifacts.unfit import UNFIT, finish, move_away
from fusevad.errors import FusevadError
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.needed import with_upstream


@dataclass(frozen=True, slots=True)
class Adopted:
    """The findings and actions of `adopt`.

    Attributes:
        fitting: jobs whose files Snakemake will trust.
        moved: jobs whose files are in `UNFIT` now, or will be, with the reason.
        incomplete: jobs with only part of their files; these fit.
    """

    fitting: list[Job]
    moved: dict[str, str]
    incomplete: dict[str, str]


def adopt(
    plan: Plan,
    jobs: Iterable[Job] | None = None,
    dry_run: bool = False,
    before: Mapping[Path, Path] = MappingProxyType({}),
) -> Adopted:
    """Put files of `jobs` (all, if None) and all jobs before them in order, or move them away.

    Args:
        plan: of the configuration.
        jobs: the requested jobs.
        dry_run: change nothing.
        before: what the command has moved away already, which one note has with the rest.

    Raises:
        FusevadError: Snakemake is running, or was killed; a folder below `results/` is a link; a
            file that must be changed belongs to another user; or nothing fits, and `results/`
            contains another `results/`. Then nothing is changed.
    """
    refuse_while_running()
    chosen = plan.jobs if jobs is None else with_upstream(plan, (job.name for job in jobs))
    refuse_linked_folders(changed_by(plan, chosen.values()))
    findings = check(plan, chosen.values())
    unfit = [finding for finding in findings.values() if not finding.fits]
    fitting = {name: found for name, found in findings.items() if found.fits and found.hashes}
    if not fitting:
        _refuse_nested()
    if not dry_run:
        _carry_out(plan, fitting, unfit, dict(before))
    incomplete = {
        name: f"{found.missing[0]}: missing" for name, found in fitting.items() if found.missing
    }
    moved = {finding.job.name: finding.reason for finding in unfit}
    return Adopted([found.job for found in fitting.values()], moved, incomplete)


def _carry_out(
    plan: Plan,
    fitting: Mapping[str, Finding],
    unfit: Iterable[Finding],
    moved: dict[Path, Path],
) -> None:
    needed = with_upstream(plan, fitting)
    gone = {path for finding in unfit for path in finding.files}
    times = plan_times(plan, needed, fitting, gone)
    refuse_foreign(times)
    for finding in unfit:
        move_away(finding, moved)
    if moved:
        finish()
    set_times(times)
    settings_before(plan, needed.values(), fitting)
    forget_other_settings(
        {plan.settings_file(found.job): found.hashes for found in fitting.values()}
    )
    forget_unfinished(path for found in fitting.values() for path in found.hashes)
    take_seeds(fitting.values())  # at last, as links share their times


def changed_by(plan: Plan, jobs: Iterable[Job]) -> Iterator[str]:
    """Paths that taking over or moving away the files of jobs may change."""
    for job in jobs:
        for path in (*job.outputs, job.record):
            yield from (path, f"{UNFIT}/{path}")
        yield plan.settings_stem(job)
        if job.seed_store:
            yield f"{job.seed_store}/KEY/seed-0.json"


def refuse_while_running() -> None:
    """Stop if Snakemake holds its lock on the working directory.

    Raises:
        FusevadError: it holds the lock.
    """
    folder = Path(".snakemake/locks")
    if folder.is_dir() and any(folder.iterdir()):
        raise FusevadError(
            f"{folder}: Snakemake is running here, or was killed; wait for it, or run: snakemake"
            " --unlock"
        )


def _refuse_nested() -> None:
    # `cp -r THEIRS/results results` copies into `results`, not over it, if the folder exists.
    nested = Path("results/results")
    if (nested / "settings").is_dir():
        raise FusevadError(
            f"{nested}: the copied folder is inside results/, where nothing reads it; move it up:"
            f" cp -alf {nested}/. results/ && rm -r {nested}"
        )
