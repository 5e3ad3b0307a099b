"""A camera that is lost is tried again, less and less often; other trouble ends the watch."""

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
from av.video.frame import VideoFrame

from fusevad.cues.settings import CueSettings
from fusevad.deploy.watch import reader as module
from fusevad.deploy.watch.address import Address
from fusevad.deploy.watch.reader import Reader
from fusevad.deploy.watch.times import Shown
from fusevad.deploy.watch.waiting import Segment, SegmentQueue
from fusevad.embed.image_sources import CueSource
from fusevad.errors import FusevadError
from fusevad.video.live import LostError

CAMERA = Address("rtsp", "rtsp://bob:secret@host/cam", "rtsp://host/cam")


class OneSegment:
    """A connection that gives a segment and is lost."""

    ended = False
    late_packets = 35

    def __init__(self, *_: object) -> None:
        pass


def lost_after_a_segment(*_: object) -> Iterator[Segment]:
    yield Segment({}, 1, 0.0, 1.0, 1.0)
    raise LostError("rtsp://host/cam: connection lost")


def read(monkeypatch, results: list[str]) -> tuple[Reader, list[float]]:
    """Run a reader whose connections give these results; it is stopped after the last one."""
    reader = Reader(CAMERA, "camera", {}, SegmentQueue(drops=True))
    left = list(results)
    pauses: list[float] = []

    @contextlib.contextmanager
    def opened(_: Address) -> Iterator[None]:
        result = left.pop(0)
        if result == "refused":
            raise FusevadError("refused")
        if result == "bug":
            raise ZeroDivisionError
        if result == "lost":
            raise LostError("rtsp://host/cam: no connection")
        yield

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        if not left:
            reader._stop.set()
        return False

    monkeypatch.setattr(module, "open_source", opened)
    monkeypatch.setattr(module, "Feed", OneSegment)
    monkeypatch.setattr(module, "_segments", lost_after_a_segment)
    monkeypatch.setattr(module.random, "uniform", lambda *_: 1.0)
    monkeypatch.setattr(reader._stop, "wait", wait)
    reader.start()
    reader._thread.join(60)  # a machine under load collects garbage slowly
    return reader, pauses


def test_pauses_grow_up_to_half_a_minute(monkeypatch):
    reader, pauses = read(monkeypatch, ["lost"] * 7)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert (reader.connections, reader.trouble) == (0, "rtsp://host/cam: no connection")
    assert reader.error is None


def test_a_camera_that_gave_pictures_is_tried_soon(monkeypatch):
    reader, pauses = read(monkeypatch, ["lost", "lost", "a segment", "lost", "a segment"])
    assert pauses == [1, 2, 1, 2, 1]
    assert reader.connections == 2


def test_segments_that_came_too_late_are_counted_over_all_connections(monkeypatch):
    reader, _ = read(monkeypatch, ["a segment", "lost", "a segment"])
    assert reader.lost == 2 * (35 // 16)


class SteadyFeed:
    """Pictures of a camera, 25 a second."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def stretch(self) -> Iterator[tuple[VideoFrame, Shown]]:
        for number in range(self.frames):
            picture = np.full((64, 64, 3), number, np.uint8)
            frame = VideoFrame.from_ndarray(picture).reformat(format="yuv420p")
            yield frame, Shown(number / 25, False)


@pytest.mark.parametrize("window", [8, 16, 64])
def test_a_segment_has_the_times_of_its_16_frames_however_long_the_motion_cues_window(window):
    settings = CueSettings(definition="paper", windows=(window,), thresholds=(10,))
    cue = CueSource((0,), 32, None, window, 10, settings)
    found = list(module._segments(SteadyFeed(70), {"motion": cue}, stretch=1))
    times = [(each.start, each.end) for each in found]
    expected = [(0.0, 0.64), (0.64, 1.28), (1.28, 1.92), (1.92, 2.56), (2.56, 2.8)]
    assert times == [pytest.approx(each) for each in expected]


@pytest.mark.parametrize(
    ("result", "kind"), [("refused", FusevadError), ("bug", ZeroDivisionError)]
)
def test_other_trouble_ends_the_thread_and_is_kept_for_the_watch(monkeypatch, result, kind):
    reader, pauses = read(monkeypatch, ["lost", result])
    assert type(reader.error) is kind
    assert pauses == [1]
    assert reader._queue.finished
