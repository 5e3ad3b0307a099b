"""Write the spliced data set: videos, labels of both splits, intervals of the test, recipe."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from fusevad.csv_tables import write_csv
from fusevad.data.made_videos import (
    add_video,
    finish_videos,
    forget_others,
    list_videos,
    resume_videos,
    videos_folder,
)
from fusevad.data.render.encode import write_video
from fusevad.data.render.settings import RenderSettings
from fusevad.data.splice.clips import clip_images, clip_sound, clips_digest, find_clips
from fusevad.data.splice.plan import SplicedVideo, plan
from fusevad.data.splice.settings import VERSION, SpliceSettings
from fusevad.files import atomic_path, settings_hash
from fusevad.parallel import in_processes


def splice(folder: Path, settings: SpliceSettings, out_folder: Path, workers: int) -> None:
    """Join the clips of `folder` into untrimmed videos with interval labels.

    Finished and undamaged videos (`SHA256SUMS`) are kept, so a killed run loses only those in
    progress; if the settings, a clip or the recipe's version has changed, all videos are made
    again.

    Args:
        folder: `fight/*.mp4`, `noFight/*.mp4` and `videos.txt`, as in their repository.
        settings: the recipe.
        out_folder: gets `clips.csv` (the recipe as drawn: video, clip, source, class, frames
            [start, end) of the video, and offset, the clip's frame at `start`, at the videos'
            rate), `intervals.csv` (test only), `labels.csv` and, last, `videos/*.mp4`.
        workers: number of processes.

    Raises:
        FusevadError: a clip can't be used, or there are too few clips for the recipe.
    """
    clips = find_clips(folder, workers)
    videos = plan(clips, settings)
    out_folder.mkdir(parents=True, exist_ok=True)
    recipe = asdict(settings)
    digest = settings_hash(recipe | {"clips": clips_digest(clips), "version": VERSION})
    tables = ("labels.csv", "intervals.csv", "clips.csv")
    forget_others(out_folder, "splice.json", tables, digest, recipe)
    progress, whole = resume_videos(out_folder)
    left = [video for video in videos if _path(video) not in whole]
    write = partial(_write, progress, settings)
    for _ in in_processes(write, left, workers, "splice", "video"):
        pass
    list_videos(out_folder, map(_path, videos))
    _write_tables(videos, out_folder)
    finish_videos(out_folder)


def _path(video: SplicedVideo) -> str:
    """Path of a video within the folder of videos."""
    return f"{video.name}.mp4"


def _write(folder: Path, settings: SpliceSettings, video: SplicedVideo) -> None:
    path = folder / _path(video)
    cv2.setNumThreads(1)  # the workers share the cores; results don't depend on it
    # Encoded like the rendered data set; every video has a sound track, even if silent.
    encoding = RenderSettings(width=settings.width, height=settings.height, crf=settings.crf)
    sound = _sound(video, settings.fps, encoding.sample_rate)
    with atomic_path(path) as temporary:
        write_video(temporary, _images(video, settings), sound, settings.fps, encoding)
        add_video(folder, path, temporary)


def _images(video: SplicedVideo, settings: SpliceSettings) -> Iterator[np.ndarray]:
    size = (settings.width, settings.height)
    for piece in video.pieces:
        yield from clip_images(piece.clip, piece.offset, piece.frames, settings.fps, size)


def _sound(video: SplicedVideo, fps: int, rate: int) -> np.ndarray:
    parts = [
        clip_sound(piece.clip, piece.offset / fps, piece.frames / fps, rate)
        for piece in video.pieces
    ]
    return np.concatenate(parts)


def _write_tables(spliced: list[SplicedVideo], folder: Path) -> None:
    videos = videos_folder(folder)
    recipe = [
        (video.name, piece.clip.name, piece.clip.source, piece.clip.kind, start, end, piece.offset)
        for video in spliced
        for piece, start, end in video.spans
    ]
    intervals = [
        (video.name, video.kind, start, end)
        for video in spliced
        if video.split == "test"
        for start, end in video.intervals
    ]
    labels = [
        (video.name, video.split, video.kind, videos.relative_to(folder) / _path(video))
        for video in spliced
    ]
    tables = {
        "clips.csv": (("video", "clip", "source", "class", "start", "end", "offset"), recipe),
        "intervals.csv": (("video", "class", "start", "end"), intervals),
        "labels.csv": (("video", "split", "class", "path"), labels),
    }
    for name, (header, rows) in tables.items():
        write_csv(pd.DataFrame(rows, columns=list(header)), folder / name)
