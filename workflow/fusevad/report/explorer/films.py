"""Films of test videos for browsers: each picture, and under it the motion cue of its segment."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusevad.csv_tables import read_csv, write_csv
from fusevad.cues.reading import CueShards
from fusevad.data.footage import open_footage
from fusevad.data.made_videos import (
    add_video,
    finish_videos,
    forget_others,
    list_videos,
    resume_videos,
    videos_folder,
)
from fusevad.data.manifest import Video, read_manifest
from fusevad.files import atomic_path, settings_hash
from fusevad.parallel import in_processes
from fusevad.plan.stage import STAGES
from fusevad.report.explorer.encoding import encode_film
from fusevad.report.explorer.settings import FilmSettings
from fusevad.video.decode import SEGMENT_FRAMES
from fusevad.video.pixels import PIXELS_VERSION

COLUMNS = ["video", "film", "bytes"]
Picture = NDArray[np.uint8]


def make_films(
    manifest: Path, cues: Sequence[Path], settings: FilmSettings, out: Path, workers: int
) -> None:
    """Write a film of each test video, and the table of them last.

    Finished films are kept, so that a killed job loses only those in progress.

    Args:
        manifest: `manifest.csv` of the data set.
        cues: shards of the motion cues.
        settings: which cue, size and quality.
        out: the table, with columns video, film (relative to the table's folder) and bytes; the
            films are in the folder `videos` beside it.
        workers: films at a time.

    Raises:
        FusevadError: a video or its cue is missing, damaged, or not the manifest's.
    """
    folder = out.parent
    videos = [video for video in read_manifest(manifest) if video.split == "test"]
    shards = CueShards(cues)
    names = {video.name: f"{number:04d}.mp4" for number, video in enumerate(videos)}
    folder.mkdir(parents=True, exist_ok=True)
    made_of = {
        v.name: [
            *(v.sha256, shards.digest(v, *_cue(settings))),
            *(v.frames, v.fps, v.variable_rate, v.width, v.height),
        ]
        for v in videos
    }
    code = [STAGES["films"].version, PIXELS_VERSION]
    # As a list: films are named by their order, which the hash of a mapping leaves out.
    given = {"settings": asdict(settings), "code": code, "videos": list(made_of.items())}
    digest = settings_hash(given)
    forget_others(folder, "films.json", (out.name,), digest, asdict(settings))
    progress, whole = resume_videos(folder)
    left = [video for video in videos if names[video.name] not in whole]
    left.sort(key=lambda video: -video.frames)  # the longest first, so that workers end together
    film = partial(_film, progress, names, shards, settings)
    for _ in in_processes(film, left, workers, "films", "video"):
        pass
    list_videos(folder, names.values())
    finish_videos(folder)
    done = videos_folder(folder)
    rows = [
        (name, f"{done.name}/{file}", (done / file).stat().st_size) for name, file in names.items()
    ]
    write_csv(pd.DataFrame(rows, columns=COLUMNS), out)


def read_films(table: Path) -> dict[str, Path]:
    """The film of each video, from the table that `make_films` writes."""
    films = read_csv(table, COLUMNS, ("video", "film"))
    return {row.video: table.parent / row.film for row in films.itertuples()}


def _cue(settings: FilmSettings) -> tuple[int, int]:
    return settings.window, settings.threshold


def _film(
    folder: Path, names: dict[str, str], shards: CueShards, settings: FilmSettings, video: Video
) -> None:
    cv2.setNumThreads(1)  # a worker a core
    footage = open_footage(video)
    size = film_size(video.width, video.height, settings.longest)
    counts = shards.counts(video, *_cue(settings))
    pictures = _with_cues(
        footage.frames(size), (_drawn(each, size, settings.window) for each in counts)
    )
    file = folder / names[video.name]
    with atomic_path(file) as temporary:
        encode_film(pictures, (size[0], 2 * size[1]), footage.edges(), temporary, settings.crf)
        add_video(folder, file, temporary)


def film_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """Width and height of a film's picture: even, in about the video's proportions, not larger.

    >>> film_size(1920, 1080, 320)
    (320, 180)
    """
    scale = min(1.0, longest / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _drawn(counts: Picture, size: tuple[int, int], highest: int) -> Picture:
    """A motion cue as a picture: the more changes, the darker, by roots so that few are seen."""
    gray = 255 - 255 * np.sqrt(np.minimum(counts, highest).astype(np.float32) / highest)
    return cv2.resize(gray.astype(np.uint8), size, interpolation=cv2.INTER_AREA)


def _with_cues(frames: Iterable[Picture], cues: Iterator[Picture]) -> Iterator[Picture]:
    """Each frame above the cue of its segment."""
    cue = None
    for number, frame in enumerate(frames):
        if number % SEGMENT_FRAMES == 0:
            cue = cv2.cvtColor(next(cues), cv2.COLOR_GRAY2RGB)
        yield np.vstack([frame, cue])
