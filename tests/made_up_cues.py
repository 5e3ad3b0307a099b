"""Shards of motion cues with made-up counts."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fusevad.cues.count import cue_counts
from fusevad.cues.reading import CueShards
from fusevad.cues.settings import CueSettings
from fusevad.cues.shards import MadeWith, NewVideo, compress, write_shard
from fusevad.data.manifest import read_manifest
from fusevad.video.pixels import PIXELS_VERSION


def write_made_up_shard(
    file: Path, videos: Mapping[str, Mapping[str, Sequence[np.ndarray]]], definition: str = "paper"
) -> None:
    """A shard with, for each video and cue, the counts of its segments."""
    cues = tuple(next(iter(videos.values())))
    new = [
        NewVideo(name, "0" * 64, len(counts[cues[0]]), _segments(counts))
        for name, counts in videos.items()
    ]
    made_with = MadeWith(PIXELS_VERSION, definition, cues)
    write_shard(file, made_with, new, sum(video.segments for video in new))


def _segments(counts: Mapping[str, Sequence[np.ndarray]]) -> Iterator[dict[str, bytes]]:
    for each in zip(*counts.values(), strict=True):
        yield compress(dict(zip(counts, each, strict=True)))


def stored_counts(
    file: Path, manifest: Path, video: str, window: int, threshold: int
) -> np.ndarray:
    """A video's counts in a shard, (segments, 256, 340)."""
    found = {each.name: each for each in read_manifest(manifest)}[video]
    return np.stack(list(CueShards([file]).counts(found, window, threshold)))


def all_counts(frames, definition="paper", **settings):
    """Counts of every video segment, `segments x height x width` by name of the stream."""
    segments = list(cue_counts(frames, CueSettings(definition=definition, **settings)))
    return {name: np.stack([each[name] for each in segments]) for name in segments[0]}
