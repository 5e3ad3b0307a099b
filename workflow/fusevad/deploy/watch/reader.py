"""The thread that reads: connects, decodes, cuts segments, and connects again."""

import gc
import random
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import tee

from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from fusevad.deploy.watch.address import Address
from fusevad.deploy.watch.feed import Feed, Pace, open_source
from fusevad.deploy.watch.times import Shown
from fusevad.deploy.watch.waiting import Segment, SegmentQueue
from fusevad.embed.image_sources import LiveSource
from fusevad.video.decode import SEGMENT_FRAMES, picture_of
from fusevad.video.live import LostError
from fusevad.video.pixels import Picture

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class Reader:
    """Reads a source into a queue of segments until it is stopped or a file ends.

    Attributes:
        connected: whether the source is open.
        connections: how often it was opened.
        trouble: why the last connection was lost; empty while there is one.
        error: what ended the thread, if anything did.
    """

    def __init__(
        self, address: Address, pace: Pace, sources: Mapping[str, LiveSource], queue: SegmentQueue
    ) -> None:
        self._address = address
        self._pace = pace
        self._sources = sources
        self._queue = queue
        self._stop = threading.Event()
        self._stretches = self._segments = 0
        self._feed: Feed | None = None
        self._lost_before = 0  # by earlier connections
        # FFmpeg may block for seconds in a call that nothing interrupts.
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self.connected = False
        self.connections = 0
        self.trouble = ""
        self.error: BaseException | None = None

    @property
    def lost(self) -> int:
        """Segments that were not decoded, as their pictures came too late."""
        feed = self._feed
        return self._lost_before + (0 if feed is None else feed.late_packets // SEGMENT_FRAMES)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Ask the thread to end, and wait for it so long at most."""
        self._stop.set()
        self._queue.close()
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self._read_on()
        except BaseException as error:  # raised again by the thread that watches
            self.error = error
        finally:
            self.connected = False
            self._queue.close()

    def _read_on(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            before = self._segments
            try:
                self._read_once()
                if self._pace != "camera":
                    return
                self.trouble = f"{self._address.shown}: the camera ended its stream"
            except LostError as error:
                self.trouble = str(error)
            self.connected = False
            # PyAV's containers and streams name each other: 15 MB would wait to be collected.
            self._lost_before, self._feed = self.lost, None
            gc.collect()
            if self._segments > before:
                pause = _FIRST_PAUSE
            # Many watchers of one camera should not come back all at once.
            self._stop.wait(pause * random.uniform(0.8, 1.2))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _read_once(self) -> None:
        """Read from one connection to its end."""
        with open_source(self._address) as container:
            feed = Feed(container, self._address.shown, self._pace, self._stop)
            self._feed = feed
            self.connected, self.trouble = True, ""
            self.connections += 1
            while not (feed.ended or self._stop.is_set()):
                self._stretches += 1
                for segment in _segments(feed, self._sources, self._stretches):
                    self._segments += 1
                    self._queue.put(segment)


def _segments(feed: Feed, sources: Mapping[str, LiveSource], stretch: int) -> Iterator[Segment]:
    """Cut a stretch into segments, each when it is complete and all streams have it."""
    shown: deque[Shown] = deque()
    pictures = _pictures(feed.stretch(), shown)
    *copies, own_copy = tee(pictures, len(sources) + 1)
    streams = [source.segments(copy) for source, copy in zip(sources.values(), copies, strict=True)]
    step = 0.0
    for *images, length in zip(*streams, _lengths(own_copy), strict=True):
        own = [shown.popleft().time for _ in range(length)]
        step = (own[-1] - own[0]) / (len(own) - 1) if len(own) > 1 else step
        # Where frames are reordered, the last one comes before it is to be shown.
        arrived = min(own[-1], time.monotonic())
        pictures_of = dict(zip(sources, images, strict=True))
        yield Segment(pictures_of, stretch, own[0], own[-1] + step, arrived)


def _lengths(pictures: Iterable[Picture]) -> Iterator[int]:
    """How many pictures each segment has, as soon as it is complete; a short window ends before."""
    length = 0
    for _ in pictures:
        length += 1
        if length == SEGMENT_FRAMES:
            yield length
            length = 0
    if length:
        yield length


def _pictures(frames: Iterable[tuple[VideoFrame, Shown]], noted: deque[Shown]) -> Iterator[Picture]:
    """Frames in the size of all streams; when they are shown is noted."""
    reformatter = VideoReformatter()
    for frame, shown in frames:
        noted.append(shown)
        yield picture_of(frame, reformatter)
