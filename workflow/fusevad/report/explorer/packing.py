"""Numbers as compact text in scripts: pages that are opened from disk may load nothing else.

A score takes two bytes, 2.7 characters in base64: 20 minutes at 30 frames a second are 6 kB. Means
over seeds, which thresholds are compared with, take eight.
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusevad.files import write_text

# Steps of a score between 0 and 1; the next number marks a missing one (as in `packing.js`).
LEVELS = 65534
MISSING = LEVELS + 1


def pack(values: NDArray[np.floating]) -> str:
    """Values in [0, 1] in steps of 1.5e-5, as base64 of little-endian uint16; NaN is missing.

    >>> pack(np.array([0.0, 1.0]))
    'AAD+/w=='
    """
    steps = np.rint(np.nan_to_num(values, nan=MISSING / LEVELS) * LEVELS).astype("<u2")
    return base64.b64encode(steps.tobytes()).decode()


def unpack(text: str) -> NDArray[np.float64]:
    """The values that a page reads from `pack`."""
    steps = np.frombuffer(base64.b64decode(text), "<u2")
    return np.where(steps == MISSING, np.nan, steps / LEVELS)


def pack_exactly(values: NDArray[np.float64]) -> str:
    """Values as base64 of little-endian float64, without loss."""
    return base64.b64encode(values.astype("<f8").tobytes()).decode()


def write_script(name: str, content: Any, folder: Path) -> None:
    """Write a script that hands `content` to the page, as JSON in a string.

    As an object literal, `{"__proto__": ...}` would set a prototype in place of an entry.

    Args:
        name: path of the script in the page's folder, by which the page asks for it.
        content: anything that JSON can say.
        folder: the page's.
    """
    said = json.dumps(json.dumps(content, separators=(",", ":"), allow_nan=False))
    write_text(f"Explorer.receive({json.dumps(name)},{said});\n", folder / name, durable=False)
