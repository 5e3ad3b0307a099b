"""All tables and figures in one document, typeset by latexmk."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.files import atomic_path, write_text
from fusevad.report import latex

_HEAD = r"""\documentclass[10pt]{article}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage{booktabs,graphicx}
\setlength{\parindent}{0pt}
\newsavebox{\onepage}
\newcommand{\fitted}{\ifdim\dimexpr\ht\onepage+\dp\onepage>\textheight
\resizebox*{!}{\textheight}{\usebox{\onepage}}\else\usebox{\onepage}\fi}
\begin{document}
\small
"""


def make_book(tables: Sequence[Path], figures: Sequence[Path], out: Path) -> None:
    """Write `out` (PDF) and its source beside it (.tex).

    Args:
        tables: LaTeX documents that compile alone; a page each, scaled down if too tall.
        figures: PDF files, a page each, with their names as captions.
        out: the document.

    Raises:
        FusevadError: latexmk is not installed, or LaTeX stops with an error.
    """
    source = book_source(tables, figures, out.parent)
    write_text(source, out.with_suffix(".tex"))
    if shutil.which("latexmk") is None:
        raise FusevadError(
            f"{out}: latexmk is not installed, so the PDF is not made; install it (Debian: latexmk"
            " texlive-latex-recommended) and run this again, or set the .tex beside it elsewhere"
        )
    with tempfile.TemporaryDirectory() as scratch:
        name = out.with_suffix(".tex").name
        # -norc: a file .latexmkrc is a program, and results may be somebody else's.
        command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error"]
        # TeX breaks its lines at bytes, within letters too.
        result = subprocess.run(
            [*command, f"-outdir={scratch}", name],
            cwd=out.parent,
            capture_output=True,
            text=True,
            errors="replace",
        )
        made = Path(scratch) / out.name
        if result.returncode or not made.is_file():
            lines = [line for line in result.stdout.splitlines() if line.startswith("!")]
            reason = lines[0] if lines else "see latexmk's own log"
            raise FusevadError(f"{out}: LaTeX stops ({reason}); correct the table it names")
        with atomic_path(out) as temporary:
            shutil.copyfile(made, temporary)


def book_source(tables: Sequence[Path], figures: Sequence[Path], folder: Path) -> str:
    """The document's LaTeX; `folder` is where it is typeset, for the paths of figures."""
    pages = [
        "\n".join(
            [
                r"\begin{lrbox}{\onepage}\begin{minipage}{\textwidth}",
                _body(table),
                r"\end{minipage}\end{lrbox}\fitted",
            ]
        )
        for table in tables
    ]
    for figure in figures:
        path = Path(os.path.relpath(figure, folder)).as_posix()
        options = "width=\\textwidth,height=0.93\\textheight,keepaspectratio"
        title = rf"\textbf{{{latex.escape(latex.numbered(figure.stem))}}}\par\medskip"
        pages.append(f"{title}\n\\centering\\includegraphics[{options}]{{{path}}}\\par")
    return _HEAD + "\n\n\\clearpage\n".join(pages) + "\n\\end{document}\n"


def _body(table: Path) -> str:
    text = table.read_text()
    begin, end = r"\begin{document}", r"\end{document}"
    if begin not in text or end not in text:
        raise FusevadError(f"{table}: not a LaTeX document; make the table again")
    return text.partition(begin)[2].rpartition(end)[0].strip()
