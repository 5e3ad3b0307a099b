"""The contact sheet: every class of the rendered data set at a glance."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fusevad.data.made_videos import damage, hashes_when_made
from fusevad.data.render.dataset import video_path
from fusevad.data.render.plan import CALM_ACTIVITIES, HARD_NEGATIVES, VideoPlan, plan
from fusevad.data.render.settings import load_settings
from fusevad.errors import FusevadError
from fusevad.files import atomic_path
from fusevad.video.reader import FrameReader

CELL = (320, 240)
MOMENTS = (0.15, 0.38, 0.6, 0.8)  # shares of the anomalous interval
HEADER = 26
NORMAL, ANOMALOUS, PAPER = (96, 128, 60), (40, 44, 176), (250, 250, 250)


def contact_sheet(folder: Path, out: Path) -> None:
    """Draw a PNG with a row for each class, four moments each, from the mp4 files in `folder`.

    Raises FusevadError if `folder` has no complete rendered data set, or a damaged video.
    """
    settings = load_settings(folder / "render.json")
    videos = plan(settings)
    rows = [_class_row(folder, videos, label) for label in settings.classes]
    rows += _normal_rows(folder, videos)
    half = (len(rows) + 1) // 2
    blank = np.full_like(rows[0], PAPER)
    rows += [blank] * (2 * half - len(rows))
    gap = np.full((rows[0].shape[0] * half, 12, 3), PAPER, np.uint8)
    columns = [np.vstack(rows[:half]), gap, np.vstack(rows[half:])]
    with atomic_path(out) as temporary:
        if not cv2.imwrite(str(temporary), np.hstack(columns)):
            raise FusevadError(f"{out}: can't write a picture; give a name that ends in .png")


def _class_row(folder: Path, videos: list[VideoPlan], label: str) -> np.ndarray:
    """Four moments of one class: two of a test video and two of a training video."""
    pictures, names = [], []
    for split in ("test", "train"):
        chosen = [video for video in videos if (video.label, video.split) == (label, split)]
        if not chosen:
            continue
        shown = [(video, _pictures(folder, video, _moments(video))) for video in chosen[:4]]
        video, found = max(shown, key=lambda item: float(np.mean(item[1])))  # the brightest
        pictures += found
        names.append(video.name)
    if len(pictures) > 4:
        pictures = [pictures[index] for index in (0, 2, 5, 7)]
    return _row(label.replace("-", " "), ", ".join(names), pictures, ANOMALOUS)


def _moments(video: VideoPlan) -> list[int]:
    """Frames spread over a video's longest interval."""
    start, stop = max(video.intervals, key=lambda interval: interval[1] - interval[0])
    return [start + int((stop - start) * share) for share in MOMENTS]


def _normal_rows(folder: Path, videos: list[VideoPlan]) -> list[np.ndarray]:
    """Rows of calm scenes and of hard negatives, one video a picture."""
    rows = []
    for title, kinds in (("normal", CALM_ACTIVITIES), ("normal, hard", HARD_NEGATIVES)):
        pictures, names = [], []
        for kind in kinds:
            found = [v for v in videos if v.label == "normal" and v.activity == kind]
            if found:
                pictures += _pictures(folder, found[-1], [int(found[-1].frames * 0.45)])
                names.append(kind)
        if pictures:
            rows.append(_row(title, ", ".join(names[:4]), pictures[:4], NORMAL))
    return rows


def _pictures(folder: Path, video: VideoPlan, frames: list[int]) -> list[np.ndarray]:
    """Some frames of a video file, BGR."""
    path = video_path(folder, video)
    if found_damage := damage(path, hashes_when_made(folder), folder):
        raise FusevadError(found_damage)
    found = {}
    for index, frame in enumerate(FrameReader(path)):
        if index in frames:
            found[index] = cv2.resize(frame.to_ndarray(format="bgr24"), CELL)
        if index >= max(frames):
            break
    if len(found) < len(set(frames)):
        raise FusevadError(f"{path}: not the rendered video; delete it and run the workflow again")
    return [found[index] for index in frames]


def _row(
    title: str, names: str, pictures: list[np.ndarray], colour: tuple[int, int, int]
) -> np.ndarray:
    """A titled strip of four pictures."""
    width = 4 * (CELL[0] + 4)
    strip = np.full((HEADER + CELL[1] + 8, width, 3), PAPER, np.uint8)
    strip[2:HEADER] = colour
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(strip, title, (6, 20), font, 0.62, (255, 255, 255), 2, cv2.LINE_AA)
    (size, _), _ = cv2.getTextSize(names, font, 0.42, 1)
    place = (width - size - 10, 19)
    cv2.putText(strip, names, place, font, 0.42, (235, 235, 235), 1, cv2.LINE_AA)
    for index, picture in enumerate(pictures):
        left = index * (CELL[0] + 4)
        strip[HEADER + 2 : HEADER + 2 + CELL[1], left : left + CELL[0]] = picture
    return strip
