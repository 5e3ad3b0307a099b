"""Embeddings on disk as training and test samples; shards stay memory-mapped."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from fusevad.csv_tables import read_csv
from fusevad.embed.index import AGAIN, check_shard
from fusevad.errors import FusevadError
from fusevad.tensor_files import open_tensors


class EmbeddingStore:
    """Embeddings of one stream, by video: `segments x crops x D`, float16, as the index says.

    Tensors are views of memory-mapped shards, so that processes on one machine share one copy in
    the page cache; on a GPU they are moved to device memory once.
    """

    def __init__(self, index: Path, device: torch.device) -> None:
        columns = ["video", "file", "segments", "crops", "dim", "sha256"]
        table = read_csv(index, columns, text=("video", "file", "sha256"))
        if table.empty or not all(map(_is_name, table["file"])):
            raise FusevadError(f"{index}: not an index of shards beside it; {AGAIN}")
        sizes = table[["segments", "crops", "dim"]]
        if sizes.dtypes.astype(str).ne("int64").any() or table["video"].duplicated().any():
            raise FusevadError(
                f"{index}: sizes that are no whole numbers, or a video twice; {AGAIN}"
            )
        if table[["crops", "dim"]].nunique().gt(1).any() or sizes.lt(1).any(axis=None):
            raise FusevadError(f"{index}: sizes that differ between videos, or are 0; {AGAIN}")
        if table.groupby("file")["sha256"].nunique().gt(1).any():
            raise FusevadError(f"{index}: two hashes of one shard; {AGAIN}")
        self.index = index
        self.device = device
        self.dim = int(table["dim"].iloc[0])
        self.crops = int(table["crops"].iloc[0])
        self._tensors: dict[str, Tensor] = {}
        for file, digest in sorted(dict(zip(table["file"], table["sha256"], strict=True)).items()):
            check_shard(index, index.parent / file, digest)
            self._tensors.update(_read_shard(index.parent / file, device))
        for row in table.itertuples():
            _check_as_listed(index, row.video, self._tensors, (row.segments, row.crops, row.dim))

    def __getitem__(self, video: str) -> Tensor:
        """`segments x crops x D` of a video."""
        if video not in self._tensors:
            raise FusevadError(
                f"{self.index}: no embeddings of video '{video}'; extract this stream again"
            )
        return self._tensors[video]

    def lengths(self) -> dict[str, int]:
        """Segments of each video."""
        return {video: len(embeddings) for video, embeddings in self._tensors.items()}

    def place(self, crop: int) -> int:
        """Position of a crop: a stream with one crop uses it for all."""
        return crop if self.crops > 1 else 0


class HeldEmbeddings(EmbeddingStore):
    """Embeddings of one stream that are in memory and on no disk."""

    def __init__(self, source: Path, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        """Hold embeddings.

        Args:
            source: what messages name.
            tensors: by video, `segments x crops x D` float16, at least one.
            device: where they are read.
        """
        first = next(iter(tensors.values()))
        self.index = source
        self.device = device
        self.crops, self.dim = first.shape[1:]
        self._tensors = {video: each.to(device) for video, each in tensors.items()}


@dataclass(frozen=True, slots=True)
class Padded:
    """Zero-padded sequences: by stream `B x T x D` float32, `mask` `B x T` of real segments."""

    streams: dict[str, Tensor]
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Streams:
    """Embeddings of the same videos, by role: `rgb`, `motion`, `audio`, ...

    Streams may differ in width. They have the same crops, or one: a stream without crops (sound) is
    shared by all crops of the others.

    Raises:
        FusevadError: there is no stream, or one has more than one crop and fewer than another.
    """

    stores: Mapping[str, EmbeddingStore]

    def __post_init__(self) -> None:
        if not self.stores:
            raise FusevadError("no stream to read; name its index")
        for role, store in self.stores.items():
            if store.crops not in (1, self.crops):
                raise FusevadError(
                    f"{store.index}: {store.crops} crops of stream {role}, but another stream has"
                    f" {self.crops}; extract streams with the same crops, or with one"
                )

    def __getitem__(self, role: str) -> EmbeddingStore:
        """The store of one stream."""
        return self.stores[role]

    @property
    def crops(self) -> int:
        """Number of crops of the stream with the most crops."""
        return max(store.crops for store in self.stores.values())

    @property
    def widths(self) -> dict[str, int]:
        """Features of each stream."""
        return {role: store.dim for role, store in self.stores.items()}

    @property
    def device(self) -> torch.device:
        """Where the embeddings are."""
        return next(iter(self.stores.values())).device

    def length(self, video: str) -> int:
        """Segments of a video."""
        return len(next(iter(self.stores.values()))[video])

    def only(self, roles: Iterable[str]) -> "Streams":
        """Only the streams of some roles.

        Raises:
            FusevadError: one is missing.
        """
        lacking = [role for role in roles if role not in self.stores]
        if lacking:
            raise FusevadError(
                f"stream {', '.join(lacking)} is missing; name its index: --stream"
                f" {lacking[0]}=INDEX"
            )
        return Streams({role: self.stores[role] for role in roles})

    def with_store(self, role: str, store: EmbeddingStore) -> "Streams":
        """The same streams, except for one."""
        return Streams({**self.stores, role: store})

    def training_samples(
        self,
        samples: Sequence[tuple[str, int]],
        shorten: Callable[[Tensor], Tensor],
        minimum: int = 0,
    ) -> Padded:
        """Samples `(video, crop)`, each with the length that training needs, zero-padded.

        Args:
            samples: of a batch.
            shorten: makes the `T x D` of a sample from the `n x D` of a video.
            minimum: length to pad to even if no sample is as long.
        """
        rows = {
            role: [shorten(store[video][:, store.place(crop)].float()) for video, crop in samples]
            for role, store in self.stores.items()
        }
        return _pad(rows, minimum)

    def test_chunks(
        self, videos: Sequence[str], crops: Sequence[int], max_segments: int, minimum: int = 0
    ) -> Padded:
        """All chunks of whole videos; rows are videos x crops x chunks, in this order.

        Chunks are `max_segments` long, the last one zero-padded (IEF-VAD, section 2), to `minimum`
        if all are shorter.
        """
        rows = {
            role: [
                chunk
                for video in videos
                for crop in crops
                for chunk in store[video][:, store.place(crop)].float().split(max_segments)
            ]
            for role, store in self.stores.items()
        }
        return _pad(rows, minimum)


def open_streams(indices: Mapping[str, Path], roles: Iterable[str], what: str) -> Streams:
    """Open the streams of some roles, on a GPU if there is one.

    Args:
        indices: of the embeddings, by role; other roles are not read.
        roles: required roles.
        what: names the caller that requires them.

    Raises:
        FusevadError: an index is not given, or is unreadable, or a video has other segments in
            another stream: training would pool them to one length.
    """
    wanted = tuple(roles)
    lacking = [role for role in wanted if role not in indices]
    if lacking:
        raise FusevadError(
            f"{what} also needs stream {', '.join(lacking)}; name its index: --stream"
            f" {lacking[0]}=INDEX"
        )
    device = default_device()
    streams = Streams({role: EmbeddingStore(indices[role], device) for role in wanted})
    first, lengths = wanted[0], streams[wanted[0]].lengths()
    for role in wanted[1:]:
        for video, length in streams[role].lengths().items():
            if length != lengths.get(video, length):
                raise _other_lengths(first, role, f" of video {video}")
    return streams


def default_device() -> torch.device:
    """A GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pool_segments(x: Tensor, bins: int) -> Tensor:
    """`bin_segments` of a sequence longer than `bins`; else unchanged: `min(n, bins) x D`."""
    return x if len(x) <= bins else bin_segments(x, bins)


