"""Models of CLIP and where their weights are: by open_clip's names, from Hugging Face, or files."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from torch import Tensor, nn

from fusevad import json_text
from fusevad.encoders.model_file import check_model_size
from fusevad.encoders.model_hub import from_hub, one_line
from fusevad.encoders.settings import HUB
from fusevad.encoders.weights import OPENAI_KEYS, local_file, read_state
from fusevad.errors import FusevadError
from fusevad.files import read_limited

_HUB_CONFIGURATION = "open_clip_config.json"
_HUB_WEIGHTS = (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
# In place of a text tower that is not needed: some need packages and files of their own.
_NO_TEXT = {"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1}


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
    if OPENAI_KEYS & state.keys():
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
        return local_file(pretrained, "weights")
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


def _architecture(model: str) -> str:
    """Name for open_clip, after fetching or registering the configuration if it is a file."""
    if model.startswith(HUB):
        return _local_architecture(_from_hub(model, [_HUB_CONFIGURATION]))
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
    in_folder = file.name == _HUB_CONFIGURATION and "model_cfg" in keys  # of Hugging Face
    if in_folder:
        keys = keys["model_cfg"]
        if not isinstance(keys, dict):
            raise FusevadError(f"{file}: model_cfg: not keys and values; correct it")
    for key in ("embed_dim", "vision_cfg", "text_cfg"):
        if key not in keys:
            raise FusevadError(f"{file}: no {key}; use a model configuration of open_clip")
    check_model_size(keys, file)
    if in_folder:
        return f"local-dir:{file.parent}"
    open_clip.add_model_config(file)
    return file.stem


def _from_hub(model: str, names: Sequence[str]) -> Path:
    """A file of `hf-hub:org/name[@revision]`."""
    repository, _, revision = model.removeprefix(HUB).partition("@")
    return from_hub(repository, names, revision or None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip from warning about random weights: the real weights follow."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
