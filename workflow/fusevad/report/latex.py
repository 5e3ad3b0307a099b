"""LaTeX that compiles alone with pdflatex, booktabs and geometry."""

import re
import unicodedata
from collections.abc import Sequence

from fusevad.printable import COMMANDS, is_printable

_SPECIAL = {"λ_r": r"$\lambda_r$", "-": "-{}", "'": "'{}", **COMMANDS}
# The subscript of λ_r is no underscore. Hyphens or apostrophes in a row would become one dash or
# quotation mark.
_PATTERN = re.compile("|".join(["λ_r", "-(?=-)", "'(?=')", *map(re.escape, COMMANDS)]))
MISSING = "--"


def escape(text: str) -> str:
    """Text as LaTeX prints it unchanged; characters that it can't print, by their number."""
    composed = unicodedata.normalize("NFC", text)
    known = (each if is_printable(each) else f"<U+{ord(each):04X}>" for each in composed)
    return _PATTERN.sub(lambda match: _SPECIAL[match[0]], "".join(known))


def numbered(name: str) -> str:
    """A target's name as a title: `Table 8.` of `table8`, `Figure 4, msad.` of `figure4-msad`."""
    parts = re.fullmatch(r"(table|figure)(\d+)(?:-(.+))?", name)
    if parts is None:
        return f"{name.capitalize()}."
    kind, number, rest = parts.groups()
    return f"{kind.capitalize()} {number}, {rest}." if rest else f"{kind.capitalize()} {number}."


def measured(mean: float, std: float, bold: bool = False, leading: bool = False) -> str:
    """`mean ± std` of a fraction, in percent; bold or with a dagger, as the statistics say."""
    if mean != mean:
        return MISSING
    number = f"{100 * mean:.2f}"
    number = rf"\mathbf{{{number}}}" if bold else number
    spread = "" if std != std else rf" \pm {100 * std:.2f}"
    mark = r"^{\dagger}" if leading and not bold else r"^{\phantom{\dagger}}"
    return f"${number}{spread}{mark}$"


def spread(mean: float, std: float, decimals: int = 2) -> str:
    """`mean ± std` of numbers as they are; without the spread where it is not known."""
    if mean != mean:
        return MISSING
    error = "" if std != std else rf" \pm {std:.{decimals}f}"
    return f"${mean:.{decimals}f}{error}$"


def published(mean: float, std: float) -> str:
    """A printed percentage, in italics so that it is never taken for a measured one."""
    if mean != mean:
        return MISSING
    spread = "" if std != std else rf" $\pm$ {std:.2f}"
    return rf"\textit{{{mean:.2f}{spread}}}"


def p_value(value: float) -> str:
    """A p-value to three digits, or that it is below what they show."""
    if value != value:
        return MISSING
    return "$<$0.001" if value < 0.0005 else f"{value:.3f}"


def scientific(value: float) -> str:
    """Two digits and a power of ten, from 0.01 on two digits as they are."""
    if value != value:
        return MISSING
    if value == 0 or abs(value) >= 0.01:
        return f"{value:.2g}"
    digits, exponent = f"{value:.1e}".split("e")
    return rf"${digits}\cdot 10^{{{int(exponent)}}}$"


def line(cells: Sequence[str]) -> str:
    """One row of a tabular."""
    return " & ".join(cells) + r" \\"


def heading(text: str, columns: int) -> str:
    """A heading across all columns of a tabular."""
    return rf"\multicolumn{{{columns}}}{{@{{}}l}}{{{text}}} \\"


def grouped_head(first: str, groups: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Two head lines: groups with a rule under each, then the columns in them."""
    top, rules, bottom, position = [""], [], [first], 2
    for title, columns in groups:
        width = len(columns)
        top.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(title)}}}")
        rules.append(rf"\cmidrule(lr){{{position}-{position + width - 1}}}")
        bottom += [escape(column) for column in columns]
        position += width
    return [line(top), "".join(rules), line(bottom)]


def tabular(columns: int, lines: Sequence[str], texts: int = 1) -> str:
    """A booktabs tabular: `texts` text columns, then `columns` centred ones."""
    begin = rf"\noindent\begin{{tabular}}{{@{{}}{'l' * texts}{'c' * columns}@{{}}}}"
    end = r"\end{tabular}\par\medskip"
    return "\n".join([begin, r"\toprule", *lines, r"\bottomrule", end])


def caption(title: str, text: str) -> str:
    """A bold title and the text after it, as one paragraph."""
    return rf"\medskip\noindent\textbf{{{escape(title)}}} {escape(text)}\par\medskip"


def notes(items: Sequence[str]) -> str:
    """Footnotes under a table, a line each."""
    lines = [rf"\noindent {escape(item)}\par" for item in items]
    return "\n".join([r"{\footnotesize", *lines, r"}\bigskip"])


def document(body: Sequence[str], wide: bool) -> str:
    """A complete document of the parts of `body`; `wide` turns the page."""
    paper = "a4paper,landscape" if wide else "a4paper"
    return "\n".join(
        [
            r"\documentclass[10pt]{article}",
            rf"\usepackage[{paper},margin=15mm]{{geometry}}",
            r"\usepackage{booktabs}",
            r"\pagestyle{empty}",
            r"\begin{document}",
            r"\small",
            "\n\n".join(body),
            r"\end{document}",
            "",
        ]
    )
