"""The book of all tables runs no program that lies in a folder of results."""

import shutil

import pytest

from fusevad.errors import FusevadError
from fusevad.report import latex
from fusevad.report.book import make_book
from fusevad.report.sheet import Caption


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="latexmk is not installed")
def test_a_latexmkrc_beside_the_tables_is_not_run(tmp_path):
    (tmp_path / "t.tex").write_text(latex.document([Caption("A", "b")], wide=False))
    (tmp_path / ".latexmkrc").write_text(f"system('touch {tmp_path}/ran');\n")
    make_book([tmp_path / "t.tex"], [], tmp_path / "book.pdf")
    assert (tmp_path / "book.pdf").read_bytes()[:5] == b"%PDF-"
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="latexmk is not installed")
def test_a_line_that_latex_breaks_within_a_letter_is_read(tmp_path):
    """TeX breaks what it prints after 79 bytes; one of these breaks is within an umlaut."""
    letters = "".join(f"\\typeout{{{'x' * k}{60 * 'ä'}}}\n" for k in (0, 1))
    whole = latex.document([Caption("A", "b")], wide=False)
    begin = "\\begin{document}"
    broken = whole.replace(begin, f"{begin}\n{letters}\\undefinedcommand\n")
    (tmp_path / "t.tex").write_text(broken)
    with pytest.raises(FusevadError, match=r"LaTeX stops .*Undefined control sequence"):
        make_book([tmp_path / "t.tex"], [], tmp_path / "book.pdf")
