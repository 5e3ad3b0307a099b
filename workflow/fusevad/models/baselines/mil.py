"""MIL ranking (Sultani et al. 2018): docs/methods/mil.md."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from fusevad.models.base import Blueprint, Detector
from fusevad.models.baselines.bags import mean_or_zero, smoothness, sparsity
from fusevad.models.losses import video_loss
from fusevad.models.output import Batch, Output

HIDDEN = (512, 32)


class MILRanking(Detector):
    """Three linear layers that score each segment alone; anomalous videos rank above normal ones.

    The second layer has no activation, as in the released code.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        first, second = HIDDEN
        self.layers = nn.Sequential(
            nn.Linear(self.dim, first),
            nn.ReLU(),
            nn.Dropout(self.settings.unit_dropout),
            nn.Linear(first, second),
            nn.Dropout(self.settings.unit_dropout),
            nn.Linear(second, 1),
        )
        for layer in self._linear():
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> Output:
        """See `Detector.forward`."""
        x = streams["rgb"]
        if self.settings.normalise:
            x = functional.normalize(x, dim=-1)
        return Output(self.layers(x).squeeze(-1))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Ranking (or cross-entropy), smoothness and sparsity of anomalous videos, weights."""
        loss, scores = self.loss, output.logits.sigmoid()
        anomalous = batch.labels > 0
        if loss.objective == "ranking":
            bags = ranking(scores, batch.mask, anomalous)
        else:
            bags = video_loss(output, batch, loss)
        scores, mask = scores[anomalous], batch.mask[anomalous]
        squares = sum(layer.weight.square().sum() for layer in self._linear())
        return {
            loss.objective: bags,
            "smoothness": loss.smoothness * mean_or_zero(smoothness(scores, mask)),
            "sparsity": loss.sparsity * mean_or_zero(sparsity(scores, mask)),
            "weights": loss.weights * squares,
        }

    def _linear(self) -> list[nn.Linear]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]


def ranking(scores: Tensor, mask: Tensor, anomalous: Tensor) -> Tensor:
    """Mean over all pairs of `max(0, 1 - max s_anomalous + max s_normal)`; 0 without a pair.

    Args:
        scores: `B x T` in [0, 1].
        mask: `B x T`.
        anomalous: `B`, boolean.
    """
    highest = scores.masked_fill(~mask, -1.0).amax(dim=1)
    return mean_or_zero((1 - highest[anomalous, None] + highest[None, ~anomalous]).relu())
