"""ProDisc-VAD (2025): docs/methods/prodisc.md."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusevad.models.base import Blueprint, Detector
from fusevad.models.baselines.bags import FeatureOutput, highest
from fusevad.models.losses import video_loss
from fusevad.models.output import Batch

_HIDDEN = (256, 128, 64)
# Factors of a segment's features and of its prototypes' values, before their layer norm (as
# released).
_FEATURES, _CONTEXT = 10.0, 5.0


class ProDisc(Detector):
    """Each segment attends to a few normal prototypes; four layers score it. No temporal model."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        count, dim = self.settings.prototypes, self.dim
        self.keys = nn.Parameter(0.02 * torch.randn(count, dim))
        self.values = nn.Parameter(0.02 * torch.randn(count, dim))
        self.norm = nn.LayerNorm(dim)
        self.project = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(self.settings.prototype_dropout)
        first, second, third = _HIDDEN
        self.layers = nn.Sequential(
            nn.Linear(dim, first),
            nn.GELU(),
            nn.Linear(first, second),
            nn.GELU(),
            nn.Linear(second, third),
            nn.GELU(),
            nn.Linear(third, 1),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FeatureOutput:
        """See `Detector.forward`."""
        x = streams["rgb"]
        attention = (x @ self.keys.T / math.sqrt(self.dim)).softmax(dim=-1)
        mixed = self.norm(_FEATURES * x + _CONTEXT * (attention @ self.values))
        features = self.dropout(functional.gelu(self.project(mixed)))
        return FeatureOutput(self.layers(features).squeeze(-1), features=features)

    def losses(self, output: FeatureOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the highest segments, and the contrast of two segments of each video."""
        loss, scores = self.loss, output.logits.sigmoid()
        if loss.judged_by == "mean":
            bag = video_loss(output, batch, loss)
        else:
            bag = highest_sixth_loss(scores, batch)
        apart = contrast(output.features, scores, batch.mask, loss.temperature)
        return {"classification": loss.bag * bag, "contrast": loss.contrast * apart}


def highest_sixth_loss(scores: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of each of the highest sixth (rounded up) of all videos' segments."""
    count = (batch.mask.sum(dim=1) + 5) // 6
    chosen = highest(scores, batch.mask, count)
    labels = batch.labels[:, None].expand_as(scores)
    return functional.binary_cross_entropy(scores[chosen], labels[chosen])


def contrast(features: Tensor, scores: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Contrast each video's highest and lowest segment with the other segments of the video.

    The paper contrasts the two kinds over a batch; in the released code only the pair of a segment
    with itself is positive, so what remains is `-log` of the segment's share in the similarities to
    its video.

    Args:
        features: `B x T x D`.
        scores: `B x T`.
        mask: `B x T`.
        temperature: divides the cosines.
    """
    unit = functional.normalize(features, dim=-1)
    similar = (unit @ unit.mT / temperature).masked_fill(~mask[:, None], -torch.inf)
    own = similar.diagonal(dim1=1, dim2=2)
    once = torch.ones_like(mask[:, 0], dtype=torch.long)
    extremes = highest(scores, mask, once) | highest(-scores, mask, once)
    return (similar.logsumexp(dim=-1) - own)[extremes].mean()
