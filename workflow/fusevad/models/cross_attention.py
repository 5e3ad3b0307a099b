"""Fusion by cross-attention between the streams."""

from torch import Tensor, nn

from fusevad.models.base import Detector, ModelSettings, Output, register
from fusevad.models.layers import Refinement, TemporalEncoder


@register("cross-attention")
class CrossAttentionFusion(Detector):
    """Each stream attends to the other; the fused state is the mean of both, layer-normalised.

    The paper names the baseline without describing it; this is its plainest form.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self.rgb_encoder = TemporalEncoder(settings)
        self.motion_encoder = TemporalEncoder(settings)
        self.rgb_to_event = self._attention(settings)
        self.motion_to_rgb = self._attention(settings)
        self.rgb_norm = nn.LayerNorm(settings.dim)
        self.motion_norm = nn.LayerNorm(settings.dim)
        self.refinement = Refinement(settings)
        self.classifier = nn.Linear(settings.dim, 1)

    @staticmethod
    def _attention(settings: ModelSettings) -> nn.MultiheadAttention:
        return nn.MultiheadAttention(
            settings.dim, settings.heads, dropout=settings.dropout, batch_first=True
        )

    def forward(self, rgb: Tensor, motion: Tensor, mask: Tensor) -> Output:
        """See `Detector.forward`."""
        padding = ~mask if self.settings.mask_padding else None
        rgb, motion = self.rgb_encoder(rgb, mask), self.motion_encoder(motion, mask)
        from_event, _ = self.rgb_to_event(
            rgb, motion, motion, key_padding_mask=padding, need_weights=False
        )
        from_rgb, _ = self.motion_to_rgb(
            motion, rgb, rgb, key_padding_mask=padding, need_weights=False
        )
        fused = (self.rgb_norm(rgb + from_event) + self.motion_norm(motion + from_rgb)) / 2
        return Output(self.classifier(self.refinement(fused)).squeeze(-1))
