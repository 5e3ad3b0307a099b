"""Ways to fuse sound into what is seen; a segment without sound is only seen."""

from typing import Protocol

import torch
from torch import Tensor, nn


class Fusion(Protocol):
    """Fuses `B x T x D` of pictures and of sound, heard where `B x T` is true."""

    def __call__(self, seen: Tensor, sound: Tensor, heard: Tensor) -> Tensor: ...


class AdaptiveFusion(nn.Module):
    """`X_v + sigmoid(Linear X) * Linear(GELU(Linear X))`, `X = [X_v; X_a]` (equations 1 to 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, width)
        self.residual = nn.Sequential(
            nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, seen: Tensor, sound: Tensor, heard: Tensor) -> Tensor:
        """See `Fusion`."""
        both = torch.cat((seen, sound), dim=-1)
        return seen + heard[..., None] * self.gate(both).sigmoid() * self.residual(both)


class Addition(nn.Module):
    """`X_v + X_a`."""

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, seen: Tensor, sound: Tensor, heard: Tensor) -> Tensor:
        """See `Fusion`."""
        return seen + heard[..., None] * sound


class Concatenation(nn.Module):
    """`Linear [X_v; X_a]`, with zeros for sound that there is none of."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * width, width)

    def forward(self, seen: Tensor, sound: Tensor, heard: Tensor) -> Tensor:
        """See `Fusion`."""
        return self.linear(torch.cat((seen, heard[..., None] * sound), dim=-1))


class CrossAttention(nn.Module):
    """What is seen attends to a video's sound, with one head, and is added; from no formula."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 1, batch_first=True)

    def forward(self, seen: Tensor, sound: Tensor, heard: Tensor) -> Tensor:
        """See `Fusion`."""
        some = heard.any(dim=1)[:, None]
        # A softmax over no sound at all is not a number.
        silent = ~(heard | ~some)
        read, _ = self.attention(seen, sound, sound, key_padding_mask=silent, need_weights=False)
        return seen + some[..., None] * read


FUSIONS: dict[str, type[nn.Module]] = {
    "adaptive": AdaptiveFusion,
    "addition": Addition,
    "concatenation": Concatenation,
    "cross-attention": CrossAttention,
}
