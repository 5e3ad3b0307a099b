"""Embeddings on disk as training and test samples; shards stay memory-mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fusevad.embed.index import check_shard
from fusevad.errors import FusevadError
from fusevad.files import read_csv


class EmbeddingStore:
    """Embeddings of one stream, by video: `segments x crops x D`, float16, as the index says.

    Tensors are views of memory-mapped shards, so that processes on one machine share one copy in
    the page cache; on a GPU they are moved to device memory once.
    """

    def __init__(self, index: Path, device: torch.device) -> None:
        columns = ["video", "file", "segments", "crops", "dim", "sha256"]
        table = read_csv(index, columns, text=("video", "file", "sha256"))
        self.index = index
        self.device = device
        self.dim = int(table["dim"].iloc[0])
        self.crops = int(table["crops"].iloc[0])
        self._tensors: dict[str, Tensor] = {}
        for file, digest in sorted(dict(zip(table["file"], table["sha256"], strict=True)).items()):
            check_shard(index.parent / file, digest)
            self._tensors.update(_read_shard(index.parent / file, device))

    def __getitem__(self, video: str) -> Tensor:
        """`segments x crops x D` of a video."""
        if video not in self._tensors:
            raise FusevadError(
                f"{self.index}: no embeddings of video '{video}'; extract this stream again"
            )
        return self._tensors[video]


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded samples: `rgb` and `motion` `B x T x D` float32, `mask` `B x T` of real segments.

    `motion` is `None` where a method learns from RGB alone.
    """

    rgb: Tensor
    motion: Tensor | None
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Streams:
    """RGB and, for methods that need it, the motion cue; of equal width and lengths."""

    rgb: EmbeddingStore
    motion: EmbeddingStore | None

    def __post_init__(self) -> None:
        if self.motion is None:
            return
        if self.rgb.dim != self.motion.dim or self.rgb.crops != self.motion.crops:
            raise FusevadError(
                f"{self.motion.index}: {self.motion.crops} crops of {self.motion.dim} features,"
                f" but {self.rgb.index} has {self.rgb.crops} of {self.rgb.dim}; extract both"
                " streams with one encoder"
            )

    def training_batch(
        self, samples: Sequence[tuple[str, int]], max_segments: int, pad_to_max: bool
    ) -> Batch:
        """Samples `(video, crop)`, each pooled to at most `max_segments` and zero-padded.

        With `pad_to_max` the batch is `max_segments` long even if no sample is: padding counts
        where a model does not mask it.
        """
        streams = [
            [pool_segments(stream[video][:, crop].float(), max_segments) for video, crop in samples]
            for stream in self._present()
        ]
        return _pad(streams, max_segments if pad_to_max else 0)

    def test_batch(
        self, videos: Sequence[str], crops: Sequence[int], max_segments: int, pad_to_max: bool
    ) -> Batch:
        """All chunks of whole videos; rows are videos x crops x chunks, in this order.

        Chunks are `max_segments` long, the last one zero-padded (IEF-VAD, section 2).
        """
        streams = [
            [
                chunk
                for video in videos
                for crop in stream[video][:, list(crops)].float().unbind(dim=1)
                for chunk in crop.split(max_segments)
            ]
            for stream in self._present()
        ]
        return _pad(streams, max_segments if pad_to_max else 0)

    def _present(self) -> list[EmbeddingStore]:
        return [self.rgb] if self.motion is None else [self.rgb, self.motion]


def pool_segments(x: Tensor, bins: int) -> Tensor:
    """Mean over `bins` nearly equal parts of a sequence longer than `bins`; else unchanged.

    Bin borders are `floor(linspace(0, n, bins + 1))`, as in the released code.

    Args:
        x: `n x D`.
        bins: largest length.

    Returns:
        `min(n, bins) x D`.
    """
    n = len(x)
    if n <= bins:
        return x
    borders = torch.div(torch.arange(bins + 1) * n, bins, rounding_mode="floor")
    sums = torch.cat((x.new_zeros(1, x.shape[1], dtype=torch.float64), x.double().cumsum(0)))
    widths = (borders[1:] - borders[:-1]).to(x.device)
    return ((sums[borders[1:]] - sums[borders[:-1]]) / widths[:, None]).to(x.dtype)


def _pad(streams: list[list[Tensor]], minimum: int) -> Batch:
    lengths = torch.tensor([len(x) for x in streams[0]])
    if any([len(x) for x in stream] != lengths.tolist() for stream in streams):
        raise FusevadError(
            "the embeddings of RGB and motion cue have different numbers of segments; extract both"
            " streams from the same manifest"
        )
    longest = max(int(lengths.max()), minimum)
    padded = []
    for stream in streams:
        out = stream[0].new_zeros(len(stream), longest, stream[0].shape[1])
        for row, x in zip(out, stream, strict=True):
            row[: len(x)] = x
        padded.append(out)
    mask = torch.arange(longest) < lengths[:, None]
    motion = padded[1] if len(padded) > 1 else None
    return Batch(padded[0], motion, mask.to(padded[0].device))


def _read_shard(path: Path, device: torch.device) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device=str(device)) as shard:
            return {name: shard.get_tensor(name) for name in shard.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise FusevadError(f"{path}: unreadable embeddings ({error}); extract again") from error
