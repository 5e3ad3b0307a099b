"""VadCLIP (Wu et al. 2024): docs/methods/vadclip.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusevad.data.label_tables import NORMAL
from fusevad.errors import FusevadError
from fusevad.models.base import Blueprint, Detector
from fusevad.models.baselines.local_graphs import LocalGraphs, feed_forward
from fusevad.models.baselines.prompts import ClassPrompts
from fusevad.models.losses import highest_count, video_loss
from fusevad.models.output import Batch, Output

_TEMPERATURE = 0.07


@dataclass(frozen=True, slots=True, kw_only=True)
class VadCLIPOutput(Output):
    """What the losses read besides.

    Attributes:
        features: that both heads read, `B x T x D`.
        binary: logits of head 1, `B x T`.
        texts: embedded texts of the classes, `C x D`; None without language.
        similarities: of segments to the classes' texts, `B x T x C`; None without language.
    """

    features: Tensor
    binary: Tensor
    texts: Tensor | None
    similarities: Tensor | None


class VadCLIP(Detector):
    """Head 1 scores segments; head 2 aligns them with texts of the classes."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        settings, dim = self.settings, self.dim
        self.temporal = LocalGraphs(dim, settings)
        self.refine = feed_forward(dim)
        self.classifier = nn.Linear(dim, 1)
        if settings.language:
            classes = blueprint.classes
            if classes.features != dim:
                raise FusevadError(
                    f"{type(self).__name__}: the text tower has {classes.features} features, and"
                    f" stream {self.streams[0]} has {dim}; use the text tower of the encoder that"
                    " made the stream, or set model.language to false"
                )
            self.classes = classes.names
            self.prompts = ClassPrompts(classes, blueprint.texts, settings.context)
            self.prompt = feed_forward(dim)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> VadCLIPOutput:
        """See `Detector.forward`."""
        return self.judge(self.temporal(streams[self.streams[0]], mask), mask)

    def judge(self, x: Tensor, mask: Tensor) -> VadCLIPOutput:
        """What both heads say of features `B x T x D`."""
        binary = self.classifier(x + self.refine(x)).squeeze(-1)
        if not self.settings.language:
            return VadCLIPOutput(binary, features=x, binary=binary, texts=None, similarities=None)
        texts = self.prompts()
        similar = self._align(x, self.prompted(texts, x, binary, mask))
        logits = binary
        if self.settings.head == "classes":
            logits = similar[..., 1:].logsumexp(dim=-1) - similar[..., 0]
        return VadCLIPOutput(
            logits,
            classes={} if self.training else self._probabilities(similar),
            features=x,
            binary=binary,
            texts=texts,
            similarities=similar,
        )

    def prompted(self, texts: Tensor, x: Tensor, binary: Tensor, mask: Tensor) -> Tensor:
        """Texts `C x D` shifted by a video's segments and refined by a network: `B x C x D`."""
        shifted = texts + video_prompt(x, binary, mask)
        return shifted + self.prompt(shifted)

    def losses(self, output: VadCLIPOutput, batch: Batch) -> dict[str, Tensor]:
        """Of videos by head 1, of their classes by head 2, and of the texts among each other."""
        terms = {"classification": video_loss(Output(output.binary), batch, self.loss)}
        if output.texts is None:
            return terms
        bags = top_k_means(output.similarities, batch.mask, self.loss.top_k_divisor)
        shares = class_shares(batch, self.classes)
        aligned = -(shares * bags.log_softmax(dim=-1)).sum(dim=-1).mean()
        return terms | {
            "text_alignment": self.loss.text_alignment * aligned,
            "text_separation": self.loss.text_separation * likeness_to_normal(output.texts),
        }

    def _align(self, x: Tensor, texts: Tensor) -> Tensor:
        """`B x T x C`: cosines of segments and of texts `B x C x D`."""
        texts = functional.normalize(texts, dim=-1)
        return functional.normalize(x, dim=-1) @ texts.mT / _TEMPERATURE

    def _probabilities(self, similar: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.classes, similar.softmax(dim=-1).unbind(dim=-1), strict=True))


def video_prompt(x: Tensor, binary: Tensor, mask: Tensor) -> Tensor:
    """`B x 1 x D`: the sum of a video's segments by their logits, of length 1."""
    weighted = torch.einsum("bt,btd->bd", binary * mask, x)
    return functional.normalize(weighted, dim=-1)[:, None]


def top_k_means(similar: Tensor, mask: Tensor, divisor: int) -> Tensor:
    """For each class the mean of a video's `highest_count`: `B x T x C` to `B x C`."""
    count = highest_count(mask, divisor)[:, None, None]
    highest = similar.masked_fill(~mask[..., None], -torch.inf).sort(dim=1, descending=True).values
    places = torch.arange(similar.shape[1], device=similar.device)[:, None]
    return highest.masked_fill(places >= count, 0.0).sum(dim=1) / count[:, 0]


def class_shares(batch: Batch, names: Sequence[str]) -> Tensor:
    """`B x C`: equal shares of the classes that a video shows, of a normal one all in `normal`."""
    shares = torch.zeros(len(batch.labels), len(names))
    for row, classes in zip(shares, batch.classes, strict=True):
        for name in classes or (NORMAL,):
            row[names.index(name)] = 1 / max(len(classes), 1)
    return shares.to(batch.labels.device)


def likeness_to_normal(texts: Tensor) -> Tensor:
    """Mean of the absolute cosines of the first text, of `normal`, and all others."""
    unit = functional.normalize(texts, dim=-1)
    return (unit[1:] @ unit[0]).abs().mean()
