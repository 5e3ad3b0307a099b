"""Detectors of one stream alone: RGB (`image-only`) or motion cues (`motion-only`)."""

from torch import Tensor, nn

from fusevad.models.base import Detector, ModelSettings, Output, register
from fusevad.models.layers import Refinement, TemporalEncoder


class SingleStream(Detector):
    """The fused detectors' encoder, mean head, refinement and classifier, with nothing to fuse."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self.encoder = TemporalEncoder(settings)
        self.mean = nn.Linear(settings.dim, settings.dim)
        self.refinement = Refinement(settings)
        self.classifier = nn.Linear(settings.dim, 1)

    def score(self, stream: Tensor, mask: Tensor) -> Output:
        """Logits of one stream, `B x T x D` to `B x T`."""
        latent = self.mean(self.encoder(stream, mask))
        return Output(self.classifier(self.refinement(latent)).squeeze(-1))


@register("image-only")
class ImageOnly(SingleStream):
    """RGB alone."""

    needs_motion_cue = False

    def forward(self, rgb: Tensor, motion: Tensor | None, mask: Tensor) -> Output:
        """See `Detector.forward`; `motion` is not used."""
        return self.score(rgb, mask)


@register("motion-only")
class MotionOnly(SingleStream):
    """Motion cues alone."""

    def forward(self, rgb: Tensor, motion: Tensor, mask: Tensor) -> Output:
        """See `Detector.forward`; `rgb` is not used."""
        return self.score(motion, mask)
