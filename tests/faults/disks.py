"""A full disk at each stage, and results that can only be read."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.project import DATA, HOME, RUN, TABLE, Project, Reference, one_line
from tests.faults.trial import CannotTryError, Fault, promise

_TRIES = 2  # for each stage
_PAGE = 4096
_ROOM_MB = 500
_STREAM = DATA / "embeddings/fusevad-small.stride-16/rgb"


@dataclass(frozen=True)
class Stage:
    """A stage that meets a full disk.

    Attributes:
        removed: what it makes, and what is made of that.
        targets: a file of its job, and one of each later job that is needed.
    """

    removed: tuple[Path, ...]
    targets: tuple[Path, ...]


STAGES = {
    "render": Stage((DATA / "source",), (DATA / "source/labels.csv",)),
    "manifest": Stage(
        tuple(DATA / f"{name}.csv" for name in ("manifest", "intervals", "skipped")),
        (DATA / "manifest.csv",),
    ),
    "cues": Stage((DATA / "cues/paper/shard-0.h5",), (DATA / "cues/paper/shard-0.h5",)),
    "embed": Stage((_STREAM / "shard-0.safetensors",), (_STREAM / "shard-0.safetensors",)),
    "index": Stage((_STREAM / "index.csv",), (_STREAM / "index.csv",)),
    "train": Stage((RUN, DATA / "seeds/student-t"), (RUN / "history.csv", RUN / "seeds.csv")),
    "evaluate": Stage(
        tuple(RUN / name for name in ("seeds.csv", "classes.csv", "scores.parquet")),
        (RUN / "seeds.csv",),
    ),
    "table": Stage(
        tuple(HOME / f"table1.{kind}" for kind in ("csv", "html", "tabular.tex", "tex")), (TABLE,)
    ),
}


def faults(reference: Reference, seed: int) -> Iterator[Fault]:
    """Both kinds of disks."""
    tries = {
        f"{name} {number + 1}": partial(
            _full, reference, stage, random.Random(f"{seed} {name} {number}")
        )
        for name, stage in STAGES.items()
        for number in range(_TRIES)
    }
    promised = "one line; nothing half-written has a final name; with room, the same bytes"
    yield Fault("A full disk at each stage", promised, tries)
    promised = "what is made stays usable; a job that must write ends with one line"
    yield Fault(
        "Results that can only be read", promised, {"read-only": partial(_read_only, reference)}
    )


def _full(
    reference: Reference, stage: Stage, numbers: random.Random, folder: Path
) -> dict[str, int]:
    with _results_on_a_disk(reference, folder, stage.removed) as project:
        results = project.folder / "results"
        need = sum(
            (reference.project.folder / path).stat().st_size for path in _files(reference, stage)
        )
        _resize(results, _used(results) + numbers.randrange(need // 3) // _PAGE * _PAGE)
        one_line(reference.job(project, stage.targets[0]), "the disk is full")
        reference.compare_what_is_there(project)
        _resize(results, _ROOM_MB << 20)
        for target in stage.targets:
            reference.job_well(project, target)
        reference.compare(project)
    return {}


def _read_only(reference: Reference, folder: Path) -> dict[str, int]:
    with _results_on_a_disk(reference, folder, ()) as project:
        results = project.folder / "results"
        _mount("-o", "remount,ro", str(results))
        end = project.make(TABLE)
        promise(end.status == 0, f"a finished table is not usable: {end.said[-3000:]}")
        _mount("-o", "remount,rw", str(results))
        project.remove(TABLE, DATA / "cues/paper/shard-0.h5")
        _mount("-o", "remount,ro", str(results))
        for output in (TABLE, DATA / "cues/paper/shard-0.h5"):
            one_line(reference.job(project, output), "its file system is read-only")
    return {}


@contextmanager
def _results_on_a_disk(
    reference: Reference, folder: Path, removed: tuple[Path, ...]
) -> Iterator[Project]:
    """A project whose results are on a small disk of their own.

    Raises:
        CannotTryError: only root can mount one.
    """
    if os.getuid() != 0:
        raise CannotTryError("only root can mount a small disk")
    results = folder / "results"
    results.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={_ROOM_MB}M", "tmpfs", str(results))
    try:
        yield reference.copy(folder, *removed)
    finally:
        subprocess.run(["umount", "--lazy", str(results)], check=True)


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True)
    if done.returncode:
        raise CannotTryError(f"no small disk could be mounted: {done.stderr.strip()}")


def _resize(disk: Path, size: int) -> None:
    _mount("-o", f"remount,size={size}", str(disk))


def _used(disk: Path) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _files(reference: Reference, stage: Stage) -> Iterator[Path]:
    """All files that a stage makes, in the undisturbed project."""
    for path in stage.removed:
        whole = reference.project.folder / path
        inside = whole.rglob("*") if whole.is_dir() else [whole]
        yield from (each for each in inside if each.is_file())
