"""Layers that several methods use: the temporal encoder and the refinement."""

from typing import TypedDict

import torch
from torch import Tensor, nn

from fusevad.errors import FusevadError
from fusevad.models.settings import TemporalSettings


def attention_layer(settings: TemporalSettings, dim: int) -> nn.MultiheadAttention:
    """Attention over segments of `dim` features.

    Raises:
        FusevadError: the heads do not divide the features.
    """
    if dim % settings.heads:
        raise FusevadError(
            f"{settings.heads} heads do not divide an embedding of {dim}; choose another number of"
            " heads"
        )
    return nn.MultiheadAttention(dim, settings.heads, dropout=settings.dropout, batch_first=True)


class AttentionMasks(TypedDict):
    """Arguments of `nn.MultiheadAttention` that say which segments attend to which."""

    key_padding_mask: Tensor | None
    attn_mask: Tensor | None


def attention_masks(settings: TemporalSettings, mask: Tensor) -> AttentionMasks:
    """Let segments attend to real segments (`mask_padding`) at most `window` away.

    With a window, a segment may always attend to itself: padding far from the end of a video would
    otherwise see nothing, and a softmax over nothing is no number.
    """
    if settings.window is None:
        return {"key_padding_mask": ~mask if settings.mask_padding else None, "attn_mask": None}
    place = torch.arange(mask.shape[1], device=mask.device)
    distance = (place[:, None] - place).abs()
    # In an ONNX export, `len(mask)` would be a constant.
    seen = (distance <= settings.window).expand(mask.shape[0], -1, -1)
    if settings.mask_padding:
        seen = seen & mask[:, None] | (distance == 0)
    return {"key_padding_mask": None, "attn_mask": ~seen.repeat_interleave(settings.heads, dim=0)}


class TemporalEncoder(nn.Module):
    """Self-attention over the segments of one modality, then a layer norm ("whitening").

    `layers` times `x <- LayerNorm(x + Attention(x, x, x))`, without feed-forward blocks
    (IEF-VAD, section 3; the released code's `*_attn_layers`, `*_norms`, `whiten_*`).
    """

    def __init__(self, settings: TemporalSettings, dim: int) -> None:
        super().__init__()
        self.settings = settings
        self.attention = nn.ModuleList(
            attention_layer(settings, dim) for _ in range(settings.layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(settings.layers))
        self.whiten = nn.LayerNorm(dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x D` embeddings and `B x T` mask to `B x T x D`; see `attention_masks`."""
        masks = attention_masks(self.settings, mask)
        for attention, norm in zip(self.attention, self.norms, strict=True):
            attended, _ = attention(x, x, x, **masks, need_weights=False)
            x = norm(x + attended)
        return self.whiten(x)


class Refinement(nn.Module):
    """`x <- x - rate * F(x)`, `steps` times (IEF-VAD, section 3, refinement).

    F is Linear-ReLU-Linear; `shared` uses one F for all steps (the paper), `separate` one for each
    step (the released code's `refinement_blocks`), `narrow` one for each step with a hidden layer
    narrow enough that all of them together have about as many parameters as the shared one.
    """

    def __init__(self, settings: TemporalSettings, dim: int) -> None:
        super().__init__()
        self.rate = settings.refinement_rate
        self.steps = settings.refinement_steps
        kind = settings.refinement_networks
        networks = min(1, self.steps) if kind == "shared" else self.steps
        hidden = narrow_width(dim, networks) if kind == "narrow" and networks else dim
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))
            for _ in range(networks)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`B x T x D` to `B x T x D`."""
        for step in range(self.steps):
            x = x - self.rate * self.blocks[step % len(self.blocks)](x)
        return x


def narrow_width(dim: int, networks: int) -> int:
    """Hidden width for which `networks` together best match the parameters of one of width `dim`.

    Linear-ReLU-Linear from `dim` features over `h` and back has `2 dim h + h + dim` parameters.
    """
    each = (2 * dim * dim + 2 * dim) / networks
    return max(1, round((each - dim) / (2 * dim + 1)))
