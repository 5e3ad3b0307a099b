"""What it costs to watch cameras: real RTSP streams on loopback, 640x480, 25 frames a second.

    python benchmarks/watch.py --model model.fusevad --cameras 4 8 12 --minutes 2 --out watch.csv
    python benchmarks/watch.py --model model.fusevad --cameras 1 --minutes 60
    python benchmarks/watch.py --model model.fusevad --cuts 20

Needs the RTSP server that `.ci/run` installs. The server runs in a process of its own and sends
H.264 that was encoded beforehand, at 2 Mbit/s. Each camera is watched by its own `fusevad watch
--scores` process, as a user would run it, and all cameras of a row run at the same time. The script
prints one row for each number of cameras, and writes them to `--out`: processor seconds per second
of stream (for watching and for the server), seconds that runnable threads waited for a processor,
segments scored and dropped, latency (from the arrival of a segment's last picture to its score),
and memory, which it also prints every minute. With `--cuts N`, it kills and restarts the server of
one camera N times, and prints how long each reconnection took and the memory after it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
import pandas as pd

from fusevad.csv_tables import write_csv
from fusevad.plan.made import processor

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.made_up_cameras import Camera

WIDTH, HEIGHT, FPS, LOOP_SECONDS = 640, 480, 25, 20
BIT_RATE = "2M"  # usual for such a camera
SEGMENT_SECONDS = 16 / FPS
WARM_SECONDS = 40.0
EVERY_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


def write_loop(path: Path) -> Path:
    """A noisy street of moving blocks, encoded as cameras do: a key frame a second."""
    random = np.random.default_rng(0)
    street = np.kron(random.integers(40, 200, (HEIGHT // 16, WIDTH // 16, 3)), np.ones((16, 16, 1)))
    noises = random.normal(0, 4, (8, HEIGHT, WIDTH, 1))
    rate = {"b": BIT_RATE, "maxrate": BIT_RATE, "bufsize": BIT_RATE}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "g": str(FPS), **rate}
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


def processor_seconds(process: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def waited_seconds(process: int) -> float:
    """How long threads of a process that could run have waited for a processor so far."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[1]) for each in tasks) / 1e9


def memory(process: int, name: str) -> int:
    """Memory of a process in MB: `Rss`, resident, or `Pss`, with its share of what others use."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(text.split(f"\n{name}:")[1].split()[0]) >> 10


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
            start_new_session=True,  # as a service has: Linux shares processors among sessions
        )
        self.pid = self._process.pid
        self.scores: list[dict] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            values = json.loads(line)
            if values["type"] == "score":
                self.scores.append(values)

    def wait_for(self, count: int, seconds: float = 300) -> None:
        """Wait until so many segments are scored."""
        deadline = time.monotonic() + seconds
        while len(self.scores) < count:
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.stop()
                raise SystemExit(f"no scores: {self.end()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop as a service is stopped."""
        self._process.terminate()

    def end(self) -> str:
        """Wait for the end; the last line about itself."""
        assert self._process.stderr is not None
        errors = self._process.stderr.read()
        self._process.wait()
        own = [line for line in errors.splitlines() if line.startswith("fusevad:")]
        return f"status {self._process.returncode}: {own[-1] if own else errors}"


@dataclass(frozen=True, slots=True)
class Row:
    """Cameras that were watched side by side; a column of `--out` each."""

    processor: str
    cores: int
    cameras: int
    seconds: int
    load_before: float
    cpu_per_stream_second: float
    server_cpu_per_stream_second: float
    waited_per_stream_second: float
    scored: int
    dropped: int
    dropped_percent: float
    latency_median: float
    latency_95: float
    latency_most: float
    resident_mb: int
    total_mb: int


