"""Small encoders of random weights, videos, and what their attention is on these."""

import json

import av
import numpy as np
import open_clip
import pytest
import torch
from safetensors.numpy import save_file

from fusevad.cues.settings import CueSettings
from fusevad.cues.store import make_cues
from fusevad.encoders.settings import EncoderSettings
from fusevad.files import sha256
from fusevad.studies.attention import study_attention
from fusevad.studies.settings import AttentionSettings
from tests.made_up_tables import write_table

TEXT = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
VISION = {
    "transformer": {
        "image_size": 48, "layers": 3, "width": 32, "head_width": 8, "patch_size": 16,
    },
    "residual": {"image_size": 80, "layers": [1, 1, 1, 1], "width": 4},
    "averaging": {
        "image_size": 48, "layers": 1, "width": 32, "head_width": 8, "patch_size": 16,
        "pool_type": "avg",
    },
}  # fmt: skip
CUES = CueSettings(windows=(16,), thresholds=(10,))
# Frames, class, and the frames [start, end) of its anomalies.
VIDEOS = {
    "calm": (40, "normal", []),
    "fight-1": (64, "fighting", [(16, 48)]),
    "fight-2": (37, "fighting", [(8, 9)]),
    "mixed": (48, "fighting;fire", [(0, 16), (16, 32)]),
}


@pytest.fixture(scope="module")
def one_thread():
    """Several threads on busy cores mostly wait for each other with such small towers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_encoder(folder, kind):
    (folder / f"{kind}.json").write_text(
        json.dumps({"embed_dim": 24, "vision_cfg": VISION[kind], "text_cfg": TEXT})
    )
    open_clip.add_model_config(folder / f"{kind}.json")
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        states.append(
            {name: 3 * value for name, value in open_clip.create_model(kind).state_dict().items()}
        )
    arrays = [{name: value.numpy() for name, value in state.items()} for state in states]
    save_file(arrays[0], folder / f"{kind}.safetensors")
    visual = {name: value for name, value in arrays[1].items() if name.startswith("visual.")}
    save_file(visual, folder / f"{kind}-cues.safetensors")
    return EncoderSettings(
        name=kind,
        model=str(folder / f"{kind}.json"),
        pretrained=str(folder / f"{kind}.safetensors"),
        motion_cue_weights=str(folder / f"{kind}-cues.safetensors"),
    )


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """Encoders of random weights, enlarged so that their attention is not uniform."""
    folder = tmp_path_factory.mktemp("encoders")
    return {kind: make_encoder(folder, kind) for kind in VISION}


def write_clip(path, frames, seed):
    random = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(frames):
            coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            image = np.kron(coarse, np.ones((20, 20, 1), np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rows, spans = [], []
    for name, (frames, classes, anomalies) in VIDEOS.items():
        path = folder / f"{name}.mp4"
        write_clip(path, frames, seed=frames)
        rows.append((name, path, "test", classes, frames, 20.0, 160, 120, sha256(path)))
        names = classes.split(";") if len(anomalies) > 1 else [classes]
        spans += [(name, c, *span) for c, span in zip(names, anomalies, strict=False)]
    write_table(folder, "manifest", rows)
    write_table(folder, "intervals", spans)
    write_table(folder, "skipped")
    make_cues(folder / "manifest.csv", 0, 1, CUES, folder / "cues/shard-0.h5")
    return folder


def study(data, out, settings):
    files = out / "attention.csv", out / "attention-maps.csv"
    inputs = data / "manifest.csv", data / "intervals.csv", [data / "cues/shard-0.h5"]
    study_attention(*inputs, settings, *files)
    return files


@pytest.fixture(scope="module")
def measured(data, encoders, tmp_path_factory):
    settings = AttentionSettings("motion-T16-thr10", encoders["residual"], CUES)
    return study(data, tmp_path_factory.mktemp("study"), settings)
