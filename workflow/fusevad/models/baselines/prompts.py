"""Texts of classes with learned vectors around the names, embedded by a frozen text tower."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fusevad.encoders.text import ClassNames, ClassTexts, TextTower
from fusevad.errors import FusevadError

_DEVIATION = 0.01


@dataclass(frozen=True, slots=True)
class Frame:
    """What a text's learned vectors surround, which never changes.

    Attributes:
        tokens: `C x L x W`, start, name and end at their places among the vectors.
        fixed: `C x L`, true at those places.
        ends: `C`, place of the end token.
        tower: embeds the texts.
    """

    tokens: Tensor
    fixed: Tensor
    ends: Tensor
    tower: TextTower


class ClassPrompts(nn.Module):
    """Embedded texts `[start] v.. name v.. [end]` of the classes.

    The learned vectors are of one table, by their places in the text, as in VadCLIP's released
    code: so those behind a name depend on its length. The embedded texts, as they are after
    training, are kept with the weights: a trained detector needs no text tower.

    Args:
        classes: of the data set.
        texts: of the classes; without, nothing can be learned.
        context: number of vectors before a name, and behind it.
    """

    def __init__(self, classes: ClassNames, texts: ClassTexts | None, context: int) -> None:
        super().__init__()
        table = torch.randn(classes.positions, classes.width)
        self.context = nn.Parameter(_DEVIATION * table)
        self.register_buffer("features", torch.zeros(len(classes.names), classes.features))
        self.frame = _frame(texts, context) if texts else None

    def forward(self) -> Tensor:
        """`C x D`; outside training as they were when it was left."""
        return self._embed() if self.training else self.features

    def train(self, mode: bool = True) -> "ClassPrompts":
        """Where training is left, embed the texts as they are then."""
        if not mode and self.frame is not None:
            with torch.no_grad():
                self.features.copy_(self._embed())
        return super().train(mode)

    def _embed(self) -> Tensor:
        if self.frame is None:
            raise FusevadError("texts of classes: without a text tower they can't be learned")
        frame = self.frame
        learned = self.context[: frame.tokens.shape[1]]
        texts = torch.where(frame.fixed[..., None], frame.tokens, learned)
        return frame.tower.encode(texts, frame.ends)


def _frame(texts: ClassTexts, context: int) -> Frame:
    """The places of the tokens among `context` vectors on either side of a name.

    Raises:
        FusevadError: a text is longer than the tower reads.
    """
    lengths, device = texts.lengths, texts.tokens.device
    longest = 2 + 2 * context + max(lengths)
    if longest > texts.classes.positions:
        name = texts.classes.names[lengths.index(max(lengths))]
        raise FusevadError(
            f"class '{name}': its name and {2 * context} learned vectors have {longest} tokens, and"
            f" the text tower reads {texts.classes.positions}; lower model.context"
        )
    tokens = torch.zeros(len(lengths), longest, texts.classes.width, device=device)
    fixed = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=device)
    for i, length in enumerate(lengths):
        end = 1 + 2 * context + length
        places = [0, *range(1 + context, 1 + context + length), end]
        tokens[i, places] = texts.tokens[i, : length + 2]
        fixed[i, places] = True
    ends = torch.tensor([1 + 2 * context + length for length in lengths], device=device)
    return Frame(tokens, fixed, ends, texts.tower)
