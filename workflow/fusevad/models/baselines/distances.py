"""UR-DMU's transformer, which attends by content and, in parallel, by distance."""

import math

import torch
from torch import Tensor, nn

from fusevad.models.baselines.masked import SegmentConv
from fusevad.models.baselines.settings import DistanceSettings

WIDTH = 512
LAYERS = 2
STEPS = 1 + LAYERS
HEADS = 4


class DistanceTransformer(nn.Module):
    """A convolution to 512 features and two pre-norm blocks of attention and a feed-forward net."""

    def __init__(self, width: int, settings: DistanceSettings) -> None:
        super().__init__()
        dropout = settings.block_dropout
        self.embed = SegmentConv(width, WIDTH, 3)
        self.attention_norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.attention = nn.ModuleList(DistanceAttention(settings) for _ in range(LAYERS))
        self.feed_forward_norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.feed_forward = nn.ModuleList(
            nn.Sequential(
                nn.Linear(WIDTH, WIDTH),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(WIDTH, WIDTH),
                nn.Dropout(dropout),
            )
            for _ in range(LAYERS)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x D` and `B x T` to `B x T x 512`."""
        for place in range(STEPS):
            x = self.step(place, x, mask)
        return x

    def step(self, place: int, x: Tensor, mask: Tensor) -> Tensor:
        """One of `STEPS`: the convolution (0), then block by block."""
        if place == 0:
            return self.embed(x, mask).relu()
        i = place - 1
        x = x + self.attention[i](self.attention_norms[i](x), mask)
        return x + self.feed_forward[i](self.feed_forward_norms[i](x))


class DistanceAttention(nn.Module):
    """Softmax attention by content, and weights `exp(-|i - j| / e)`, each with its own values."""

    def __init__(self, settings: DistanceSettings) -> None:
        super().__init__()
        self.distance_weights = settings.distance_weights
        self.project = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.out = nn.Sequential(nn.Linear(2 * WIDTH, WIDTH), nn.Dropout(settings.block_dropout))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x 512` and `B x T` to `B x T x 512`."""
        parts = self.project(x).unflatten(-1, (4, HEADS, WIDTH // HEADS))
        query, key, value, near_value = parts.permute(2, 0, 3, 1, 4)
        products = query @ key.mT / math.sqrt(WIDTH // HEADS)
        contents = products.masked_fill(~mask[:, None, None], -torch.inf).softmax(dim=-1)
        near = distance_weights(mask, self.distance_weights).to(x.dtype)[:, None]
        read = torch.cat((contents @ value, near @ near_value), dim=-1)
        return self.out(read.transpose(1, 2).flatten(2))


def distance_weights(mask: Tensor, kind: str) -> Tensor:
    """`exp(-|i - j| / e)` over real segments, normalised.

    Args:
        mask: `B x T`.
        kind: `rows` sum to 1, or `released`: columns sum to 1, and rows at a video's ends do not.

    Returns:
        `B x T x T`, 0 in the columns of padding.
    """
    near = decay(mask)
    if kind == "rows":
        # Rows of padding far from all real segments have weights too small for a float32: sum 0.
        return near / near.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(near.dtype).tiny)
    columns = (near * mask[..., None]).sum(dim=-2, keepdim=True)
    return near / columns.clamp(min=1)


def decay(mask: Tensor) -> Tensor:
    """`exp(-|i - j| / e)`: `B x T x T`, 0 in the columns of padding."""
    place = torch.arange(mask.shape[1], device=mask.device, dtype=torch.float32)
    return (-(place[:, None] - place).abs() / math.e).exp() * mask[:, None]
