"""Score videos with a bundle: a folder of results for each, several videos at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch

from fusevad.deploy.choosing import recording_threshold
from fusevad.deploy.detector import Detector
from fusevad.deploy.film import write_film
from fusevad.deploy.results import (
    identity,
    is_finished,
    new_folder,
    note_place,
    put_in_place,
    refuse_other_video,
    write_tables,
)
from fusevad.errors import FusevadError, notice
from fusevad.evaluate.alarms import SECONDS_PER_HOUR
from fusevad.files import remove_abandoned, sha256
from fusevad.found_videos import FILM
from fusevad.parallel import in_processes
from fusevad.system_errors import ALL_FILES, explained


@dataclass(frozen=True, slots=True)
class Task:
    """How videos are scored; sent to worker processes.

    Attributes:
        model: the bundle, whose signature has been checked.
        out: folder of all results.
        rate: false alarms an hour whose threshold makes events; None for the lowest.
        film: whether an annotated film is made.
        alone: whether this process shows the progress within a video.
        window: of scores that look back, see `Detector.scored`.
        replaces: whether results of other videos may be replaced, in a folder of the program's own.
    """

    model: Path
    out: Path
    rate: float | None
    film: bool
    alone: bool
    window: int | None = None
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a video.

    Attributes:
        name: of its folder.
        seconds: its length.
        events: how many it has.
        kept: whether it was scored earlier.
        problem: one line, if it could not be scored.
    """

    name: str
    seconds: float = 0.0
    events: int = 0
    kept: bool = False
    problem: str = ""


def score_videos(videos: Mapping[str, Path], task: Task, workers: int) -> list[Outcome]:
    """Score videos into folders of `task.out`; finished ones are not scored again.

    A video that can't be read does not keep the others from being scored.

    Args:
        videos: by the name of their results' folder.
        task: how.
        workers: videos at a time.

    Raises:
        FusevadError: bad bundle, or a process was killed.
    """
    recording_threshold(_detector(task.model).about, task.rate)  # before any work
    remove_abandoned(task.out)
    items = list(videos.items())
    found = []
    for outcome in in_processes(partial(_score, task), items, workers, "videos", "video"):
        if outcome.problem:
            notice(outcome.problem)
        found.append(outcome)
    return found


@cache
def _detector(model: Path) -> Detector:
    """Loaded once in each process."""
    return Detector.load(model)


def _score(task: Task, item: tuple[str, Path]) -> Outcome:
    name, path = item
    # As in the workflow's jobs of one core: sums of several threads round differently.
    torch.set_num_threads(1)
    try:
        return _scored(task, name, path)
    except FusevadError as error:
        return Outcome(name, problem=str(error))
    except OSError as error:
        if error.errno in ALL_FILES:
            raise
        named = None if error.filename else path
        return Outcome(name, problem=str(explained(error, named)))


def _scored(task: Task, name: str, path: Path) -> Outcome:
    detector, final = _detector(task.model), task.out / name
    threshold = recording_threshold(detector.about, task.rate)
    if not path.is_file():
        raise FusevadError(f"{path}: no such video file; correct the path")
    made_with = identity(detector, sha256(path), threshold, task.film, task.window)
    if is_finished(final, made_with):
        note_place(final, path)
        return Outcome(name, kept=True)
    if not task.replaces:
        refuse_other_video(final, path)
    with new_folder(final) as temporary:
        scored = detector.scored(path, task.alone, task.window)
        events = detector.events(scored, threshold.threshold)
        write_tables(scored, events, threshold, detector, made_with, temporary, name)
        if task.film:
            write_film(scored, detector, threshold, events, temporary / FILM, task.alone)
        put_in_place(temporary, final)
    return Outcome(name, float(scored.edges[-1]), len(events))


def score_sources(
    videos: Mapping[str, Path],
    model: Path,
    out: Path,
    rate: float | None,
    film: bool,
    workers: int,
) -> bool:
    """Score videos and print a line about all of them.

    Returns:
        Whether a video could not be scored.
    """
    alone = min(workers, len(videos)) == 1
    outcomes = score_videos(videos, Task(model, out, rate, film, alone), workers)
    print(_summary(outcomes, out))
    return any(outcome.problem for outcome in outcomes)


def _summary(outcomes: Sequence[Outcome], out: Path) -> str:
    """One line about all videos."""
    scored = [each for each in outcomes if not (each.kept or each.problem)]
    seconds = sum(each.seconds for each in scored)
    hours = seconds / SECONDS_PER_HOUR
    length = f"{seconds:.0f} s" if hours < 0.1 else f"{hours:.2f} h"
    kept = sum(each.kept for each in outcomes)
    bad = sum(bool(each.problem) for each in outcomes)
    parts = [f"{len(scored)} scored ({length}; events: {sum(e.events for e in scored)})"]
    parts += [f"{kept} finished before"] if kept else []
    parts += [f"{bad} could not be scored"] if bad else []
    return f"{out}: videos: {', '.join(parts)}"
