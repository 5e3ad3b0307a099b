"""The published motion-cue tower (event-CLIP, Jeong et al. 2024), converted to safetensors.

Its checkpoint is a pickle. Under `checkpoint` it has the tensors of two CLIPs with OpenAI's names;
the released extractor of IEF-VAD embeds with the image tower of `encoder_k`.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

import fusevad
from fusevad.encoders.model_hub import from_hub, one_line
from fusevad.encoders.open_clip_models import create_model
from fusevad.encoders.weights import (
    VISUAL,
    check_shapes,
    check_stored,
    save_halves,
    visual_part,
    whole_tensors,
)
from fusevad.errors import FusevadError
from fusevad.files import sha256

_REPOSITORY = "Eavn/event-clip"
_FILES = {"ViT-L-14": "vitl.pt", "ViT-B-32": "vitb.pt"}
_CHECKPOINT = "checkpoint"
_ENCODER = "encoder_k."
_WRONG_FILE = "download the published event-CLIP again"


def download_event_clip(model: str, revision: str | None = None) -> Path:
    """Download the published checkpoint once; return the local file.

    Args:
        model: `ViT-L-14` or `ViT-B-32`.
        revision: commit of the repository on Hugging Face; by default the newest.

    Raises:
        FusevadError: there is no checkpoint of this model, or the download fails.
    """
    if model not in _FILES:
        raise FusevadError(
            f"{model}: no event-CLIP of this model is published, only of {', '.join(_FILES)}; "
            "train a motion-cue tower with `fusevad align`"
        )
    return from_hub(_REPOSITORY, [_FILES[model]], revision)


def convert_event_clip(checkpoint: Path, model: str, out: Path) -> None:
    """Write the image tower of a checkpoint for `encoders.load_cue_tower` (float16).

    Args:
        checkpoint: the pickle; none of its code runs.
        model: architecture of open_clip, or path of its JSON model configuration.
        out: safetensors file of the motion-cue tower.

    Raises:
        FusevadError: the pickle has more than tensors, or tensors are missing, surplus or
            differ in shape from the model's.
    """
    found = {
        name.removeprefix(_ENCODER): tensor
        for name, tensor in _read_checkpoint(checkpoint).items()
        if name.startswith(_ENCODER)
    }
    # Only the image tower has no prefix of its own.
    if found and not any(name.startswith(VISUAL) for name in found):
        found = {VISUAL + name: tensor for name, tensor in found.items()}
    whole = create_model(model, None, text=True).state_dict()
    tower = visual_part(found)
    check_shapes(checkpoint, tower, visual_part(whole))
    rest = {name: tensor for name, tensor in found.items() if name not in tower}
    check_shapes(checkpoint, rest, {name: whole[name] for name in rest if name in whole})
    provenance = {
        "source": f"{_REPOSITORY} {_FILES.get(model, '')}".strip(),
        "source_sha256": sha256(checkpoint),
        "model": Path(model).stem,
        "fusevad_version": fusevad.__version__,
    }
    save_halves(tower, out, provenance)


def _read_checkpoint(file: Path) -> Mapping[str, Tensor]:
    if not file.is_file():
        raise FusevadError(f"{file}: no such checkpoint; {_WRONG_FILE}")
    try:
        check_stored(file)
        content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise FusevadError(
            f"{file}: refused, as this pickle is damaged or has more than tensors, which could "
            f"run code; {_WRONG_FILE}"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, SafetensorError) as error:
        raise FusevadError(
            f"{file}: not a checkpoint of PyTorch ({one_line(error)}); {_WRONG_FILE}"
        ) from error
    state = content.get(_CHECKPOINT) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping):
        raise FusevadError(f"{file}: no tensors under '{_CHECKPOINT}'; {_WRONG_FILE}")
    return whole_tensors(file, state)
