"""A learned gate that reads the uncertainty of both streams."""

from collections.abc import Mapping

import torch
from torch import nn

from fusevad.models.base import Blueprint
from fusevad.models.gaussian import Fused, GaussianFusion
from fusevad.models.output import Distribution


class UncertaintyGatingFusion(GaussianFusion):
    """`gate * rgb + (1 - gate) * motion`, `gate = sigmoid(Linear([log-variances of both]))`.

    `gaussian` is the gate `sigmoid(log_variance_motion - log_variance_rgb)`, and training starts
    there; later, the uncertainty of other features may count too.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        dim = self.dim
        self.gate = nn.Linear(2 * dim, dim)
        with torch.no_grad():
            self.gate.weight.copy_(torch.cat((-torch.eye(dim), torch.eye(dim)), dim=1))
            self.gate.bias.zero_()

    def combine(self, distributions: Mapping[str, Distribution]) -> Fused:
        """Fused mean, the gate and its complement, and the precision of the gated sum."""
        rgb, motion = distributions["rgb"], distributions["motion"]
        gate = self.gate(torch.cat((rgb.log_variance, motion.log_variance), dim=-1))
        weights = {"rgb": gate.sigmoid(), "motion": (-gate).sigmoid()}
        mean = weights["rgb"] * rgb.mean + weights["motion"] * motion.mean
        variance = sum(
            weights[name].square() * each.log_variance.exp() for name, each in distributions.items()
        )
        return Fused(mean, weights, 1 / (variance + self.settings.epsilon))
