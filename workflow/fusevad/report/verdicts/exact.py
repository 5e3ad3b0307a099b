"""Whether two methods are one function: both get the same parameters and the same inputs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from fusevad.errors import FusevadError
from fusevad.models import Output, build
from fusevad.parsing import parse
from fusevad.train.seed_run import TrainSettings

_VIDEOS, _SEGMENTS = 8, 64


@dataclass(frozen=True, slots=True)
class FusionDifference:
    """Largest absolute differences between two methods: of fusion weights, and of scores."""

    weights: float
    scores: float


def fusion_difference(paths: Sequence[Path], method: str) -> FusionDifference:
    """Compare the method of trained weights with `method`, given the same parameters.

    The inputs are standard normal: whatever the embeddings, methods that are the same function
    agree on all inputs, and each stream is normalised before it is fused anyway.

    Args:
        paths: weights of a run, a file a seed.
        method: the other method, whose parameters have the same names and shapes.

    Raises:
        FusevadError: a file cannot be read, or the other method has other parameters.
    """
    differences = [_difference(path, method) for path in paths]
    return FusionDifference(
        max(difference.weights for difference in differences),
        max(difference.scores for difference in differences),
    )


def _difference(path: Path, method: str) -> FusionDifference:
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("settings", "{}")
        parameters = load_file(path)
    except (OSError, SafetensorError) as error:
        raise FusevadError(f"{path}: unreadable weights ({error}); train this run again") from error
    settings = parse(TrainSettings, json.loads(text), str(path))
    dim = parameters["classifier.weight"].shape[1]
    first, second = (
        _outputs(name, settings, dim, parameters, path) for name in (settings.method, method)
    )
    return FusionDifference(
        float((first.weights[0] - second.weights[0]).abs().max()),
        float((first.logits.sigmoid() - second.logits.sigmoid()).abs().max()),
    )


@torch.no_grad()
def _outputs(
    method: str,
    settings: TrainSettings,
    dim: int,
    parameters: dict[str, torch.Tensor],
    path: Path,
) -> Output:
    model = build(method, replace(settings.model, dim=dim)).eval()
    try:
        model.load_state_dict(parameters)
    except RuntimeError as error:
        raise FusevadError(
            f"{path}: not the parameters of method {method}; compare methods with the same ones"
        ) from error
    generator = torch.Generator().manual_seed(0)
    rgb, motion = torch.randn(2, _VIDEOS, _SEGMENTS, dim, generator=generator)
    return model(rgb, motion, torch.ones(_VIDEOS, _SEGMENTS, dtype=torch.bool))
