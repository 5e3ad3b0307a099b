"""A CLIP that embeds in no time: for tests of what is done with encoders."""

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.numpy import load_file, save_file

from fusevad.encoders.settings import EncoderSettings

CONFIGURATION = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}


def random_state(folder: Path, seed: int) -> dict[str, torch.Tensor]:
    """Random weights of the architecture that `folder` keeps in `minute.json`."""
    (folder / "minute.json").write_text(json.dumps(CONFIGURATION))
    open_clip.add_model_config(folder / "minute.json")
    torch.manual_seed(seed)
    return open_clip.create_model("minute").state_dict()


def make_encoder(folder: Path) -> EncoderSettings:
    """A CLIP of random weights; its motion-cue tower has others."""
    states = [
        {name: tensor.half().numpy() for name, tensor in random_state(folder, seed).items()}
        for seed in (0, 1)
    ]
    save_file(states[0], folder / "clip.safetensors")
    visual = {name: value for name, value in states[1].items() if name.startswith("visual.")}
    save_file(visual, folder / "cues.safetensors")
    return EncoderSettings(
        name="minute",
        model=str(folder / "minute.json"),
        pretrained=str(folder / "clip.safetensors"),
        motion_cue_weights=str(folder / "cues.safetensors"),
    )


def changed(file, folder, change) -> str:
    """A copy of a safetensors file after `change` was made to its dictionary of tensors."""
    tensors: dict[str, np.ndarray] = load_file(file)
    change(tensors)
    save_file(tensors, folder / "changed.safetensors")
    return str(folder / "changed.safetensors")
