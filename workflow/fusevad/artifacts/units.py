"""What DVC records at a time: groups of files that are made, kept and fetched together.

A unit is one stage of `dvc.yaml`, such as `runs@rendered.student-t`, and most are one folder: DVC
then keeps a single hash in `dvc.lock` for all its files, and asks about a folder of thousands of
shards in one go.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from fusevad.errors import FusevadError
from fusevad.plan.lineage import Plan, StageJob, record_path

# By its first output: the stage of dvc.yaml that records a job, and the key of its unit.
_PLACES = (
    ("fetched", re.compile(r"results/fetched/([^/]+)\.json")),
    ("pages", re.compile(r"results/(figures/[^/]+)\.png")),
    ("figures", re.compile(r"results/figures/([^/]+)\.pdf")),
    ("pages", re.compile(r"results/([^/]+)\.pdf")),
    ("claims", re.compile(r"results/([^/]+)\.md")),
    ("metrics", re.compile(r"results/([^/]+)\.json")),
    ("tables", re.compile(r"results/([^/]+)\.tex")),
    ("encoders", re.compile(r"results/((?:[^/]+/)?encoders/.+)\.safetensors")),
    ("data", re.compile(r"results/([^/]+)/(?:source/labels|manifest)\.csv")),
    ("cues", re.compile(r"results/([^/]+/cues/[^/]+)/[^/]+")),
    ("embeddings", re.compile(r"results/([^/]+/embeddings/[^/]+/[^/]+)/[^/]+")),
    ("runs", re.compile(r"results/([^/]+/runs/[^/]+)/[^/]+")),
    ("studies", re.compile(r"results/([^/]+/studies)/[^/]+")),
)
# Parts of a path that the stage's name says already.
_FOLDERS = {"cues", "embeddings", "encoders", "figures", "runs", "studies"}
_FOLDER_STAGES = {"cues", "embeddings", "runs", "studies"}


@dataclass(frozen=True, slots=True)
class Unit:
    """Files that DVC records together.

    Attributes:
        stage: of `dvc.yaml`: `runs`.
        key: what it is of: `rendered.student-t`.
        outs: its files or folders, relative to the repository, as `dvc.yaml` has them.
        jobs: all jobs of the plan that make its files, upstream before downstream.
    """

    stage: str
    key: str
    outs: tuple[str, ...]
    jobs: tuple[StageJob, ...]

    @property
    def name(self) -> str:
        """Of its stage in `dvc.yaml` and `dvc.lock`: `runs@rendered.student-t`."""
        return f"{self.stage}@{self.key}"

    def holds(self, path: str) -> bool:
        """Whether a file is one of `outs` or lies in one; rendered videos do not."""
        return any(path == out or path.startswith(f"{out}/") for out in self.outs)


def units_of(plan: Plan) -> list[Unit]:
    """All units of a plan, in its order; every job is in exactly one.

    Raises:
        FusevadError: a job writes where no unit is.
    """
    grouped: dict[tuple[str, str], list[StageJob]] = {}
    for job in plan.jobs.values():
        grouped.setdefault(_place(job), []).append(job)
    return [
        Unit(stage, _key(place), tuple(dict.fromkeys(_outs(stage, place, jobs))), tuple(jobs))
        for (stage, place), jobs in grouped.items()
    ]


def _place(job: StageJob) -> tuple[str, str]:
    for stage, pattern in _PLACES:
        if match := pattern.fullmatch(job.outputs[0]):
            return stage, match[1]
    raise FusevadError(
        f"{job.outputs[0]}: job {job.name} writes where no unit of dvc.yaml is; add it to both"
    )


def _key(place: str) -> str:
    return ".".join(part for part in PurePosixPath(place).parts if part not in _FOLDERS)


def _outs(stage: str, place: str, jobs: list[StageJob]) -> Iterator[str]:
    if stage in _FOLDER_STAGES:
        yield f"results/{place}"
        return
    for job in jobs:
        yield from job.outputs
        yield record_path(job.outputs[0])
