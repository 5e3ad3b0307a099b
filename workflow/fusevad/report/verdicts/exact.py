"""Test whether two methods are one function, with the same parameters and inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from fusevad.evaluate.scoring import load_detector
from fusevad.models.base import Detector
from fusevad.models.output import Output

_VIDEOS, _SEGMENTS = 8, 64


@dataclass(frozen=True, slots=True)
class FusionDifference:
    """Largest absolute differences between two methods: of fusion weights, and of scores."""

    weights: float
    scores: float


def fusion_difference(paths: Sequence[Path], method: str) -> FusionDifference:
    """Compare the method of trained weights with `method`, given the same parameters.

    The inputs are standard normal: methods that are the same function agree on all inputs, and each
    stream is normalised before it is fused anyway.

    Args:
        paths: weights of a run, one file a seed.
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
    device = torch.device("cpu")
    first, second = (
        _output(load_detector(path, device, name).model.eval()) for name in (None, method)
    )
    weights = (
        (first.weights[stream] - second.weights[stream]).abs().max() for stream in first.weights
    )
    return FusionDifference(
        float(max(weights)),
        float((first.logits.sigmoid() - second.logits.sigmoid()).abs().max()),
    )


@torch.no_grad()
def _output(model: Detector) -> Output:
    generator = torch.Generator().manual_seed(0)
    size = (len(model.streams), _VIDEOS, _SEGMENTS, model.dim)
    inputs = torch.randn(size, generator=generator)
    streams = dict(zip(model.streams, inputs, strict=True))
    return model(streams, torch.ones(_VIDEOS, _SEGMENTS, dtype=torch.bool))
