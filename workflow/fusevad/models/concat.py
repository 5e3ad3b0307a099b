"""Fusion by concatenation and one linear layer."""

import torch
from torch import Tensor, nn

from fusevad.models.base import Detector, ModelSettings, Output, register
from fusevad.models.layers import Refinement, TemporalEncoder


@register("concat")
class ConcatFusion(Detector):
    """`Linear([rgb; motion])`, then refinement and classifier as in `gaussian`; no uncertainty."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self.rgb_encoder = TemporalEncoder(settings)
        self.motion_encoder = TemporalEncoder(settings)
        self.fusion = nn.Linear(2 * settings.dim, settings.dim)
        self.refinement = Refinement(settings)
        self.classifier = nn.Linear(settings.dim, 1)

    def forward(self, rgb: Tensor, motion: Tensor, mask: Tensor) -> Output:
        """See `Detector.forward`."""
        encoded = self.rgb_encoder(rgb, mask), self.motion_encoder(motion, mask)
        fused = self.fusion(torch.cat(encoded, dim=-1))
        return Output(self.classifier(self.refinement(fused)).squeeze(-1))
