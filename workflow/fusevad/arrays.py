"""Arrays of numbers in NumPy's files of others: checked before memory is taken for them.

NumPy's own readers take as much memory as a header asks for, or as a zip member unpacks to.
"""

import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fusevad.errors import message_of

# An archive of arrays may unpack to as much, or to this many times its own size if that is more.
_SMALL = 100 << 20
_RATIO = 50
_CHUNK = 1 << 18
# What NumPy raises for a header that it cannot read, and zipfile for a damaged or foreign member.
NO_HEADER = (ValueError, SyntaxError, tokenize.TokenError, TypeError, RecursionError, MemoryError)
_NO_MEMBER = (KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_npy(stream: BinaryIO, most: int) -> NDArray[np.generic]:
    """Read an array of whole or floating-point numbers from a stream of the format `.npy`.

    Args:
        stream: at the array's beginning.
        most: bytes that its values may have.

    Raises:
        ValueError: it is none, is larger, is cut short, or has other bytes after it.
    """
    try:
        # Later versions are for headers of more than 64 kB, which no array of numbers has.
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("a header of more than 64 kB")
        shape, in_columns, kind = np.lib.format.read_array_header_1_0(stream)
    except NO_HEADER as error:
        raise ValueError(f"not an array ({message_of(error)})") from error
    if kind.kind not in "iuf":
        raise ValueError(f"values of type {kind}")
    size = prod(shape) * kind.itemsize
    if min(shape, default=0) < 0 or size > most:
        raise ValueError(f"an array of {' x '.join(map(str, shape))}, which is too large")
    values = np.empty(prod(shape), kind)
    _fill(memoryview(values).cast("B") if size else memoryview(b""), stream)
    if stream.read(1):
        raise ValueError("more bytes than its array")
    return values.reshape(shape, order="F" if in_columns else "C")


def read_npz(path: Path, names: Iterable[str]) -> list[NDArray[np.generic]]:
    """Read arrays of whole or floating-point numbers from an archive `.npz`, by name.

    Raises:
        ValueError: it is no such archive, lacks an array, or unpacks to far more than its size.
    """
    left = max(_SMALL, _RATIO * path.stat().st_size)
    found = []
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                member = archive.getinfo(f"{name}.npy")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError(f"{name}: compressed otherwise than NumPy does")
                with archive.open(member) as stream:
                    found.append(read_npy(stream, left))
                left -= found[-1].nbytes
    except (*_NO_MEMBER, OSError, EOFError) as error:
        raise ValueError(message_of(error)) from error
    return found


def _fill(target: memoryview, stream: BinaryIO) -> None:
    done = 0
    while done < len(target):
        # A zip member reads much at once far more slowly.
        part = stream.read(min(_CHUNK, len(target) - done))
        if not part:
            raise ValueError(f"{done} of {len(target)} bytes")
        target[done : done + len(part)] = part
        done += len(part)
