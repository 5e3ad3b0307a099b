"""SIGKILL of the workflow and of its jobs, at random moments."""

import io
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from fusevad.files import kept
from tests.faults.project import (
    DATA,
    RUN,
    TABLE,
    Project,
    Reference,
    descendants,
    unless_gone,
    wait_until,
)
from tests.faults.trial import Fault, PromiseBrokenError, promise
from tests.faults.watching import Watch
from tests.workflow_runs import TINY

MOMENTS = 10
_PROMISED = "no finished video or epoch is computed again; the rerun ends with the same bytes"
_DRAWS = 30  # until a moment falls into the work, before it is given up
# Of a seed, in config/hyperparameters/tiny.yaml; and its files in the store, beside its record.
_EPOCHS, _FILES_OF_A_SEED = 2, 3
_SEEDS = DATA / "seeds"


@dataclass(frozen=True)
class Job:
    """A job that is killed.

    Attributes:
        made: what it makes; and seeds, which would make it superfluous.
        targets: of the job that is killed, and of a later one.
        begun: pattern of the folder of its progress, which it makes when it begins to work.
    """

    made: tuple[Path, ...]
    targets: tuple[Path, ...]
    begun: str


_CUES = DATA / "cues/paper/shard-0.h5"
_RGB = DATA / "embeddings/fusevad-small.stride-16/rgb/shard-0.safetensors"
JOBS = {
    "a job of motion cues": Job((_CUES,), (_CUES,), f"{_CUES.parent}/.shard-0-*.progress"),
    "an embedding job": Job((_RGB,), (_RGB,), f"{_RGB.parent}/.shard-0-*.progress"),
    "a training job": Job(
        (RUN, _SEEDS / "student-t"),
        (RUN / "history.csv", RUN / "seeds.csv"),
        f"{_SEEDS}/student-t/*",
    ),
}


@dataclass(frozen=True)
class Finished:
    """What was finished at a moment.

    Attributes:
        parts: of killed jobs, a file for each video.
        seeds: files of finished seeds, with their inodes.
        epochs: of unfinished seeds, by checkpoint.
    """

    parts: list[Path] = field(default_factory=list)
    seeds: dict[Path, int] = field(default_factory=dict)
    epochs: dict[Path, int] = field(default_factory=dict)

    @classmethod
    def now(cls, project: Project, method: str = "*") -> "Finished":
        """Look at the results while nothing runs; at the seeds of one method, or of all."""
        parts = (project.folder / "results").rglob(".*.progress/*")
        store = project.folder / _SEEDS
        seeds = {
            path: path.stat().st_ino
            for record in store.glob(f"{method}/*/seed-*.json")
            for path in record.parent.glob(f"{record.stem}-*.safetensors")
        }
        epochs = {path: _epochs(path) for path in store.glob(f"{method}/*/seed-*.pt")}
        return cls([path for path in parts if path.name[0] != "."], seeds, epochs)

    @property
    def folders(self) -> set[Path]:
        """Folders of all these files."""
        return {path.parent for path in (*self.parts, *self.seeds, *self.epochs)}

    def check(self, written: Mapping[Path, int], others_go_on: bool) -> dict[str, int]:
        """Check that what was finished was not computed again; returns how much that was.

        Args:
            written: how often each file was written since.
            others_go_on: whether processes that the kill spared may have written, too.
        """
        again = [path.name for path in self.parts if written[path]]
        promise(not again, f"finished videos were computed again: {', '.join(again)}")
        new = [path.name for path, inode in self.seeds.items() if path.stat().st_ino != inode]
        promise(not new, f"finished seeds were trained again: {', '.join(new)}")
        for path, epochs in self.epochs.items():
            promise(
                others_go_on or written[path] == _EPOCHS - epochs,
                f"{path.name}: {epochs} of {_EPOCHS} epochs finished, then {written[path]} trained",
            )
        epochs = sum(self.epochs.values()) + _EPOCHS * len(self.seeds) // _FILES_OF_A_SEED
        counts = {"videos were finished": len(self.parts), "epochs were finished": epochs}
        return {what: number for what, number in counts.items() if number}


