"""Fusion by a learned gate."""

import torch
from torch import Tensor, nn

from fusevad.models.base import Detector, ModelSettings, Output, register
from fusevad.models.layers import Refinement, TemporalEncoder


@register("gating")
class GatingFusion(Detector):
    """`gate * rgb + (1 - gate) * event`, `gate = sigmoid(Linear([rgb; event]))`, element-wise."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        dim = settings.dim
        self.rgb_encoder = TemporalEncoder(settings)
        self.event_encoder = TemporalEncoder(settings)
        self.rgb_mean = nn.Linear(dim, dim)
        self.event_mean = nn.Linear(dim, dim)
        self.gate = nn.Linear(2 * dim, dim)
        self.refinement = Refinement(settings)
        self.classifier = nn.Linear(dim, 1)

    def forward(self, rgb: Tensor, event: Tensor, mask: Tensor) -> Output:
        """See `Detector.forward`."""
        rgb, event = self.rgb_encoder(rgb, mask), self.event_encoder(event, mask)
        gate = torch.sigmoid(self.gate(torch.cat((rgb, event), dim=-1)))
        fused = gate * self.rgb_mean(rgb) + (1 - gate) * self.event_mean(event)
        logits = self.classifier(self.refinement(fused)).squeeze(-1)
        return Output(logits, weights=(gate, 1 - gate))
