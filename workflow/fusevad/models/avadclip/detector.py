"""AVadCLIP (Wu et al. 2025): docs/methods/avadclip.md."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from fusevad.models.avadclip.fusion import FUSIONS
from fusevad.models.avadclip.sound import SoundNetwork
from fusevad.models.base import Blueprint
from fusevad.models.baselines.vadclip import (
    VadCLIP,
    VadCLIPOutput,
    class_shares,
    top_k_means,
)
from fusevad.models.output import Batch
from fusevad.models.presence import present


class Prompted(VadCLIP):
    """VadCLIP's heads with AVadCLIP's prompt and its focal term."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        if self.settings.language and self.settings.prompt == "none":
            del self.prompt

    @property
    def dim(self) -> int:
        """Width of the features that both heads read: the first stream's."""
        return self.widths[self.streams[0]]

    def prompted(self, texts: Tensor, x: Tensor, binary: Tensor, mask: Tensor) -> Tensor:
        """See `VadCLIP.prompted`."""
        match self.settings.prompt:
            case "none":
                return texts.expand(len(x), -1, -1)
            case "per-class":
                shown = class_prompts(texts, x, binary, mask)
                return self.prompt(shown + texts) + texts
        return super().prompted(texts, x, binary, mask)

    def losses(self, output: VadCLIPOutput, batch: Batch) -> dict[str, Tensor]:
        """VadCLIP's terms and the focal term."""
        terms = super().losses(output, batch)
        if output.similarities is None:
            return terms
        bags = top_k_means(output.similarities, batch.mask, self.loss.top_k_divisor)
        focal = focal_loss(bags, class_shares(batch, self.classes), self.loss.focal_power)
        return terms | {"focal": self.loss.focal * self.loss.focal_share * focal}


class AVadCLIP(Prompted):
    """Both heads read what is seen, with sound fused into it."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        chosen = self.settings.fusion
        if chosen != "none":
            self.sound = SoundNetwork(self.widths["audio"], self.dim, self.settings.sound_dropout)
            self.fusion = FUSIONS[chosen](self.dim)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> VadCLIPOutput:
        """See `Detector.forward`; a video without sound is only seen."""
        x = self.temporal(streams["rgb"], mask)
        if self.settings.fusion != "none":
            heard = present(streams["audio"], mask)
            x = self.fusion(x, self.sound(streams["audio"]), heard)
        return self.judge(x, mask)


def class_prompts(texts: Tensor, x: Tensor, binary: Tensor, mask: Tensor) -> Tensor:
    """For each class, the segments by their scores and by the class's attention, of length 1.

    Equations 4 to 6 weight the segments by head 1 and multiply them with the texts; their shapes do
    not fit together. Here a class attends to the real segments by the softmax of the product of its
    text and their unit vectors, and each segment counts by its score, too.

    Args:
        texts: `C x D`.
        x: `B x T x D`.
        binary: logits of head 1, `B x T`.
        mask: `B x T`.

    Returns:
        `B x C x D`.
    """
    products = torch.einsum("cd,btd->bct", texts, functional.normalize(x, dim=-1))
    attended = products.masked_fill(~mask[:, None], -torch.inf).softmax(dim=-1)
    weights = attended * binary.sigmoid()[:, None]
    return functional.normalize(weights @ x, dim=-1)


def focal_loss(bags: Tensor, shares: Tensor, power: float) -> Tensor:
    """Mean of `-(1 - p)^power sum_c y_c log p_c`, `p` the probability of a video's classes.

    Args:
        bags: similarities of videos to classes, `B x C`.
        shares: of each class in a video (`y`), `B x C`.
        power: gamma.
    """
    logs = bags.log_softmax(dim=-1)
    likely = (shares * logs.exp()).sum(dim=-1)
    return -((1 - likely) ** power * (shares * logs).sum(dim=-1)).mean()
