"""Fusion by concatenation and one linear layer."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fusevad.models.base import Blueprint, Detector
from fusevad.models.layers import Refinement, TemporalEncoder
from fusevad.models.output import Output


class ConcatFusion(Detector):
    """`Linear([rgb; motion])`, then refinement and classifier as in `gaussian`; no uncertainty."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        settings, dim = self.settings, self.dim
        self.rgb_encoder = TemporalEncoder(settings, dim)
        self.motion_encoder = TemporalEncoder(settings, dim)
        self.fusion = nn.Linear(2 * dim, dim)
        self.refinement = Refinement(settings, dim)
        self.classifier = nn.Linear(dim, 1)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> Output:
        """See `Detector.forward`."""
        rgb = self.rgb_encoder(streams["rgb"], mask)
        motion = self.motion_encoder(streams["motion"], mask)
        fused = self.fusion(torch.cat((rgb, motion), dim=-1))
        return Output(self.classifier(self.refinement(fused)).squeeze(-1))
