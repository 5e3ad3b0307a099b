"""The sound of a video, segment by segment, in time with its frames."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray

from fusevad.errors import FusevadError
from fusevad.video.containers import REPLACE, open_container, picture_stream, reason
from fusevad.video.settings import LONGEST_SEGMENT

# A piece of sound that is early or late by less follows the piece before: clocks are rounded.
JITTER = 0.02  # seconds
_LEAST_SHARE = 0.5
# Pictures have places and no times: FFmpeg guesses, and is often late by one.
_WITHOUT_STAMPS = ("avi",)
_Piece = TypeVar("_Piece")
_NOTHING = np.empty(0, np.float32)


def read_sound(
    path: Path, edges: Sequence[float], rate: int
) -> Iterator[NDArray[np.float32] | None]:
    """The sound of each part of a video, mixed to one channel.

    Where sound is missing within a part (it starts later, ends earlier, or has a gap), samples are
    zero. Where recordings were joined and time stamps jump back, pictures and sound go on, each
    from its own end: where a recording's sound is shorter than its pictures, all later sound is
    early by as much, and late where it is longer; this adds up with each join.
    Memory is that of a part, whatever the length of the video.

    Args:
        path: a video file.
        edges: (parts + 1,) seconds from the first frame, ascending.
        rate: samples a second, to which sound is converted.

    Yields:
        samples in -1..1, (samples,), as many as the part is long; None for a part without sound,
        which is not silence.

    Raises:
        FusevadError: the file is no readable video, or its sound can't be decoded.
    """
    yield from sound_parts(path, [round(edge * rate) for edge in edges], rate)


def sound_parts(
    path: Path, limits: Sequence[int], rate: int, least_share: float = _LEAST_SHARE
) -> Iterator[NDArray[np.float32] | None]:
    """As `read_sound`, with the limits of the parts in samples from the first frame.

    A part with sound in less than `least_share` of its time has none.
    """
    begin = first_picture(path)
    with open_container(path) as container:
        pieces = _placed(trusted(_pieces(path, container, rate)), begin, rate)
        yield from _parts(pieces, limits, least_share)


def first_picture(path: Path) -> float:
    """Time stamp of the first frame in seconds."""
    with open_container(path) as container:
        stream = picture_stream(container, path)
        if container.format.name in _WITHOUT_STAMPS and stream.start_time is not None:
            return float(stream.start_time * stream.time_base)
        try:
            frame = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise FusevadError(f"{path}: decoding fails ({reason(error)}); {REPLACE}") from error
    return 0.0 if frame is None or frame.time is None else float(frame.time)


def _pieces(
    path: Path, container: InputContainer, rate: int
) -> Iterator[tuple[float | None, NDArray[np.float32]]]:
    """Time stamp in seconds and samples, of the first stream of sound that can be decoded."""
    stream = next((each for each in container.streams.audio if each.codec_context), None)
    if stream is None:
        return
    try:
        for piece in _resampled(path, container.decode(stream), rate):
            yield piece.time, piece.to_ndarray()[0]
    except (av.FFmpegError, ValueError) as error:
        raise FusevadError(
            f"{path}: its sound can't be decoded ({reason(error)}); {REPLACE}, or remove the sound"
        ) from error


def _resampled(path: Path, frames: Iterable[av.AudioFrame], rate: int) -> Iterator[av.AudioFrame]:
    """Sound of one channel, whose form may change: broadcasts go from stereo to mono and back."""
    resampler, form = None, None
    for frame in frames:
        _check_length(path, frame)
        found = frame.format.name, frame.layout.name, frame.sample_rate
        if resampler is None or found != form:
            if resampler is not None:
                yield from resampler.resample(None)  # what it still holds
            resampler, form = AudioResampler(format="fltp", layout="mono", rate=rate), found
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


def _check_length(path: Path, frame: av.AudioFrame) -> None:
    """Refuse a packet of sound that would be gigabytes at another rate: thousands of hours."""
    seconds = frame.samples / max(frame.sample_rate, 1)
    if seconds > LONGEST_SEGMENT:
        raise FusevadError(
            f"{path}: a packet of its sound says that it lasts {seconds:.0f} seconds at"
            f" {frame.sample_rate} samples a second; {REPLACE}, or remove the sound"
        )


def trusted(
    pieces: Iterable[tuple[float | None, _Piece]],
) -> Iterator[tuple[float | None, _Piece]]:
    """Pieces without a stamp that is alone in being earlier or later than those around it."""
    before = -math.inf
    for (time, piece), (after, _) in pairwise(chain(pieces, [(None, None)])):
        around = time is not None and after is not None and before <= after
        if around and not before - JITTER <= time <= after + JITTER:
            time = None
        before = before if time is None else time
        yield time, piece


def _placed(
    pieces: Iterator[tuple[float | None, NDArray[np.float32]]], begin: float, rate: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Place of each piece in samples from the first frame, ascending; what overlaps is cut off."""
    end: int | None = None
    # Samples by which a joined recording is later than its stamps say.
    before, shift = -math.inf, 0
    for time, samples in pieces:
        place = end if time is None else round((time - begin) * rate) + shift
        if time is not None:
            if time < before - JITTER:
                shift, place = shift + end - place, end
            before = time
        if place is None or (end is not None and abs(place - end) <= JITTER * rate):
            place = end or 0
        if end is not None and place < end:
            samples, place = samples[end - place :], end
        if len(samples):
            end = place + len(samples)
            yield place, samples


def _parts(
    pieces: Iterator[tuple[int, NDArray[np.float32]]], limits: Sequence[int], least_share: float
) -> Iterator[NDArray[np.float32] | None]:
    """Cut pieces at limits; None for a part that has too little of them."""
    place, samples = next(pieces, (limits[-1], _NOTHING))
    for start, stop in pairwise(limits):
        part, covered = np.zeros(stop - start, np.float32), 0
        while place < stop:
            first, last = max(place, start), min(place + len(samples), stop)
            if first < last:
                part[first - start : last - start] = samples[first - place : last - place]
                covered += last - first
            if place + len(samples) > stop:
                break
            place, samples = next(pieces, (limits[-1], _NOTHING))
        yield part if covered and covered >= least_share * len(part) else None