def bin_segments(x: Tensor, bins: int) -> Tensor:
    """Means over `bins` nearly equal parts of a sequence; an empty part repeats a segment.

    Borders are `floor(linspace(0, n, bins + 1))`, as in the released code of IEF-VAD, RTFM and
    UR-DMU.

    Args:
        x: `n x D`.
        bins: number of parts.

    Returns:
        `bins x D`.
    """
    borders = torch.div(torch.arange(bins + 1) * len(x), bins, rounding_mode="floor")
    starts = borders[:-1]
    ends = torch.maximum(borders[1:], starts + 1)
    sums = torch.cat((x.new_zeros(1, x.shape[1], dtype=torch.float64), x.double().cumsum(0)))
    widths = (ends - starts).to(x.device)
    return ((sums[ends] - sums[starts]) / widths[:, None]).to(x.dtype)


def _pad(streams: Mapping[str, list[Tensor]], minimum: int) -> Padded:
    first = next(iter(streams))
    lengths = torch.tensor([len(x) for x in streams[first]])
    longest = max(int(lengths.max()), minimum)
    padded = {}
    for role, rows in streams.items():
        if [len(x) for x in rows] != lengths.tolist():
            raise _other_lengths(first, role)
        out = rows[0].new_zeros(len(rows), longest, rows[0].shape[1])
        for row, x in zip(out, rows, strict=True):
            row[: len(x)] = x
        padded[role] = out
    mask = torch.arange(longest) < lengths[:, None]
    return Padded(padded, mask.to(padded[first].device))


def _other_lengths(first: str, role: str, where: str = "") -> FusevadError:
    return FusevadError(
        f"the embeddings{where} of streams {first} and {role} have different numbers of segments;"
        " extract all streams from the same manifest"
    )


def _is_name(file: object) -> bool:
    """Whether it names a file of the index's own folder."""
    return isinstance(file, str) and file == Path(file).name


def _check_as_listed(
    index: Path, video: str, tensors: Mapping[str, Tensor], shape: tuple[int, int, int]
) -> None:
    found = tensors.get(video)
    if found is None or (found.dtype != torch.float16 or tuple(found.shape) != shape):
        raise FusevadError(f"{index}: embeddings of video {video} are not as listed; {AGAIN}")


def _read_shard(path: Path, device: torch.device) -> dict[str, Tensor]:
    try:
        with open_tensors(path, "pt", str(device)) as shard:
            return {name: shard.get_tensor(name) for name in shard.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise FusevadError(f"{path}: unreadable embeddings ({error}); extract again") from error
