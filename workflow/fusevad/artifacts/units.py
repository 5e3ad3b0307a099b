"""Units of DVC: groups of files that are made, tracked and fetched together.

A unit is one stage of `dvc.yaml`, such as `runs@rendered.student-t`, and most are one folder: DVC
then stores a single hash in `dvc.lock` for all its files, and checks a folder of thousands of
shards in one pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan

# Stages whose units are a folder; the units of other stages are files and their records.
_STUDIES = "studies"
_FOLDERS = {"cues", "embeddings", "runs", _STUDIES}


@dataclass(frozen=True, slots=True)
class Unit:
    """Files that DVC records together.

    Attributes:
        stage: of `dvc.yaml`: `runs`.
        key: its subject: `rendered.student-t`.
        outs: its files or folders, relative to the repository, as `dvc.yaml` has them.
        jobs: all jobs of the plan that make its files, upstream before downstream.
    """

    stage: str
    key: str
    outs: tuple[str, ...]
    jobs: tuple[Job, ...]

    @property
    def name(self) -> str:
        """Name of its stage in `dvc.yaml` and `dvc.lock`: `runs@rendered.student-t`."""
        return f"{self.stage}@{self.key}"

    def holds(self, path: str) -> bool:
        """Whether a file is one of `outs` or inside one; videos are not."""
        return any(path == out or path.startswith(f"{out}/") for out in self.outs)


def units_of(plan: Plan) -> list[Unit]:
    """All units of a plan, in its order; every job that DVC tracks is in exactly one."""
    grouped: dict[tuple[str, str], list[Job]] = {}
    for job in plan.jobs.values():
        if job.unit is not None:
            grouped.setdefault((job.unit, _key(plan, job)), []).append(job)
    return [
        Unit(stage, key, tuple(dict.fromkeys(_outs(stage, jobs))), tuple(jobs))
        for (stage, key), jobs in grouped.items()
    ]


def _key(plan: Plan, job: Job) -> str:
    """Subject of a job's step: `rendered.student-t` for `train/rendered/student-t`.

    All studies of a data set are one unit, as they are one folder.
    """
    what = job.step.partition("/")[2] or job.step
    if job.unit == _STUDIES:
        what = PurePosixPath(_folder(job)).parent.name
    return "/".join(filter(None, (plan.scope(job), what))).replace("/", ".")


def _outs(stage: str, jobs: list[Job]) -> Iterator[str]:
    for job in jobs:
        if stage in _FOLDERS:
            yield _folder(job)
        else:
            yield from (*job.kept_outputs, job.record)


def _folder(job: Job) -> str:
    """The folder of a job's outputs; of a study, that of all studies of its data set."""
    folders = PurePosixPath(job.outputs[0]).parents
    found = (each for each in folders if each.name == _STUDIES)
    return str(next(found) if job.unit == _STUDIES else folders[0])
