"""Pictures of a camera: on time or left out, whole stretches, and damage that passes."""

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fusevad.deploy.watch import feed as module
from fusevad.deploy.watch.address import Address
from fusevad.deploy.watch.feed import Feed, Pace, open_source
from fusevad.errors import FusevadError
from fusevad.video.decode import measure
from fusevad.video.live import LostError
from tests.made_up_cameras import write_film
from tests.made_up_videos import write_stamped

FPS, SECONDS = 25, 12
MILLISECOND = Fraction(1, 1000)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", SECONDS)


class Arrivals:
    """The time of day, once for each packet: on time, but for some that come all at once."""

    def __init__(self, stuck: range = range(0), behind: float = 0.0) -> None:
        self._stuck, self._behind = stuck, behind
        self._packet = -1

    def monotonic(self) -> float:
        self._packet += 1
        packet = max(0, self._packet - 1)  # the first is asked for twice
        begin = self._stuck.start / FPS
        on_time = packet / FPS
        if packet in self._stuck:
            return 1000 + max(begin + self._behind, on_time)
        return 1000 + on_time


def stretches(film: Path, monkeypatch, arrivals: Arrivals, pace: str = "camera"):
    """Seconds of the frames of each stretch, from time 1000, and the feed."""
    monkeypatch.setattr(module, "time", arrivals)
    found = []
    with open_source(Address("file", str(film), "cam")) as container:
        feed = Feed(container, "cam", pace, threading.Event())
        while not feed.ended:
            found.append([shown.time - 1000 for _, shown in feed.stretch()])
    return found, feed


def test_pictures_on_time_are_one_stretch(film, monkeypatch):
    (stamps,), feed = stretches(film, monkeypatch, Arrivals())
    assert stamps == pytest.approx([k / FPS for k in range(FPS * SECONDS)])
    assert feed.late_packets == 0


def test_late_pictures_are_left_out_up_to_a_key_frame_on_time(film, monkeypatch):
    """From picture 60 on, 2.4 s, nothing comes for 4 s, and then all at once."""
    found, feed = stretches(film, monkeypatch, Arrivals(range(60, 160), behind=4.0))
    first, second = found
    assert first[-1] == pytest.approx(59 / FPS)
    # At 6.4 s, the first key frame that is less than half a second late is the one of 6 s.
    assert second[0] == pytest.approx(6.0, abs=0.01)
    assert second[-1] == pytest.approx(SECONDS - 1 / FPS)
    assert feed.late_packets == 6 * FPS - 60


def test_a_second_of_delay_leaves_nothing_out(film, monkeypatch):
    (stamps,), _ = stretches(film, monkeypatch, Arrivals(range(60, 85), behind=1.0))
    assert len(stamps) == FPS * SECONDS


def test_a_file_that_is_read_fast_is_never_late(film, monkeypatch):
    (stamps,), _ = stretches(film, monkeypatch, Arrivals(range(60, 160), behind=4.0), "fast")
    assert len(stamps) == FPS * SECONDS


class Damaged:
    """A packet that does not decode."""

    def __init__(self, packet: av.Packet) -> None:
        self._packet = packet

    def __getattr__(self, name: str) -> object:
        return getattr(self._packet, name)

    def decode(self) -> list[av.VideoFrame]:
        raise av.InvalidDataError(1, "damaged")


def with_damage(film: Path, pace: str, damaged: range) -> int:
    """Frames of a stretch some of whose packets do not decode."""
    with open_source(Address("file", str(film), "cam")) as container:
        feed = Feed(container, "cam", pace, threading.Event())
        packets = feed._packets
        feed._packets = (Damaged(p) if k in damaged else p for k, p in enumerate(packets))
        return sum(1 for _ in feed.stretch())


def test_a_camera_may_send_some_damaged_pictures(film, monkeypatch):
    monkeypatch.setattr(module, "time", Arrivals())
    assert with_damage(film, "camera", range(30, 33)) == FPS * SECONDS - 3


def test_a_camera_that_sends_nothing_else_is_lost(film, monkeypatch):
    monkeypatch.setattr(module, "time", Arrivals())
    with pytest.raises(LostError, match="cam: connection lost"):
        with_damage(film, "camera", range(30, 200))


def test_a_damaged_picture_ends_a_file(film):
    with pytest.raises(FusevadError, match="cam: decoding fails"):
        with_damage(film, "fast", range(30, 31))


def test_a_device_that_is_not_there_may_come_back():
    with pytest.raises(LostError, match="/dev/video99: the camera can't be opened"):
        open_source(Address("device", "/dev/video99", "/dev/video99"))


def read_file(path: Path, pace: Pace) -> int:
    """Pictures of a file that is watched."""
    with open_source(Address("file", str(path), str(path))) as container:
        feed = Feed(container, str(path), pace, threading.Event())
        return sum(1 for _ in feed.stretch())


