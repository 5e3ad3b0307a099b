"""Terms of PI-VAD: generated modalities, their alignment with RGB, distillation."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from fusevad.models.baselines.bags import mean_or_zero
from fusevad.models.presence import present


def generation_error(
    generated: Mapping[str, Tensor], true: Mapping[str, Tensor], mask: Tensor
) -> Tensor:
    """Sum over modalities of the mean squared error of the segments that have them (L_PMG).

    Args:
        generated: by modality, `B x T x D`.
        true: streams by modality, of the same shapes.
        mask: `B x T`.
    """
    errors = []
    for name, made in generated.items():
        squares = (made - true[name]).square().mean(dim=-1)
        errors.append(mean_or_zero(squares[present(true[name], mask)]))
    return torch.stack(errors).sum()


def contrast(anchor: Tensor, aligned: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """InfoNCE in both directions between a video's segments (equation 2, with the positive).

    A segment's positive is the same segment, its negatives are the video's other real segments.

    Args:
        anchor: features of RGB in the common space, `B x T x C`.
        aligned: a modality in that space, `B x T x C`.
        mask: `B x T`.
        temperature: of the cosines.

    Returns:
        the mean over real segments of both directions' mean.
    """
    first, second = (torch.nn.functional.normalize(x, dim=-1) for x in (anchor, aligned))
    logits = first @ second.mT / temperature
    terms = []
    for products in (logits, logits.mT):
        logs = products.masked_fill(~mask[:, None], -torch.inf).log_softmax(dim=-1)
        terms.append(-logs.diagonal(dim1=1, dim2=2)[mask].mean())
    return torch.stack(terms).mean()


def feature_distance(induced: Tensor, taught: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference of induced and the teacher's features over real segments."""
    return (induced - taught).square().mean(dim=-1)[mask].mean()


def control_targets(
    streams: Mapping[str, Tensor], names: Sequence[str], mask: Tensor, kind: str
) -> dict[str, Tensor]:
    """What generated modalities learn from: the true streams or our controls.

    Args:
        streams: by role, `B x T x D`.
        names: of the modalities.
        mask: `B x T`.
        kind: `true`; `shuffled`: of each modality's segments in a batch, another's; `random`: noise
            with each feature's mean and deviation in the batch. Segments without a modality stay
            without it.
    """
    if kind == "true":
        return {name: streams[name] for name in names}
    targets = {}
    for name in names:
        x = streams[name]
        had = present(x, mask)
        rows = x[had]
        if kind == "shuffled":
            rows = rows[torch.randperm(len(rows), device=rows.device)]
        elif len(rows):
            spread = rows.std(dim=0, correction=0)
            rows = rows.mean(dim=0) + spread * torch.randn_like(rows)
        targets[name] = torch.zeros_like(x)
        targets[name][had] = rows
    return targets
