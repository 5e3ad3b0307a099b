"""What the renderer knows about the middle frame of each segment of its videos."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fusevad.data.manifest import Video
from fusevad.data.render.frames import Frame, Stage, direct
from fusevad.data.render.plan import VideoPlan, plan
from fusevad.data.render.settings import RenderSettings
from fusevad.embed.image_sources import Chunk, in_chunks, middle_frames
from fusevad.errors import FusevadError

# Turns a frame into its vector, (D,) float32, which is not all zeros.
Describe = Callable[[Frame], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class RenderedSource:
    """Vectors of the middle frames, without reading a video."""

    render: RenderSettings
    describe: Describe

    def key(self, video: Video) -> str:
        """A hash that changes whenever the video's bytes do."""
        return video.sha256

    def chunks(self, video: Video) -> Iterator[Chunk]:
        """A vector a segment.

        Raises:
            FusevadError: the renderer made no such video.
        """
        return in_chunks(self._described(video), 1)

    def _described(self, video: Video) -> Iterator[tuple[int, np.ndarray]]:
        stage = Stage(direct(plan_of(video, self.render), self.render))
        for segment, index in enumerate(middle_frames(video.frames)):
            frame = Frame(index, np.empty(0), "", stage)
            yield segment, self.describe(frame)[None]


def plan_of(video: Video, render: RenderSettings) -> VideoPlan:
    """How a video was rendered.

    Raises:
        FusevadError: it was not, or with other settings.
    """
    found = _plans(render).get(video.name)
    if found is None or found.frames != video.frames:
        raise FusevadError(
            f"{video.path}: not a video that the renderer makes with the data set's settings; make"
            " the data set and its manifest again"
        )
    return found


@lru_cache(maxsize=1)
def _plans(render: RenderSettings) -> dict[str, VideoPlan]:
    return {each.name: each for each in plan(render)}
