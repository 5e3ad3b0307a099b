"""Image encoders of the package `transformers`, which is an extra of the environment."""

from collections.abc import Callable
from copy import deepcopy
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusevad import json_text
from fusevad.embed.store import default_device
from fusevad.embed.streams.settings import configuration_of
from fusevad.encoders.model_hub import one_line
from fusevad.encoders.weights import load_state, local_file
from fusevad.errors import FusevadError
from fusevad.files import read_limited

# Mean and deviation of ImageNet's channels, in 0..255, with which both encoders were trained.
_MEAN = (123.675, 116.28, 103.53)
_DEVIATION = (58.395, 57.12, 57.375)

_MOST_LAYERS = 1000
_ANOTHER_MODEL = ("backbone", "use_pretrained_backbone", "use_timm_backbone")


class ImageEncoder:
    """Embeds pictures by the mean of an encoder's features over the picture.

    Attributes:
        batch_size: pictures at once.
    """

    def __init__(
        self, model: nn.Module, features: Callable[[nn.Module, Tensor], Tensor], batch_size: int
    ) -> None:
        self.batch_size = batch_size
        self.device = default_device()
        self._model = model.eval().requires_grad_(False).to(self.device)
        self._features = features

    def embed(self, items: np.ndarray) -> Tensor:
        """(pictures, D) float32 of (pictures, height, width, 3) uint8."""
        mean, deviation = (
            torch.tensor(each, device=self.device).view(3, 1, 1) for each in (_MEAN, _DEVIATION)
        )
        pictures = torch.from_numpy(items).to(self.device).permute(0, 3, 1, 2)
        with torch.inference_mode():
            return self._features(self._model, (pictures - mean) / deviation)


def transformers(stream: str) -> ModuleType:
    """The package.

    Raises:
        FusevadError: it is not installed.
    """
    try:
        return import_module("transformers")
    except ModuleNotFoundError as error:
        raise FusevadError(
            f"stream {stream}: needs the package transformers; run 'make env EXTRAS=streams'"
        ) from error


def _check_values(values: Any) -> None:
    """Raise ValueError if another model would be downloaded, or built for ever."""
    if isinstance(values, dict):
        other = next((key for key in _ANOTHER_MODEL if values.get(key)), None)
        if other or values.get("model_type") == "timm_backbone":
            raise ValueError(f"{other or 'timm_backbone'}: asks for another model's weights")
        layers = values.get("num_hidden_layers")
        if isinstance(layers, int) and layers > _MOST_LAYERS:
            raise ValueError(f"num_hidden_layers: more than {_MOST_LAYERS:,}")
        values = list(values.values())
    if isinstance(values, list):
        for each in values:
            _check_values(each)


def load_model(build: Callable[[dict], nn.Module], weights: str, what: str) -> nn.Module:
    """Build a model from the configuration beside its weights, and load them.

    Args:
        build: makes the model from the content of `config.json`.
        weights: a safetensors file.
        what: names the model.

    Raises:
        FusevadError: a file is missing, or they don't fit each other.
    """
    file = local_file(weights, f"weights of {what}")
    configuration = local_file(configuration_of(str(file)), f"configuration of {what}")
    try:
        values = json_text.load(read_limited(configuration))
        _check_values(values)
        # Without memory first, as a few bytes of a configuration may ask for any.
        with torch.device("meta"):
            wanted = sum(each.numel() for each in build(deepcopy(values)).parameters())
        if wanted > file.stat().st_size:
            raise ValueError(f"a model of {wanted:,} parameters, more than its weights have bytes")
        model = build(values)
    except Exception as error:  # transformers raises many kinds
        raise FusevadError(
            f"{configuration}: not a configuration of {what} ({one_line(error)}); take it from"
            " where the weights are from"
        ) from error
    load_state(model, file)
    return model
