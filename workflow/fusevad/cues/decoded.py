"""Motion cues that are counted while a video is decoded, and stored nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fusevad.cues.count import cue_counts
from fusevad.cues.settings import CAMERA, CueSettings, cue_name
from fusevad.data.footage import open_footage
from fusevad.data.manifest import Video
from fusevad.errors import FusevadError


@dataclass(frozen=True, slots=True)
class DecodedCues:
    """The counts of any video, as `make_cues` would store them.

    Raises:
        FusevadError: cues of a camera, which no video has.
    """

    settings: CueSettings

    def __post_init__(self) -> None:
        if self.settings.definition == CAMERA:
            raise FusevadError(
                "motion cues of a camera's events can't be counted from videos; name their shards"
            )

    def digest(self, video: Video, window: int, threshold: int) -> str:
        """See `Counted.digest`."""
        del window, threshold
        return video.sha256

    def counts(self, video: Video, window: int, threshold: int) -> Iterator[NDArray[np.uint8]]:
        """See `Counted.counts`.

        Raises:
            FusevadError: the video fails to decode, or is not the manifest's.
        """
        name = cue_name(window, threshold)
        own = replace(self.settings, windows=(window,), thresholds=(threshold,))
        for counts in cue_counts(open_footage(video).pictures(), own):
            yield counts[name]
