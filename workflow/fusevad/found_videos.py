"""The videos of a folder: results that `fusevad score` has written there are none of them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fusevad import json_text
from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.hash_tables import HASHES
from fusevad.paths import is_regular, shown_entries
from fusevad.video.settings import VIDEO_SUFFIXES

# The results of a video, which together tell its folder from those of others, and its film.
EVENTS, TABLE, PARQUET, FILM = "events.json", "segments.csv", "segments.parquet", "annotated.mp4"


def video_files(folder: Path) -> Iterator[Path]:
    """Files below a folder with the suffix of a video; hidden ones may be copies half done.

    Raises:
        FusevadError: one is a link to nothing, a pipe or a device.
        OSError: a folder can't be listed, or a file can't be looked at.
    """
    for path in shown_entries(folder):
        if path.suffix.lower() not in VIDEO_SUFFIXES or is_film(path):
            continue
        if is_regular(path):
            yield path
        elif os.path.lexists(path):  # else it was removed meanwhile
            raise FusevadError(
                f"{path}: a link to nothing, a pipe or a device; remove it, or bring its video"
            )


def is_film(path: Path) -> bool:
    """Whether a file is the annotated film of a scored video."""
    return path.name == FILM and has_results(path.parent)


def has_results(folder: Path) -> bool:
    """Whether a folder has the results of a scored video, damaged or emptied perhaps.

    Other programs write files called `events.json`, too.
    """
    if all((folder / name).is_file() for name in (EVENTS, TABLE, PARQUET, HASHES)):
        return True
    made_with = scored_events(folder).get("made_with")
    if isinstance(made_with, dict) and "model_sha256" in made_with:
        return True
    try:
        return f"  {EVENTS}\n" in read_limited(folder / HASHES).decode()
    except (OSError, ValueError):
        return False


def scored_events(folder: Path) -> dict[str, Any]:
    """What `events.json` of a folder says; nothing if it is missing or damaged."""
    try:
        values = json_text.load(read_limited(folder / EVENTS))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
