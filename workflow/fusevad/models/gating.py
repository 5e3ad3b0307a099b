"""Fusion by a learned gate."""

import torch
from torch import Tensor, nn

from fusevad.models.base import Detector, ModelSettings, Output, register
from fusevad.models.layers import Refinement, TemporalEncoder


@register("gating")
class GatingFusion(Detector):
    """`gate * rgb + (1 - gate) * motion`, `gate = sigmoid(Linear([rgb; motion]))`, element-wise."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        dim = settings.dim
        self.rgb_encoder = TemporalEncoder(settings)
        self.motion_encoder = TemporalEncoder(settings)
        self.rgb_mean = nn.Linear(dim, dim)
        self.motion_mean = nn.Linear(dim, dim)
        self.gate = nn.Linear(2 * dim, dim)
        self.refinement = Refinement(settings)
        self.classifier = nn.Linear(dim, 1)

    def forward(self, rgb: Tensor, motion: Tensor, mask: Tensor) -> Output:
        """See `Detector.forward`."""
        rgb, motion = self.rgb_encoder(rgb, mask), self.motion_encoder(motion, mask)
        gate = torch.sigmoid(self.gate(torch.cat((rgb, motion), dim=-1)))
        fused = gate * self.rgb_mean(rgb) + (1 - gate) * self.motion_mean(motion)
        logits = self.classifier(self.refinement(fused)).squeeze(-1)
        return Output(logits, weights=(gate, 1 - gate))
