"""JSON of others: equal keys, halves of characters and integers that no float holds are errors.

Of equal keys, Python's own reader, like most, takes the last in silence; what somebody has read and
checked might be the first. Half of a character, such as "\\ud800", can't be written to any file.
"""

import json
from collections import Counter
from typing import Any

# Bits of a whole number: more than any has, and few enough for a float.
MOST_BITS = 1023


def load(text: str | bytes) -> Any:
    """Read JSON whose keys are each given once, and whose texts are of whole characters.

    Raises:
        ValueError: it is no JSON, a key is given twice, a text has half of a character, or a whole
            number has too many digits.
        RecursionError: it is nested without end.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text))
    found = json.loads(text, object_pairs_hook=_once, parse_int=_whole_number)
    if "\\ud" in text.lower():
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _whole_number(text: str) -> int:
    value = int(text)
    if value.bit_length() > MOST_BITS:
        raise ValueError("a number of too many digits")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"key {key[:80]!r} is given twice; keep one")
    return found
