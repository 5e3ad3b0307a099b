"""Whole numbers in tables that people edit in spreadsheets."""

import re

_WHOLE = re.compile(r"\s*([+-]?[0-9]{1,15})(?:\.0*)?\s*")


def whole_number(text: str) -> int:
    """The number in a cell; a spreadsheet may have turned 30 into 30.0.

    Raises:
        ValueError: it is not a whole number.
    """
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a whole number")
    return int(match[1])
