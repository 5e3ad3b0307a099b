"""Cost of motion cues against pure decoding of the same video.

    python benchmarks/cues.py [--rounds N] [VIDEO ...]

Without videos it renders a clip of 20 s, 320x240 pixels and 30 frames/s, as UCF-Crime has them, and
encodes it to H.264 of 1.7 and 0.2 Mb/s. On one core it measures

    decode       frames out of the decoder, nothing else
    cues         decode + all windows and thresholds + ten crops, written to the encoder's batch
    once a crop  the released extractor's habit, for one window and threshold: for each crop decode,
                 resize RGB frames, cut the crop, and count differences of float gray levels in
                 torch; one crop is measured and taken ten times

and then two videos in two processes against one after the other. The stages take turns, and ratios
are of medians; behind them stand the lowest and highest ratio of a round. CPU time counts, as other
programs disturb it least; wall time is printed beside it and tells little on a busy machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from fusevad.cues.count import cue_counts
from fusevad.cues.settings import CueSettings
from fusevad.data.render.dataset import render_video
from fusevad.data.render.plan import plan
from fusevad.data.render.settings import RenderSettings
from fusevad.video.crops import CROP_SIZE, crop_images
from fusevad.video.decode import FRAME_SIZE, SEGMENT_FRAMES, read_pictures
from fusevad.video.settings import CROP_COUNT

RATES = (1_700_000, 200_000)
SECONDS, FPS = 20.0, 30
CROPS = tuple(range(CROP_COUNT))
RELEASED_BATCH = 32  # segments
GRAY_WEIGHTS = torch.tensor([0.2989, 0.5870, 0.1140])

Stage = Callable[[Path], int]
Times = tuple[float, float]  # seconds by each of CLOCKS
CLOCKS = ("CPU", "wall")


def decode(path: Path) -> int:
    """Decode all frames, nothing else; returns their number."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def cues(path: Path) -> int:
    """Crops of all motion cues of each segment, in one batch of uint8; returns their number."""
    settings = CueSettings()
    grid = len(settings.windows) * len(settings.thresholds)
    batch = np.empty((grid, CROP_COUNT, CROP_SIZE, CROP_SIZE), np.uint8)
    made = 0
    for counts in cue_counts(read_pictures(path), settings):
        for count, images in zip(counts.values(), batch, strict=True):
            crop_images(count, CROPS, CROP_SIZE, out=images)
        made += batch.shape[0] * batch.shape[1]
    return made


