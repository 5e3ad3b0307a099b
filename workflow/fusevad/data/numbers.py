"""Whole numbers in tables that people edit in spreadsheets."""

import re

_WHOLE = re.compile(r"\s*([+-]?[0-9]{1,15})(?:\.0*)?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[1-9][0-9]{0,2}\.000\s*")


def whole_number(text: str) -> int:
    """The number in a cell; a spreadsheet may have turned 30 into 30.0.

    Raises:
        ValueError: it is not a whole number, or may be thousands: 1.000 is, in half of Europe.
    """
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a whole number")
    if _THOUSANDS.fullmatch(text):
        raise ValueError(f"{text!r} may be a number or thousands; leave out the point")
    return int(match[1])
