"""The sound of a video for a film of its pictures: AAC as it is, any other sound as new AAC."""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from fusevad.errors import FusevadError
from fusevad.video.containers import REPLACE, open_container, reason
from fusevad.video.sound import JITTER, first_picture, sound_parts, trusted

_RATE = 48000
_BLOCK = 1024  # samples of a packet of AAC
_BIT_RATE = 96000


class Soundtrack:
    """The sound of a video as a stream of a film, which takes packets as its pictures advance."""

    def __init__(self, path: Path, seconds: float, film: OutputContainer) -> None:
        """Add a stream of sound to the film if the video has any.

        Args:
            path: the video.
            seconds: length of its pictures; later sound is left out.
            film: where the stream goes, before its first packet.

        Raises:
            FusevadError: the video can't be opened.
        """
        self._film = film
        self._packets = _packets(path, seconds, film)
        # A generator adds its stream when it is first asked.
        self._next = next(self._packets, None)

    def write_until(self, seconds: float) -> None:
        """Write the packets that begin before a time of the film.

        Raises:
            FusevadError: the sound can't be decoded.
        """
        while self._next is not None and self._next[0] < seconds:
            self._film.mux(self._next[1])
            self._next = next(self._packets, None)


def _packets(path: Path, seconds: float, film: OutputContainer) -> Iterator[tuple[float, Packet]]:
    """Packets with the second at which each begins."""
    with open_container(path) as container:
        stream = next((each for each in container.streams.audio if each.codec_context), None)
        if stream is None:
            return
        # Without it, each packet has a header of its own, as in broadcasts.
        if stream.codec_context.name == "aac" and stream.codec_context.extradata:
            yield from _copied(path, container, stream, seconds, film)
            return
    yield from _encoded(path, seconds, film)


def _copied(
    path: Path,
    container: InputContainer,
    source: AudioStream,
    seconds: float,
    film: OutputContainer,
) -> Iterator[tuple[float, Packet]]:
    target = film.add_stream_from_template(source)
    begin = round(first_picture(path) / source.time_base)
    last = begin - 1
    try:
        for place, packet in _placed(source, container.demux(source)):
            # A film takes no packet that is not after the one before.
            if place <= last:
                continue
            last = place
            start = float((place - begin) * source.time_base)
            if start >= seconds:
                return
            packet.pts, packet.dts = place - begin, place - begin
            packet.stream = target
            yield start, packet
    except (av.FFmpegError, ValueError) as error:
        raise FusevadError(
            f"{path}: its sound can't be read ({reason(error)}); {REPLACE}, or remove the sound"
        ) from error


def _placed(source: AudioStream, packets: Iterable[Packet]) -> Iterator[tuple[int, Packet]]:
    """When each packet begins, in steps of its clock, by the rules for decoded sound."""
    stamped = (
        (None if packet.pts is None else float(packet.pts * source.time_base), packet)
        for packet in packets
        if packet.size  # the last is empty
    )
    end: int | None = None
    before, shift = -math.inf, 0
    for time, packet in trusted(stamped):
        place = end if time is None else packet.pts + shift
        if time is not None:
            if time < before - JITTER:
                shift, place = shift + end - place, end
            before = time
        if place is not None:
            end = place + (packet.duration or 0)
            yield place, packet


def _encoded(path: Path, seconds: float, film: OutputContainer) -> Iterator[tuple[float, Packet]]:
    target = film.add_stream("aac", rate=_RATE, layout="mono")
    target.bit_rate = _BIT_RATE
    limits = range(0, max(int(seconds * _RATE), 1) + _BLOCK, _BLOCK)
    silence = np.zeros(_BLOCK, np.float32)
    for number, samples in enumerate(sound_parts(path, limits, _RATE)):
        block = silence if samples is None else samples
        frame = av.AudioFrame.from_ndarray(block[None], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, number * _BLOCK, Fraction(1, _RATE)
        for packet in target.encode(frame):
            yield _start(packet), packet
    for packet in target.encode():
        yield _start(packet), packet


def _start(packet: Packet) -> float:
    return float(packet.pts * packet.time_base)
