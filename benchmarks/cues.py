"""Cost of motion cues against pure decoding, as ratios of CPU time in one run.

    python benchmarks/cues.py VIDEO [VIDEO ...]

Each stage contains the one before it: decode, + resize to 340x256 RGB, + count all windows and
thresholds. The best of five rounds counts, the stages taking turns.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import av

from fusevad.cues import CueSettings, cue_counts
from fusevad.video import read_frames

ROUNDS = 5


def decode(path: Path) -> int:
    """Decode all frames, nothing else; returns their number."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def resize(path: Path) -> int:
    """Decode, convert and resize."""
    return sum(1 for _ in read_frames(path))


def count(path: Path) -> int:
    """Decode, convert, resize and count."""
    return sum(1 for _ in cue_counts(read_frames(path), CueSettings()))


def seconds(stage: Callable[[Path], int], path: Path) -> float:
    """CPU time of one call."""
    start = time.process_time()
    stage(path)
    return time.process_time() - start


def main() -> None:
    """Print a line a video."""
    stages = (decode, resize, count)
    print("video  frames  decode ms/frame  +resize  +count  (ratios to decode)")
    for name in sys.argv[1:]:
        path = Path(name)
        frames = decode(path)
        rounds = [[seconds(stage, path) for stage in stages] for _ in range(ROUNDS)]
        best = [min(values) for values in zip(*rounds, strict=True)]
        ratios = "  ".join(f"{value / best[0]:.2f}" for value in best[1:])
        print(f"{path.name}  {frames}  {best[0] / frames * 1000:.3f}  {ratios}")


if __name__ == "__main__":
    main()
