"""Small detectors, batches and distributions that tests of the methods share."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fusevad.models.base import Detector, build
from fusevad.models.output import Batch, Distribution, Output
from fusevad.models.registry import find, own, read_in_training
from fusevad.models.settings import MethodSettings
from tests.made_up_texts import class_texts

WIDTH = 16
ROLES = ("rgb", "motion")
SMALL = {"heads": 4, "refinement_steps": 3, "common_width": 4, "generated_width": 8}


def settings(method: str, **changes: Any) -> MethodSettings:
    """Settings of a small detector."""
    small = own(method, "model", SMALL)
    return find(method).model(**small | changes)


def make(method: str, width: int = WIDTH, **changes: Any) -> Detector:
    """A small detector, always with the same weights."""
    torch.manual_seed(0)
    widths, chosen = dict.fromkeys(find(method).roles, width), settings(method, **changes)
    texts = class_texts(width) if chosen.reads_texts else None
    return build(method, chosen, widths, texts=texts).eval()


def batch(
    length: int, padding: int = 0, roles: Sequence[str] = ROLES
) -> tuple[dict[str, Tensor], Tensor]:
    """Streams of four videos, padded with sevens, and their mask."""
    generator = torch.Generator().manual_seed(1)
    streams = torch.randn(len(roles), 4, length, WIDTH, generator=generator)
    mask = torch.ones(4, length + padding, dtype=torch.bool)
    mask[:, length:] = False
    padded = functional.pad(streams, (0, 0, 0, padding), value=7.0)
    return dict(zip(roles, padded, strict=True)), mask


def labelled(method: str, length: int) -> Batch:
    """A training batch of a method, with what its teacher says."""
    known = find(method)
    teacher = known.teachers[0] if known.teachers else None
    roles = read_in_training(method, teacher)
    streams, mask = batch(length, roles=roles)
    labels = (torch.arange(len(mask)) % 2).float()
    read = {role: streams[role] for role in known.roles}
    classes = tuple(("fire",) if label else () for label in labels)
    return Batch(
        read, mask, labels, classes, said_by(teacher, streams, mask) if known.taught else None
    )


def said_by(teacher: str | None, streams: dict[str, Tensor], mask: Tensor) -> Output:
    """The output of a small teacher; zeros of one that may be of any method."""
    if teacher is None:
        return Output(torch.zeros(mask.shape))
    width = next(iter(streams.values())).shape[-1]
    with torch.no_grad():
        return make(teacher, width)({role: streams[role] for role in find(teacher).streams}, mask)


def random_distributions(*shape: int, rank: int = 0) -> dict[str, Distribution]:
    """Of both streams, in double precision."""
    generator = torch.Generator().manual_seed(3)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, dtype=torch.float64, generator=generator)

    return {
        role: Distribution(2 * draw(*shape), draw(*shape), draw(*shape, rank) if rank else None)
        for role in ROLES
    }
