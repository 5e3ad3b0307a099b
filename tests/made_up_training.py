"""Made-up embeddings that training learns from in a second, and settings for it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusevad.embed.store import EmbeddingStore
from fusevad.encoders.text import save_class_texts
from fusevad.train.inputs import TrainData
from fusevad.train.settings import TrainSettings, train_settings
from tests.made_up_embeddings import write_stream
from tests.made_up_tables import write_table
from tests.made_up_texts import class_texts

DIM, CROPS = 8, 2
VALUES: dict[str, Any] = {
    "model": {"heads": 2, "refinement_steps": 2},
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "milestones": [2],
    "max_segments": 10,
    "crops_per_epoch": 1,
    "validation_share": 0.2,
}


def small(method: str, **changes: Any) -> TrainSettings:
    """Settings of a training of seconds."""
    return train_settings(VALUES | {"method": method} | changes, "test")


def write_training_data(folder: Path) -> TrainData:
    """Thirty-two videos whose anomalous segments are shifted in both streams."""
    rng = np.random.default_rng(0)
    videos, intervals, streams = [], [], {"rgb": {}, "motion": {}}
    for i in range(32):
        split, kind = ("train" if i < 20 else "test"), ("normal" if i % 2 else "fire")
        frames = int(rng.integers(40, 230))
        segments = -(-frames // 16)
        name = f"{kind}_{i:02d}"
        videos.append([name, f"{name}.mp4", split, kind, frames, 20.0, 320, 240, "0" * 64])
        shift = np.zeros((segments, 1, 1))
        if kind != "normal":
            shift[:2] = 2.0
            if split == "test":
                intervals.append([name, kind, 0, 32])
        for stream in streams.values():
            noise = rng.normal(size=(segments, CROPS, DIM))
            stream[name] = (noise + shift).astype(np.float16)
    write_table(folder, "manifest", videos)
    write_table(folder, "intervals", intervals)
    indices = {role: write_stream(folder / role, tensors) for role, tensors in streams.items()}
    save_class_texts(class_texts(DIM), folder / "texts.safetensors")
    return TrainData(folder / "manifest.csv", indices, texts=folder / "texts.safetensors")


def with_streams(
    data: TrainData, roles: Sequence[str], folder: Path, silent: Sequence[str] = ()
) -> TrainData:
    """The same data with more streams without crops; some videos have none: zeros."""
    rgb = EmbeddingStore(data.streams["rgb"], torch.device("cpu"))
    names = [line.split(",")[0] for line in data.manifest.read_text().splitlines()[1:]]
    rng = np.random.default_rng(1)
    more = {}
    for role in roles:
        tensors = {}
        for name in names:
            x = rng.normal(size=(len(rgb[name]), 1, DIM))
            x[:2] += 2.0 * (not name.startswith("normal"))
            tensors[name] = (x * (name not in silent)).astype(np.float16)
        more[role] = write_stream(folder / role, tensors)
    return replace(data, streams={**data.streams, **more})