@contextmanager
def watching(model: Path, film: Path, cameras: int) -> Iterator[tuple[Camera, list[Watcher]]]:
    """A server, and processes that watch a stream of it each."""
    server = Camera("--file", str(film))
    watchers = [Watcher(model, server.port) for _ in range(cameras)]
    try:
        for watcher in watchers:
            watcher.wait_for(1)
        yield server, watchers
    finally:
        for watcher in watchers:
            watcher.stop()
        print(*(watcher.end() for watcher in watchers), sep="\n", flush=True)
        server.kill()


def measure_load(model: Path, film: Path, cameras: int, seconds: float) -> Row:
    """Watch cameras for some time."""
    load = round(os.getloadavg()[0], 1)
    with watching(model, film, cameras) as (server, watchers):
        time.sleep(WARM_SECONDS)
        first = [len(watcher.scores) for watcher in watchers]
        pids = [watcher.pid for watcher in watchers]
        begin, before = time.monotonic(), [processor_seconds(p) for p in (*pids, server.pid)]
        waited = sum(map(waited_seconds, pids))
        show_memory(pids, begin + seconds)
        passed = time.monotonic() - begin
        waited = sum(map(waited_seconds, pids)) - waited
        used = [processor_seconds(p) - b for p, b in zip((*pids, server.pid), before, strict=True)]
        scored = [w.scores[k - 1 :] for w, k in zip(watchers, first, strict=True)]
        late = [each["latency_seconds"] for part in scored for each in part[1:]]
        dropped = sum(part[-1]["dropped"] - part[0]["dropped"] for part in scored)
        return Row(
            processor(),
            len(os.sched_getaffinity(0)),
            cameras,
            round(passed),
            load,
            round(sum(used[:-1]) / passed / cameras, 3),
            round(used[-1] / passed / cameras, 3),
            round(waited / passed / cameras, 3),
            len(late),
            dropped,
            round(100 * dropped / (dropped + len(late)), 2),
            *(round(float(np.quantile(late, q)), 3) for q in (0.5, 0.95, 1)),
            max(memory(p, "Rss") for p in pids),
            sum(memory(p, "Pss") for p in pids),
        )


def show_memory(pids: list[int], end: float) -> None:
    """Print the resident memory of the largest process each minute, until a time is reached."""
    begin = time.monotonic()
    while (left := end - time.monotonic()) > 0:
        passed, largest = time.monotonic() - begin, max(memory(pid, "Rss") for pid in pids)
        print(f"minute {passed / 60:.0f}: {largest} MB", flush=True)
        time.sleep(min(EVERY_SECONDS, left))


def measure_cuts(model: Path, film: Path, cuts: int) -> None:
    """Kill the server again and again."""
    with watching(model, film, 1) as (server, (watcher,)):
        watcher.wait_for(8)
        print(f"before: {memory(watcher.pid, 'Rss')} MB", flush=True)
        back = []
        for cut in range(cuts):
            server.kill()
            time.sleep(1)
            server.start()
            begin, scored = time.monotonic(), len(watcher.scores)
            watcher.wait_for(scored + 4)
            back.append(time.monotonic() - begin - 4 * SEGMENT_SECONDS)
            print(f"cut {cut + 1}: {back[-1]:.1f} s, {memory(watcher.pid, 'Rss')} MB", flush=True)
    print(f"{cuts} cuts: back after {np.median(back):.1f} s, at most {max(back):.1f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--cameras", type=int, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--cuts", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        loop = write_loop(Path(folder) / "loop.mp4")
        print(f"{8 * loop.stat().st_size / LOOP_SECONDS / 1e6:.1f} Mbit/s", flush=True)
        seconds = 60 * options.minutes
        film = write_repeated(loop, Path(folder) / "film.mp4", seconds + 600)
        rows = []
        for cameras in options.cameras:
            rows.append(asdict(measure_load(options.model, film, cameras, seconds)))
            print(json.dumps(rows[-1]), flush=True)
        if options.out:
            write_csv(pd.DataFrame(rows), options.out)
        if options.cuts:
            measure_cuts(options.model, film, options.cuts)


if __name__ == "__main__":
    main()
