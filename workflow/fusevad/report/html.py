"""A sheet of tables as a page, for browsers and Snakemake's report."""

from collections.abc import Sequence
from html import escape

from fusevad.report.sheet import (
    Caption,
    Cell,
    Emphasis,
    Formula,
    Line,
    Notes,
    Number,
    Origin,
    Part,
    Span,
    Tabular,
)

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>TITLE</title>
<style>
body { font: 15px/1.45 sans-serif; margin: 1.5em; max-width: 75em; color: #111; background: #fff; }
table { border-collapse: collapse; margin: .8em 0 1.2em; border-top: 2px solid;
  border-bottom: 2px solid; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .8em; text-align: right; white-space: nowrap; }
th { font-weight: 600; text-align: center; }
th:first-child, td:first-child, td.over { text-align: left; }
tbody { border-top: 1px solid; }
sup { display: inline-block; width: .6em; line-height: 0; text-align: left; }
p.note { font-size: .85em; margin: .2em 0; }
td a { color: inherit; text-decoration: underline dotted #888; }
section { display: none; position: fixed; bottom: 0; left: 0; right: 0; max-height: 60vh;
  overflow: auto; padding: .5em 1.5em; background: #f4f6f8; border-top: 3px solid #06c; }
section:target { display: block; }
section p { margin: .4em 0; }
section a { float: right; }
@media print { section:target { display: none; } }
</style>
</head>
<body>
"""


def page(parts: Sequence[Part]) -> str:
    """The whole page; it needs no other file."""
    title = next((part.title for part in parts if isinstance(part, Caption)), "")
    body = "\n".join(map(_part, parts))
    return f"{_HEAD.replace('TITLE', escape(title))}{body}\n</body>\n</html>\n"


def _part(part: Part) -> str:
    match part:
        case Caption():
            return f"<p><b>{escape(part.title)}</b> {escape(part.text)}</p>"
        case Notes():
            return "\n".join(f'<p class="note">{escape(item)}</p>' for item in part.items)
        case Origin():
            return _origin(part)
    return _table(part)


def _origin(origin: Origin) -> str:
    """A section that is hidden until a link leads to it."""
    lines = [f"<p>{escape(line)}</p>" for line in origin.lines]
    return "\n".join(
        [
            f'<section id="{escape(origin.anchor)}">',
            f'<p><a href="#">Close</a> <b>{escape(origin.title)}</b></p>',
            _table(origin.table),
            *lines,
            f"<p><code>{escape(origin.command)}</code></p>",
            "</section>",
        ]
    )


def _table(table: Tabular) -> str:
    heads = [row for row in table.rows if isinstance(row, Line) and row.head]
    lines = ["<table>", "<thead>", *(_row(row, "th") for row in heads), "</thead>", "<tbody>"]
    for place, row in enumerate(table.rows):
        if row == "rule" and any(isinstance(each, Line) for each in table.rows[:place]):
            lines += ["</tbody>", "<tbody>"]
        elif isinstance(row, Line) and not row.head:
            lines.append(_row(row, "td"))
    text = "\n".join([*lines, "</tbody>", "</table>"])
    return text.replace("<tbody>\n</tbody>\n", "")


def _row(row: Line, tag: str) -> str:
    return f"<tr>{''.join(_spanning(cell, tag) for cell in row.cells)}</tr>"


def _spanning(cell: Cell | Span, tag: str) -> str:
    if not isinstance(cell, Span):
        return f"<{tag}>{_cell(cell)}</{tag}>"
    over = ' class="over"' if cell.align == "l" else ""
    return f'<{tag} colspan="{cell.columns}"{over}>{_cell(cell.text)}</{tag}>'


def _cell(cell: Cell) -> str:
    match cell:
        case str():
            return escape(cell)
        case Formula():
            return cell.html
        case Emphasis():
            tag = "b" if cell.bold else "i"
            return f"<{tag}>{escape(cell.text)}</{tag}>"
    return _number(cell)


def _number(number: Number) -> str:
    mean = f"<b>{number.mean}</b>" if number.style == "bold" else number.mean
    text = f"{mean} ± {number.spread}" if number.spread else mean
    text = text.replace("-", "−")
    if number.origin:
        text = f'<a href="#{escape(number.origin)}">{text}</a>'
    if number.style == "printed":
        return f"<i>{text}</i>"
    mark = "†" if number.style == "differs" else ""
    return f"{text}<sup>{mark}</sup>" if number.marked else text
