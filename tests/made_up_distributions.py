"""Small detectors, batches and distributions that tests of the fusions share."""

import torch
from torch.nn import functional

from fusevad.models import ModelSettings, build
from fusevad.models.base import Distribution

SETTINGS = ModelSettings(dim=16, heads=4, refinement_steps=3)


def make(method: str, settings: ModelSettings = SETTINGS):
    torch.manual_seed(0)
    return build(method, settings).eval()


def batch(length: int, padding: int = 0):
    streams = torch.randn(2, 4, length, 16, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(4, length + padding, dtype=torch.bool)
    mask[:, length:] = False
    return *functional.pad(streams, (0, 0, 0, padding), value=7.0), mask


def random_distributions(*shape: int, rank: int = 0) -> tuple[Distribution, Distribution]:
    generator = torch.Generator().manual_seed(3)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, dtype=torch.float64, generator=generator)

    first, second = (
        Distribution(2 * draw(*shape), draw(*shape), draw(*shape, rank) if rank else None)
        for _ in range(2)
    )
    return first, second
