"""An annotated film: a video as it is shown, with its sound, and the timeline of scores below."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray
from tqdm import tqdm

from fusevad.deploy.contents import Threshold
from fusevad.deploy.detector import Detector, ScoredVideo
from fusevad.deploy.panel import ALARM, BACKGROUND, NARROWEST, Panel, Rgb, to_planes
from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import Event
from fusevad.video.shown import Shown, pixel_aspect, read_shown
from fusevad.video.soundtrack import Soundtrack

_CLOCK = 90_000  # steps a second: fine enough for any time stamp
# Quality of what is watched. Without frames out of order: behind a gap the last would have no time.
_OPTIONS = {"preset": "veryfast", "crf": "23", "bf": "0"}
_KEY_FRAME_SECONDS = 2
_MOST_RATE = 240
_LONGEST_SIDE = 8192  # pixels; wider panels take gigabytes, and H.264 has no such level


def write_film(
    scored: ScoredVideo,
    detector: Detector,
    threshold: Threshold,
    events: Sequence[Event],
    out: Path,
    progress: bool = False,
) -> None:
    """Write the annotated film of a video: mp4, H.264, AAC, which browsers play.

    Pictures keep their size and their times, except that an odd size becomes even; the film is at
    least 480 pixels wide, so that the timeline can be read. Memory is that of a few frames.

    Raises:
        FusevadError: the video or its sound can't be decoded, it has changed, or it is too wide.
    """
    video = scored.video
    if max(video.width, video.height) > _LONGEST_SIDE:
        raise FusevadError(
            f"{video.path}: pictures of {video.width} x {video.height}, and films have at most"
            f" {_LONGEST_SIDE} pixels a side; use --no-film"
        )
    canvas = _Canvas(video.width, video.height)
    panel = Panel(scored, threshold, events, detector.about.events, canvas.width)
    frames = tqdm(
        read_shown(video.path), total=video.frames, desc="film", unit="frame", disable=not progress
    )
    options = {"movflags": "+faststart"}
    written, last = 0, -1
    with av.open(str(out), "w", format="mp4", options=options) as film:
        stream = _add_stream(film, canvas.width, canvas.height + panel.height, video.fps)
        stream.codec_context.sample_aspect_ratio = pixel_aspect(video.path)
        sound = Soundtrack(video.path, float(scored.edges[-1]), film)
        for written, shown in enumerate(frames, 1):
            if written > video.frames:
                break
            start, end = scored.edges[written - 1 : written + 1]
            packed = canvas.packed(shown, panel.at(start), alarm=panel.is_alarm(start))
            frame = av.VideoFrame.from_ndarray(packed, format="yuv420p")
            # Pictures of one time are a step apart: a film has no two at once.
            last = max(round(start * _CLOCK), last + 1)
            frame.pts, frame.time_base = last, Fraction(1, _CLOCK)
            frame.duration = max(round(end * _CLOCK) - last, 1)
            film.mux(stream.encode(frame))
            sound.write_until(end)
        film.mux(stream.encode())
    if written != video.frames:
        raise FusevadError(f"{video.path}: changed while it was scored; run the command again")


def _add_stream(film: OutputContainer, width: int, height: int, fps: float) -> VideoStream:
    rate = Fraction(min(max(fps, 1.0), _MOST_RATE)).limit_denominator(1001)
    stream = film.add_stream("libx264", rate=rate)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = Fraction(1, _CLOCK)
    key_frames = str(max(1, round(float(rate) * _KEY_FRAME_SECONDS)))
    stream.options = {**_OPTIONS, "g": key_frames, "threads": "0"}
    return stream


class _Canvas:
    """Where the picture is in the film, above the panel.

    Attributes:
        width, height: of the part above the panel, even.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = max(width + width % 2, NARROWEST)
        self.height = height + height % 2
        self._left = (self.width - width) // 4 * 2  # even, so that chroma has a whole place
        self._border = max(2, self.height // 120 * 2)
        self._back, self._alarm = _plane_values(BACKGROUND), _plane_values(ALARM)

    def packed(self, shown: Shown, panel: NDArray[np.uint8], alarm: bool) -> NDArray[np.uint8]:
        """Picture and panel as the planes of one frame, below each other."""
        parts = []
        planes = zip((shown.y, shown.cb, shown.cr), to_planes(panel), (1, 2, 2), strict=True)
        for number, (plane, below, shrunk) in enumerate(planes):
            size = (self.height // shrunk, self.width // shrunk)
            above = np.full(size, self._back[number], np.uint8)
            left, (height, width) = self._left // shrunk, plane.shape
            above[:height, left : left + width] = plane
            if alarm:
                picture = above[:, left : left + width]
                _draw_border(picture, self._border // shrunk, self._alarm[number])
            parts.append(np.concatenate([above, below]).reshape(-1))
        return np.concatenate(parts).reshape(-1, self.width)


def _plane_values(colour: Rgb) -> list[int]:
    """Luma and chroma of a colour."""
    square = np.full((2, 2, 3), colour, np.uint8)
    return [int(plane[0, 0]) for plane in to_planes(square)]


def _draw_border(plane: NDArray[np.uint8], width: int, value: int) -> None:
    plane[:width] = plane[-width:] = value
    plane[:, :width] = plane[:, -width:] = value
