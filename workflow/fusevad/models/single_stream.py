"""Detectors of a single stream: RGB (`image-only`) or motion cues (`motion-only`)."""

from collections.abc import Mapping

from torch import Tensor, nn

from fusevad.models.base import Blueprint, Detector
from fusevad.models.layers import Refinement, TemporalEncoder
from fusevad.models.output import Output


class SingleStream(Detector):
    """The fused detectors' encoder, mean head, refinement and classifier, with nothing to fuse."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        self.encoder = TemporalEncoder(self.settings, self.dim)
        self.mean = nn.Linear(self.dim, self.dim)
        self.refinement = Refinement(self.settings, self.dim)
        self.classifier = nn.Linear(self.dim, 1)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> Output:
        """See `Detector.forward`; the only stream is the method's."""
        (stream,) = self.streams
        latent = self.mean(self.encoder(streams[stream], mask))
        return Output(self.classifier(self.refinement(latent)).squeeze(-1))
