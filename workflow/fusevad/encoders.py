"""CLIP encoders, all through open_clip: a published model, or any local one of its format."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.factory import load_state_dict
from safetensors import SafetensorError
from torch import Tensor, nn

from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.settings import FORBID

_VISUAL = "visual."


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Which CLIP embeds frames and motion cues.

    Attributes:
        name: names the encoder's folder of embeddings.
        model: architecture of open_clip (`ViT-L-14`), or path of its JSON model configuration.
        pretrained: tag of open_clip (`openai`), which it downloads once, or path of a local file.
        motion_cue_weights: safetensors of the motion-cue tower, named `visual.*` as in open_clip;
            needed for motion cues only.
        cue_normalisation: `none` feeds cues as 0..1 (as released); `clip` applies CLIP's mean and
            standard deviation to them.
    """

    __pydantic_config__ = FORBID

    name: str
    model: str
    pretrained: str
    motion_cue_weights: str | None = None
    cue_normalisation: Literal["none", "clip"] = "none"


@dataclass(frozen=True, slots=True)
class Tower:
    """An image encoder ready to use.

    Attributes:
        model: the CLIP whose image tower embeds.
        image_size: side of its input in pixels.
        mean, std: normalisation of the three channels, in units of 0..1.
        weights_sha256: digest of the file that the tower was loaded from.
    """

    model: nn.Module
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights_sha256: str

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Embed a batch, without L2 normalisation.

        Args:
            images: RGB (images, size, size, 3) uint8, or motion cues (images, size, size)
                float32 in 0..1, which fill the three channels.

        Returns:
            (images, D) float32.
        """
        device = next(self.model.parameters()).device
        cuda = device.type == "cuda"
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            pixels = self._normalise(torch.from_numpy(images).to(device))
            return self.model.encode_image(pixels).float().cpu().numpy()

    def _normalise(self, images: Tensor) -> Tensor:
        white = 255.0 if images.dtype == torch.uint8 else 1.0
        channels = images.unsqueeze(-1).expand(*images.shape, 3) if images.ndim == 3 else images
        mean = torch.tensor(self.mean, device=images.device).mul_(white).view(3, 1, 1)
        std = torch.tensor(self.std, device=images.device).mul_(white).view(3, 1, 1)
        shape = (len(images), 3, *images.shape[1:3])
        pixels = torch.empty(shape, dtype=torch.float32, device=images.device)
        pixels.copy_(channels.permute(0, 3, 1, 2))
        return pixels.sub_(mean).div_(std)


def load_clip(settings: EncoderSettings) -> nn.Module:
    """Load the whole CLIP (image and text towers), float32, in evaluation mode, on the CPU.

    Raises:
        FusevadError: an unknown architecture, or weights that are missing or of other shapes.
    """
    return _load_clip(settings)[0]


def load_image_tower(settings: EncoderSettings) -> Tower:
    """Load the tower that embeds RGB frames.

    Raises:
        FusevadError: an unknown architecture, or weights that are missing or of other shapes.
    """
    model, weights = _load_clip(settings)
    return _tower(model, weights, model.visual.image_mean, model.visual.image_std)


def load_cue_tower(settings: EncoderSettings) -> Tower:
    """Load the tower that embeds motion cues.

    Raises:
        FusevadError: an unknown architecture, or weights that are missing or of other shapes.
    """
    if settings.motion_cue_weights is None:
        raise FusevadError(
            f"encoder {settings.name}: no motion_cue_weights in its configuration; name the file"
        )
    weights = _local_file(settings.motion_cue_weights, "motion-cue weights")
    model = _create(settings)
    wanted = {
        name: tensor for name, tensor in model.state_dict().items() if name.startswith(_VISUAL)
    }
    state = _read_state(weights)
    _check_shapes(weights, state, wanted)
    model.visual.load_state_dict({name.removeprefix(_VISUAL): state[name] for name in wanted})
    if settings.cue_normalisation == "clip":
        return _tower(model, weights, model.visual.image_mean, model.visual.image_std)
    return _tower(model, weights, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def _load_clip(settings: EncoderSettings) -> tuple[nn.Module, Path]:
    model = _create(settings)
    weights = _weights_file(settings)
    state = convert_state_dict(model, _read_state(weights))
    _check_shapes(weights, state, model.state_dict())
    model.load_state_dict(state)
    return model, weights


def _create(settings: EncoderSettings) -> nn.Module:
    """The architecture with random weights and the preprocessing of its pretrained weights."""
    name = _architecture(settings)
    published = open_clip.get_pretrained_cfg(name, settings.pretrained) or {}
    preprocessing = {key: published[key] for key in ("mean", "std") if key in published}
    with _quiet():
        model = open_clip.create_model(
            name,
            precision="fp32",
            device="cpu",
            # OpenAI's weights need its activation, which the architecture's name doesn't imply.
            force_quick_gelu=bool(published.get("quick_gelu", False)),
            force_preprocess_cfg=preprocessing,
            pretrained_text=False,
        )
    size = model.visual.image_size
    if isinstance(size, tuple) and size[0] != size[1]:
        raise FusevadError(f"{settings.model}: images of {size} are not square; use another model")
    return model.eval().requires_grad_(False)


def _architecture(settings: EncoderSettings) -> str:
    """Name of the architecture for open_clip, after registering a local configuration."""
    if not settings.model.endswith(".json"):
        if settings.model not in open_clip.list_models():
            raise FusevadError(
                f"encoder {settings.name}: open_clip has no model {settings.model!r}; correct the "
                "name, or give the path of a .json configuration"
            )
        return settings.model
    file = _local_file(settings.model, "model configuration")
    try:
        keys = json.loads(file.read_text())
    except ValueError as error:
        raise FusevadError(f"{file}: not JSON ({error}); correct it") from error
    for key in ("embed_dim", "vision_cfg", "text_cfg"):
        if key not in keys:
            raise FusevadError(f"{file}: no {key}; use a model configuration of open_clip")
    open_clip.add_model_config(file)
    return file.stem


def _weights_file(settings: EncoderSettings) -> Path:
    """The local weights; a tag of open_clip is downloaded unless it is in the cache."""
    if Path(settings.pretrained).is_file():
        return Path(settings.pretrained)
    name = _architecture(settings)
    published = open_clip.get_pretrained_cfg(name, settings.pretrained)
    if not published:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise FusevadError(
            f"{settings.pretrained}: no such weights file, nor a tag of {name} (it has: {tags}); "
            "correct it"
        )
    try:
        return Path(open_clip.download_pretrained(published))
    except Exception as error:  # huggingface_hub and urllib raise many kinds
        raise FusevadError(
            f"weights {settings.pretrained} of {name}: download failed ({_one_line(error)}); "
            "connect to the network, or give the path of a local file"
        ) from error


def _local_file(name: str, what: str) -> Path:
    if not Path(name).is_file():
        raise FusevadError(f"{name}: no such {what}; correct the path or put the file there")
    return Path(name)


def _read_state(file: Path) -> dict[str, Tensor]:
    try:
        state = load_state_dict(str(file), device="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, EOFError) as error:
        raise FusevadError(
            f"{file}: unreadable weights ({_one_line(error)}); replace the file"
        ) from error
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}


def _check_shapes(file: Path, state: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Every tensor there, none too many, each of the model's shape; nothing is interpolated."""
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
    for name, tensor in state.items():
        if name not in wanted:
            raise FusevadError(
                f"{file}: tensor {name} {_shape(tensor)} is not in the model; "
                "use weights of this model"
            )


def _tower(model: nn.Module, weights: Path, mean: Any, std: Any) -> Tower:
    size = model.visual.image_size
    if torch.cuda.is_available():
        model = model.to("cuda")
    return Tower(
        model=model,
        image_size=size[0] if isinstance(size, tuple) else size,
        mean=tuple(mean),
        std=tuple(std),
        weights_sha256=sha256(weights),
    )


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "scalar"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip from warning about random weights, as the real ones follow."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
