"""A camera that sends a film by RTSP, as Debian's GStreamer server, and that can be killed."""

import socket
import subprocess
import time
from functools import cache
from pathlib import Path

import av
import numpy as np

SERVER = Path(__file__).with_name("rtsp_server.py")
# Debian's, which has the bindings of GStreamer.
PYTHON = "/usr/bin/python3"
_NEEDED = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(map(Gst.ElementFactory.find, ("qtdemux", "rtph264pay")))
"""


@cache
def has_server() -> bool:
    """Whether this machine has all that the server needs."""
    try:
        found = subprocess.run([PYTHON, "-c", _NEEDED], capture_output=True)
    except OSError:
        return False
    return found.returncode == 0


def write_film(path: Path, seconds: int, size: tuple[int, int] = (64, 48)) -> Path:
    """A moving bar, 25 frames a second, as cameras encode: a key frame a second, none reordered."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "25"}
        for number in range(25 * seconds):
            image = np.full((size[1], size[0], 3), 90, np.uint8)
            left = 3 * number % (size[0] - 12)
            image[8:28, left : left + 12] = [220, 30 + 2 * (number % 50), 90]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


class Camera:
    """A server on a port of its own."""

    def __init__(self, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._options = options
        self.start()

    def start(self) -> None:
        """Serve; returns when it answers."""
        command = [PYTHON, str(SERVER), str(self.port), *self._options]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        wait_until_it_answers(self.port)

    @property
    def pid(self) -> int:
        """Process of the server."""
        return self._process.pid

    def kill(self) -> None:
        """As when its power fails."""
        self._process.kill()
        self._process.wait()


def wait_until_it_answers(port: int) -> None:
    """Wait until a server on this machine takes connections."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing answers on port {port}")
