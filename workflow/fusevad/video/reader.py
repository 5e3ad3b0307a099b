"""One pass through the frames of a video file, with all checks of the file."""

from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fusevad.errors import FusevadError
from fusevad.video.complete import check_complete, chunk_count
from fusevad.video.containers import (
    REPLACE,
    holds_pictures,
    open_container,
    picture_stream,
    reason,
)
from fusevad.video.settings import SEGMENT_FRAMES
from fusevad.video.timing import Timing, check_longest, check_rate, constant, timing_of

# A shorter packet may mean that the picture stays: MPEG-4 has such packets of 7 bytes.
_PICTURE_BYTES = 16
# Recordings of broadcasts begin and end anywhere: their last packet may be incomplete.
_WITHOUT_END = ("mpegts", "mpeg")


class FrameReader:
    """The frames of a video's first picture stream, to be iterated over once.

    Where the recorder of an AVI file left out unchanged pictures, the last picture is repeated.

    Attributes:
        damaged: number of frames, of those read, whose data FFmpeg found damaged and guessed.

    Raises:
        FusevadError: while iterating, the file can't be decoded to its end or was cut short.
    """

    def __init__(self, path: Path) -> None:
        self.damaged = 0
        self._path = path
        self._stamps: list[float | None] = []
        self._last_duration = 0
        self._pictures = 0
        self._ends_in_part = False
        self._timing: Timing | None = None

    def __iter__(self) -> Iterator[VideoFrame]:
        with open_container(self._path) as container:
            stream = picture_stream(container, self._path)
            check_complete(self._path, stream)
            if container.format.name == "avi":
                shown = 0
                for frame in self._filled(self._decoded(container, stream), stream):
                    shown += 1
                    yield frame
                self._check_all_decoded(stream)
                rate = stream.average_rate or stream.guessed_rate
                self._timing = constant(shown, rate) if rate else None
            else:
                yield from self._decoded(container, stream)
                self._check_all_decoded(stream)
                self._timing = self._measured(stream)

    @property
    def timing(self) -> Timing:
        """Rate and times of the frames, after the last one was read.

        Raises:
            FusevadError: the file has neither time stamps nor a rate, or those of no camera.
        """
        if self._timing is None:
            raise FusevadError(f"{self._path}: the file states no frame rate; {REPLACE}")
        check_rate(self._path, self._timing.fps)
        step = min(SEGMENT_FRAMES, len(self._timing.edges) - 1)
        longest = (self._timing.edges[step:] - self._timing.edges[:-step]).max()
        check_longest(self._path, step, longest)
        return self._timing

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except (av.FFmpegError, ValueError) as error:
                raise FusevadError(
                    f"{self._path}: decoding fails after {len(self._stamps)} frames"
                    f" ({reason(error)}); {REPLACE}"
                ) from error
            if packet is None:
                return
            if packet.size:
                self._pictures += packet.size > _PICTURE_BYTES and not packet.is_discard
                self._ends_in_part = packet.is_corrupt
            for frame in frames:
                self.damaged += frame.is_corrupt
                self._stamps.append(frame.time)
                self._last_duration = frame.duration
                yield frame

    def _filled(self, frames: Iterator[VideoFrame], stream: VideoStream) -> Iterator[VideoFrame]:
        """A frame for each chunk, from the first picture on; AVI time stamps are chunk numbers."""
        # Where frames are reordered, their time stamps tell nothing.
        ordered = not stream.codec_context.has_b_frames
        total = chunk_count(self._path, stream.index) if ordered else 0
        last, place = None, 0
        for frame in frames:
            if last is not None and ordered and frame.pts is not None:
                missing = min(frame.pts, total) - place
                yield from [last] * missing
                place += max(missing, 0)
            elif last is None:
                place = frame.pts or 0
            yield frame
            last, place = frame, place + 1
        if last is not None:
            yield from [last] * (total - place)

    def _check_all_decoded(self, stream: VideoStream) -> None:
        decoded, demuxer = len(self._stamps), stream.container.format.name
        if not decoded:
            raise FusevadError(f"{self._path}: the video has no frames; {REPLACE}")
        if decoded == 1 and holds_pictures(stream.container):
            raise FusevadError(f"{self._path}: a single picture, not a video; {REPLACE}")
        # In other containers a picture may be two packets, or a packet may have no picture.
        a_picture_a_packet = "mp4" in demuxer or demuxer == "avi"
        missing = self._pictures - decoded
        if a_picture_a_packet and missing > max(2, self._pictures // 50):
            raise FusevadError(
                f"{self._path}: damaged, {decoded} of {self._pictures} frames decode; {REPLACE}"
            )
        if self._ends_in_part and demuxer not in _WITHOUT_END:
            raise FusevadError(
                f"{self._path}: truncated within the packet after frame {decoded - 1}; {REPLACE}"
            )

    def _measured(self, stream: VideoStream) -> Timing | None:
        rates = [rate for rate in (stream.average_rate, stream.guessed_rate) if rate]
        if None in self._stamps or not stream.time_base:
            return constant(len(self._stamps), rates[0]) if rates else None
        # Only MP4 files have a duration for each frame; elsewhere it is derived from the rate.
        known = "mp4" in stream.container.format.name
        last = float(self._last_duration * stream.time_base) if known else 0.0
        return timing_of(self._stamps, last, float(stream.time_base), rates)
