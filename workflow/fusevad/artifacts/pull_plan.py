"""Plan what to fetch for targets, and what will be made again and why, before any data is moved.

The files of the targets' jobs are requested. A job whose artifacts do not fit will be run again, so
the jobs before it are treated in the same way. A job that a target reads from is also fetched if it
fits, so that the target itself can be made again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import PurePosixPath

from fusevad.artifacts.check import input_differences, lineage_differences
from fusevad.errors import FusevadError
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import Record


@dataclass(frozen=True, slots=True)
class Known:
    """The known facts about a job's artifacts.

    Attributes:
        here: the record, if they are in the workspace, complete and fitting.
        kept: the record, if DVC tracks them.
        reason: why there is neither.
    """

    here: Record | None = None
    kept: Record | None = None
    reason: str = "not tracked by DVC"


@dataclass(frozen=True, slots=True)
class PullPlan:
    """The actions of a pull.

    Attributes:
        fetch: jobs whose artifacts DVC tracks and that fit, with their records.
        here: jobs whose requested artifacts are in the workspace and fit.
        remade: jobs that Snakemake will run, with the reason.
        unknown: jobs to be examined before this plan is final.
    """

    fetch: dict[str, Record]
    here: set[str]
    remade: dict[str, str]
    unknown: list[Job]


def target_jobs(plan: Plan, targets: Iterable[str]) -> list[Job]:
    """The jobs that make `targets`, files or folders; without targets, the jobs of the tables.

    Raises:
        FusevadError: no job of the configuration makes a target.
    """
    found: dict[str, Job] = {}
    targets = list(targets)
    plan.check_targets(targets)
    for target in targets:
        name = str(PurePosixPath(target))
        jobs = [
            job
            for job in plan.jobs.values()
            if any(path == name or path.startswith(f"{name}/") for path in job.outputs)
        ]
        if not jobs:
            raise FusevadError(
                f"{target}: no job of the configuration makes it; name a file or folder as for"
                " snakemake, or another --configfile"
            )
        found |= {job.name: job for job in jobs}
    return list(found.values()) or [job for job in plan.jobs.values() if _is_table(job)]


def _is_table(job: Job) -> bool:
    return job.unit == "tables"


def plan_pull(
    plan: Plan,
    targets: Iterable[Job],
    known: Mapping[str, Known],
    workspace: Mapping[str, Record],
) -> PullPlan:
    """Plan what to fetch for the jobs `targets`.

    Args:
        plan: of the configuration.
        targets: jobs whose artifacts are requested.
        known: all facts known so far, by job name.
        workspace: records of all jobs with fitting files here. Artifacts made from other files than
            these are not fetched: they would not fit.
    """
    return _PullPlanner(plan, list(targets), known, workspace).plan_pull()


class _PullPlanner:
    """Visits jobs from the targets upstream, and decides each after the jobs before it."""

    def __init__(
        self,
        plan: Plan,
        targets: list[Job],
        known: Mapping[str, Known],
        workspace: Mapping[str, Record],
    ) -> None:
        self.plan = plan
        self.targets = targets
        self.known = known
        self.workspace = workspace
        self.unknown: dict[str, Job] = {}
        self.remade = dict[str, str]()

    def plan_pull(self) -> PullPlan:
        """Repeat the visit until all requested jobs fit each other."""
        while True:
            visited = self._visit()
            believed = self._settle(visited)
            if believed is not None:
                break
        self._add_inputs_of_targets(believed)
        fetch = {name: made for name, made in believed.items() if self.known[name].here is None}
        here = believed.keys() - fetch.keys()
        return PullPlan(fetch, set(here), self.remade, list(self.unknown.values()))

    def _visit(self) -> set[str]:
        """Targets, and jobs before those that will be made again."""
        visited: set[str] = set()
        waiting = list(self.targets)
        while waiting:
            job = waiting.pop()
            if job.name in visited:
                continue
            visited.add(job.name)
            if job.name not in self.known:
                self.unknown[job.name] = job
                continue
            if job.name not in self.remade:
                reason = self._misfit(job)
                if reason:
                    self.remade[job.name] = reason
            if job.name in self.remade:
                waiting += self.plan.upstream(job)
        return visited

    def _misfit(self, job: Job) -> str:
        """Why a job's own record rules out its artifacts; else empty."""
        known = self.known[job.name]
        if known.here is not None:
            return ""
        if known.kept is None:
            return known.reason
        return _first(lineage_differences(self.plan, job, known.kept))

    def _settle(self, visited: set[str]) -> dict[str, Record] | None:
        """Records of all requested jobs, upstream first; None if others have to be made again."""
        believed: dict[str, Record] = {}
        settled = True
        for name, job in self.plan.jobs.items():
            if name not in visited or name in self.remade or name in self.unknown:
                continue
            record = self._record(name)
            reason = self._conflict(job, record, believed)
            if reason:
                self.remade[name] = reason
                settled = False
            else:
                believed[name] = record
        return believed if settled else None

    def _conflict(self, job: Job, record: Record, believed: Mapping[str, Record]) -> str:
        """Why a job does not fit the others; else empty."""
        reason = _first(input_differences(self.plan, job, record, believed, self.workspace))
        if reason:
            return f"made from another {reason}"
        for other in self.plan.upstream(job):
            if other.name in self.remade:
                return f"{other.outputs[0]}, which it was made from, will be made again"
        return ""

    def _add_inputs_of_targets(self, believed: dict[str, Record]) -> None:
        """Add jobs that accepted targets read from, as far as they fit."""
        for target in self.targets:
            if target.name not in believed:
                continue
            for job in self.plan.upstream(target):
                if job.name in believed or job.name in self.remade:
                    continue
                if job.name not in self.known:
                    self.unknown[job.name] = job
                elif not self._misfit(job):
                    added = {job.name: self._record(job.name)}
                    if self._agree(believed | added, added):
                        believed |= added

    def _agree(self, records: Mapping[str, Record], added: Iterable[str]) -> bool:
        """Whether inputs in records equal the outputs in others' records, if some are new."""
        concerned = {*added, *chain.from_iterable(self._readers.get(name, ()) for name in added)}
        return not any(
            input_differences(self.plan, self.plan.jobs[name], record, records, self.workspace)
            for name, record in records.items()
            if name in concerned
        )

    @cached_property
    def _readers(self) -> dict[str, list[str]]:
        """Names of the jobs that read what a job makes."""
        found: dict[str, list[str]] = {}
        for job in self.plan.jobs.values():
            for other in self.plan.upstream(job):
                found.setdefault(other.name, []).append(job.name)
        return found

    def _record(self, name: str) -> Record:
        record = self.known[name].here or self.known[name].kept
        assert record is not None  # checked by `_misfit`
        return record


def _first(lines: list[str]) -> str:
    return lines[0] if lines else ""


def videos_needed(plan: Plan, remade: Iterable[str]) -> list[Job]:
    """The jobs that know where the videos are that the jobs to be made again will read."""
    found: dict[str, Job] = {}
    for name in remade:
        job = plan.jobs[name]
        if job.reads_videos:
            found |= {each.name: each for each in _sources(plan, job)}
    return list(found.values())


def _sources(plan: Plan, job: Job) -> list[Job]:
    """Jobs of the labels that a job's manifest was made from, or that it reads itself."""
    manifests = [each for each in plan.upstream(job) if each.stage == "manifest"]
    found = [each for near in (job, *manifests) for each in plan.upstream(near)]
    return [each for each in found if each.finds_videos]
