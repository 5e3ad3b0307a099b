"""Motion cues from the events of a real camera, in the format of cues from frames.

The camera's frame k lasts as long as frame k of the video, whose first frame is at second 0 of the
stream: from k / F to (k + 1) / F seconds at F frames a second, or by its time stamps if the rate
varies. Each event, of either polarity, is counted in the cell of its pixel on a grid of the size of
the resized frame (340 x 256). A cell counts once a frame if it gets more than tau events, and a cue
is the number of frames of its window that count, over T: the paper's synthetic cue, with E_t = 1
where the camera saw changes instead of where gray levels differ. The paper does not say how it made
images from its real events; this is our reading.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from fusevad.cues.count import window_counts
from fusevad.cues.settings import CameraCueSettings
from fusevad.cues.store import write_cues
from fusevad.data.footage import edges, known_rate
from fusevad.data.manifest import Video, read_manifest, shard
from fusevad.data.recorded.convert import Events, read_events
from fusevad.data.recorded.inventory import Inventory, RawVideo
from fusevad.data.recorded.settings import EventSettings, LayoutSettings
from fusevad.errors import FusevadError
from fusevad.files import settings_hash, sha256
from fusevad.video.decode import FRAME_SIZE

# The length of a stream may differ from its video's by the larger of the two.
_TOLERANCE_SECONDS, _TOLERANCE_SHARE = 2.0, 0.05


def make_camera_cues(
    manifest: Path,
    folder: Path,
    shard_index: int,
    shard_count: int,
    settings: CameraCueSettings,
    out: Path,
) -> None:
    """Write the cues of a shard's videos from their event streams, as `make_cues` does from frames.

    Args:
        manifest: of the videos that the camera filmed; event streams have their names.
        folder: the raw data of the event streams.
        shard_index, shard_count: as in `make_cues`.
        settings: what is counted.
        out: the shard to write.

    Raises:
        FusevadError: a stream is missing or unreadable, or its length differs from its video's, or
            a video whose frames' times are read has changed.
    """
    videos = shard(read_manifest(manifest), shard_index, shard_count)
    streams = _streams(folder, videos, settings.layout)

    def counts(video: Video) -> Iterator[dict[str, np.ndarray]]:
        file = streams[video.name].files[0]
        events = read_events(file, settings.layout.events)
        _check_length(file, events, video)
        totals = camera_totals(events, video, settings)
        return window_counts(totals, settings.cues)

    def source(video: Video) -> str:
        file = streams[video.name].files[0]
        layout = repr(settings.layout.events)
        length: list[object] = [video.frames, video.fps]
        if video.variable_rate:  # else as in shards from before it counted
            length.append("variable")
        hashes = {"file": sha256(file), "video": video.sha256}
        return settings_hash({**hashes, "layout": layout, "length": length})

    write_cues("camera-cues", videos, settings.cues, source, counts, out)


def camera_totals(
    events: Events, video: Video, settings: CameraCueSettings
) -> Iterator[np.ndarray]:
    """After each frame of a video, how many frames had events so far, for `window_counts`.

    Yields:
        (thresholds, 256, 340) uint8, modulo 256; the same array every time, updated.
    """
    width, height = FRAME_SIZE
    cells = _cells(events, settings.layout.events)
    # Rounded first: 0.28 s are 280000.00000000006 microseconds.
    times = np.ceil(np.round(edges(video) * 1e6, 3)).astype(np.int64)
    limits = np.array(settings.cues.thresholds)[:, None]
    total = np.zeros((len(limits), height * width), np.uint8)
    for start, end in pairwise(np.searchsorted(events.times, times)):
        total += np.bincount(cells[start:end], minlength=height * width) > limits
        yield total.reshape(-1, height, width)


def _cells(events: Events, sensor: EventSettings) -> np.ndarray:
    """The cell of each event, numbered line by line."""
    width, height = FRAME_SIZE
    rows = events.rows.astype(np.int32) * height // sensor.height
    return rows * width + events.columns.astype(np.int32) * width // sensor.width


def _streams(folder: Path, videos: Sequence[Video], layout: LayoutSettings) -> dict[str, RawVideo]:
    found = Inventory.of(folder).raw_videos(layout, [video.name for video in videos])
    streams = {name: raw for name, raw in found.items() if raw.kind == "events"}
    missing = [video.name for video in videos if video.name not in streams]
    if missing:
        raise FusevadError(
            f"{folder}: {len(missing)} of {len(videos)} videos have no event stream, the first is"
            f" {missing[0]}; get them, or leave the videos out"
        )
    return streams


def _check_length(file: Path, events: Events, video: Video) -> None:
    expected, found = video.frames / known_rate(video), float(events.times[-1]) / 1e6
    if abs(found - expected) > max(_TOLERANCE_SECONDS, _TOLERANCE_SHARE * expected):
        raise FusevadError(
            f"{file}: events up to {found:.1f} s of a video of {expected:.1f} s; they belong to"
            " another video, or their clock does not start with it: get the stream again"
        )
