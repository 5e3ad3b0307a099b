"""Streams of embeddings with made-up vectors."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from fusevad.csv_tables import write_csv
from fusevad.files import sha256

SHARD = "shard-0.safetensors"


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
