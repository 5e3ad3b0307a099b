"""Files of embeddings: written video by video, and read with a hash of each video.

So a laptop never needs a whole shard in memory.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from fusevad import json_text
from fusevad.errors import FusevadError, notice
from fusevad.files import atomic_path
from fusevad.parsing import parse
from fusevad.tensor_files import open_tensors

# What reading a damaged shard, or one of types that NumPy lacks, raises.
UNREADABLE = (
    OSError, ValueError, TypeError, AttributeError, RecursionError, SafetensorError
)  # fmt: skip


def write_shard(
    final: Path,
    shapes: Mapping[str, tuple[int, int, int]],
    tensors: Iterable[NDArray[np.float16]],
    metadata: Mapping[str, str],
) -> None:
    """Write float16 tensors as one safetensors file, with one tensor in memory at a time.

    The library's own writer takes all tensors at once. The format is a length (8 bytes), a JSON
    header that names type, shape and place of each tensor, and their bytes.

    Args:
        final: the file.
        shapes: of each tensor, by name, in the order of `tensors`.
        tensors: the tensors, computed one after another.
        metadata: goes into the header.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + int(np.prod(shape)) * np.dtype(np.float16).itemsize
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": (start, end)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with atomic_path(final) as temporary, temporary.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for shape, tensor in zip(shapes.values(), tensors, strict=True):
            if tensor.shape != shape or tensor.dtype != np.float16:
                raise ValueError(f"a tensor of {tensor.shape} {tensor.dtype} instead of {shape}")
            stream.write(np.ascontiguousarray(tensor).data)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Hashes of a video's source and of its embeddings, from a shard's metadata.

    frames: of the video; None in shards from before it was noted.
    """

    source: str
    sha256: str
    frames: int | None = None


def shard_metadata(
    provenance: Mapping[str, str], videos: Mapping[str, Embedded] | None = None
) -> dict[str, str]:
    """The metadata of a shard: how it was made and, if its videos can be embedded, their hashes."""
    metadata = {"provenance": json.dumps(provenance)}
    if videos is not None:
        metadata["videos"] = json.dumps({name: asdict(video) for name, video in videos.items()})
    return metadata


def stored_videos(file: Path, metadata: Mapping[str, str]) -> dict[str, Embedded]:
    """The hashes of a shard's videos; empty if they were imported.

    Raises:
        FusevadError: they have another form.
        ValueError: they are not JSON.
    """
    return parse(dict[str, Embedded], json_text.load(metadata.get("videos", "{}")), str(file))


def embeddings_sha256(embeddings: NDArray[np.float16]) -> str:
    """Hash of a video's embeddings: of their type and shape too, which damage may change alone."""
    digest = hashlib.sha256(f"{embeddings.dtype} {embeddings.shape} ".encode())
    digest.update(np.ascontiguousarray(embeddings).data)
    return digest.hexdigest()


def whole_videos(
    file: Path, provenance: Mapping[str, str]
) -> Iterator[tuple[str, Embedded, NDArray[np.float16]]]:
    """Name, notes and embeddings of the videos of an earlier shard that can be kept.

    None if it was made differently; damage is reported.
    """
    if not file.is_file():
        return
    try:
        with open_tensors(file) as store:
            metadata = store.metadata() or {}
            if metadata.get("provenance") != json.dumps(provenance):
                return
            for name, video in stored_videos(file, metadata).items():
                embeddings = store.get_tensor(name)
                if embeddings_sha256(embeddings) == video.sha256:
                    yield name, video, embeddings
                else:
                    notice(f"{file}: video {name} is damaged; it is embedded again")
    except (*UNREADABLE, FusevadError):
        notice(f"{file}: damaged embeddings; they are made again")
