"""The timeline under the picture of an annotated film."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fusevad.deploy.contents import Threshold
from fusevad.deploy.detector import SPREAD, ScoredVideo
from fusevad.evaluate.alarms import Event, smooth
from fusevad.evaluate.history import SCORE
from fusevad.evaluate.settings import AlarmSettings

Rgb = tuple[int, int, int]

# Colours that the colour-blind tell apart (Okabe and Ito), on dark gray.
BACKGROUND: Rgb = (24, 24, 24)
ALARM: Rgb = (230, 110, 20)
_SCORE: Rgb = (86, 180, 233)
_BAND: Rgb = (45, 75, 95)
_EVENT: Rgb = (100, 50, 15)
_TEXT: Rgb = (235, 235, 235)
_FAINT: Rgb = (150, 150, 150)
# Pixels: text must stay readable, whatever the size of the video.
NARROWEST = 480
_SMALLEST_TEXT = 13


@dataclass(frozen=True, slots=True)
class _Layout:
    """Places in the panel, in pixels."""

    width: int
    text: int
    height: int

    @classmethod
    def of(cls, width: int) -> "_Layout":
        text = max(_SMALLEST_TEXT, width // 50)
        return cls(width, text, 2 * ((9 * text) // 2))

    @property
    def top(self) -> int:
        """First line of the plot."""
        return 2 * self.text

    @property
    def bottom(self) -> int:
        """Last line of the plot."""
        return self.height - self.text - self.text // 2

    def y(self, score: float) -> int:
        """The line of a score of 0..1."""
        return round(self.bottom - score * (self.bottom - self.top))


class Panel:
    """Pictures of the timeline, one for each moment.

    Attributes:
        height: of the panel in pixels, even.
    """

    def __init__(
        self,
        scored: ScoredVideo,
        threshold: Threshold,
        events: Sequence[Event],
        rules: AlarmSettings,
        width: int,
    ) -> None:
        self._layout = _Layout.of(width)
        self.height = self._layout.height
        self._font = ImageFont.load_default(self._layout.text)
        self._track = scored.track
        self._level = smooth(self._track, rules.smoothing)
        self._threshold = threshold
        self._events = events
        self._plot = self._drawn(scored)
        self._shown: tuple[int, bool, int] | None = None
        self._picture = self._plot

    def is_alarm(self, seconds: float) -> bool:
        """Whether an event lasts at a moment."""
        return any(event.start <= seconds < event.end for event in self._events)

    def at(self, seconds: float) -> NDArray[np.uint8]:
        """The panel at a moment, (height, width, 3) RGB."""
        segment = int(np.searchsorted(self._track.edges, seconds, "right")) - 1
        segment = min(segment, len(self._level) - 1)
        state = segment, self.is_alarm(seconds), int(seconds)
        if state != self._shown:
            self._shown, self._picture = state, self._with_text(*state)
        picture = self._picture.copy()
        x = self._x(seconds)
        picture[self._layout.top : self._layout.bottom + 1, x : x + 2] = _TEXT
        return picture

    def _time(self, second: int) -> str:
        return f"{_clock(second)} of {_clock(self._track.seconds)}"

    def _x(self, seconds: float) -> int:
        share = (seconds - self._track.edges[0]) / self._track.seconds
        return min(round(share * self._layout.width), self._layout.width - 2)

    def _drawn(self, scored: ScoredVideo) -> NDArray[np.uint8]:
        """What stays the same for the whole film: band, curve, threshold, events, ends of time."""
        layout = self._layout
        image = Image.new("RGB", (layout.width, layout.height), BACKGROUND)
        draw = ImageDraw.Draw(image)
        for event in self._events:
            box = (self._x(event.start), layout.top, self._x(event.end), layout.bottom)
            draw.rectangle(box, fill=_EVENT)
        scores, spread = (scored.table[name].to_numpy() for name in (SCORE, SPREAD))
        low, high = np.clip([scores - spread, scores + spread], 0, 1)
        starts = [self._x(edge) for edge in self._track.edges]
        for place in range(len(scores)):
            box = (starts[place], layout.y(high[place]), starts[place + 1], layout.y(low[place]))
            draw.rectangle(box, fill=_BAND)
        steps = [(x, layout.y(level)) for k, level in enumerate(self._level)
                 for x in (starts[k], starts[k + 1])]  # fmt: skip
        draw.line(steps, fill=_SCORE, width=max(2, layout.text // 7))
        for event in self._events:
            box = (
                self._x(event.start),
                layout.top,
                self._x(event.end),
                layout.top + layout.text // 3,
            )
            draw.rectangle(box, fill=ALARM)
        self._draw_threshold(draw)
        draw.line((0, layout.bottom, layout.width, layout.bottom), fill=_FAINT)
        below = layout.bottom + layout.text // 4
        draw.text((2, below), "0:00", fill=_FAINT, font=self._font)
        end = _clock(self._track.seconds)
        draw.text((layout.width - 2, below), end, fill=_FAINT, font=self._font, anchor="ra")
        words = "anomaly score (band: spread over seeds)"
        draw.text((layout.width // 2, below), words, fill=_FAINT, font=self._font, anchor="ma")
        return np.asarray(image)

    def _draw_threshold(self, draw: ImageDraw.ImageDraw) -> None:
        layout = self._layout
        y = layout.y(min(self._threshold.threshold, 1.0))
        for x in range(0, layout.width, 12):
            draw.line((x, y, x + 6, y), fill=ALARM, width=max(2, layout.text // 12))

    def _with_text(self, segment: int, alarm: bool, second: int) -> NDArray[np.uint8]:
        layout, score = self._layout, self._level[segment]
        image = Image.fromarray(self._plot)
        draw = ImageDraw.Draw(image)
        state, colour = ("ALARM", ALARM) if alarm else ("normal", _TEXT)
        line = layout.text // 3
        draw.text((4, line), state, fill=colour, font=self._font)
        left = 4 + draw.textlength("ALARM  ", font=self._font)
        said = f"score {score:.2f}   threshold {self._threshold.threshold:.2f}"
        draw.text((left, line), said, fill=_TEXT, font=self._font)
        draw.text(
            (layout.width - 4, line), self._time(second), fill=_TEXT, font=self._font, anchor="ra"
        )
        return np.asarray(image)


def to_planes(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    """Luma (height, width) and chroma at half the size, of RGB of even height and width."""
    height, width = rgb.shape[:2]
    packed = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    luma, chroma = height * width, height * width // 4
    half = (height // 2, width // 2)
    return (
        packed[:luma].reshape(height, width),
        packed[luma : luma + chroma].reshape(half),
        packed[luma + chroma :].reshape(half),
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
