"""RTFM (Tian et al. 2021): docs/methods/rtfm.md."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusevad.models.base import Blueprint, Detector
from fusevad.models.baselines.bags import (
    RELEASED_SEGMENTS,
    FeatureOutput,
    chosen_mean,
    highest,
    mean_or_zero,
    smoothness,
)
from fusevad.models.baselines.masked import MaskedBatchNorm, SegmentConv
from fusevad.models.losses import highest_count
from fusevad.models.output import Batch

HIDDEN = (512, 128)
DILATIONS = (1, 2, 4)
# Width of the released code's features, for which its margin is meant, and anomalous videos a
# batch.
_RELEASED_WIDTH = 2048
_RELEASED_VIDEOS = 32


class RTFM(Detector):
    """Features of anomalous videos get a large magnitude; the largest select the segments."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        settings, (first, second) = self.settings, HIDDEN
        self.temporal = TemporalNetwork(self.dim) if settings.temporal_network else None
        self.dropout = nn.Dropout(settings.feature_dropout)
        self.layers = nn.Sequential(
            nn.Linear(self.dim, first),
            nn.ReLU(),
            nn.Dropout(settings.feature_dropout),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Dropout(settings.feature_dropout),
            nn.Linear(second, 1),
        )
        self.apply(_xavier)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FeatureOutput:
        """See `Detector.forward`."""
        x = streams["rgb"]
        if self.temporal is not None:
            x = self.temporal(x, mask)
        features = self.dropout(x)
        return FeatureOutput(self.layers(features).squeeze(-1), features=features)

    def losses(self, output: FeatureOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy and magnitudes of selected segments; norm and steps of anomalous scores."""
        loss, mask, scores = self.loss, batch.mask, output.logits.sigmoid()
        anomalous = batch.labels > 0
        chosen = self._select(output.features, mask)
        # Rounding lifts the mean of scores of 1 above 1, of which there is no cross-entropy.
        videos = chosen_mean(scores, chosen).clamp(max=1)
        sizes = chosen_mean(output.features, chosen).norm(dim=-1)
        margin = loss.margin * math.sqrt(self.dim / _RELEASED_WIDTH)
        gaps = magnitude_gaps(sizes, anomalous, margin)
        scores, mask = scores[anomalous], mask[anomalous]
        return {
            "classification": functional.binary_cross_entropy(videos, batch.labels),
            "magnitude": loss.magnitude * gaps,
            "score_norm": loss.score_norm * score_norm(scores, mask),
            "score_steps": loss.score_steps
            * _RELEASED_VIDEOS
            * mean_or_zero(smoothness(scores, mask)),
        }

    def _select(self, features: Tensor, mask: Tensor) -> Tensor:
        """`B x T`: the segments that decide the score of each video."""
        sizes = features.detach().norm(dim=-1)
        kept = functional.dropout(torch.ones_like(sizes), self.settings.selection_dropout, True)
        if self.loss.selected == "tenth":
            count = (mask.sum(dim=1) // 10).clamp(min=1)
        else:
            count = highest_count(mask, self.loss.top_k_divisor)
        return highest(sizes * kept, mask, count)


class TemporalNetwork(nn.Module):
    """Dilated convolutions and a non-local block, fused and added to the input (MTN)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        branch = width // 4
        self.dilated = nn.ModuleList(SegmentConv(width, branch, 3, d) for d in DILATIONS)
        self.norms = nn.ModuleList(MaskedBatchNorm(branch) for _ in DILATIONS)
        self.reduce = nn.Linear(width, branch, bias=False)
        self.non_local = NonLocal(branch)
        self.fuse = SegmentConv((len(DILATIONS) + 1) * branch, width, 3, bias=False)
        self.norm = MaskedBatchNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x D` and `B x T` to `B x T x D`."""
        parts = [
            norm(conv(x, mask).relu(), mask)
            for conv, norm in zip(self.dilated, self.norms, strict=True)
        ]
        parts.append(self.non_local(self.reduce(x).relu(), mask))
        return x + self.norm(self.fuse(torch.cat(parts, dim=-1), mask).relu(), mask)


class NonLocal(nn.Module):
    """`x + BN(W y)` with `y` the mean over segments `u` of `(theta(x_t) . phi(x_u)) g(x_u)`.

    The released code divides the dot products by the number of segments and takes no softmax; the
    batch norm starts at 0.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // 2
        self.theta = nn.Linear(width, inner)
        self.phi = nn.Linear(width, inner)
        self.g = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)
        self.norm = MaskedBatchNorm(width)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x C` and `B x T` to `B x T x C`."""
        phi = self.phi(x) * mask[..., None]
        products = self.theta(x) @ phi.mT / mask.sum(dim=1)[:, None, None]
        return x + self.norm(self.out(products @ self.g(x)), mask)


def magnitude_gaps(sizes: Tensor, anomalous: Tensor, margin: float) -> Tensor:
    """Mean over pairs of an anomalous and a normal video of `(|margin - a| + n)^2`.

    The released code pairs videos by their position in the batch: a random sample of these pairs.
    """
    gaps = (margin - sizes[anomalous, None]).abs() + sizes[None, ~anomalous]
    return mean_or_zero(gaps.square())


def score_norm(scores: Tensor, mask: Tensor) -> Tensor:
    """Norm of all scores as one vector, rescaled to a released batch; 0 without videos."""
    squares = mean_or_zero(chosen_mean(scores.square(), mask))
    # The root has no gradient at 0, where a batch has no anomalous video.
    size = squares.sqrt() if len(scores) else squares
    return math.sqrt(_RELEASED_VIDEOS * RELEASED_SEGMENTS) * size


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv1d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