def _epochs(checkpoint: Path) -> int:
    content = kept(checkpoint)
    if content is None:
        raise PromiseBrokenError(f"{checkpoint}: a damaged checkpoint under its final name")
    return len(torch.load(io.BytesIO(content), weights_only=True)["history"])


def of_jobs(reference: Reference, seed: int) -> Iterator[Fault]:
    """Kills of jobs; every second one spares the processes that the job had started."""
    for what, job in JOBS.items():
        seconds = _seconds(reference, job)
        act = partial(_kill_job, reference, job, seconds)
        yield Fault(f"SIGKILL of {what}", _PROMISED, _moments(f"{seed} {what}", act))


def of_the_workflow(reference: Reference, seed: int) -> Iterator[Fault]:
    """Kills of Snakemake; every second one spares its jobs, which go on beside the rerun's."""
    act = partial(_kill_workflow, reference)
    yield Fault("SIGKILL of the workflow", _PROMISED, _moments(f"{seed} workflow", act))


def _moments(
    seed: str, act: Callable[[random.Random, bool, Path], dict[str, int]]
) -> dict[str, Callable[[Path], dict[str, int]]]:
    return {
        f"moment {number + 1}": partial(act, random.Random(f"{seed} {number}"), number % 2 == 1)
        for number in range(MOMENTS)
    }


def _seconds(reference: Reference, job: Job) -> float:
    """Seconds that a job works when nothing disturbs it."""
    project = reference.copy(reference.scratch, *job.made)
    process = _begin(reference, project, job)
    start = time.monotonic()
    process.wait()
    seconds = time.monotonic() - start
    shutil.rmtree(project.folder)
    return seconds


def _begin(reference: Reference, project: Project, job: Job) -> subprocess.Popen[str]:
    """Start a job, and wait until it works."""
    process = reference.start_job(project, job.targets[0])
    wait_until(lambda: any(project.folder.glob(job.begun)), process)
    return process


def _kill_job(
    reference: Reference,
    job: Job,
    seconds: float,
    numbers: random.Random,
    alone: bool,
    folder: Path,
) -> dict[str, int]:
    project = reference.copy(folder, *job.made)
    for _ in range(_DRAWS):
        if _killed(reference, project, job, numbers.random() * seconds, alone):
            break
        project.remove(*job.made)
    else:
        raise PromiseBrokenError(f"{_DRAWS} kills came after the job")
    finished = Finished.now(project, "student-t" if RUN in job.made else "none")
    with Watch(finished.folders) as watch:
        for target in job.targets:
            reference.job_well(project, target)
    counts = finished.check(watch.written, alone)
    reference.compare(project)
    return counts


def _killed(reference: Reference, project: Project, job: Job, seconds: float, alone: bool) -> bool:
    """Start a job and kill it so long after it began to work; whether it still ran."""
    process = _begin(reference, project, job)
    time.sleep(seconds)
    for command in project.commands(process):
        for each in [*([] if alone else descendants(command)), command]:
            unless_gone(each.kill)
    end = project.ended(process)
    promise(not end.lines("^fusevad: |Traceback"), f"the job failed by itself: {end.said[-3000:]}")
    return end.status != 0


def _kill_workflow(
    reference: Reference, numbers: random.Random, alone: bool, folder: Path
) -> dict[str, int]:
    project = reference.empty(folder)
    process = project.start("snakemake", "--cores", "2", str(TABLE), *TINY)
    wait_until(lambda: bool(project.commands(process)), process)
    snakemake = project.commands(process)[0]
    time.sleep(numbers.random() * reference.seconds)
    promise(process.poll() is None, "the workflow ended before the kill")
    snakemake.kill()
    if not alone:
        project.kill_all()
    process.wait()
    finished = Finished.now(project)
    with Watch(finished.folders) as watch:
        promise(project.run("snakemake", "--unlock", *TINY).status == 0, "no unlocking")
        project.make_well(TABLE)
    counts = finished.check(watch.written, alone)
    reference.compare(project)
    return counts
