"""Real RTSP streams on this machine; skipped without GStreamer's server (see `.ci/run`)."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest

from fusevad.deploy.choosing import camera_threshold
from fusevad.deploy.detector import Detector
from fusevad.deploy.watch import reader as module
from fusevad.deploy.watch.address import Address
from fusevad.deploy.watch.run import Watch, WatchSettings
from fusevad.errors import FusevadError
from tests.made_up_bundles import threshold
from tests.made_up_cameras import Camera, has_server, write_film

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not has_server(),
        reason="no server of RTSP: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0"
        " gstreamer1.0-plugins-base gstreamer1.0-plugins-good",
    ),
]
SECRET = "p@55word"


@pytest.fixture(scope="module")
def always(made_up, tmp_path_factory) -> Path:
    """A bundle whose threshold is below all scores: one event from the first picture on."""
    file = tmp_path_factory.mktemp("always") / "model.fusevad"
    return made_up.changed(file, thresholds=(threshold(0.001),))


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """A minute, of which nobody waits for the end."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", seconds=60)


@pytest.fixture
def camera(film) -> Iterator[Camera]:
    found = Camera("--file", str(film), "--user", f"bob:{SECRET}")
    yield found
    found.kill()


class Watched:
    """A watch in a thread, and what it has told so far."""

    def __init__(self, model: Path, url: str) -> None:
        detector = Detector.load(model)
        settings = WatchSettings(camera_threshold(detector.about, None, None), scores=True)
        shown = "rtsp://127.0.0.1/cam"
        self.lines: list[dict] = []
        self.error: Exception | None = None
        self.watch = Watch(
            detector,
            Address("rtsp", url, shown),
            settings,
            tell=lambda line: self.lines.append(json.loads(line)),
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.watch.run()
        except FusevadError as error:
            self.error = error

    def of(self, kind: str) -> list[dict]:
        return [each for each in self.lines if each["type"] == kind]

    def wait_for(self, kind: str, count: int, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while len(self.of(kind)) < count:
            assert time.monotonic() < deadline and self._thread.is_alive(), (self.error, self.lines)
            time.sleep(0.05)

    def end(self) -> None:
        self.watch.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()


def url_of(camera: Camera, secret: str = SECRET) -> str:
    return f"rtsp://bob:{secret}@127.0.0.1:{camera.port}/cam"


def test_a_camera_is_scored_at_its_pace(always, camera):
    watched = Watched(always, url_of(camera))
    watched.wait_for("score", 8)
    watched.end()
    steps = [
        b["time_seconds"] - a["time_seconds"]
        for a, b in pairwise(watched.of("score"))
        if a["dropped"] == b["dropped"]  # a machine under load drops segments
    ]
    assert steps and steps == pytest.approx([16 / 25] * len(steps), abs=0.05)
    assert len(watched.of("new")) == 1
    assert watched.lines[-1]["type"] == "end"


def test_a_camera_that_comes_back_soon_continues_its_event(always, camera, monkeypatch, capsys):
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.2)
    watched = Watched(always, url_of(camera))
    watched.wait_for("new", 1)
    before = len(watched.of("score"))
    camera.kill()
    camera.start()
    watched.wait_for("score", before + 5)
    watched.end()
    assert [len(watched.of(kind)) for kind in ("new", "end")] == [1, 1]
    times = [each["time_seconds"] for each in watched.of("score")]
    assert times == sorted(times)
    errors = capsys.readouterr().err
    assert "connected" in errors and "2 connections" in errors
    assert SECRET not in errors and "bob" not in errors


def test_an_event_of_a_camera_that_is_gone_ends(always, camera):
    watched = Watched(always, url_of(camera))
    watched.wait_for("new", 1)
    camera.kill()
    watched.wait_for("end", 1)
    end = watched.of("end")[0]
    last = watched.of("score")[-1]["time_seconds"]
    watched.end()
    assert end["end_seconds"] == pytest.approx(last, abs=1e-6)
    assert len(watched.of("end")) == 1


def test_a_wrong_password_ends_the_watch_and_is_not_told(always, camera):
    watched = Watched(always, url_of(camera, "wr0ng"))
    deadline = time.monotonic() + 30
    while watched.error is None and time.monotonic() < deadline:
        time.sleep(0.05)
    watched.end()
    assert "refuses the user or the password" in str(watched.error)
    assert "wr0ng" not in str(watched.error)


def test_the_password_is_nowhere(always, camera, tmp_path):
    """Not in the list of processes, the lines of JSON, or the log."""
    program = "from fusevad.cli import main; main()"
    command = [sys.executable, "-c", program, "watch", "env:CAMERA", "--model", str(always)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "CAMERA": url_of(camera)},
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    listed = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
    camera.kill()
    time.sleep(2)
    process.terminate()
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "rtsp://127.0.0.1" in first
    assert "rtsp://127.0.0.1" in errors
    for text in (first, listed, out, errors):
        assert SECRET not in text and "bob" not in text


_PEAK = r"""
import re, sys
from fusevad.deploy.watch.address import Address
from fusevad.deploy.watch.feed import Feed, open_source
from fusevad.errors import FusevadError
try:
    Feed(open_source(Address("rtsp", sys.argv[1], "cam")), "cam", "camera", None)
except FusevadError as error:
    print(error)
print(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1])
"""


def test_pictures_larger_than_8k_are_refused_before_they_take_memory(tmp_path):
    film = tmp_path / "large.mp4"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 12_000, 8_000, "yuv420p"
        stream.options = {"preset": "ultrafast", "x264-params": "threads=1:keyint=1:bframes=0"}
        frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for index in range(3):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    camera = Camera("--file", str(film))
    try:
        command = [sys.executable, "-c", _PEAK, f"rtsp://127.0.0.1:{camera.port}/cam"]
        said, peak = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60
        ).stdout.splitlines()
    finally:
        camera.kill()
    assert "pictures of 12000 x 8000 pixels, more than 8K UHD" in said
    assert int(peak) < 250_000  # kB; a picture has 144,000
