"""Write the rendered data set: videos, labels of both splits, intervals of the test."""

from __future__ import annotations

import csv
import dataclasses
from functools import partial
from pathlib import Path

import cv2

from fusevad.data.made_videos import (
    add_video,
    finish_videos,
    forget_others,
    list_videos,
    resume_videos,
    videos_folder,
)
from fusevad.data.render.encode import write_video
from fusevad.data.render.frames import Stage, direct
from fusevad.data.render.plan import VideoPlan, plan
from fusevad.data.render.settings import VERSION, RenderSettings
from fusevad.data.render.sound import soundtrack
from fusevad.files import atomic_path, settings_hash
from fusevad.parallel import in_processes


def video_path(folder: Path, video: VideoPlan) -> Path:
    """The file of a video of the data set."""
    return videos_folder(folder) / _path(video)


def _path(video: VideoPlan) -> str:
    """Path of a video within the folder of videos."""
    return f"{video.split}/{video.name}.mp4"


def render_video(video: VideoPlan, settings: RenderSettings, path: Path) -> None:
    """Draw, encode and atomically write one video with its sound."""
    with atomic_path(path) as temporary:
        _draw(video, settings, temporary)


def _render(folder: Path, settings: RenderSettings, video: VideoPlan) -> None:
    path = folder / _path(video)
    with atomic_path(path) as temporary:
        _draw(video, settings, temporary)
        add_video(folder, path, temporary)


def _draw(video: VideoPlan, settings: RenderSettings, file: Path) -> None:
    cv2.setNumThreads(1)  # two workers share two cores; results don't depend on it
    stage = Stage(direct(video, settings))
    seconds = video.frames / video.fps
    samples = soundtrack(stage.director.sounds, seconds, settings.sample_rate, video.seed)
    images = (stage.image(index) for index in range(video.frames))
    write_video(file, images, samples, video.fps, settings)


def render_dataset(settings: RenderSettings, folder: Path, workers: int) -> None:
    """Render every planned video, then write labels.csv and intervals.csv, and `videos` last.

    Finished and undamaged videos (`SHA256SUMS`) are kept, so a killed run loses only those in
    progress; if the settings or the renderer have changed, everything is rendered again.
    Only the test split gets intervals.
    """
    videos = plan(settings)
    folder.mkdir(parents=True, exist_ok=True)
    tables = ("labels.csv", "intervals.csv")
    noted = dataclasses.asdict(settings)
    forget_others(folder, "render.json", tables, renderer_digest(settings), noted)
    progress, whole = resume_videos(folder)
    left = [video for video in videos if _path(video) not in whole]
    left.sort(key=lambda video: -video.frames)  # the longest first, so that workers end together
    render = partial(_render, progress, settings)
    for _ in in_processes(render, left, workers, "render", "video"):
        pass
    list_videos(folder, map(_path, videos))
    _write_tables(videos, folder)
    finish_videos(folder)


def renderer_digest(settings: RenderSettings) -> str:
    """A hash of the settings and of the renderer's version."""
    return settings_hash(dataclasses.asdict(settings) | {"version": VERSION})


def _write_tables(videos: list[VideoPlan], folder: Path) -> None:
    intervals = [
        (video.name, video.label, start, stop)
        for video in videos
        if video.split == "test"
        for start, stop in video.intervals
    ]
    labels = [
        (video.name, video.split, video.label, video_path(folder, video).relative_to(folder))
        for video in videos
    ]
    tables = {
        "intervals.csv": (("video", "class", "start", "end"), intervals),
        "labels.csv": (("video", "split", "class", "path"), labels),
    }
    for name, (header, rows) in tables.items():
        with atomic_path(folder / name) as temporary, temporary.open("w", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
