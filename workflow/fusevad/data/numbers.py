"""Whole numbers in tables of people, who use spreadsheets."""

import re

_WHOLE = re.compile(r"\s*([+-]?[0-9]{1,15})(?:\.0*)?\s*")


def whole_number(text: str) -> int:
    """The number that a cell holds; a spreadsheet may have made 30.0 of 30.

    Raises:
        ValueError: it is no whole number.
    """
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no whole number")
    return int(match[1])
