"""Count the motion cues of a shard: one decode of each video, finished videos are kept."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fusevad.cues.count import cue_counts
from fusevad.cues.settings import CueSettings, cue_name
from fusevad.cues.shards import MadeWith, NewVideo, compress, open_shard, write_shard
from fusevad.data.footage import open_footage
from fusevad.data.manifest import Video, read_manifest, shard
from fusevad.errors import FusevadError, notice
from fusevad.files import progress_folder, settings_hash
from fusevad.plan.stage import STAGES
from fusevad.video.pixels import PIXELS_VERSION

_Key = tuple[str, str, int]  # name, source and segments of a video, as in `VideoCues`
_Place = tuple[Path, int]  # a shard, and the place of a video's first segment


def make_cues(
    manifest: Path, shard_index: int, shard_count: int, settings: CueSettings, out: Path
) -> None:
    """Write the motion cues of a shard's videos.

    Finished videos are kept in a hidden folder beside `out`, so that a killed job loses at most
    one. Kept videos, and those of an earlier `out`, are verified by their hashes first.

    Raises:
        FusevadError: a video fails to decode, or its number of frames is not the manifest's.
    """

    def counts(video: Video) -> Iterator[dict[str, np.ndarray]]:
        return cue_counts(open_footage(video).pictures(), settings)

    videos = shard(read_manifest(manifest), shard_index, shard_count)
    write_cues("cues", videos, settings, lambda video: video.sha256, counts, out)


def write_cues(
    stage: str,
    videos: Sequence[Video],
    settings: CueSettings,
    source: Callable[[Video], str],
    counts: Callable[[Video], Iterator[dict[str, np.ndarray]]],
    out: Path,
) -> None:
    """Write the motion cues of some videos; see `make_cues`.

    Args:
        stage: whose version the shard notes: what another version counted is not kept.
        videos: of a shard.
        settings: definition, windows and thresholds.
        source: returns a hash, in hexadecimal digits, of the source of a video's cues.
        counts: counts the cues of a video, as `cue_counts` does.
        out: the shard to write.
    """
    names = tuple(cue_name(t, tau) for t in settings.windows for tau in settings.thresholds)
    made_with = MadeWith(PIXELS_VERSION, settings.definition, names, STAGES[stage].version)
    progress = progress_folder(out, asdict(made_with))
    keys: list[_Key] = [(video.name, source(video), video.segments) for video in videos]
    frames = {video.name: video.frames for video in videos}
    kept = _whole_videos(out, made_with, frames)
    unchanged = bool(kept) and list(kept) == keys
    for key, video in zip(keys, tqdm(videos, desc="motion cues", unit="video"), strict=True):
        if key in kept:
            continue
        part = progress / f"{settings_hash({'video': key})}.h5"
        if key not in _whole_videos(part, made_with, frames):
            new = NewVideo(*key, map(compress, counts(video)), video.frames)
            write_shard(part, made_with, [new], video.segments)
        kept[key] = part, 0
    if unchanged:
        out.touch()  # newer than its inputs
    else:
        joined = (_copied(key, *kept[key], frames[key[0]]) for key in keys)
        write_shard(out, made_with, joined, sum(video.segments for video in videos))
    shutil.rmtree(progress)


def _whole_videos(file: Path, made_with: MadeWith, frames: Mapping[str, int]) -> dict[_Key, _Place]:
    """Videos of a shard that can be kept; of a damaged shard, which is named, the undamaged ones.

    Each has its file and the place of its first segment. Those of other numbers of frames than
    `frames` are left out: as many segments may end with other frames.
    """
    if not file.is_file():
        return {}
    kept: dict[_Key, _Place] = {}
    try:
        with open_shard(file) as found:
            if found.index.made_with == made_with:
                for video, start in zip(found.index.videos, found.starts(), strict=True):
                    if video.frames not in (None, frames.get(video.video)):
                        continue
                    for cue in made_with.cues:
                        found.check(cue, video, start)
                    kept[video.video, video.source, video.segments] = file, start
    except FusevadError:
        notice(f"{file}: damaged motion cues; they are made again")
    return kept


def _copied(key: _Key, file: Path, start: int, frames: int) -> NewVideo:
    """A video as stored in another shard."""

    def compressed() -> Iterator[dict[str, bytes]]:
        with open_shard(file) as found:
            for place in range(start, start + key[2]):
                yield {cue: found.compressed(cue, place) for cue in found.index.made_with.cues}

    return NewVideo(*key, compressed(), frames)