def one_crop(path: Path) -> int:
    """Cues of one crop, window and threshold, with the released extractor's steps, on the CPU."""
    made, images = 0, []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        for frame in container.decode(video=0):
            image = cv2.resize(frame.to_ndarray(format="bgr24"), FRAME_SIZE)
            images.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            if len(images) == RELEASED_BATCH * SEGMENT_FRAMES:
                made, images = made + _released_cues(images), []
    return made + _released_cues(images[: len(images) // SEGMENT_FRAMES * SEGMENT_FRAMES])


def _released_cues(images: list[np.ndarray]) -> int:
    """Counts of the centre crop of whole segments for T = 16 and tau = 10."""
    if not images:
        return 0
    top, left = (FRAME_SIZE[1] - CROP_SIZE) // 2, (FRAME_SIZE[0] - CROP_SIZE) // 2
    crops = np.array(images)[:, top : top + CROP_SIZE, left : left + CROP_SIZE]
    frames = torch.tensor(crops, dtype=torch.float32).unflatten(0, (-1, SEGMENT_FRAMES))
    gray = torch.tensordot(frames, GRAY_WEIGHTS, dims=1)
    counts = ((gray[:, 1:] - gray[:, :-1]).abs() > 10).float().sum(dim=1)
    return len(counts)


def make_clips(folder: Path) -> list[Path]:
    """Render a fight and encode it at each of RATES."""
    seconds = {"fps": (FPS,), "seconds": (SECONDS, SECONDS + 0.1), "seconds_mode": SECONDS}
    settings = replace(RenderSettings(), crf=8, **seconds)
    video = next(video for video in plan(settings) if video.label == "fighting")
    render_video(video, settings, folder / "rendered.mp4")
    clips = []
    for rate in RATES:
        clips.append(folder / f"{rate / 1e6:.1f}Mbps.mp4")
        with av.open(str(folder / "rendered.mp4")) as source, av.open(str(clips[-1]), "w") as clip:
            stream = clip.add_stream("libx264", rate=FPS)
            stream.width, stream.height = settings.width, settings.height
            stream.pix_fmt, stream.bit_rate = "yuv420p", rate
            for frame in source.decode(video=0):
                frame.pict_type = 0  # the encoder's own choice
                clip.mux(stream.encode(frame))
            clip.mux(stream.encode())
    return clips


@dataclass(frozen=True, slots=True)
class OneCore:
    """Times of each round, of one video on one core.

    Attributes:
        frames: of the video.
        plain: of decoding.
        ours: of decoding and all cues.
        once: of one crop the released extractor's way.
    """

    frames: int
    plain: Sequence[Times]
    ours: Sequence[Times]
    once: Sequence[Times]

    def seconds(self, clock: str) -> tuple[list[float], list[float], list[float]]:
        """By one of CLOCKS: decoding, cues, and the released way for all crops."""
        k = CLOCKS.index(clock)
        plain, ours, once = (
            [times[k] for times in each] for each in (self.plain, self.ours, self.once)
        )
        return plain, ours, [CROP_COUNT * seconds for seconds in once]


def timed(stage: Stage, path: Path) -> Times:
    """CPU and wall time of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    stage(path)
    return time.process_time() - cpu, time.perf_counter() - wall


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> str:
    """Ratio of the medians, and the range of the ratios of paired values."""
    paired = [a / b for a, b in zip(numerators, denominators, strict=True)]
    ratio = statistics.median(numerators) / statistics.median(denominators)
    return f"{ratio:.2f} ({min(paired):.2f} to {max(paired):.2f})"


def on_one_core(path: Path, rounds: int) -> OneCore:
    """Times of the three stages, which take turns."""
    stages = (decode, cues, one_crop)
    for stage in stages:
        stage(path)  # compiles, reads the file
    measured = [[timed(stage, path) for stage in stages] for _ in range(rounds)]
    return OneCore(decode(path), *zip(*measured, strict=True))


def show(path: Path, found: OneCore) -> None:
    """Print the ratios of one video."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate, size = (container.bit_rate or 0) / 1e6, f"{stream.width}x{stream.height}"
    print(f"{path.name}: {found.frames} frames, {size}, {rate:.2f} Mb/s")
    for clock in CLOCKS:
        plain, ours, once = found.seconds(clock)
        print(
            f"  {clock:4}  decode {statistics.median(plain) / found.frames * 1000:.3f} ms/frame"
            f"  cues : decode {ratios(ours, plain)}"
            f"  once a crop : cues {ratios(once, ours)}"
        )


def _cues_timed(path: Path) -> Times:
    return timed(cues, path)


def on_two_cores(path: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Of two videos in two processes against one after the other, in each round.

    Returns:
        How many times as fast they are by the wall, and how many times the CPU time they take.
    """
    speedups, slowdowns = [], []
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(_cues_timed, [path] * 4))  # both compile
        for _ in range(rounds):
            start = time.perf_counter()
            alone = [pool.submit(_cues_timed, path).result() for _ in range(2)]
            middle = time.perf_counter()
            together = list(pool.map(_cues_timed, [path] * 2))
            end = time.perf_counter()
            speedups.append((middle - start) / (end - middle))
            slowdowns.append(sum(cpu for cpu, _ in together) / sum(cpu for cpu, _ in alone))
    return speedups, slowdowns


def show_two(path: Path, speedups: list[float], slowdowns: list[float]) -> None:
    """Print what `on_two_cores` found."""
    print(
        f"{path.name}: two videos in two processes are {statistics.median(speedups):.2f} times as"
        f" fast by the wall ({min(speedups):.2f} to {max(speedups):.2f}), and take"
        f" {statistics.median(slowdowns):.2f} times the CPU time"
    )


def main() -> None:
    """Measure the videos named, or clips of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path, help="videos to measure instead")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        paths = arguments.videos or make_clips(Path(folder))
        for path in paths:
            show(path, on_one_core(path, arguments.rounds))
        for path in paths:
            show_two(path, *on_two_cores(path, arguments.rounds))


if __name__ == "__main__":
    main()
