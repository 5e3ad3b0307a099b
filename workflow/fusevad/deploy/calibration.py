"""Calibrate a bundle on normal video of a camera: a threshold with a bound on its false alarms."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from fusevad.deploy.archive import check_place, write_archive
from fusevad.deploy.card import model_card
from fusevad.deploy.contents import ABOUT, CARD, FORMAT, BundleFacts, Threshold
from fusevad.deploy.kept_results import read_facts, read_segments
from fusevad.deploy.opening import bundle_facts, read_bundle_facts, unpacked
from fusevad.deploy.score import Outcome, Task, score_videos
from fusevad.deploy.thresholds import certified
from fusevad.embed.streams.registry import is_pictured
from fusevad.errors import FusevadError, in_one_line
from fusevad.evaluate.alarms import Track
from fusevad.evaluate.history import SCORE
from fusevad.evaluate.timed_videos import twins
from fusevad.files import progress_folder, sha256
from fusevad.paths import path_text

_NAMED = 3  # folders in a title
_OTHER_MODEL = "the model was replaced while it was calibrated; run the command again"


def calibrate_model(
    model: Path,
    videos: Mapping[str, Path],
    rate: float,
    out: Path | None,
    workers: int,
    window: int | None = None,
) -> tuple[Threshold, int]:
    """Find the threshold of a bundle whose false alarms on a camera are bounded.

    The scores are kept beside the bundle until there are enough hours, so that more video can be
    added later without scoring the first again.

    Args:
        model: the bundle, whose signature has been checked.
        videos: normal video of the camera, by name.
        rate: false alarms an hour.
        out: a new bundle with this threshold in place of all others of its kind (for scores of
            recordings, or for scores that look back); None writes none.
        workers: videos at a time.
        window: segments that scores look back on, as those of a camera do; None for scores of
            recordings.

    Returns:
        The threshold, and how many of the videos could not be read, so that they vouch for nothing.

    Raises:
        FusevadError: the video is too short to certify the rate; nothing can be read; or a video is
            there twice.
    """
    if out is not None:
        check_place(out)
    _check_distinct(videos)
    digest, about = sha256(model), bundle_facts(model)
    with _kept_scores(out or model) as scores:
        alone = min(workers, len(videos)) == 1
        task = Task(model, scores, None, film=False, alone=alone, window=window, replaces=True)
        outcomes = score_videos(videos, task, workers)
        normal = dict(_tracks(outcomes, scores, digest))
        if not normal:
            raise FusevadError(f"{model}: none of the videos can be read; name others")
        same = twins({name: track.scores for name, track in normal.items()})
        if same and is_pictured(about.streams):
            first, second = (videos[name] for name in same)
            raise FusevadError(f"{second}: the same pictures as {first}; name one of them")
        unread = len(outcomes) - len(normal)
        number = f"{len(normal)} of {len(outcomes)}" if unread else f"{len(normal)}"
        title = f"{number} own videos, {_folders(videos.values())}"
        (found,) = certified([*normal.values()], [rate], about.events, title)
        found = replace(found, window=window)
        if out is not None:
            write_calibrated(model, digest, found, out)
        shutil.rmtree(scores)
    return found, unread


@contextmanager
def _kept_scores(final: Path) -> Iterator[Path]:
    """The folder of scores of a calibration, which is beside `final` and this process's alone.

    Raises:
        FusevadError: another process calibrates there.
    """
    # Scores of another model or window are known as such, and made again.
    folder = progress_folder(final.with_name(f"{final.name}.calibrated"), {})
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not folder.is_dir():  # the one before ended just now
                raise BlockingIOError
        except BlockingIOError as error:
            raise FusevadError(
                f"{folder}: another fusevad calibrate is at work there; wait for it, or name"
                " another --out"
            ) from error
        yield folder
    finally:
        os.close(lock)


def _folders(videos: Iterable[Path]) -> str:
    """The folders of videos, for readers."""
    folders = dict.fromkeys(path.parent.name or "here" for path in videos)
    names = [in_one_line(path_text(folder)) for folder in folders]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _check_distinct(videos: Mapping[str, Path]) -> None:
    """Refuse copies: their hours would count twice, and the bound would promise too much."""
    by_size: dict[int, list[Path]] = {}
    for path in videos.values():
        if path.is_file():  # a missing one is the reader's to name
            by_size.setdefault(path.stat().st_size, []).append(path)
    for paths in by_size.values():
        seen: dict[str, Path] = {}
        for path in paths if len(paths) > 1 else ():
            other = seen.setdefault(sha256(path), path)
            if other != path:
                raise FusevadError(f"{path}: the same video as {other}; name it once")


def _tracks(
    outcomes: Sequence[Outcome], scores: Path, model_sha256: str
) -> Iterator[tuple[str, Track]]:
    """The tracks of the videos that could be scored, with their names."""
    for outcome in outcomes:
        if not outcome.problem:
            if read_facts(scores / outcome.name, model_sha256) is None:
                raise FusevadError(f"{scores / outcome.name}: {_OTHER_MODEL}")
            table = read_segments(scores / outcome.name)
            edges = np.append(table["start_seconds"], table["end_seconds"].iloc[-1])
            found = Track(table[SCORE].to_numpy(np.float64), edges.astype(np.float64))
            yield outcome.name, found


def write_calibrated(model: Path, model_sha256: str, threshold: Threshold, out: Path) -> None:
    """Write a bundle with another threshold; others of its kind are of other cameras, and go.

    It is not signed.

    Raises:
        FusevadError: the model is not that of the threshold any more.
    """
    with unpacked(model) as folder:
        if sha256(model) != model_sha256:
            raise FusevadError(f"{model}: {_OTHER_MODEL}")
        facts = read_bundle_facts(folder, model)
        looks_back = threshold.window is not None
        kept = [each for each in facts.thresholds if (each.window is not None) != looks_back]
        thresholds = (*kept, threshold) if looks_back else (threshold, *kept)
        about: BundleFacts = replace(
            facts, format=FORMAT, thresholds=thresholds, versions=facts.versions_here
        )
        files = {
            file.relative_to(folder).as_posix(): file
            for file in folder.rglob("*")
            if file.is_file()
        }
        changed = {
            ABOUT: json.dumps(asdict(about), indent=1).encode() + b"\n",
            CARD: model_card(about).encode(),
        }
        write_archive(files | changed, out)
