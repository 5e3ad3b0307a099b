"""Pictures and sound of a manifest's videos, whose files are compared with their hashes first."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fusevad.data.made_videos import hashes_when_made
from fusevad.data.manifest import Video
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.video.decode import FRAME_SIZE, frame_edges, read_frames, read_pictures
from fusevad.video.pixels import Picture
from fusevad.video.sound import read_sound


@dataclass(frozen=True, slots=True)
class Footage:
    """A video whose file is the manifest's: `open_footage` has compared them."""

    video: Video

    def pictures(self, size: tuple[int, int] = FRAME_SIZE, stride: int = 1) -> Iterator[Picture]:
        """See `read_pictures`."""
        return read_pictures(self.video.path, size, self.video.frames, stride)

    def frames(self, size: tuple[int, int] = FRAME_SIZE, stride: int = 1) -> Iterator[np.ndarray]:
        """See `read_frames`."""
        return read_frames(self.video.path, size, self.video.frames, stride)

    def sound(self, edges: Sequence[float], rate: int) -> Iterator[np.ndarray | None]:
        """See `read_sound`."""
        return read_sound(self.video.path, edges, rate)

    def edges(self) -> np.ndarray:
        """See the function `edges`."""
        if self.video.variable_rate:
            return frame_edges(self.video.path, self.video.frames)
        return _even_edges(self.video)


def edges(video: Video) -> np.ndarray:
    """Times of a video's frames: (frames + 1,) seconds from the first frame.

    Frame k is shown from edge k to edge k + 1. The file is read only if its rate is variable, and
    then all of it.

    Raises:
        FusevadError: such a video is missing, has changed or can't be decoded; or no rate is known.
    """
    return open_footage(video).edges() if video.variable_rate else _even_edges(video)


def known_rate(video: Video) -> float:
    """Frames a second.

    Raises:
        FusevadError: features replace the videos, so no rate is known.
    """
    if not video.fps:
        raise FusevadError(
            f"{video.path}: its rate is 0 in the manifest, so the times of its frames are not"
            " known, as of features in place of videos; make the manifest from videos"
        )
    return video.fps


def _even_edges(video: Video) -> np.ndarray:
    return np.arange(video.frames + 1) / known_rate(video)


def open_footage(video: Video) -> Footage:
    """Compare a video's file with the manifest before anything in it is used.

    This takes 0.1 % of the time of counting or embedding (measured on the rendered set).

    Raises:
        FusevadError: the file is missing or has other bytes.
    """
    if not video.path.is_file():
        raise FusevadError(f"{video.path}: no such video; get it, or make the manifest again")
    if sha256(video.path) != video.sha256:
        raise FusevadError(
            f"{video.path}: not the file that the manifest was made from; {_way_back(video)}"
        )
    return Footage(video)


def _way_back(video: Video) -> str:
    """What to do about a video that has other bytes than the manifest says."""
    made_in = next((folder for folder in video.path.parents if folder.name == "videos"), None)
    if made_in is not None and (made_in.parent / "labels.csv").is_file():
        path = os.path.abspath(video.path)
        if hashes_when_made(made_in.parent).get(path) == video.sha256:
            return f"delete {made_in} and run the workflow again"
    return "get it again, or make the manifest again"
