"""Streams of embeddings with made-up vectors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from fusevad.csv_tables import write_csv
from fusevad.embed.run import embed_shard
from fusevad.embed.settings import EmbedSettings
from fusevad.files import sha256

SHARD = "shard-0.safetensors"
# Frames of the short videos of tests/embed, by name.
VIDEOS = {"a": 40, "b": 16, "c": 5}


def write_stream(folder: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    """One shard of embeddings, (segments, crops, D) a video, and the index, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / SHARD)
    return write_index(folder, {name: x.shape for name, x in tensors.items()})


def write_index(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> Path:
    """The index of `folder/shard-0.safetensors`, which has tensors of these shapes."""
    digest = sha256(folder / SHARD)
    rows = [(name, SHARD, *shape, digest) for name, shape in shapes.items()]
    columns = ["video", "file", "segments", "crops", "dim", "sha256"]
    write_csv(pd.DataFrame(rows, columns=columns), folder / "index.csv")
    return folder / "index.csv"


def write_reversed_crops(folder: Path, streams: Mapping[str, Path]) -> dict[str, Path]:
    """The embeddings of some streams with their crops in reverse order; indices as `streams`."""
    return {
        role: write_stream(
            folder / role,
            {name: x[:, ::-1].copy() for name, x in load_file(index.parent / SHARD).items()},
        )
        for role, index in streams.items()
    }


def embed(
    data: Path,
    out: Path,
    settings: EmbedSettings,
    shard: int = 0,
    shards: int = 1,
    threads: int = 1,
    cues: Sequence[Path] | None = None,
) -> Path:
    """Embed a shard of the videos in `data`, with its motion cues unless others are given."""
    file = out / f"shard-{shard}.safetensors"
    cues = [data / "cues/shard-0.h5"] if cues is None else cues
    embed_shard(data / "manifest.csv", shard, shards, settings, file, cues, threads)
    return file
