"""Fusion by a learned gate."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fusevad.models.base import Blueprint, Detector
from fusevad.models.layers import Refinement, TemporalEncoder
from fusevad.models.output import Output


class GatingFusion(Detector):
    """`gate * rgb + (1 - gate) * motion`, `gate = sigmoid(Linear([rgb; motion]))`, element-wise."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        settings, dim = self.settings, self.dim
        self.rgb_encoder = TemporalEncoder(settings, dim)
        self.motion_encoder = TemporalEncoder(settings, dim)
        self.rgb_mean = nn.Linear(dim, dim)
        self.motion_mean = nn.Linear(dim, dim)
        self.gate = nn.Linear(2 * dim, dim)
        self.refinement = Refinement(settings, dim)
        self.classifier = nn.Linear(dim, 1)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> Output:
        """See `Detector.forward`."""
        rgb = self.rgb_encoder(streams["rgb"], mask)
        motion = self.motion_encoder(streams["motion"], mask)
        gate = torch.sigmoid(self.gate(torch.cat((rgb, motion), dim=-1)))
        fused = gate * self.rgb_mean(rgb) + (1 - gate) * self.motion_mean(motion)
        logits = self.classifier(self.refinement(fused)).squeeze(-1)
        return Output(logits, weights={"rgb": gate, "motion": 1 - gate})
