"""Fetch what a target needs from DVC, as far as it fits the configuration."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from fusevad.artifacts.adopt import (
    Adopted,
    adopt,
    changed_by,
    refuse_while_running,
)
from fusevad.artifacts.check import Finding, believed_records, check, check_record
from fusevad.artifacts.dvc_errors import WrongContentError
from fusevad.artifacts.pull_plan import Known, PullPlan, plan_pull, target_jobs, videos_needed
from fusevad.artifacts.trusted import refuse_linked_folders
from fusevad.artifacts.unfit import move_away, undone_on_failure
from fusevad.errors import FusevadError
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.needed import with_upstream
from fusevad.plan.records import Record, parse_record

if TYPE_CHECKING:
    from fusevad.artifacts.store import Store


_OLD = 10**18  # nanoseconds: the year 2001


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull before any data is moved.

    Attributes:
        planned: jobs to fetch, and jobs to make again.
        files: files to fetch, with sizes in bytes; records count as files of 0 bytes.
        replaced: files in the workspace of which another version is fetched.
    """

    planned: PullPlan
    files: dict[str, int]
    replaced: dict[str, Finding]


def prepare(plan: Plan, store: "Store", targets: Iterable[str]) -> Pull:
    """Compare the workspace with what DVC tracks; fetch records, which are small, and no data.

    Raises:
        FusevadError: Snakemake is running, a target is unknown, a folder below `results/` is a
            link, or the remote fails.
    """
    refuse_while_running()
    chosen = target_jobs(plan, targets)
    upstream = with_upstream(plan, (job.name for job in chosen))
    refuse_linked_folders(changed_by(plan, upstream.values()))
    workspace = believed_records(plan, upstream.values())
    known: dict[str, Known] = {}
    findings: dict[str, Finding] = {}
    while True:
        planned = plan_pull(plan, chosen, known, workspace)
        if not planned.unknown:
            break
        _look_at(plan, store, planned.unknown, known, findings)
    files: dict[str, int] = {}
    replaced: dict[str, Finding] = {}
    for name, record in planned.fetch.items():
        finding = findings.get(name)
        if finding is not None and not (finding.fits and finding.record == record):
            replaced[name] = finding
            finding = None
        files |= _lacking(plan.jobs[name], record, finding)
    return Pull(planned, files, replaced)


def carry_out(plan: Plan, store: "Store", pull: Pull) -> Adopted:
    """Fetch, put the files into the workspace, and adopt them.

    Raises:
        FusevadError: the remote fails or the disk is full; the workspace is unchanged.
    """
    size = sum(pull.files.values())
    with tqdm(None, "fetching", size, unit="B", unit_scale=True, disable=not size) as bar:

        def arrived(path: str) -> None:
            bar.update(pull.files[path])

        store.fetch(pull.files, arrived, max(pull.files.values(), default=0))
    moved: dict[Path, Path] = {}
    with undone_on_failure(moved):
        for name, finding in pull.replaced.items():
            move_away(finding, moved, _same_videos(finding, pull.planned.fetch[name]))
        store.restore(pull.files)
    for path in pull.files:
        # Older than files made from them before, so that `adopt` need not compare these.
        os.utime(path, ns=(_OLD, _OLD))
    wanted = [plan.jobs[name] for name in (*pull.planned.fetch, *pull.planned.here)]
    adopted = adopt(plan.reread(), wanted, before=moved)
    reasons = {
        name: finding.reason or "another version of it was fetched"
        for name, finding in pull.replaced.items()
    }
    return replace(adopted, moved=reasons | adopted.moved)


def _same_videos(finding: Finding, record: Record) -> list[str]:
    """The folder of videos that is here as the fetched record has it: no remote has videos."""
    videos = finding.job.videos
    made = record.outputs.get(videos)
    return [videos] if made is not None and made.sha256 == finding.hashes.get(videos) else []


def _look_at(
    plan: Plan,
    store: "Store",
    jobs: list[Job],
    known: dict[str, Known],
    findings: dict[str, Finding],
) -> None:
    """Find out about jobs: from the workspace first, then from the records that DVC tracks."""
    found = check(plan, jobs)
    findings |= found
    elsewhere = [job for job in jobs if job.name not in found or not found[job.name].whole]
    kept, damaged = _records(plan, store, elsewhere)
    outputs = store.tracked(path for record in kept.values() for path in record.outputs)
    for job in jobs:
        if job not in elsewhere:
            known[job.name] = Known(here=found[job.name].record)
        elif job.name in kept:
            known[job.name] = _kept(job, kept[job.name], outputs)
        elif job.name in damaged:
            known[job.name] = Known(reason=damaged[job.name])
        elif job.name in found:
            finding = found[job.name]
            known[job.name] = Known(reason=finding.reason or f"{finding.missing[0]}: not here")
        else:
            known[job.name] = Known()


def _records(
    plan: Plan, store: "Store", jobs: Iterable[Job]
) -> tuple[dict[str, Record], dict[str, str]]:
    """Tracked records, by job, and a line for each damaged one, which stops nothing else."""
    by_path = {job.record: job for job in jobs}
    waiting = store.tracked(by_path)
    records: dict[str, Record] = {}
    damaged: dict[str, str] = {}
    while True:
        try:
            store.fetch(sorted(waiting))
            break
        except WrongContentError as error:
            waiting = waiting.difference(error.paths)
            for path in error.paths:
                damaged[by_path[path].name] = f"damaged record: {path}: wrong content on the remote"
    for path in sorted(waiting):
        job = by_path[path]
        try:
            record = parse_record(store.read(path), path)
            check_record(plan, job, record)
        except FusevadError as error:
            damaged[job.name] = f"damaged record: {error}"
        else:
            records[job.name] = record
    return records, damaged


def _kept(job: Job, record: Record, tracked: set[str]) -> Known:
    """The tracked artifacts of a job, if they are everything but videos."""
    lost = [path for path in record.outputs if path not in tracked and path != job.videos]
    if lost:
        return Known(reason=f"{lost[0]}: recorded, but not tracked by DVC")
    return Known(kept=record)


def _lacking(job: Job, record: Record, finding: Finding | None) -> dict[str, int]:
    """Tracked files of a record that are not in the workspace, with their sizes."""
    here = {job.videos, *(finding.hashes if finding is not None else {})}
    lacking = {path: made.size for path, made in record.outputs.items() if path not in here}
    return lacking if finding is not None else lacking | {job.record: 0}


def advice_on_videos(plan: Plan, pull: Pull) -> list[str]:
    """Lines on missing videos that jobs to be made will read, with the commands that get them."""
    remade = pull.planned.remade
    # Snakemake itself gets the videos of labels that it makes again.
    sources = [job for job in videos_needed(plan, remade) if job.name not in remade]
    return [line for job in sources if (line := _advice(plan, job, pull))]


def _advice(plan: Plan, job: Job, pull: Pull) -> str:
    dataset = job.name.partition("/")[2]
    fetched = [other for other in plan.upstream(job) if other.stage == "fetch"]
    raw = [other.name.partition("/")[2] for other in fetched]
    steps = [f"fusevad fetch {name}" for name in raw if not Path("data", name).is_dir()]
    if job.videos:
        if Path(job.videos).is_dir():
            return ""
        lies = job.name in pull.planned.fetch or os.path.lexists(job.outputs[0])
        steps.append(f"snakemake --cores all {'--force ' if lies else ''}{job.outputs[0]}")
        steps.append("fusevad adopt")
    if not steps:
        return ""
    return f"the videos of {dataset} are needed and missing; run: {' && '.join(steps)}"
