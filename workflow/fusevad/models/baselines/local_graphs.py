"""VadCLIP's temporal model: attention within windows, then graphs of similarity and of distance."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusevad.encoders.text import quick_gelu
from fusevad.errors import FusevadError
from fusevad.models.baselines.distances import decay
from fusevad.models.baselines.masked import SegmentConv
from fusevad.models.baselines.settings import VadCLIPSettings

_DEVIATION = 0.01
# Similarities that are lower count as none.
_SIMILAR = 0.7


class LocalGraphs(nn.Module):
    """Positions, a transformer with windows, two layers on each of two graphs, a linear layer."""

    def __init__(self, width: int, settings: VadCLIPSettings) -> None:
        super().__init__()
        self.places = nn.Parameter(_DEVIATION * torch.randn(settings.places, width))
        self.blocks = nn.ModuleList(LocalBlock(width, settings) for _ in range(settings.blocks))
        half = width // 2
        self.similar = nn.ModuleList((GraphLayer(width, half), GraphLayer(half, half)))
        self.near = nn.ModuleList((GraphLayer(width, half), GraphLayer(half, half)))
        self.out = nn.Linear(2 * half, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x D` and `B x T` to `B x T x D`.

        Raises:
            FusevadError: more segments than positions.
        """
        if x.shape[1] > len(self.places):
            raise FusevadError(
                f"{x.shape[1]} segments, and positions for {len(self.places)}; lower max_segments"
                " or raise model.places"
            )
        x = x + self.places[: x.shape[1]]
        for block in self.blocks:
            x = block(x, mask)
        parts = []
        for layers, weights in ((self.similar, similarities(x, mask)), (self.near, decay(mask))):
            h = x
            for layer in layers:
                h = quick_gelu(layer(h, weights, mask))
            parts.append(h)
        return self.out(torch.cat(parts, dim=-1))


class LocalBlock(nn.Module):
    """Pre-norm attention within windows of a video, and a feed-forward net, as in CLIP."""

    def __init__(self, width: int, settings: VadCLIPSettings) -> None:
        super().__init__()
        if width % settings.block_heads:
            raise FusevadError(
                f"{settings.block_heads} heads do not divide an embedding of {width}; choose"
                " another number of heads"
            )
        self.window = settings.window
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, settings.block_heads, batch_first=True)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = feed_forward(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x D` and `B x T` to `B x T x D`."""
        x = x + self._attend(self.attention_norm(x), mask)
        return x + self.feed_forward(self.feed_forward_norm(x))

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        length = x.shape[1]
        more = -length % self.window
        windows = functional.pad(x, (0, 0, 0, more)).unflatten(1, (-1, self.window))
        real = functional.pad(mask, (0, more)).view(-1, self.window)
        # A window without a segment attends to its padding: a softmax over nothing is not a number.
        real = real | ~real.any(dim=1, keepdim=True)
        rows = windows.flatten(0, 1)
        read, _ = self.attention(rows, rows, rows, key_padding_mask=~real, need_weights=False)
        return read.reshape(len(x), -1, x.shape[2])[:, :length]


class GraphLayer(nn.Module):
    """`A x W` and the input, through a convolution over 5 segments where the widths differ."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(inputs, outputs)))
        self.skip = SegmentConv(inputs, outputs, 5) if inputs != outputs else None

    def forward(self, x: Tensor, weights: Tensor, mask: Tensor) -> Tensor:
        """`B x T x C_in`, the graph's `B x T x T`, and `B x T` to `B x T x C_out`."""
        skipped = x if self.skip is None else self.skip(x, mask)
        return weights @ (x @ self.weight) + skipped


class QuickGELU(nn.Module):
    """See `quick_gelu`."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return quick_gelu(x)


def feed_forward(width: int) -> nn.Sequential:
    """Two layers with 4 times the width between them."""
    return nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))


def similarities(x: Tensor, mask: Tensor) -> Tensor:
    """Softmax over a video's segments of their cosines, of which those to 0.7 count as 0.

    Args:
        x: `B x T x D`.
        mask: `B x T`.

    Returns:
        `B x T x T`, 0 in the columns of padding.
    """
    unit = functional.normalize(x, dim=-1)
    cosines = functional.threshold(unit @ unit.mT, _SIMILAR, 0.0)
    return cosines.masked_fill(~mask[:, None], -torch.inf).softmax(dim=-1)
