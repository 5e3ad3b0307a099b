"""Quantities of a video's segments, without padding, that the baselines' losses share."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fusevad.models.output import Output, mean_of_crops

# Segments of a bag in the released code of MIL and RTFM; weights of sums are meant for this number.
RELEASED_SEGMENTS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOutput(Output):
    """An output for losses that also read features.

    Attributes:
        features: the features that segments are scored by, `B x T x D`.
    """

    features: Tensor

    def averaged(self, crops: int) -> "FeatureOutput":
        """See `Output.averaged`; features are averaged, too."""
        if crops == 1:
            return self
        logits = self.averaged_logits(crops)
        return FeatureOutput(logits, features=mean_of_crops(self.features, crops))


def mean_or_zero(x: Tensor) -> Tensor:
    """The mean; 0, with a gradient of 0, if empty: a batch may lack one kind of video."""
    return x.sum() / max(x.numel(), 1)


def highest(values: Tensor, mask: Tensor, count: Tensor) -> Tensor:
    """Mark the segments with the `count` highest values of their video.

    Args:
        values: `B x T`.
        mask: `B x T`.
        count: `B`, at most the number of real segments.

    Returns:
        `B x T`, boolean; of equal values, the earlier ones.
    """
    order = values.masked_fill(~mask, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return order.argsort(dim=1) < count[:, None]


def chosen_mean(x: Tensor, chosen: Tensor) -> Tensor:
    """Means over the chosen segments: `B x T` scores to `B`, `B x T x D` features to `B x D`."""
    share = chosen.to(x.dtype) / chosen.sum(dim=1, keepdim=True)
    if x.dim() == chosen.dim():
        return (x * share).sum(dim=1)
    return torch.einsum("bt,btd->bd", share, x)


def smoothness(scores: Tensor, mask: Tensor) -> Tensor:
    """Sum of squared differences of neighbours, rescaled to 32 segments: `B`."""
    both = mask[:, 1:] & mask[:, :-1]
    squares = (scores[:, 1:] - scores[:, :-1]).square() * both
    return squares.sum(dim=1) * RELEASED_SEGMENTS / mask.sum(dim=1)


def sparsity(scores: Tensor, mask: Tensor) -> Tensor:
    """Sum of scores, rescaled to 32 segments: `B`."""
    return chosen_mean(scores, mask) * RELEASED_SEGMENTS
