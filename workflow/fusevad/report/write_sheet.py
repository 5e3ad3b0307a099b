"""Write a sheet of tables in all formats: a document, a table for a paper, a page."""

from collections.abc import Sequence
from pathlib import Path

from fusevad.files import write_text
from fusevad.report import bare, html, latex
from fusevad.report.sheet import Origin, Part


def write_sheet(parts: Sequence[Part], out_tex: Path, wide: bool) -> None:
    """Write `NAME.tex` that compiles alone, `NAME.tabular.tex` for `\\input`, and `NAME.html`."""
    write_text(bare.tables(parts), out_tex.with_suffix(".tabular.tex"))
    write_text(html.page(parts), out_tex.with_suffix(".html"))
    printed = [part for part in parts if not isinstance(part, Origin)]
    write_text(latex.document(printed, wide), out_tex)
