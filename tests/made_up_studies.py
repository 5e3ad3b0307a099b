"""A made-up data set with both streams, an encoder of motion cues and trained runs, for studies."""

import json
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import torch
from safetensors.numpy import save_file

from fusevad.cues.settings import CueSettings
from fusevad.embed.index import make_index
from fusevad.embed.run import embed_shard
from fusevad.embed.settings import EmbedSettings
from fusevad.encoders.settings import EncoderSettings
from fusevad.evaluate.run import evaluate
from fusevad.studies.masking import (
    study_masking,
)
from fusevad.studies.noise import study_noise
from fusevad.studies.settings import MaskingSettings, NoiseSettings
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.settings import TrainSettings, train_settings
from tests.made_up_cues import write_made_up_shard
from tests.made_up_embeddings import write_stream
from tests.made_up_tables import write_table

CONFIGURATION = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}
DIM, CROPS = 24, (0, 5)
CUES = CueSettings("paper", (16,), (10,))
SEEDS = [0, 1]
VALUES = {
    "model": {"heads": 2, "refinement_steps": 2},
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "max_segments": 4,
    "crops_per_epoch": 1,
    "validation_share": 0.25,
    "test_crops": [1],
}


def training(method: str) -> TrainSettings:
    return train_settings(VALUES | {"method": method}, "test")


TRAINING = training("student-t")


class World:
    """A made-up data set with both streams, the encoder of the motion cues, and trained runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest, self.intervals = folder / "manifest.csv", folder / "intervals.csv"
        self.streams = {role: folder / role / "index.csv" for role in ("rgb", "motion")}
        self.embed = EmbedSettings("motion-T16-thr10", write_encoder(folder), CUES, CROPS)
        write_data(folder)
        shard = self.streams["motion"].with_name("shard-0.safetensors")
        embed_shard(self.manifest, 0, 1, self.embed, shard, [folder / "cues/shard-0.h5"])
        make_index(self.manifest, [shard], self.streams["motion"])
        self.run = self.trained("student-t")

    def trained(self, method: str) -> Path:
        run = self.folder / "runs" / method
        train(training(method), TrainData(self.manifest, self.streams), SEEDS, run, workers=1)
        evaluate(run, self.manifest, self.intervals, "AUC")
        return run

    def mask(self, run: Path, out: Path, settings: MaskingSettings, workers: int = 1):
        files = out / "masking.csv", out / "masking-dimensions.csv"
        paths = self.manifest, self.intervals, self.streams
        study_masking(run, *paths, settings, *files, workers)
        return tuple(pd.read_csv(file) for file in files)

    def add_noise(self, run: Path, out: Path, settings: NoiseSettings) -> pd.DataFrame:
        cues = [self.folder / "cues/shard-0.h5"]
        paths = self.manifest, self.intervals, self.streams, cues
        study_noise(run, *paths, settings, out / "noise.csv", workers=1)
        return pd.read_csv(out / "noise.csv")


def write_encoder(folder: Path) -> EncoderSettings:
    (folder / "studied.json").write_text(json.dumps(CONFIGURATION))
    open_clip.add_model_config(folder / "studied.json")
    torch.manual_seed(0)
    state = open_clip.create_model("studied").state_dict()
    torch.save(state, folder / "clip.pt")
    visual = {k: v.numpy() for k, v in state.items() if k.startswith("visual.")}
    save_file(visual, folder / "cue.safetensors")
    files = [str(folder / name) for name in ("studied.json", "clip.pt", "cue.safetensors")]
    return EncoderSettings("studied", *files)


def write_data(folder: Path) -> None:
    """Fourteen videos; anomalies shift the RGB embedding and put a blob into the motion cue."""
    generator = np.random.default_rng(0)
    videos, intervals, rgb, cues = [], [], {}, {}
    for i in range(14):
        split, kind = ("train" if i < 8 else "test"), ("normal" if i % 2 else "fire")
        frames = int(generator.integers(40, 100))
        segments, name = -(-frames // 16), f"{kind}_{i:02d}"
        videos.append([name, f"{name}.mp4", split, kind, frames, 20.0, 320, 240, f"{i:064d}"])
        counts = np.zeros((segments, 256, 340), np.uint8)
        rgb[name] = generator.normal(size=(segments, len(CROPS), DIM)).astype(np.float16)
        if kind != "normal":
            counts[:2, 100:160, 140:200] = 12
            rgb[name][:2] += 2
            if split == "test":
                intervals.append([name, kind, 0, 32])
        cues[name] = {"T16-thr10": counts}
    write_made_up_shard(folder / "cues/shard-0.h5", cues)
    write_table(folder, "manifest", videos)
    write_table(folder, "intervals", intervals)
    write_stream(folder / "rgb", rgb)
