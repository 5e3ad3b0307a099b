"""The network of sound: causal, dilated convolutions."""

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

_BLOCKS, _SIZE = 3, 2


class SoundNetwork(nn.Module):
    """Three residual blocks with dilation 1, 2 and 4 (Bai et al. 2018, as in the released code).

    A segment sees only those before it, so padding behind a video changes nothing.
    """

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            CausalBlock(width if i else inputs, width, 2**i, dropout) for i in range(_BLOCKS)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`B x T x D_in` to `B x T x D`."""
        x = x.transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return x.transpose(1, 2)


class CausalBlock(nn.Module):
    """Two causal convolutions over two segments, and the input, projected if the widths differ."""

    def __init__(self, inputs: int, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.convolutions = nn.ModuleList(
            weight_norm(nn.Conv1d(channels, width, _SIZE, dilation=dilation))
            for channels in (inputs, width)
        )
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Conv1d(inputs, width, 1) if inputs != width else None

    def forward(self, x: Tensor) -> Tensor:
        """`B x D_in x T` to `B x D x T`."""
        skipped = x if self.skip is None else self.skip(x)
        for convolution in self.convolutions:
            before = functional.pad(x, ((_SIZE - 1) * self.dilation, 0))
            x = self.dropout(convolution(before).relu())
        return (x + skipped).relu()
