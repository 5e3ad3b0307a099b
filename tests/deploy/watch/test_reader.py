"""A camera that is lost is tried again, less and less often; other trouble ends the watch."""

import contextlib
from collections.abc import Iterator

import pytest

from fusevad.deploy.watch import reader as module
from fusevad.deploy.watch.address import Address
from fusevad.deploy.watch.reader import Reader
from fusevad.deploy.watch.waiting import Segment, SegmentQueue
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


@pytest.mark.parametrize(
    ("result", "kind"), [("refused", FusevadError), ("bug", ZeroDivisionError)]
)
def test_other_trouble_ends_the_thread_and_is_kept_for_the_watch(monkeypatch, result, kind):
    reader, pauses = read(monkeypatch, ["lost", result])
    assert type(reader.error) is kind
    assert pauses == [1]
    assert reader._queue.finished
