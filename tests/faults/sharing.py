"""Two workflows on one results folder, and a clock that goes back."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.faults.project import DATA, RUN, TABLE, Ended, Project, Reference, one_line
from tests.faults.trial import CannotTryError, Fault, promise
from tests.workflow_runs import TINY

_TRIES = 3
_DAY = 86400
_LATE = (RUN, DATA / "seeds/student-t", TABLE)


def faults(reference: Reference, seed: int) -> Iterator[Fault]:
    """Both kinds of faults."""
    yield Fault(
        "Two workflows in one folder",
        "the second is refused, with a line that says the folder is locked",
        {"at once": partial(_one_folder, reference)},
    )
    clones = {
        f"try {number + 1}": partial(_two_clones, reference, random.Random(f"{seed} {number}"))
        for number in range(_TRIES)
    }
    promised = "each ends well, or fails and ends well when it runs alone; the same bytes"
    yield Fault("Two clones with one results folder, which nothing locks", promised, clones)
    clocks = {
        "artifacts of tomorrow": partial(_artifacts_of_tomorrow, reference),
        "jobs of yesterday": partial(_jobs_of_yesterday, reference),
    }
    promised = "one line before any work; after the command in it, the same bytes"
    yield Fault("A clock that goes back by a day", promised, clocks)


def _one_folder(reference: Reference, folder: Path) -> dict[str, int]:
    project = reference.copy(folder, *_LATE)
    first = project.start("snakemake", "--cores", "1", str(TABLE), *TINY)
    while not (project.folder / ".snakemake/locks").is_dir() or not any(
        (project.folder / ".snakemake/locks").iterdir()
    ):
        promise(first.poll() is None, "the first workflow ended without a lock")
        time.sleep(0.01)
    said = project.folder / "said"
    said.rename(said.with_name("first"))
    second = project.make(TABLE)
    promise(second.status != 0, "the second workflow was not refused")
    promise(bool(second.lines("cannot be locked")), f"no line: {second.said[-3000:]}")
    promise(first.wait() == 0, said.with_name("first").read_text()[-3000:])
    reference.compare(project)
    return {}


def _two_clones(reference: Reference, numbers: random.Random, folder: Path) -> dict[str, int]:
    (folder / "one").mkdir()
    one = reference.copy(folder / "one", *_LATE, DATA / "cues", DATA / "embeddings")
    two = reference.empty(folder / "two")
    (two.folder / "results").symlink_to(one.folder / "results")
    command = ("snakemake", "--cores", "1", str(TABLE), *TINY)
    first = one.start(*command)
    time.sleep(numbers.random() * 3)
    second = two.start(*command)
    ends = [one.ended(first), two.ended(second)]
    failed = [end for end in ends if end.status]
    for project, end in zip((one, two), ends, strict=True):
        if end.status:
            project.make_well(TABLE)
    reference.compare(one)
    return {"of the workflows had to run again": len(failed)} if failed else {}


def _artifacts_of_tomorrow(reference: Reference, folder: Path) -> dict[str, int]:
    project = reference.copy(folder, *_LATE)
    tomorrow = time.time() + _DAY
    for path in (project.folder / "results").rglob("*"):
        os.utime(path, (tomorrow, tomorrow))
    _follow(reference, project, project.make(TABLE))
    return {}


def _jobs_of_yesterday(reference: Reference, folder: Path) -> dict[str, int]:
    """Needs libfaketime, which gives processes another clock."""
    if shutil.which("faketime") is None:
        raise CannotTryError("jobs of yesterday need faketime (Debian: apt-get install faketime)")
    project = reference.copy(folder, *_LATE)
    command = ("snakemake", "--cores", "2", str(TABLE), *TINY)
    fake = ("faketime", "-f", "-1d")
    end = project.run(*fake, *command, as_installed=True, FAKETIME_DONT_FAKE_MONOTONIC="1")
    _follow(reference, project, end)
    return {}


def _follow(reference: Reference, project: Project, end: Ended) -> None:
    """Do what the line says; then the workflow must end well, and have nothing left to do."""
    advice = one_line(end, "has the clock gone back").partition("or run: ")[2]
    subprocess.run(advice.split(), cwd=project.folder, check=True)
    project.make_well(TABLE)
    reference.compare(project)
    again = project.make(TABLE)
    promise(bool(again.lines("Nothing to be done")), f"more to do: {again.said[-3000:]}")
