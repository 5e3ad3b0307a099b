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
from fusevad.deploy.watch.times import (
    LONGEST_JUMP,
    CameraTimes,
    FileTimes,
    Packets,
    Shown,
    StampCheck,
)
from fusevad.errors import FusevadError
from fusevad.video.complete import check_complete
from fusevad.video.containers import open_container, picture_stream, reason
from fusevad.video.live import LostError, open_device, open_rtsp

# Seconds. What is later is left out up to a key frame that is on time.
_MOST_LATE, _ON_TIME = 2.0, 0.5
# Pictures in a row that a camera may send damaged.
_MOST_DAMAGED = 100

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
        self._arrived = Packets()
        # Of files; a decoder may give frames other stamps than their packets had.
        self._packet_check, self._frame_check = StampCheck(shown), StampCheck(shown)
        self._times = CameraTimes(self._arrived) if pace == "camera" else FileTimes()
        self._ready: deque[tuple[VideoFrame, Shown]] = deque()
        self._skipping = pace == "camera"  # up to the first key frame
        self._seen = False
        self._damaged = 0
        self.ended = False
        self.late_packets = 0

    def stretch(self) -> Iterator[tuple[VideoFrame, Shown]]:
        """Frames and when they are shown, until pictures are late, jump or end.

        Raises:
            LostError: the camera sends no more.
            FusevadError: a file can't be decoded.
        """
        began = False
        while self._decode_next(began):
            frame, shown = self._ready[0]
            if began and shown.begins:
                return
            self._ready.popleft()
            began = self._seen = True
            yield frame, shown

    def _decode_next(self, began: bool) -> bool:
        """Decode until a frame is ready; false at the end, or of a stretch that `began`."""
        while not self._ready:
            packet = None if self._stop.is_set() else self._read()
            if packet is None:
                self.ended = True
                return False
            if packet.size and self._leaves_out(packet):
                if began:
                    return False
                continue
            frames = self._decoded(packet)
            self._ready.extend((frame, self._shown_at(frame.time)) for frame in frames)
        return True

    def _shown_at(self, stamp: float | None) -> Shown:
        if self._pace != "camera" and stamp is not None:
            self._frame_check.add(stamp)
        return self._times.of(stamp)

    def _read(self) -> Packet | None:
        try:
            return next(self._packets, None)
        except (av.FFmpegError, ValueError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> FusevadError:
        if self._pace == "camera":
            return LostError(f"{self._shown}: connection lost ({reason(error)})")
        return FusevadError(f"{self._shown}: decoding fails ({reason(error)}); replace the file")

    def _jumps(self, stamp: float) -> bool:
        step = stamp - self._arrived.stamp
        # Files of screens and of events may rest for long.
        return step < -LONGEST_JUMP or (self._pace == "camera" and step > LONGEST_JUMP)

    def _leaves_out(self, packet: Packet) -> bool:
        """Wait for the time of a packet, or find that it comes too late to be looked at.

        Raises:
            FusevadError: the time stamps of a file are no recording's.
        """
        stamp = _stamp_of(packet)
        if stamp is None:
            return self._skipping and not packet.is_keyframe
        if self._pace != "camera":
            self._packet_check.add(stamp)
        clock = self._arrived.clock
        if clock is None or self._jumps(stamp):
            clock = self._arrived.clock = Clock(stamp, time.monotonic())
        self._arrived.stamp = stamp
        if self._pace == "fast":
            return False
        if self._pace == "recorded":
            self._stop.wait(max(0.0, clock.due(stamp) - time.monotonic()))
        late = clock.late(stamp, time.monotonic())
        if self._skipping:
            self._skipping = not (packet.is_keyframe and late <= _ON_TIME)
        elif late > _MOST_LATE:
            self._skipping = True
            self._frame_check.interrupt()
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
