"""Which segments have a stream: a video without sound has no audio, which is not silence."""

from torch import Tensor


def present(x: Tensor, mask: Tensor) -> Tensor:
    """Real segments that have a stream: `B x T`.

    Embeddings of a segment that has none are zeros, which no encoder gives; segments are pooled and
    binned without changing that.

    Args:
        x: embeddings of the stream, `B x T x D`.
        mask: `B x T`, true where a segment is real.
    """
    return mask & (x != 0).any(dim=-1)
