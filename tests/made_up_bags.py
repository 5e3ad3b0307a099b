"""Videos of unequal lengths with labels in no order, and loops that tests of baselines share."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor

from fusevad.models.base import Detector, build
from fusevad.models.output import Batch, Output
from fusevad.models.registry import find
from tests.made_up_texts import class_texts

LENGTHS = (40, 7, 33, 1, 17)
LABELS = (1.0, 0.0, 1.0, 0.0, 1.0)
ANOMALOUS = [i for i, label in enumerate(LABELS) if label]
NORMAL = [i for i, label in enumerate(LABELS) if not label]
MASK = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]


def detector(method: str, width: int = 16, loss: dict | None = None, **model) -> Detector:
    """A detector with settings of its own, always with the same weights, in training."""
    known = find(method)
    torch.manual_seed(0)
    widths, settings = dict.fromkeys(known.roles, width), known.model(**model)
    texts = class_texts(width) if settings.reads_texts else None
    return build(method, settings, widths, known.loss(**(loss or {})), texts=texts)


def bags(
    width: int = 16, labels: tuple[float, ...] = LABELS, roles: Sequence[str] = ("rgb",)
) -> Batch:
    """A training batch; padding is sevens."""
    generator = torch.Generator().manual_seed(2)
    drawn = [torch.randn(*MASK.shape, width, generator=generator) for _ in roles]
    streams = {
        role: torch.where(MASK[..., None], x, 7.0) for role, x in zip(roles, drawn, strict=True)
    }
    shown = (("fire",), (), ("chase", "fire"), (), ("chase",))
    classes = tuple(s or ("fire",) if label else () for s, label in zip(shown, labels, strict=True))
    return Batch(streams, MASK, torch.tensor(labels), classes)


def rows(x: Tensor, videos: list[int]) -> Iterator[Tensor]:
    """The real segments of some videos."""
    for video in videos:
        yield x[video, : LENGTHS[video]]


def cross_entropy(p: Tensor, label: float) -> Tensor:
    """Of one probability."""
    return -(label * p.log() + (1 - label) * (1 - p).log())


def terms(model: Detector, batch: Batch) -> tuple[Output, dict[str, Tensor]]:
    """The output on a batch, and its losses."""
    output = model(batch.streams, batch.mask)
    return output, model.losses(output, batch)


def parameters(method: str, width: int, **model) -> int:
    """How many numbers a detector learns."""
    return sum(p.numel() for p in detector(method, width, **model).parameters())


def read_by(model: Detector, teacher: Detector | None) -> tuple[str, ...]:
    """Roles of the streams that a detector and its teacher read in training."""
    scored_by = teacher.streams if teacher else ()
    return tuple(dict.fromkeys((*scored_by, *model.streams, *model.learns_from)))


def taught(batch: Batch, teacher: Detector | None) -> Batch:
    """The batch with what a teacher says of it."""
    if teacher is None:
        return batch
    read = {role: batch.streams[role] for role in teacher.streams}
    with torch.no_grad():
        return replace(batch, teacher=teacher(read, batch.mask))


def check_padding_changes_no_loss(model: Detector, teacher: Detector | None = None) -> None:
    """More padding, of other values, changes no loss of a batch."""
    plain = bags(roles=read_by(model, teacher))
    mask = torch.nn.functional.pad(MASK, (0, 6))
    streams = {}
    for role, x in plain.streams.items():
        streams[role] = torch.full((*mask.shape, 16), -3.0)
        streams[role][:, : max(LENGTHS)] = torch.where(MASK[..., None], x, 11.0)
    padded = Batch(streams, mask, plain.labels, plain.classes)
    # A batch moves the statistics of a batch norm.
    _, expected = terms(deepcopy(model), taught(plain, teacher))
    _, found = terms(model, taught(padded, teacher))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def check_one_kind_of_video_is_no_error(model: Detector, teacher: Detector | None = None) -> None:
    """A batch of normal or of anomalous videos alone has finite losses and gradients."""
    for label in (0.0, 1.0):
        batch = bags(labels=(label,) * len(LENGTHS), roles=read_by(model, teacher))
        _, found = terms(model, taught(batch, teacher))
        model.zero_grad()
        sum(found.values()).backward()
        assert all(term.isfinite() for term in found.values())
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
