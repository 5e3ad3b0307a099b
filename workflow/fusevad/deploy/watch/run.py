"""Watch one source: scores and events as they happen, until it ends or is told to."""

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import torch

from fusevad.deploy.contents import Threshold
from fusevad.deploy.detector import Detector
from fusevad.deploy.watch.address import Address, scrubbed
from fusevad.deploy.watch.delivery import Delivery, Outlet, close_all
from fusevad.deploy.watch.events import Change, EventFinder
from fusevad.deploy.watch.messages import Message, Moment, Teller
from fusevad.deploy.watch.reader import Reader
from fusevad.deploy.watch.waiting import Segment, SegmentQueue
from fusevad.deploy.watch.windows import CausalScorer
from fusevad.errors import FusevadError

_STATUS_SECONDS = 60.0
_LAST_SECONDS = 5.0  # for what is still to be sent
_BEAT = 0.5
# A smaller step of the machine's clock is none.
_CLOCK_SET = 0.5
_NOT_CALIBRATED = (
    "the threshold is for scores of recordings, so its bound does not hold for a camera, whose"
    " scores only look back; fusevad calibrate --causal makes one that holds"
)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How a source is watched.

    Attributes:
        threshold: of events.
        window: segments that a score is made from; None for as many as the threshold is of, or else
            as training saw.
        fast: whether a file is read as fast as it can be, and no segment is dropped.
        scores: whether each segment is a line, too.
        update_seconds: between updates of an event.
    """

    threshold: Threshold
    window: int | None = None
    fast: bool = False
    scores: bool = False
    update_seconds: float = 5.0


class Watch:
    """A source that is watched; made and run in the main thread."""

    def __init__(
        self,
        detector: Detector,
        address: Address,
        settings: WatchSettings,
        outlets: Sequence[Outlet] = (),
        tell: Callable[[str], None] = lambda line: print(line, flush=True),
    ) -> None:
        """Prepare to watch.

        Args:
            detector: of a bundle.
            address: of the source.
            settings: how.
            outlets: that get each message about an event.
            tell: takes each line of JSON.

        Raises:
            FusevadError: the model can't watch.
        """
        if settings.fast and address.kind != "file":
            raise FusevadError(f"{address.shown}: a camera has its own pace; leave out --fast")
        self._address = address
        self._settings = settings
        window = settings.threshold.window if settings.window is None else settings.window
        self._scorer = CausalScorer(detector, window)
        self._finder = EventFinder(settings.threshold.threshold, detector.about.events)
        self._queue = SegmentQueue(drops=not settings.fast)
        pace = "camera" if address.kind != "file" else "fast" if settings.fast else "recorded"
        self._reader = Reader(address, pace, self._scorer.sources, self._queue)
        self._teller = Teller(address.shown, settings.threshold, settings.update_seconds)
        self._outlets = outlets
        self._tell = tell
        self._stop = threading.Event()
        self._stretch = self._scored = 0
        self._began = 0.0  # of `time.monotonic`, at the first picture
        self._latencies: list[float] = []
        self._trouble = ""
        self._moment = Moment(0.0, 0.0, 0.0, 0.0, None, 0)
        self._deliveries: list[Delivery] = []
        self._told_status = time.monotonic()

    def stop(self) -> None:
        """End soon; may be called by a signal or another thread."""
        self._stop.set()

    def run(self) -> None:
        """Watch until the source ends or `stop` is called; then end the event that is open.

        Raises:
            FusevadError: the source can't be watched.
        """
        # As in the workflow's jobs of one core, and a machine watches several cameras.
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        self._deliveries = [Delivery(outlet, self._warn) for outlet in self._outlets]
        if self._settings.threshold.window is None:
            self._warn(_NOT_CALIBRATED)
        # A frame of PyAV and its side data name each other, so both wait for the collector of
        # cycles, which hardly ever looks at objects that have outlived two of its rounds. So it is
        # called after each segment; what is loaded by now is left out, which makes a round short.
        gc.freeze()
        self._reader.start()
        try:
            while not (self._stop.is_set() or self._queue.finished):
                away = not self._reader.connected  # asked first: then nothing of it waits
                segment = self._queue.get(_BEAT)
                if segment is not None:
                    self._take(segment)
                    gc.collect()
                elif away:
                    self._follow_clock()
                    self._publish(self._finder.rest(time.monotonic() - self._began))
                self._show()
        finally:
            gc.unfreeze()
            self._reader.stop(1.0)
            self._end()
        if self._reader.error is not None:
            raise self._reader.error

    def _end(self) -> None:
        """End the event that is open, and deliver what waits, even if nobody reads the lines."""
        try:
            self._publish(self._finder.close())
        finally:
            close_all(self._deliveries, _LAST_SECONDS)
            self._warn(self._status())

    @property
    def _dropped(self) -> int:
        return self._queue.dropped + self._reader.lost

    def _take(self, segment: Segment) -> None:
        """Score a segment and tell what it changes."""
        if not self._scored:
            self._began = segment.start
        start = max(segment.start - self._began, self._moment.end)
        end = max(segment.end - self._began, start)
        if segment.stretch != self._stretch:
            self._stretch = segment.stretch
            self._scorer.begin()
            self._finder.begin(start)
        score = self._scorer.score(segment.images)
        changes = self._finder.add(end, score)
        latency = None if self._settings.fast else time.monotonic() - segment.arrived
        self._moment = Moment(start, end, score, self._finder.level, latency, self._dropped)
        self._scored += 1
        if latency is not None:
            self._latencies.append(latency)
        self._follow_clock()
        if self._settings.scores:
            self._tell(self._teller.of_score(self._moment).text)
        self._publish(changes)

    def _publish(self, changes: list[Change]) -> None:
        for message in self._teller.of_changes(changes, self._moment):
            self._send(message)

    def _follow_clock(self) -> None:
        """Tell times of day by the machine's clock as it is set now."""
        began = self._began + time.time() - time.monotonic()
        if abs(began - self._teller.began) > _CLOCK_SET:
            self._teller.began = began

    def _send(self, message: Message) -> None:
        for delivery in self._deliveries:
            delivery.put(message)
        self._tell(message.text)

    def _show(self) -> None:
        """Say what has changed with the connection, and now and then how it goes."""
        if self._reader.trouble != self._trouble:
            self._trouble = self._reader.trouble
            self._warn(self._trouble or f"{self._address.shown}: connected")
        if time.monotonic() - self._told_status >= _STATUS_SECONDS:
            self._told_status = time.monotonic()
            self._warn(self._status())

    def _status(self) -> str:
        parts = [f"{self._scored} segments scored", f"{self._dropped} dropped"]
        if self._address.kind != "file":
            parts.append(f"{self._reader.connections} connections")
        failed = sum(delivery.failed for delivery in self._deliveries)
        parts += [f"{failed} messages not delivered"] if failed else []
        if self._latencies:
            middle, most = median(self._latencies), max(self._latencies)
            parts.append(f"latency {middle:.2f} s, at most {most:.2f} s")
            self._latencies.clear()
        return f"{self._address.shown}: {', '.join(parts)}"

    def _warn(self, line: str) -> None:
        print(f"fusevad: {scrubbed(line)}", file=sys.stderr, flush=True)


def watch_until_signal(watch: Watch) -> None:
    """Run a watch that SIGTERM and SIGINT end in order, in the main thread.

    Raises:
        FusevadError: the source can't be watched.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watch.stop())
    watch.run()
