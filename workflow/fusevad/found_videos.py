"""The videos of a folder: results that `fusevad score` has written there are none of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fusevad import json_text
from fusevad.files import read_limited
from fusevad.hash_tables import HASHES
from fusevad.paths import shown_files
from fusevad.video.settings import VIDEO_SUFFIXES

# The results of a video that tell its folder from those of others, and its annotated film.
EVENTS, FILM = "events.json", "annotated.mp4"


def video_files(folder: Path) -> Iterator[Path]:
    """Files below a folder with the suffix of a video; hidden ones may be copies half done."""
    for path in shown_files(folder):
        if path.suffix.lower() in VIDEO_SUFFIXES and not is_film(path):
            yield path


def is_film(path: Path) -> bool:
    """Whether a file is the annotated film of a scored video."""
    return path.name == FILM and has_results(path.parent)


def has_results(folder: Path) -> bool:
    """Whether a folder has the results of a scored video, damaged perhaps.

    Other programs write files called `events.json`, too.
    """
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
