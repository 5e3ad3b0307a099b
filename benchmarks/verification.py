"""What it costs to compare what a job reads with its hashes, beside the work of the job.

    python benchmarks/verification.py results/rendered CUES.h5 EMBEDDINGS/index.csv

CUES.h5 is a shard of motion cues of that data set. Prints seconds of the checks, of the work that
they guard, and their share. Work: decoding the videos without counting, decompressing the cues
without embedding, reading the embeddings once (training reads them in every epoch).
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from fusevad.csv_tables import read_csv
from fusevad.cues.reading import CueShards
from fusevad.cues.settings import CueSettings
from fusevad.cues.shards import open_shard
from fusevad.data.footage import open_footage
from fusevad.data.manifest import read_manifest
from fusevad.embed.image_sources import Chunk, CueSource
from fusevad.embed.store import EmbeddingStore
from fusevad.encoders.clip import Tower, load_cue_tower
from fusevad.encoders.settings import EncoderSettings
from fusevad.files import sha256
from fusevad.video.decode import read_pictures

_FOLDER = "config/encoders/fusevad-small"
ENCODER = EncoderSettings(
    name="fusevad-small",
    model=f"{_FOLDER}/fusevad-small.json",
    pretrained=f"{_FOLDER}/clip.safetensors",
    motion_cue_weights=f"{_FOLDER}/motion-cue.safetensors",
    cue_normalisation="none",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("cues", type=Path)
    parser.add_argument("index", type=Path)
    options = parser.parse_args()
    videos = {video.name: video for video in read_manifest(options.dataset / "manifest.csv")}
    with open_shard(options.cues) as shard:
        places = list(zip(shard.index.videos, shard.starts(), strict=True))
        inside = [videos[video.video] for video, _ in places]
        _print(
            f"{len(inside)} videos against the manifest, and their decoding",
            lambda: [open_footage(video) for video in inside],
            lambda: [sum(1 for _ in read_pictures(video.path)) for video in inside],
        )
        cue = shard.index.made_with.cues[0]
        window, threshold = (int(part.lstrip("Tthr")) for part in cue.split("-"))
        some = places[:10]
        tower = load_cue_tower(ENCODER)
        source = CueSource(
            tuple(range(10)),
            tower.image_size,
            CueShards([options.cues]),
            window,
            threshold,
            CueSettings(),
        )
        _print(
            f"cue {cue} of {len(some)} videos, and embedding it",
            lambda: [shard.check(cue, video, start) for video, start in some],
            lambda: [_embed(tower, source.chunks(videos[video.video])) for video, _ in some],
        )
    table = read_csv(options.index, ["video", "file"], text=("video", "file"))
    files = sorted(table["file"].unique())
    _print(
        f"{len(files)} shards of embeddings, and reading them once as float32",
        lambda: [sha256(options.index.parent / file) for file in files],
        lambda: _read_all(options.index, table["video"]),
    )


def _embed(tower: Tower, chunks: Iterator[Chunk]) -> None:
    for chunk in chunks:
        tower.embed(chunk.images)


def _read_all(index: Path, videos: list[str]) -> None:
    store = EmbeddingStore(index, torch.device("cpu"))
    for video in videos:
        store[video].float().sum()


def _print(what: str, check: Callable[[], object], work: Callable[[], object]) -> None:
    work()  # everything is in memory: the disk would hide the hashing
    seconds = []
    for each in (check, work):
        start = time.process_time()
        each()
        seconds.append(time.process_time() - start)
    share = seconds[0] / seconds[1]
    print(f"{what}: {seconds[0]:.3f} s of {seconds[1]:.3f} s, {share:.2%}")


if __name__ == "__main__":
    main()
