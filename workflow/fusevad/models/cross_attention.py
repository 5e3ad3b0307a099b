"""Fusion by cross-attention between the streams."""

from collections.abc import Mapping

from torch import Tensor, nn

from fusevad.models.base import Blueprint, Detector
from fusevad.models.layers import (
    Refinement,
    TemporalEncoder,
    attention_layer,
    attention_masks,
)
from fusevad.models.output import Output


class CrossAttentionFusion(Detector):
    """Each stream attends to the other; the fused state is the mean of both, layer-normalised.

    The paper names this baseline without describing it; this is its plainest form.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        settings, dim = self.settings, self.dim
        self.rgb_encoder = TemporalEncoder(settings, dim)
        self.motion_encoder = TemporalEncoder(settings, dim)
        self.rgb_to_motion = attention_layer(settings, dim)
        self.motion_to_rgb = attention_layer(settings, dim)
        self.rgb_norm = nn.LayerNorm(dim)
        self.motion_norm = nn.LayerNorm(dim)
        self.refinement = Refinement(settings, dim)
        self.classifier = nn.Linear(dim, 1)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> Output:
        """See `Detector.forward`."""
        masks = attention_masks(self.settings, mask)
        rgb = self.rgb_encoder(streams["rgb"], mask)
        motion = self.motion_encoder(streams["motion"], mask)
        from_motion, _ = self.rgb_to_motion(rgb, motion, motion, **masks, need_weights=False)
        from_rgb, _ = self.motion_to_rgb(motion, rgb, rgb, **masks, need_weights=False)
        fused = (self.rgb_norm(rgb + from_motion) + self.motion_norm(motion + from_rgb)) / 2
        return Output(self.classifier(self.refinement(fused)).squeeze(-1))
