"""Images of a video for an encoder: crops of its frames or of its motion cues, in chunks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from fusevad.cues.count import cue_counts, normalise
from fusevad.cues.reading import Counted
from fusevad.cues.settings import CueSettings, cue_name
from fusevad.data.footage import open_footage
from fusevad.data.manifest import Video
from fusevad.files import settings_hash
from fusevad.video.crops import crop_images
from fusevad.video.decode import SEGMENT_FRAMES, sampled_times
from fusevad.video.pixels import Picture

_CHUNK_IMAGES = 32
_MIDDLE = SEGMENT_FRAMES // 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive pictures of a video.

    Attributes:
        segments: (pictures,) the segment of each picture, ascending.
        images: (pictures x crops, size, size[, 3]), the crops of a picture side by side.
    """

    segments: np.ndarray
    images: np.ndarray


@runtime_checkable
class LiveSource(Protocol):
    """A source that can also read pictures while they come, as from a camera.

    Attributes:
        crops: numbers of the crops.
    """

    crops: tuple[int, ...]

    def segments(self, pictures: Iterable[Picture]) -> Iterator[np.ndarray]:
        """Images of each segment of 16 pictures, as soon as it is complete, and of a shorter last.

        Args:
            pictures: all pictures of a video, in the size of `video.decode`.

        Yields:
            (images x crops, size, size[, 3]), the crops of an image side by side.
        """


@dataclass(frozen=True, slots=True)
class FrameSource:
    """Frames 0, stride, 2 stride, ... of each segment, cropped for an encoder."""

    crops: tuple[int, ...]
    image_size: int
    stride: int

    def key(self, video: Video) -> str:
        """A hash that changes whenever the video's bytes do, or how many frames count."""
        return settings_hash({"video": video.sha256, "frames": video.frames})

    def chunks(self, video: Video) -> Iterator[Chunk]:
        """Crops of all sampled frames.

        Raises:
            FusevadError: the video fails to decode, or is not the manifest's.
        """
        times = sampled_times(video.frames, self.stride)
        frames = open_footage(video).frames(stride=self.stride)
        pictures = (
            (time // SEGMENT_FRAMES, crop_images(frame, self.crops, self.image_size))
            for time, frame in zip(times, frames, strict=True)
        )
        return in_chunks(pictures, len(self.crops))

    def segments(self, pictures: Iterable[Picture]) -> Iterator[np.ndarray]:
        """See `LiveSource.segments`."""
        segment: list[np.ndarray] = []
        for number, picture in enumerate(pictures):
            place = number % SEGMENT_FRAMES
            if place % self.stride == 0:
                segment.append(crop_images(picture.rgb(), self.crops, self.image_size))
            if place == SEGMENT_FRAMES - 1:
                yield np.concatenate(segment)
                segment = []
        if segment:
            yield np.concatenate(segment)


@dataclass(frozen=True, slots=True)
class MiddleFrameSource:
    """The middle frame of each segment, uncropped.

    Attributes:
        size: width and height.
    """

    size: tuple[int, int]

    def key(self, video: Video) -> str:
        """A hash that changes whenever the video's bytes do."""
        return video.sha256

    def chunks(self, video: Video) -> Iterator[Chunk]:
        """(pictures, height, width, 3) uint8.

        Raises:
            FusevadError: the video fails to decode, or is not the manifest's.
        """
        wanted = set(middle_frames(video.frames))
        times = sampled_times(video.frames, _MIDDLE)
        read = open_footage(video).pictures(self.size, _MIDDLE)
        pictures = (
            (time // SEGMENT_FRAMES, picture.rgb()[None])
            for time, picture in zip(times, read, strict=True)
            if time in wanted
        )
        return in_chunks(pictures, 1)


def middle_frames(frames: int) -> list[int]:
    """Frame 8 of each segment of 16; the first frame of a last segment that has no frame 8."""
    starts = range(0, frames, SEGMENT_FRAMES)
    return [start + _MIDDLE if start + _MIDDLE < frames else start for start in starts]


@dataclass(frozen=True, slots=True)
class CueSource:
    """One motion cue a segment, cropped for an encoder."""

    crops: tuple[int, ...]
    image_size: int
    counted: Counted
    window: int
    threshold: int
    settings: CueSettings

    def key(self, video: Video) -> str:
        """A hash that changes whenever the motion cues do."""
        return self.counted.digest(video, self.window, self.threshold)

    def chunks(self, video: Video) -> Iterator[Chunk]:
        """Crops of all segments' cues, float32 in 0..1.

        Raises:
            FusevadError: the cues are missing or damaged, or their length is not the video's.
        """
        return in_chunks(self._cues(video), len(self.crops))

    def segments(self, pictures: Iterable[Picture]) -> Iterator[np.ndarray]:
        """See `LiveSource.segments`; a window that reaches beyond its segment makes that wait."""
        name = cue_name(self.window, self.threshold)
        own = replace(self.settings, windows=(self.window,), thresholds=(self.threshold,))
        for counts in cue_counts(pictures, own):
            yield self._images(counts[name])

    def _cues(self, video: Video) -> Iterator[tuple[int, np.ndarray]]:
        counts = self.counted.counts(video, self.window, self.threshold)
        return ((segment, self._images(count)) for segment, count in enumerate(counts))

    def _images(self, count: np.ndarray) -> np.ndarray:
        cue = normalise(count, self.window, self.settings)
        return crop_images(cue, self.crops, self.image_size)


def images_in_chunk(crops: int) -> int:
    """Images of a whole chunk of pictures with so many crops each."""
    return max(_CHUNK_IMAGES // crops, 1) * crops


def in_chunks(pictures: Iterator[tuple[int, np.ndarray]], crops: int) -> Iterator[Chunk]:
    """Join pictures, each with its segment and as an array of its crops, into chunks."""
    segments: list[int] = []
    images: list[np.ndarray] = []
    for segment, crop_pictures in pictures:
        segments.append(segment)
        images.append(crop_pictures)
        if (len(segments) + 1) * crops > _CHUNK_IMAGES:
            yield Chunk(np.array(segments), np.concatenate(images))
            segments, images = [], []
    if segments:
        yield Chunk(np.array(segments), np.concatenate(images))
