"""A learned gate that sees how sure both streams are."""

import torch
from torch import Tensor, nn

from fusevad.models.base import Distribution, ModelSettings, register
from fusevad.models.gaussian import GaussianFusion


@register("uncertainty-gating")
class UncertaintyGatingFusion(GaussianFusion):
    """`gate * rgb + (1 - gate) * motion`, `gate = sigmoid(Linear([log-variances of both]))`.

    `gaussian` is the gate `sigmoid(log_variance_event - log_variance_rgb)`, and training starts
    there; other features' uncertainty may then count too.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        dim = settings.dim
        self.gate = nn.Linear(2 * dim, dim)
        with torch.no_grad():
            self.gate.weight.copy_(torch.cat((-torch.eye(dim), torch.eye(dim)), dim=1))
            self.gate.bias.zero_()

    def combine(
        self, distributions: tuple[Distribution, Distribution]
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """Fused mean, the gate and its complement, and the precision of the gated sum."""
        rgb, motion = distributions
        gate = self.gate(torch.cat((rgb.log_variance, motion.log_variance), dim=-1))
        weights = gate.sigmoid(), (-gate).sigmoid()
        fused = weights[0] * rgb.mean + weights[1] * motion.mean
        variance = sum(
            weight.square() * modality.log_variance.exp()
            for weight, modality in zip(weights, distributions, strict=True)
        )
        return fused, weights, 1 / (variance + self.settings.epsilon)
