"""Read motion cues of a data set, by video, from its shards."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fusevad.cues.settings import cue_name
from fusevad.cues.shards import CueShard, VideoCues, open_shard
from fusevad.data.manifest import Video
from fusevad.errors import FusevadError
from fusevad.video.pixels import PIXELS_VERSION


class Counted(Protocol):
    """Where the counts of videos come from."""

    def digest(self, video: Video, window: int, threshold: int) -> str:
        """A hash that changes whenever this cue of a video does."""

    def counts(self, video: Video, window: int, threshold: int) -> Iterator[NDArray[np.uint8]]:
        """One cue of a video, segment by segment: (256, 340) counts."""


@dataclass(frozen=True, slots=True)
class _Place:
    file: Path
    start: int
    index: VideoCues


class CueShards:
    """Counts of videos; each cue of a video is verified by its hash before its first use.

    Can be sent to other processes, which open and verify the files themselves.
    """

    def __init__(self, files: Iterable[Path], definition: str | None = None) -> None:
        """Open shards.

        Args:
            files: the shards.
            definition: required definition of the cues, as in `CueSettings`; None allows any.

        Raises:
            FusevadError: a file is missing or damaged, has cues of another definition or version of
                the pixels, or a video is in two files.
        """
        self._places: dict[str, _Place] = {}
        self._open: dict[Path, CueShard] = {}
        self._checked: set[tuple[str, str]] = set()
        for file in files:
            self._add(file, definition)

    def __getstate__(self) -> dict[str, object]:
        """Only the places: an open file can't be sent to another process."""
        return {"_places": self._places, "_open": {}, "_checked": set()}

    def _add(self, file: Path, definition: str | None) -> None:
        shard = self._shard(file)
        made_with = shard.index.made_with
        if definition not in (None, made_with.definition):
            raise FusevadError(
                f"{file}: motion cues of definition {made_with.definition}, not {definition}; name"
                " the shards of that definition"
            )
        found = made_with.pixels_version
        if found != PIXELS_VERSION:
            raise FusevadError(
                f"{file}: motion cues made with version {found} of the pixels, not"
                f" {PIXELS_VERSION}; they can't be mixed with others: delete it and run the"
                " workflow again"
            )
        for video, start in zip(shard.index.videos, shard.starts(), strict=True):
            if video.video in self._places:
                other = self._places[video.video].file
                raise FusevadError(
                    f"{file}: video {video.video} is in {other} too; name each shard once"
                )
            self._places[video.video] = _Place(file, start, video)

    def _shard(self, file: Path) -> CueShard:
        if file not in self._open:
            self._open[file] = open_shard(file)
        return self._open[file]

    def digest(self, video: Video, window: int, threshold: int) -> str:
        """A hash that changes whenever this cue of a video does.

        Raises:
            FusevadError: no shard has the cue, or its number of segments is not the manifest's.
        """
        name = cue_name(window, threshold)
        place = self._place(video)
        if name not in place.index.sha256:
            raise FusevadError(f"{place.file}: no motion cue {name}; run the cues stage with it")
        return place.index.sha256[name]

    def file(self, video: Video) -> Path:
        """The shard of a video."""
        return self._place(video).file

    def counts(self, video: Video, window: int, threshold: int) -> Iterator[NDArray[np.uint8]]:
        """Yield one cue of a video, segment by segment: (256, 340) counts.

        Raises:
            FusevadError: as `digest`, or the cue was damaged.
        """
        yield from self.chosen(video, window, threshold, range(video.segments))

    def chosen(
        self, video: Video, window: int, threshold: int, segments: Sequence[int]
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the counts of some segments of a video, as `counts`."""
        self.digest(video, window, threshold)
        place, name = self._place(video), cue_name(window, threshold)
        shard = self._shard(place.file)
        if (video.name, name) not in self._checked:
            shard.check(name, place.index, place.start)
            self._checked.add((video.name, name))
        for segment in segments:
            yield shard.segment(name, place.start + segment)

    def _place(self, video: Video) -> _Place:
        place = self._places.get(video.name)
        if place is None:
            raise FusevadError(
                f"{video.name}: no motion cues in the given shards; name all shards of the data set"
            )
        if place.index.segments != video.segments:
            raise FusevadError(
                f"{place.file}: {place.index.segments} segments of {video.name}, which has"
                f" {video.segments}; delete it and run the workflow again"
            )
        return place
