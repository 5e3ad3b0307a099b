"""What is written of one scored video: a folder that appears when it is complete."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pandas as pd

import fusevad
from fusevad.csv_tables import write_csv
from fusevad.deploy.contents import BundleFacts, Threshold
from fusevad.deploy.detector import Detector, ScoredVideo
from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import Event
from fusevad.files import (
    read_limited,
    remove_folder,
    replace_folder,
    sha256,
    temporary_path,
    write_json,
    write_text,
)
from fusevad.found_videos import EVENTS, FILM, PARQUET, TABLE, has_results, scored_events
from fusevad.hash_tables import HASHES, folder_files, hashes_text
from fusevad.paths import path_text

# Raised when the same scores and events are written otherwise.
_VERSION = 1
_NAMES = {EVENTS, TABLE, PARQUET, FILM, HASHES}


def identity(
    detector: Detector, video_sha256: str, threshold: Threshold, film: bool, window: int | None
) -> dict[str, Any]:
    """All that the results of a video depend on: equal ones need not be made again."""
    return {
        "video_sha256": video_sha256,
        "model_sha256": detector.sha256,
        "threshold": asdict(threshold),
        "film": film,
        "window": window,
        "fusevad": fusevad.__version__,
        "code": code_here(detector.about),
    }


def code_here(about: BundleFacts) -> dict[str, int]:
    """The versions of the code that decides a video's results, as it runs."""
    return about.versions_here | {"results": _VERSION}


def is_finished(folder: Path, made_with: Mapping[str, Any]) -> bool:
    """Whether a folder has the results of a video, undamaged and made with the same.

    They may have a film, even if `made_with` has none.
    """
    try:
        listed = read_limited(folder / HASHES).decode()
    except (OSError, ValueError):
        return False
    found = scored_events(folder).get("made_with")
    filmed = found == {**made_with, "film": True}  # a film that nobody asks for now stays
    if not filmed and found != made_with:
        return False
    names = [EVENTS, TABLE, PARQUET, *([FILM] if filmed else [])]
    return folder_files(folder) == sorted(names) and listed == _hashes(folder)


def _hashes(folder: Path) -> str:
    return hashes_text({name: sha256(folder / name) for name in folder_files(folder)})


def refuse_other_video(final: Path, video: Path) -> None:
    """Refuse to replace the results of another video that is still there.

    Raises:
        FusevadError: `final` has them.
    """
    other = _scored_video(final)
    if other is not None and other.is_file() and not other.samefile(video):
        raise FusevadError(
            f"{final}: results of another video of that name, {path_text(other)}; name another"
            " --out"
        )


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """An empty hidden folder beside `final`, removed unless it is put in place.

    Raises:
        FusevadError: `final` is something else than older results, which would be replaced.
        OSError: there can be no such folder.
    """
    if _is_there(final) and not _is_ours(final):
        raise FusevadError(f"{final}: not results of fusevad score; move it, or name another --out")
    temporary = temporary_path(final)
    remove_folder(temporary)  # of a killed process of this number, as in a restarted container
    temporary.mkdir(parents=True)
    try:
        yield temporary
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)


def _is_there(path: Path) -> bool:
    """Whether a path names anything, be it a link that leads nowhere."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _is_ours(folder: Path) -> bool:
    """Whether a folder is one of results, damaged perhaps, to which nobody has added anything."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    if not all(path.name in _NAMES and path.is_file() for path in folder.iterdir()):
        return False
    return has_results(folder)


def _scored_video(folder: Path) -> Path | None:
    """The video that a folder's results are of, if they say so."""
    video = scored_events(folder).get("video")
    place = video.get("place") if isinstance(video, dict) else None
    if not isinstance(place, str):
        return None
    path = os.fsdecode(unquote_to_bytes(place))
    return None if "\0" in path else Path(os.path.normpath(folder.absolute() / path))


def note_place(folder: Path, path: Path) -> None:
    """Let finished results name their video where it is now, if it was moved since."""
    before, values = _scored_video(folder), scored_events(folder)
    if before is None or before.is_file():
        return
    write_json(values | {"video": values["video"] | _place(path, folder)}, folder / EVENTS)
    write_text(_hashes(folder), folder / HASHES)


def _place(path: Path, folder: Path) -> dict[str, str]:
    """Where a video is: for readers, and as seen from its results.

    The latter has the form of a URL: whatever its bytes, and wherever the path was typed.
    """
    return {
        "path": path_text(path),
        "place": quote(os.fsencode(os.path.relpath(path, folder))),
    }


def put_in_place(temporary: Path, final: Path) -> None:
    """Give a complete folder its name, in place of older results; its hashes are written first."""
    write_text(_hashes(temporary), temporary / HASHES)
    replace_folder(temporary, final)


def write_tables(
    scored: ScoredVideo,
    events: Sequence[Event],
    threshold: Threshold,
    detector: Detector,
    made_with: Mapping[str, Any],
    folder: Path,
    name: str,
) -> None:
    """Write the segments as CSV and Parquet, and the events as JSON; see docs/own-videos.md."""
    write_csv(scored.table, folder / TABLE)
    # pyarrow itself opens no names that are not UTF-8.
    (folder / PARQUET).write_bytes(scored.table.to_parquet(index=False))
    video = scored.video
    facts = {
        **_place(video.path, folder),
        "frames": video.frames,
        "fps": video.fps,
        "variable_rate": video.variable_rate,
        "width": video.width,
        "height": video.height,
        "seconds": float(scored.edges[-1]),
    }
    about = detector.about
    model = {"experiment": about.experiment, "label": about.label, "dataset": about.dataset}
    values = {
        "video": facts,
        "model": model,
        "rules": asdict(about.events),
        "events": [
            _described(event, f"{path_text(name)}-{number}", scored.table, threshold)
            for number, event in enumerate(events, 1)
        ],
        "made_with": dict(made_with),
    }
    write_json(values, folder / EVENTS)


def _described(
    event: Event, key: str, segments: pd.DataFrame, threshold: Threshold
) -> dict[str, Any]:
    """An event, from segment to segment, in frames, half-open, and in seconds from the first."""
    first = segments["start_seconds"].searchsorted(event.start)
    last = segments["end_seconds"].searchsorted(event.end)
    return {
        "id": key,
        "start_frame": int(segments["start_frame"].iloc[first]),
        "end_frame": int(segments["end_frame"].iloc[last]),
        "start_seconds": event.start,
        "end_seconds": event.end,
        "alarm_seconds": event.alarm,
        "peak": event.peak,
        "alarms": event.alarms,
        "threshold": threshold.threshold,
        "bound": threshold.bound,
        "certified": threshold.certified,
    }
