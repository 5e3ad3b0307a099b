"""How much work a call does, counted: a busy machine changes no number."""

import sys
from collections.abc import Callable


def calls_of(work: Callable[[], object]) -> int:
    """Number of functions, ours and built-in ones, that are called while `work` runs."""
    count = 0

    def add(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(add)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
