"""Safetensors files of others, opened after a look at their header.

The library takes the last of two tensors or notes with one name in silence, and a header of 100 MB,
which takes it 1.5 GB and 12 seconds. As NumPy arrays it reads bfloat16 only after some package has
imported ml_dtypes, and no smaller type at all.
"""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from fusevad import json_text

# Bytes of a header. A video of a shard has 300: this is enough for 50,000 of them in one file.
_LONGEST_HEADER = 16 << 20
_LENGTH = 8  # bytes before the header, which state its length
_NUMPY = {"BOOL", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "F16", "F32", "F64"}


def open_tensors(file: Path, framework: str = "numpy", device: str = "cpu") -> safe_open:
    """Open a file after `check_header`; use it in a `with` block.

    Raises:
        OSError: it can't be read.
        SafetensorError: it is damaged, as in `check_header`, or has a type that `framework` lacks.
    """
    check_header(file)
    opened = safe_open(file, framework=framework, device=device)
    if framework == "numpy":
        for name in opened.keys():  # noqa: SIM118 (not a dictionary: it can't be iterated)
            if (kind := opened.get_slice(name).get_dtype()) not in _NUMPY:
                raise SafetensorError(f"tensor {name}: NumPy has no type {kind}")
    return opened


def check_header(file: Path) -> None:
    """Check the header of a file.

    Raises:
        OSError: it can't be read.
        SafetensorError: the header is longer than any here, is no JSON, or has a name twice.
    """
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH), "little")
        if length > _LONGEST_HEADER:
            raise SafetensorError(f"a header of {length} bytes")
        header = stream.read(length)
    try:
        json_text.load(header)
    except (ValueError, RecursionError) as error:
        raise SafetensorError(f"header: {error}") from error
