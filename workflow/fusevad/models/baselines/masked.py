"""Layers over segments that padding does not influence."""

import torch
from torch import Tensor, nn


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch norm of `B x T x C` over real segments; padding becomes 0."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x C` and `B x T` to `B x T x C`."""
        out = torch.zeros_like(x)
        out[mask] = super().forward(x[mask])
        return out


class SegmentConv(nn.Conv1d):
    """A convolution over the segments of `B x T x C`; padding is 0, like the end of a video.

    It keeps the length: `B x T x C_in` to `B x T x C_out`.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int, dilation: int = 1, *, bias: bool = True
    ) -> None:
        padding = dilation * (size // 2)
        super().__init__(inputs, outputs, size, padding=padding, dilation=dilation, bias=bias)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x C_in` and `B x T` to `B x T x C_out`; the output at padding is undefined."""
        kept = x.masked_fill(~mask[..., None], 0.0)
        return super().forward(kept.transpose(1, 2)).transpose(1, 2)