@pytest.mark.parametrize("pace", ["fast", "recorded"])
def test_a_picture_that_rests_for_a_year_ends_a_file_at_once(tmp_path, pace):
    year = 365 * 86_400_000
    file = write_stamped(tmp_path / "gap.mkv", [0, 40, year, year + 40], MILLISECOND)
    with pytest.raises(FusevadError, match=r"gap.mkv: .* 2 frames last 31536000 seconds"):
        read_file(file, pace)


def test_a_picture_that_rests_for_minutes_is_a_recording(tmp_path):
    stamps = [*range(0, 400, 40), *range(300_000, 301_000, 40)]
    file = write_stamped(tmp_path / "screen.mkv", stamps, MILLISECOND)
    assert read_file(file, "fast") == len(stamps)


def test_more_pictures_a_second_than_cameras_take_end_a_file(tmp_path):
    write_stamped(tmp_path / "hz.mp4", range(40), Fraction(1, 90_000), Fraction(90_000))
    with pytest.raises(FusevadError, match=r"hz.mp4: .* cameras record at most 1000"):
        read_file(tmp_path / "hz.mp4", "fast")


def test_a_file_whose_end_is_missing_is_not_watched(tmp_path):
    whole = write_stamped(tmp_path / "whole.mkv", range(0, 4000, 40), MILLISECOND).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FusevadError, match=r"cut.mkv: truncated"):
        read_file(tmp_path / "cut.mkv", "fast")


def reordered(path: Path, late: int | None = None, by: int = 0) -> bytes:
    """A film of 8 s with reordered frames, one of which may be shown `by` frames late."""
    packets = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"x264-params": "bframes=2:b-adapt=0"}
        for index in range(200):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index, np.uint8), "rgb24")
            frame.pts = index
            for packet in stream.encode(frame):
                packet.pts += by if packets == late else 0
                packets += 1
                container.mux(packet)
        container.mux(stream.encode())
    return path.read_bytes()


def watched(path: Path, pace: Pace = "fast") -> list[list[float]]:
    """Times of the frames of each stretch, from the first frame."""
    found = []
    with open_source(Address("file", str(path), path.name)) as container:
        feed = Feed(container, path.name, pace, threading.Event())
        while not feed.ended:
            found.append([shown.time for _, shown in feed.stretch()])
    return [[time - found[0][0] for time in own] for own in found]


def test_recordings_that_were_joined_follow_each_other(tmp_path):
    once = reordered(tmp_path / "once.ts")
    (tmp_path / "joined.ts").write_bytes(3 * once)
    found = watched(tmp_path / "joined.ts")
    assert [len(own) for own in found] == [200] * 3
    times = [time for own in found for time in own]
    assert times == pytest.approx([k / FPS for k in range(600)], abs=1e-4)
    assert times == pytest.approx(measure(tmp_path / "joined.ts")[1][:-1], abs=1e-4)


def test_a_step_back_by_little_is_one_frame(tmp_path):
    """Picture 101 is shown a second late, and the next ones when they should be.

    `score`, which knows the next ones, has it between its neighbours; here they follow it.
    """
    reordered(tmp_path / "late.ts", late=101, by=FPS)
    (times,) = watched(tmp_path / "late.ts")
    scored = measure(tmp_path / "late.ts")[1][:-1]
    late = int(np.argmax(np.diff(times))) + 1
    assert times[:late] == pytest.approx(scored[:late], abs=1e-4)
    assert times[late:] == pytest.approx(scored[late:] + times[late] - scored[late], abs=1e-4)
    assert (np.diff(times) > 0).all() and (np.diff(scored) > 0).all()


def test_a_picture_that_is_shown_an_hour_late_ends_a_file(tmp_path):
    reordered(tmp_path / "late.ts", late=101, by=3600 * FPS)
    with pytest.raises(FusevadError, match=r"late.ts: .* frames last \d+ seconds"):
        watched(tmp_path / "late.ts")


@pytest.mark.parametrize("set_by", [-3600.0, 3600.0])
def test_a_camera_whose_clock_is_set_goes_on_at_once(tmp_path, monkeypatch, set_by):
    """From packet 100 on its stamps are an hour later or earlier; no time of day is."""
    monkeypatch.setattr(module, "time", Arrivals())
    reordered(tmp_path / "cam.ts")
    with open_source(Address("file", str(tmp_path / "cam.ts"), "cam")) as container:
        feed = Feed(container, "cam", "camera", threading.Event())
        feed._packets = _set(feed._packets, 100, round(set_by * 90_000))
        found = []
        while not feed.ended:
            found.append([shown.time for _, shown in feed.stretch()])
    assert [len(own) for own in found] == [pytest.approx(100, abs=3)] * 2
    times = [time - 1000 for own in found for time in own]
    assert times == pytest.approx([k / FPS for k in range(200)], abs=4 / FPS)


def _set(packets: Iterator[av.Packet], after: int, ticks: int) -> Iterator[av.Packet]:
    for number, packet in enumerate(packets):
        if number >= after and packet.size:
            packet.pts += ticks
            packet.dts += ticks
        yield packet
