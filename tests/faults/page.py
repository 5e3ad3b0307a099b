"""The table of faults in docs/reliability.md, made by the run itself."""

import re
import time
from collections.abc import Iterable
from pathlib import Path

from fusevad.plan.made import processor
from tests.faults.trial import Row

_PLACE = re.compile(r"(<!-- made by make faults -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD = (
    "| fault | what must hold | tried | result | when and where |",
    "|---|---|---:|---|---|",
)


def write_page(page: Path, rows: Iterable[Row]) -> None:
    """Put rows into the table of a page, in place of earlier ones of the same faults.

    Args:
        page: has one place for the table.
        rows: of the faults that were tried.

    Raises:
        ValueError: the page has no place, or several.
    """
    text = page.read_text()
    places = _PLACE.findall(text)
    if len(places) != 1:
        raise ValueError(f"{page}: no place for the table, or several")
    (found,) = _PLACE.finditer(text)
    lines = {_fault(line): line for line in found[0].splitlines() if _fault(line)}
    lines |= {row.fault.name: _line(row) for row in rows}
    table = "\n".join((*_HEAD, *lines.values()))
    page.write_text(f"{text[: found.start()]}{found[1]}{table}\n{found[2]}{text[found.end() :]}")


def _fault(line: str) -> str:
    """The fault of a line of the table; empty if it is none."""
    if line in _HEAD or not line.startswith("| "):
        return ""
    return line[2:].partition(" | ")[0]


def _line(row: Row) -> str:
    when = f"{time.strftime('%Y-%m-%d')}, {processor()}"
    cells = (row.fault.name, row.fault.promised, str(row.tried), _result(row), when)
    return f"| {' | '.join(cells)} |"


def _result(row: Row) -> str:
    kept = row.tried - len(row.broken)
    parts = [f"held {kept} of {row.tried}"]
    parts += [f"{number} {what}" for what, number in sorted(row.counts.items())]
    parts += [f"BROKEN in '{name}': {_short(said)}" for name, said in row.broken.items()]
    parts += [f"not all tried: {_short(row.skipped)}"] if row.skipped else []
    return "; ".join(filter(None, parts))


def _short(text: str) -> str:
    """A text that fits into a cell."""
    return " ".join(text.split())[:200].replace("|", "/")
