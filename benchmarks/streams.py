"""How much of each stream's job is decoding, which one job of several streams would do once.

    python benchmarks/streams.py results/rendered/manifest.csv [--dataset rendered] [--videos 20]

Every stream of the configuration that is not made from motion cues is embedded for the first
videos, with one thread, a stream after the other. The time inside the decoder (of pictures, without
resizing and colours; of sound, with its resampling) is counted where it is spent. All is CPU time,
the least of `--rounds`, without the start of a process and without loading weights. Run it in the
folder of finished results.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import torch
from tqdm import tqdm

import fusevad.embed.streams.audio.embedder as audio
from fusevad.config.load import load_files
from fusevad.data.manifest import Video, read_manifest
from fusevad.embed.embedder import load_embedder, open_source
from fusevad.embed.run import embed_video
from fusevad.embed.streams.registry import kind_of
from fusevad.parsing import parse
from fusevad.plan.jobs import Jobs
from fusevad.video.reader import FrameReader


class Clock:
    """CPU seconds inside decoders.

    Attributes:
        spent: so far.
    """

    def __init__(self) -> None:
        self.spent = 0.0

    def timed(self, read: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The same function of an iterator, each of whose steps is counted."""

        def counted(*args: Any) -> Iterator[Any]:
            steps = read(*args)
            while True:
                start = time.process_time()
                step = next(steps, self)
                self.spent += time.process_time() - start
                if step is self:
                    return
                yield step

        return counted


def embedding(jobs: Jobs, dataset: str, stream: str) -> Callable[[list[Video]], None]:
    """The work of a stream's job on videos, but for loading weights and writing the shard."""
    settings = parse(kind_of(stream).form, jobs.embed(dataset, stream), stream)
    embedder = load_embedder(settings)
    source = open_source(settings, embedder, ())

    def work(videos: list[Video]) -> None:
        with tqdm(disable=True) as bar:
            for video in videos:
                embed_video(video, stream, source.chunks(video), embedder, bar)

    return work


def measured(
    work: Callable[[list[Video]], None], videos: list[Video], clock: Clock, rounds: int
) -> tuple[float, float]:
    """The least CPU time of some rounds, and what of it was decoding."""
    work(videos[:1])  # compiles, and fills caches
    found = []
    for _ in range(rounds):
        clock.spent, start = 0.0, time.process_time()
        work(videos)
        found.append((time.process_time() - start, clock.spent))
    return min(found)


def main() -> None:
    """Print a line a stream, and one of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--dataset", default="rendered")
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    clock = Clock()
    FrameReader.__iter__ = clock.timed(FrameReader.__iter__)
    audio.read_sound = clock.timed(audio.read_sound)
    jobs = Jobs(load_files([]))
    videos = read_manifest(args.manifest)[: args.videos]
    frames = sum(video.frames for video in videos)
    streams = [name for name in jobs.embedded(args.dataset) if kind_of(name).cue(name) is None]
    rows = []
    for stream in streams:
        work = embedding(jobs, args.dataset, stream)
        rows.append((stream, *measured(work, videos, clock, args.rounds)))
    rows.append(("all", *(sum(row[column] for row in rows) for column in (1, 2))))
    table = pd.DataFrame(rows, columns=["stream", "ms a frame", "decoding"])
    table["share, %"] = 100 * table["decoding"] / table["ms a frame"]
    table[["ms a frame", "decoding"]] *= 1e3 / frames
    print(f"{len(videos)} videos, {frames} frames, {os.cpu_count()} cores")
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
