"""Files of weights: read without running their code, checked, loaded whole into a model."""

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from open_clip.convert import convert_state_dict
from open_clip.factory import load_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor, nn

from fusevad.encoders.model_hub import one_line
from fusevad.encoders.settings import local_files
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, check_size
from fusevad.tensor_files import check_header

VISUAL = "visual."
# OpenAI's own files have these beside the tensors: the dimensions of the model.
OPENAI_KEYS = {"input_resolution", "context_length", "vocab_size"}

# How open_clip tells such a file from a pickle.
_SAFE = ".safetensors"
# Bytes of a file of weights: four times the largest CLIP's.
_LARGEST, _LARGEST_CODE = 100 << 30, 1 << 20
_UNREADABLE = (
    SafetensorError,
    pickle.UnpicklingError,
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    EOFError,
    AttributeError,
    IndexError,
    StopIteration,
    zipfile.BadZipFile,
)


def load_weights(clip: nn.Module, file: Path, text: bool) -> None:
    """Load a whole CLIP, or without `text` its image tower and the scale of its logits.

    Raises:
        FusevadError: unreadable weights, or tensors that don't fit.
    """
    read = read_state(file)
    state = convert_state_dict(clip, {key: read[key] for key in read if key not in OPENAI_KEYS})
    if not hasattr(clip, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    wanted = clip.state_dict()
    if not text:
        state, wanted = (_image_part(tensors) for tensors in (state, wanted))
    if "logit_scale" in state:
        state["logit_scale"] = state["logit_scale"].reshape(clip.logit_scale.shape)
    check_shapes(file, state, wanted)
    clip.load_state_dict(state, strict=text)


def load_image_tower_alone(clip: nn.Module, file: Path) -> None:
    """Load a file that has only an image tower, named `visual.*`.

    Raises:
        FusevadError: unreadable weights, or tensors that don't fit.
    """
    state = read_state(file)
    wanted = visual_part(clip.state_dict())
    check_shapes(file, state, wanted)
    clip.load_state_dict(state, strict=False)


def load_state(model: nn.Module, file: Path) -> None:
    """Load all tensors of a model.

    Raises:
        FusevadError: unreadable weights, or tensors that don't fit.
    """
    state = read_state(file)
    check_shapes(file, state, model.state_dict())
    model.load_state_dict(state)


def visual_part(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the image tower."""
    return {name: tensor for name, tensor in state.items() if name.startswith(VISUAL)}


def save_halves(
    state: Mapping[str, Tensor], final: Path, provenance: Mapping[str, str] | None = None
) -> None:
    """Write tensors as float16 safetensors, atomically; integers keep their type.

    Raises:
        FusevadError: a tensor has values that float16 lacks.
    """
    halves = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in state.items()
    }
    for name, value in halves.items():
        if not value.isfinite().all():
            raise FusevadError(
                f"{final}: not written: tensor {name} has values that are not finite in float16, as"
                " weights have that diverged; lower the learning rate, or start from other weights"
            )
    # One entry: safetensors writes several entries in random order.
    metadata = {"provenance": json.dumps(provenance)} if provenance else None
    with atomic_path(final) as temporary:
        # Serialise first, so that a full disk is an OSError that `atomic_path` explains.
        temporary.write_bytes(save(halves, metadata))


def read_state(file: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file or a pickle, which is read without running its code.

    Raises:
        FusevadError: the file is missing or has no weights.
    """
    try:
        check_size(file, _LARGEST)
        check_stored(file)
        if file.suffix == _SAFE:
            check_header(file)
        return whole_tensors(file, load_state_dict(str(file), device="cpu", weights_only=True))
    except _UNREADABLE as error:
        if "TorchScript" in str(error):
            raise FusevadError(
                f"{file}: a TorchScript archive, as OpenAI publishes, is a program, and not run"
                ' here; if you trust it, extract its weights: python -c "import torch;'
                f" torch.save(torch.jit.load('{file}', 'cpu').state_dict(), 'weights.pt')\" and"
                " name weights.pt"
            ) from error
        raise FusevadError(
            f"{file}: unreadable weights ({one_line(error)}); replace the file"
        ) from error


def check_stored(file: Path) -> None:
    """Check an archive of PyTorch's, a zip file that has tensors as they are.

    Raises:
        ValueError: one is compressed: a small file could take gigabytes.
        OSError: it can't be read.
    """
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        for each in archive.infolist():
            # Only the code of programs, which are not run here, is compressed.
            if each.compress_type != zipfile.ZIP_STORED and each.file_size > _LARGEST_CODE:
                raise ValueError("compressed, which PyTorch does not do")


def whole_tensors(file: Path, state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a state, each with a place of its own for every value.

    Raises:
        FusevadError: a tensor is sparse, or repeats a few values as if they were billions.
    """
    found = {name: each for name, each in state.items() if isinstance(each, Tensor)}
    for name, each in found.items():
        dense = each.layout == torch.strided and not (each.is_meta or each.is_complex())
        if not dense or each.numel() * each.element_size() > each.untyped_storage().nbytes():
            raise FusevadError(
                f"{file}: tensor {name} {_shape(each)} has not all its values in the file; save it"
                " whole (tensor.contiguous())"
            )
    return found


def check_shapes(file: Path, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Check that the tensors are exactly the model's, in name and shape; none is interpolated.

    Raises:
        FusevadError: naming the first tensor that does not fit.
    """
    for name, tensor in wanted.items():
        if name not in state:
            raise FusevadError(
                f"{file}: no tensor {name} {_shape(tensor)}; use weights of this model"
            )
        if state[name].shape != tensor.shape:
            raise FusevadError(
                f"{file}: tensor {name} is {_shape(state[name])}, but the model's is "
                f"{_shape(tensor)}; use weights of this model"
            )
        if state[name].is_floating_point() != tensor.is_floating_point():
            raise FusevadError(
                f"{file}: tensor {name} of type {state[name].dtype}; use weights of this model"
            )
    for name, tensor in state.items():
        if name not in wanted:
            raise FusevadError(
                f"{file}: tensor {name} {_shape(tensor)} is not in the model; "
                "use weights of this model"
            )


def local_file(name: str, what: str) -> Path:
    """The path of a file that the configuration names.

    Raises:
        FusevadError: there is none, or the plan takes its name for something to download.
    """
    if not Path(name).is_file():
        raise FusevadError(f"{name}: no such {what}; correct the path or put the file there")
    if not local_files([name]):
        raise FusevadError(f"{name}: a file, but named like a tag; write ./{name}")
    return Path(name)


def _image_part(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor
        for name, tensor in state.items()
        if name.startswith(VISUAL) or name == "logit_scale"
    }


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "scalar"
