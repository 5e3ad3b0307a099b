"""An open source: its frames, in stretches without a gap, and at the pace of a camera."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from fusevad.deploy.watch.address import Address
from fusevad.deploy.watch.clock import Clock
from fusevad.errors import FusevadError
from fusevad.video.complete import check_complete
from fusevad.video.containers import open_container, picture_stream, reason
from fusevad.video.live import LostError, open_device, open_rtsp
from fusevad.video.settings import HIGHEST_RATE, SEGMENT_FRAMES
from fusevad.video.timing import check_longest, check_rate

# Seconds. What is later is left out up to a key frame that is on time.
_MOST_LATE, _ON_TIME = 2.0, 0.5
# Time stamps that jump further belong to another recording or clock.
_LONGEST_JUMP = 5.0
# Pictures in a row that a camera may send damaged.
_MOST_DAMAGED = 100
_USUAL_STEP = 1 / 25

Pace = Literal["camera", "recorded", "fast"]


def open_source(address: Address) -> InputContainer:
    """Open what an address names.

    Raises:
        LostError: a camera that does not answer.
        FusevadError: anything that will not get better by itself.
    """
    if address.kind == "rtsp":
        return open_rtsp(address.where, address.shown)
    if address.kind == "device":
        return open_device(address.where)
    container = open_container(Path(address.where))
    try:
        check_complete(Path(address.where), picture_stream(container, Path(address.where)))
    except FusevadError:
        container.close()
        raise
    return container


class _FileTimes:
    """Checks time stamps of a file's packets: the first that no recording has ends the watch."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._last: deque[float] = deque(maxlen=SEGMENT_FRAMES)
        self._steps = 0
        self._seconds = 0.0

    def add(self, stamp: float) -> None:
        """Check a stamp; see `FrameReader.timing`.

        Raises:
            FusevadError: frames are shown too long, or are too many a second.
        """
        if self._last and stamp < self._last[-1]:  # recordings were joined
            self._last.clear()
        if self._last:
            self._steps += 1
            self._seconds += stamp - self._last[-1]
            check_longest(self._shown, len(self._last), stamp - self._last[0])
        self._last.append(stamp)
        if self._steps >= SEGMENT_FRAMES:
            check_rate(self._shown, self._steps / max(self._seconds, 1 / HIGHEST_RATE))


class Feed:
    """Frames of an open source.

    Attributes:
        ended: whether there are no more.
        late_packets: how many were left out because pictures came too late.
    """

    def __init__(
        self, container: InputContainer, shown: str, pace: Pace, stop: threading.Event
    ) -> None:
        """Read a container.

        Args:
            container: of the source.
            shown: its name for messages.
            pace: `recorded` waits for the time of each picture of a file; `fast` does not, and
                nothing is late.
            stop: ends it.

        Raises:
            FusevadError: there are no pictures.
        """
        self._stream = picture_stream(container, shown)
        self._packets = container.demux(self._stream)
        self._shown = shown
        self._pace = pace
        self._stop = stop
        self._clock: Clock | None = None
        self._held: Packet | None = None
        self._times = None if pace == "camera" else _FileTimes(shown)
        self._packet_stamp = self._stamp = 0.0
        self._skipping = pace == "camera"  # up to the first key frame
        self._seen = False
        self._damaged = 0
        self.ended = False
        self.late_packets = 0

    def time_of(self, stamp: float) -> float:
        """Time of day of a frame's stamp."""
        assert self._clock is not None
        return self._clock.time_of(stamp)

    def stretch(self) -> Iterator[tuple[VideoFrame, float]]:
        """Frames with their stamps in seconds, until pictures are late, jump or end.

        Raises:
            LostError: the camera sends no more.
            FusevadError: a file can't be decoded.
        """
        began = False
        while (packet := self._read()) is not None and not self._stop.is_set():
            if began and self._jumps(packet):
                self._held = packet
                return
            if packet.size and self._leaves_out(packet):
                if began:
                    return
                continue
            for frame in self._decoded(packet):
                if frame.time is not None:
                    # Frames of a camera that steps back a little keep their order.
                    self._stamp = max(frame.time, self._stamp) if began else frame.time
                elif began:
                    self._stamp += _USUAL_STEP
                began = self._seen = True
                yield frame, self._stamp
        self.ended = True

    def _read(self) -> Packet | None:
        if self._held is not None:
            held, self._held = self._held, None
            return held
        try:
            return next(self._packets, None)
        except (av.FFmpegError, ValueError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> FusevadError:
        if self._pace == "camera":
            return LostError(f"{self._shown}: connection lost ({reason(error)})")
        return FusevadError(f"{self._shown}: decoding fails ({reason(error)}); replace the file")

    def _jumps(self, packet: Packet) -> bool:
        stamp = _stamp_of(packet)
        if stamp is None:
            return False
        step = stamp - self._packet_stamp
        # Files of screens and of events may rest for long.
        return step < -_LONGEST_JUMP or (self._pace == "camera" and step > _LONGEST_JUMP)

    def _leaves_out(self, packet: Packet) -> bool:
        """Wait for the time of a packet, or find that it comes too late to be looked at.

        Raises:
            FusevadError: the time stamps of a file are no recording's.
        """
        stamp = _stamp_of(packet)
        if stamp is None:
            return self._skipping and not packet.is_keyframe
        if self._times is not None:
            self._times.add(stamp)
        if self._clock is None or self._jumps(packet):
            self._clock = Clock(stamp, time.time())
        self._packet_stamp = stamp
        if self._pace == "fast":
            return False
        if self._pace == "recorded":
            self._stop.wait(max(0.0, self._clock.due(stamp) - time.time()))
        late = self._clock.late(stamp, time.time())
        if self._skipping:
            self._skipping = not (packet.is_keyframe and late <= _ON_TIME)
        elif late > _MOST_LATE:
            self._skipping = True
            self._stream.codec_context.flush_buffers()
        self.late_packets += self._skipping and self._seen
        return self._skipping

    def _decoded(self, packet: Packet) -> list[VideoFrame]:
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError) as error:
            self._damaged += 1
            if self._pace == "camera" and self._damaged <= _MOST_DAMAGED:
                return []
            raise self._lost(error) from error
        self._damaged = 0
        return frames


def _stamp_of(packet: Packet) -> float | None:
    """Seconds; the time of decoding, which rises where frames are reordered."""
    ticks = packet.pts if packet.dts is None else packet.dts
    return None if ticks is None else float(ticks * packet.time_base)
