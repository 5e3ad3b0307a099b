"""What it costs to watch cameras: real RTSP streams on loopback, 640x480, 25 frames a second.

    python benchmarks/watch.py --model model.fusevad [--minutes 10] [--cameras 1] [--cuts 20]

Needs the server that `.ci/run` installs. Each camera is a process `fusevad watch --scores`. Prints
processor seconds per second of stream, latencies (from the arrival of a segment's last picture to
its score), dropped segments and memory over time. Then the server of a camera is killed and started
again `--cuts` times, and it prints how often the watch came back and what that did to its memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.made_up_cameras import Camera

WIDTH, HEIGHT, FPS, LOOP_SECONDS = 640, 480, 25, 20
WARM_SECONDS = 40.0
EVERY_SECONDS = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


def write_loop(path: Path) -> Path:
    """A noisy street of moving blocks, encoded as cameras do: a key frame a second."""
    random = np.random.default_rng(0)
    street = np.kron(random.integers(40, 200, (HEIGHT // 16, WIDTH // 16, 3)), np.ones((16, 16, 1)))
    noises = random.normal(0, 4, (8, HEIGHT, WIDTH, 1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "g": str(FPS), "crf": "18"}
        for number in range(FPS * LOOP_SECONDS):
            image = street + np.roll(noises[number % 8], 37 * number, axis=1)
            for block in range(6):
                left = ((2 + block) * number) % (WIDTH - 60)
                image[70 * block : 70 * block + 60, left : left + 40] = 30 * block + 40
            shown = np.clip(image, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_repeated(loop: Path, path: Path, seconds: float) -> Path:
    """The loop again and again, without encoding it again."""
    with av.open(str(path), "w") as target:
        stream, begin = None, 0
        while begin * LOOP_SECONDS < seconds:
            with av.open(str(loop)) as source:
                own = source.streams.video[0]
                stream = stream or target.add_stream_from_template(own)
                shift = round(begin * LOOP_SECONDS / own.time_base)
                for packet in source.demux(own):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        target.mux(packet)
            begin += 1
    return path


class Watcher:
    """A process that watches a camera; its lines are read as they come."""

    def __init__(self, model: Path, port: int) -> None:
        program = "from fusevad.cli import main; main()"
        command = [sys.executable, "-c", program, "watch", f"rtsp://127.0.0.1:{port}/cam"]
        self._process = subprocess.Popen(
            [*command, "--model", str(model), "--scores"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.scores: list[dict] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            values = json.loads(line)
            if values["type"] == "score":
                self.scores.append(values)

    @property
    def cpu(self) -> float:
        """Processor seconds so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> int:
        """Resident memory in MB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) >> 10

    def wait_for(self, count: int, seconds: float = 120) -> None:
        """Wait until so many segments are scored."""
        deadline = time.monotonic() + seconds
        while len(self.scores) < count:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise SystemExit(f"no scores: {self.end()}")
            time.sleep(0.1)

    def end(self) -> str:
        """Stop as a service is stopped; its last line about itself."""
        self._process.terminate()
        assert self._process.stderr is not None
        errors = self._process.stderr.read()
        self._process.wait()
        return f"status {self._process.returncode}: {errors.splitlines()[-1]}"


def measure_load(model: Path, film: Path, cameras: int, seconds: float) -> None:
    """Watch cameras for some time and print what it took."""
    sources = [Camera("--file", str(film)) for _ in range(cameras)]
    watchers = [Watcher(model, source.port) for source in sources]
    for watcher in watchers:
        watcher.wait_for(1)
    time.sleep(WARM_SECONDS)
    first = [len(watcher.scores) for watcher in watchers]
    begin, before = time.monotonic(), [watcher.cpu for watcher in watchers]
    memory = []
    while time.monotonic() - begin < seconds:
        memory.append(max(watcher.memory for watcher in watchers))
        time.sleep(EVERY_SECONDS)
    passed = time.monotonic() - begin
    cpu = [(w.cpu - b) / passed for w, b in zip(watchers, before, strict=True)]
    scored = [w.scores[k:] for w, k in zip(watchers, first, strict=True)]
    ends = [watcher.end() for watcher in watchers]
    for source in sources:
        source.kill()
    late = np.array([each["latency_seconds"] for part in scored for each in part])
    print(f"{cameras} cameras, {passed:.0f} s, load average {os.getloadavg()[0]:.1f}")
    print(f"processor seconds per second of stream: {np.mean(cpu):.3f}")
    print(f"segments scored: {len(late)} of {round(cameras * passed * FPS / 16)}")
    print(f"latency: median {np.median(late):.3f} s, 95 % {np.quantile(late, 0.95):.3f} s, most "
          f"{late.max():.3f} s")  # fmt: skip
    print(f"dropped: {sum(part[-1]['dropped'] for part in scored)}")
    print(f"memory in MB, every {EVERY_SECONDS:.0f} s: {memory}")
    print(*ends, sep="\n", flush=True)


def measure_cuts(model: Path, film: Path, cuts: int) -> None:
    """Kill the server again and again."""
    camera = Camera("--file", str(film))
    watcher = Watcher(model, camera.port)
    watcher.wait_for(8)
    memory, back = [watcher.memory], []
    for _ in range(cuts):
        camera.kill()
        time.sleep(1)
        camera.start()
        begin, scored = time.monotonic(), len(watcher.scores)
        watcher.wait_for(scored + 4)
        back.append(time.monotonic() - begin - 4 * 16 / FPS)
        memory.append(watcher.memory)
    print(f"{cuts} cuts: connected again after {np.median(back):.1f} s, at most {max(back):.1f} s")
    print(f"memory in MB before, and after each cut: {memory}")
    print(watcher.end())
    camera.kill()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--cuts", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        loop = write_loop(Path(folder) / "loop.mp4")
        seconds = options.minutes * 60 + 3 * WARM_SECONDS
        film = write_repeated(loop, Path(folder) / "film.mp4", seconds)
        print(f"{8 * loop.stat().st_size / LOOP_SECONDS / 1e6:.1f} Mbit/s")
        if options.minutes:
            measure_load(options.model, film, options.cameras, options.minutes * 60)
        if options.cuts:
            measure_cuts(options.model, film, options.cuts)


if __name__ == "__main__":
    main()
