"""BN-WVAD (Zhou et al. 2024): docs/methods/bn-wvad.md."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusevad.models.base import Blueprint, Detector
from fusevad.models.baselines.bags import highest, mean_or_zero
from fusevad.models.baselines.distances import WIDTH, DistanceTransformer
from fusevad.models.baselines.masked import MaskedBatchNorm
from fusevad.models.baselines.settings import BNWVADLoss
from fusevad.models.losses import highest_count
from fusevad.models.output import Batch, Output

_HIDDEN = (WIDTH // 16, WIDTH // 32)
# The weight of the norm of scores is meant for the segments of a video in the released code.
_RELEASED_SEGMENTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BNWVADOutput(Output):
    """An output with further values for the losses.

    Attributes:
        classified: the classifier's scores, `B x T`.
        distances: to the mean of each batch norm, `B x T` each.
    """

    classified: Tensor
    distances: tuple[Tensor, ...]


class BNWVAD(Detector):
    """Segments far from the running means of two batch norms are anomalous."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        self.transformer = DistanceTransformer(self.dim, self.settings)
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs)
            for inputs, outputs in zip((WIDTH, *_HIDDEN), _HIDDEN, strict=False)
        )
        self.norms = nn.ModuleList(MaskedBatchNorm(width) for width in _HIDDEN)
        self.head = nn.Linear(_HIDDEN[-1], 1)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> BNWVADOutput:
        """See `Detector.forward`; the score `s` of the paper, at least 0, becomes `s / (1 + s)`."""
        x = self.transformer(streams["rgb"], mask)
        distances = []
        for layer, norm in zip(self.layers, self.norms, strict=True):
            features = layer(x)
            x = norm(features, mask).relu()
            distances.append(mahalanobis(features, norm))
        classified = self.head(x).squeeze(-1)
        logits = self._logits(sum(distances), classified)
        return BNWVADOutput(logits, classified=classified.sigmoid(), distances=tuple(distances))

    def _logits(self, distance: Tensor, classified: Tensor) -> Tensor:
        match self.settings.scored_by:
            case "classifier":
                return classified
            case "distance":
                return distance.log()
            case _:
                return distance.log() + functional.logsigmoid(classified)

    def losses(self, output: BNWVADOutput, batch: Batch) -> dict[str, Tensor]:
        """Scores of normal videos, and triplets of distances at each batch norm."""
        loss, mask = self.loss, batch.mask
        usual = ~(batch.labels > 0)
        norms = score_norms(output.classified[usual], mask[usual])
        terms = {"normal_scores": loss.normal_scores * mean_or_zero(norms)}
        for i, (weight, distances) in enumerate(
            zip(loss.separation, output.distances, strict=True), start=1
        ):
            chosen = select(distances.detach(), batch, loss)
            near, far = distances[chosen & usual[:, None]], distances[chosen & ~usual[:, None]]
            terms[f"separation_{i}"] = weight * mean_hinge(near, far)
        return terms


def mahalanobis(features: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """Distances of `B x T x C` features to the running mean of a batch norm: `B x T`.

    The running variance, with the batch norm's epsilon, is the diagonal of the covariance.
    """
    squares = (features - norm.running_mean.clone()).square()
    squares = (squares / (norm.running_var + norm.eps)).sum(dim=-1)
    return squares.clamp(min=1e-12).sqrt()  # a root has no gradient at 0


def score_norms(scores: Tensor, mask: Tensor) -> Tensor:
    """The norm of each video's scores, rescaled to 200 segments: `B`."""
    size = scores.masked_fill(~mask, 0.0).norm(dim=1)
    return size * (_RELEASED_SEGMENTS / mask.sum(dim=1)).sqrt()


def select(distances: Tensor, batch: Batch, loss: BNWVADLoss) -> Tensor:
    """Mark the segments for the triplets, `B x T`: the farthest of anomalous and of normal videos.

    Args:
        distances: `B x T`.
        batch: of training.
        loss: says how many; see `BNWVADLoss.selection`.
    """
    mask, odd = batch.mask, batch.labels > 0
    if loss.selection == "sixteenth":
        return highest(distances, mask, highest_count(mask, loss.top_k_divisor))
    count = mask.sum(dim=1)
    anomalous = mask & odd[:, None]
    total = anomalous.sum()
    in_batch = highest(
        distances.flatten()[None], anomalous.flatten()[None], _share(total[None], loss.batch_share)
    ).view_as(mask)
    in_video = highest(distances, mask, _share(count, loss.sample_share))
    chosen = anomalous & (in_batch | in_video)
    share = chosen.sum().double() / total.clamp(min=1)
    of_normal = ((count * share).long() + 1).minimum(count)
    return chosen | (highest(distances, mask, of_normal) & ~odd[:, None])


def mean_hinge(near: Tensor, far: Tensor) -> Tensor:
    """Mean over all pairs of `max(0, near - far + 1)`; 0 without a pair.

    The released code pairs segments by their places in the batch. The sum over all pairs, which are
    millions, follows from how many distances of the other kind are on the wrong side of the margin.
    """
    with torch.no_grad():
        below = torch.searchsorted(far.sort().values, near + 1)
        above = len(near) - torch.searchsorted(near.sort().values, far - 1, right=True)
        of_near, of_far = below / max(len(far), 1), above / max(len(near), 1)
    return mean_or_zero(of_near * (near + 1)) - mean_or_zero(of_far * far)


def _share(count: Tensor, share: float) -> Tensor:
    """This share of the numbers of segments, at least one if there is any."""
    return (count.double() * share).long().clamp(min=1).minimum(count)
