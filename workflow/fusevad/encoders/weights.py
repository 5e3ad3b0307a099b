"""Architectures and weights of CLIP: by open_clip's names, from Hugging Face, or from files."""

import json
import logging
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.convert import convert_state_dict
from open_clip.factory import load_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor, nn

from fusevad import json_text
from fusevad.encoders.model_file import check_model_size
from fusevad.encoders.model_hub import from_hub, one_line
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, check_size, read_limited
from fusevad.tensor_files import check_header

VISUAL = "visual."
HUB = "hf-hub:"

_HUB_CONFIGURATION = "open_clip_config.json"
# How open_clip tells such a file from a pickle.
_SAFE = ".safetensors"
_HUB_WEIGHTS = (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
# Bytes of a file of weights: four times the largest CLIP's.
_LARGEST, _LARGEST_CODE = 100 << 30, 1 << 20
# In place of a text tower that is not needed: some need packages and files of their own.
_NO_TEXT = {"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1}
# OpenAI's own files have these beside the tensors: the dimensions of the model.
_OPENAI_KEYS = {"input_resolution", "context_length", "vocab_size"}
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


def create_model(model: str, pretrained: str | None, text: bool) -> nn.Module:
    """An architecture with random weights and the preprocessing of its pretrained weights.

    Args:
        model: name of open_clip, `hf-hub:org/name[@revision]`, or path of a JSON configuration.
        pretrained: tag that determines activation and preprocessing, or anything else.
        text: whether the text tower is needed; else a stub replaces it.

    Raises:
        FusevadError: there is no such architecture, or it can't be built here.
    """
    name = _architecture(model)
    published = open_clip.get_pretrained_cfg(name, pretrained or "") or {}
    preprocessing = {key: published[key] for key in ("mean", "std") if key in published}
    quick_gelu = _needs_quick_gelu(name, published, pretrained)
    parts = {} if text else {"text_cfg": _NO_TEXT}

    def build(device: str) -> nn.Module:
        return open_clip.create_model(
            name,
            load_weights=False,
            precision="fp32",
            device=device,
            force_quick_gelu=quick_gelu,
            force_preprocess_cfg=preprocessing,
            pretrained_text=False,
            **parts,
        )

    try:
        with _quiet():
            if model.endswith(".json"):
                _check_memory(build, model, pretrained)
            clip = build("cpu")
    except FusevadError:
        raise
    except Exception as error:  # open_clip and timm raise many kinds
        raise FusevadError(
            f"{model}: open_clip can't build this model ({one_line(error)}); use another one"
        ) from error
    size = clip.visual.image_size
    if isinstance(size, tuple) and size[0] != size[1]:
        raise FusevadError(f"{model}: images of {size} are not square; use another model")
    return clip.eval().requires_grad_(False)


def _check_memory(build: Callable[[str], nn.Module], model: str, pretrained: str | None) -> None:
    """Refuse a configuration of a far larger model than its weights, before it takes memory."""
    if pretrained is None or not Path(pretrained).is_file():
        return
    with torch.device("meta"):
        wanted = sum(each.numel() for each in build("meta").parameters())
    if wanted > Path(pretrained).stat().st_size:
        raise FusevadError(
            f"{model}: a model of {wanted:,} parameters, more than {pretrained} has bytes; use the"
            " configuration of these weights"
        )


def tokenizer(model: str) -> Callable[[Sequence[str]], Tensor]:
    """What makes token numbers, `texts x context length`, of texts for a model's text tower.

    Raises:
        FusevadError: no such model, or its tokenizer can't be loaded here.
    """
    try:
        return open_clip.get_tokenizer(_architecture(model))
    except FusevadError:
        raise
    except Exception as error:  # open_clip and transformers raise many kinds
        raise FusevadError(
            f"{model}: its tokenizer can't be loaded ({one_line(error)}); use another model"
        ) from error


def _needs_quick_gelu(name: str, published: Mapping[str, Any], pretrained: str | None) -> bool:
    """Whether the weights need OpenAI's activation although the architecture's name lacks it.

    Raises:
        FusevadError: a local file may or may not be OpenAI's: both load with the wrong activation.
    """
    if published or pretrained is None or not Path(pretrained).is_file():
        return bool(published.get("quick_gelu", False))
    state = read_state(Path(pretrained))
    if _OPENAI_KEYS & state.keys():
        return True
    of_openai = open_clip.get_pretrained_cfg(name, "openai")
    implied = name in open_clip.list_models() and open_clip.get_model_config(name).get("quick_gelu")
    halves = all(torch.equal(each.half().to(each.dtype), each) for each in state.values())
    if of_openai and not implied and halves:
        raise FusevadError(
            f"{pretrained}: weights of 16 bits, which may be OpenAI's; they need quick GELU, which"
            f" {name} lacks; if they are, name the model {name}-quickgelu, else a .json"
            ' configuration with "quick_gelu": false'
        )
    return False


def weights_file(model: str, pretrained: str | None) -> Path:
    """The weights as a local file; weights from a tag or Hugging Face are downloaded once.

    Raises:
        FusevadError: no such file or tag, or the download fails.
    """
    if pretrained is not None and Path(pretrained).is_file():
        return Path(pretrained)
    if pretrained is None:
        if not model.startswith(HUB):
            raise FusevadError(
                f"{model}: no `pretrained` weights are given; name a tag of open_clip or a file"
            )
        return _from_hub(model, _HUB_WEIGHTS)
    name = _architecture(model)
    published = open_clip.get_pretrained_cfg(name, pretrained)
    if not published:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise FusevadError(
            f"{pretrained}: no such weights file, nor a tag of {model} (it has: {tags}); correct it"
        )
    repository, _, file = published["hf_hub"].rpartition("/")
    return from_hub(repository, [file] if file else _HUB_WEIGHTS)


def load_weights(clip: nn.Module, file: Path, text: bool) -> None:
    """Load a whole CLIP, or without `text` its image tower and the scale of its logits.

    Raises:
        FusevadError: unreadable weights, or tensors that don't fit.
    """
    read = read_state(file)
    state = convert_state_dict(clip, {key: read[key] for key in read if key not in _OPENAI_KEYS})
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
    """Write tensors as float16 safetensors, atomically; integers keep their type."""
    halves = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in state.items()
    }
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
        FusevadError: there is none.
    """
    if not Path(name).is_file():
        raise FusevadError(f"{name}: no such {what}; correct the path or put the file there")
    return Path(name)


def _architecture(model: str) -> str:
    """Name for open_clip, after fetching or registering the configuration if it is a file."""
    if model.startswith(HUB):
        return f"local-dir:{_from_hub(model, [_HUB_CONFIGURATION]).parent}"
    if model.endswith(".json"):
        return _local_architecture(local_file(model, "model configuration"))
    if model not in open_clip.list_models():
        raise FusevadError(
            f"encoder: open_clip has no model {model!r}; correct the name, or give the path of a "
            f".json configuration or {HUB}org/name"
        )
    return model


def _local_architecture(file: Path) -> str:
    try:
        keys = json_text.load(read_limited(file))
    except (OSError, ValueError, RecursionError) as error:
        raise FusevadError(f"{file}: not JSON ({error}); correct it") from error
    if not isinstance(keys, dict):
        raise FusevadError(f"{file}: not keys and values; correct it")
    if file.name == _HUB_CONFIGURATION and "model_cfg" in keys:  # a folder of Hugging Face
        return f"local-dir:{file.parent}"
    for key in ("embed_dim", "vision_cfg", "text_cfg"):
        if key not in keys:
            raise FusevadError(f"{file}: no {key}; use a model configuration of open_clip")
    check_model_size(keys, file)
    open_clip.add_model_config(file)
    return file.stem


def _from_hub(model: str, names: Sequence[str]) -> Path:
    """A file of `hf-hub:org/name[@revision]`."""
    repository, _, revision = model.removeprefix(HUB).partition("@")
    return from_hub(repository, names, revision or None)


def _image_part(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor
        for name, tensor in state.items()
        if name.startswith(VISUAL) or name == "logit_scale"
    }


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "scalar"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip from warning about random weights: the real weights follow."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
