"""JSON of others: a key that is given twice is an error.

Python's own reader, like most, takes the last of them in silence; what somebody has read and
checked might be the first.
"""

import json
from collections import Counter
from typing import Any


def load(text: str | bytes) -> Any:
    """Read JSON whose keys are each given once.

    Raises:
        ValueError: it is no JSON, or a key is given twice.
        RecursionError: it is nested without end.
    """
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"key {key[:80]!r} is given twice; keep one")
    return found
