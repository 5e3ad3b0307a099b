"""Writing a shard of embeddings, video by video: a laptop need not hold a shard in memory."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.files import atomic_path


def write_shard(
    final: Path,
    shapes: Mapping[str, tuple[int, int, int]],
    tensors: Iterable[NDArray[np.float16]],
    provenance: Mapping[str, str],
) -> None:
    """Write float16 tensors as one safetensors file, with one of them in memory at a time.

    The library's own writer takes all tensors at once. The format is a length (8 bytes), a JSON
    header that names type, shape and place of each tensor, and their bytes.

    Args:
        final: the file.
        shapes: of each tensor, by name, in the order of `tensors`.
        tensors: the tensors, made as they are asked for.
        provenance: goes into the header's metadata.
    """
    header: dict[str, object] = {"__metadata__": {"provenance": json.dumps(provenance)}}
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
