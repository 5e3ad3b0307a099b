"""LaTeX that compiles alone with pdflatex, booktabs and geometry."""

import re
import unicodedata
from collections.abc import Sequence

from fusevad.printable import COMMANDS, is_printable
from fusevad.report.sheet import (
    Caption,
    Cell,
    Emphasis,
    Formula,
    Gap,
    Line,
    Notes,
    Number,
    Part,
    Row,
    Rules,
    Span,
)

_SPECIAL = {"λ_r": r"$\lambda_r$", "-": "-{}", "'": "'{}", **COMMANDS}
# The subscript of λ_r is not an underscore. Consecutive hyphens or apostrophes would become one
# dash or quotation mark.
_PATTERN = re.compile("|".join(["λ_r", "-(?=-)", "'(?=')", *map(re.escape, COMMANDS)]))
GAPS: dict[Gap, str] = {"rule": r"\midrule", "space": r"\addlinespace"}


def escape(text: str) -> str:
    """Text that LaTeX prints literally; characters that it can't print, by their number."""
    composed = unicodedata.normalize("NFC", text)
    known = (each if is_printable(each) else f"<U+{ord(each):04X}>" for each in composed)
    return _PATTERN.sub(lambda match: _SPECIAL[match[0]], "".join(known))


def numbered(name: str) -> str:
    """A target's name as a title: `Table 8.` for `table8`, `Figure 4, msad.` for `figure4-msad`."""
    parts = re.fullmatch(r"(table|figure)(\d+)(?:-(.+))?", name)
    if parts is None:
        return f"{name.capitalize()}."
    kind, number, rest = parts.groups()
    return f"{kind.capitalize()} {number}, {rest}." if rest else f"{kind.capitalize()} {number}."


def document(parts: Sequence[Part], wide: bool) -> str:
    """A complete document of the parts of a sheet; `wide` turns the page."""
    paper = "a4paper,landscape" if wide else "a4paper"
    return "\n".join(
        [
            r"\documentclass[10pt]{article}",
            rf"\usepackage[{paper},margin=15mm]{{geometry}}",
            r"\usepackage{booktabs}",
            r"\pagestyle{empty}",
            r"\begin{document}",
            r"\small",
            "\n\n".join(map(_part, parts)),
            r"\end{document}",
            "",
        ]
    )


def set_cell(cell: Cell) -> str:
    """A cell in one column."""
    match cell:
        case str():
            return escape(cell)
        case Formula():
            return cell.latex
        case Emphasis():
            return rf"\text{'bf' if cell.bold else 'it'}{{{escape(cell.text)}}}"
        case Number(style="printed"):
            error = rf" $\pm$ {cell.spread}" if cell.spread else ""
            return rf"\textit{{{cell.mean}{error}}}"
    number = rf"\mathbf{{{cell.mean}}}" if cell.style == "bold" else cell.mean
    error = rf" \pm {cell.spread}" if cell.spread else ""
    mark = r"^{\dagger}" if cell.style == "differs" else r"^{\phantom{\dagger}}"
    return f"${number}{error}{mark if cell.marked else ''}$"


def _part(part: Part) -> str:
    match part:
        case Caption():
            title, text = escape(part.title), escape(part.text)
            return rf"\medskip\noindent\textbf{{{title}}} {text}\par\medskip"
        case Notes():
            lines = [rf"\noindent {escape(item)}\par" for item in part.items]
            return "\n".join([r"{\footnotesize", *lines, r"}\bigskip"])
    begin = rf"\noindent\begin{{tabular}}{{@{{}}{'l' * part.texts}{'c' * part.columns}@{{}}}}"
    end = r"\end{tabular}\par\medskip"
    return "\n".join([begin, r"\toprule", *map(_row, part.rows), r"\bottomrule", end])


def _row(row: Row) -> str:
    match row:
        case Line():
            return " & ".join(map(_spanning, row.cells)) + r" \\"
        case Rules():
            return "".join(rf"\cmidrule(lr){{{first}-{last}}}" for first, last in row.groups)
    return GAPS[row]


def _spanning(cell: Cell | Span) -> str:
    if not isinstance(cell, Span):
        return set_cell(cell)
    align = "@{}l" if cell.align == "l" else "c"
    return rf"\multicolumn{{{cell.columns}}}{{{align}}}{{{set_cell(cell.text)}}}"
