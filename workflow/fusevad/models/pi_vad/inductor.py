"""The poly-modal inductor: pseudo-modality generation and cross-modal induction."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusevad.errors import FusevadError
from fusevad.models.baselines.distances import WIDTH
from fusevad.models.baselines.masked import SegmentConv
from fusevad.models.pi_vad.settings import PIVADSettings


@dataclass(frozen=True, slots=True)
class Induction:
    """What an inductor makes of features of RGB.

    Attributes:
        place: step of the transformer that it follows.
        generated: by modality, `B x T x D` of its stream; empty if the true streams are given.
        anchor: features of RGB in the common space, `B x T x C`.
        aligned: by modality, in the common space, `B x T x C`.
        induced: features that replace those of RGB, `B x T x 512`.
    """

    place: int
    generated: Mapping[str, Tensor]
    anchor: Tensor
    aligned: Mapping[str, Tensor]
    induced: Tensor


class Inductor(nn.Module):
    """Generates modalities from features of RGB, and puts what they say into these features.

    Args:
        settings: of the method.
        widths: of the streams, by modality.
        place: step of the transformer that it follows.
        generates: whether modalities are generated; else the true streams must be given.
    """

    def __init__(
        self, settings: PIVADSettings, widths: Mapping[str, int], place: int, generates: bool
    ) -> None:
        super().__init__()
        self.place = place
        self.generation = Generation(settings, widths) if generates else None
        self.anchor = nn.Linear(WIDTH, settings.common_width)
        self.align = nn.ModuleDict(
            {name: nn.Linear(width, settings.common_width) for name, width in widths.items()}
        )
        self.induction = CrossModalInduction(settings)

    def forward(self, x: Tensor, true: Mapping[str, Tensor], mask: Tensor) -> Induction:
        """Features `B x T x 512`, true streams (unless it generates them) and `B x T`."""
        generated = {} if self.generation is None else self.generation(x, mask)
        aligned = {name: layer((generated or true)[name]) for name, layer in self.align.items()}
        induced = self.induction(x, torch.cat([*aligned.values()], dim=-1), mask)
        return Induction(self.place, generated, self.anchor(x), aligned, induced)


class Generation(nn.Module):
    """A code that all modalities share, and a linear layer and a convolution for each (PMG)."""

    def __init__(self, settings: PIVADSettings, widths: Mapping[str, int]) -> None:
        super().__init__()
        code, size = settings.generated_width, settings.generated_size
        self.code = SegmentConv(WIDTH, code, size)
        self.linear = nn.ModuleDict({name: nn.Linear(code, code) for name in widths})
        self.out = nn.ModuleDict(
            {name: SegmentConv(code, width, size) for name, width in widths.items()}
        )

    def forward(self, x: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """`B x T x 512` and `B x T` to `B x T x D` of each modality."""
        code = self.code(x, mask).relu()
        return {name: out(self.linear[name](code).relu(), mask) for name, out in self.out.items()}


class CrossModalInduction(nn.Module):
    """Transformer blocks over all modalities, with RGB added between them (CMI)."""

    def __init__(self, settings: PIVADSettings) -> None:
        super().__init__()
        width, heads = settings.induced_width, settings.induction_heads
        if width % heads:
            raise FusevadError(
                f"model.induction_heads: {heads} heads do not divide {width} features of"
                f" {len(settings.modalities)} modalities; choose another number of heads"
            )
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                heads,
                settings.induction_expansion * width,
                settings.induction_dropout,
                activation=functional.gelu,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(settings.induction_blocks)
        )
        self.add = nn.ModuleList(nn.Linear(WIDTH, width) for _ in self.blocks[1:])
        self.out = nn.Linear(width, WIDTH)

    def forward(self, x: Tensor, modalities: Tensor, mask: Tensor) -> Tensor:
        """Features `B x T x 512`, aligned modalities `B x T x W`, `B x T` to `B x T x 512`."""
        h = modalities
        for place, block in enumerate(self.blocks):
            if place:
                h = h + self.add[place - 1](x)
            h = block(h, src_key_padding_mask=~mask)
        return self.out(h)
