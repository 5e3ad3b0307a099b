r"""Tables to `\input` in a paper, the macros of their numbers, and the same tables as pages."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib import import_module
from inspect import signature
from pathlib import Path

import pandas as pd
import pytest

from fusevad.report import REPORTS, bare, html, latex, sheet
from fusevad.report.run_metrics import make_run_metrics
from fusevad.report.table1 import make_table1
from tests.made_up_runs import METHODS, METRICS, PUBLISHED, SEEDS, make_up

HEAD = r"\documentclass[10pt]{article}\usepackage{booktabs}\pdfcompresslevel=0 \newlength{\wide}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with Table 1 in all its forms, and its numbers."""
    folder = tmp_path_factory.mktemp("forms")
    made_up = make_up(folder / "rendered")
    names = folder / "table1.tex", folder / "table1.csv"
    published = PUBLISHED / "table01.csv"
    make_table1(made_up.rows, [made_up.dataset], "validation", published, list(SEEDS), [], *names)
    outputs = folder / "metrics.json", folder / "metrics.csv"
    make_run_metrics(made_up.rows, [made_up.dataset], "validation", *outputs)
    return folder


def typeset(folder: Path, body: str, preamble: str = "") -> tuple[int, str, bytes]:
    """Status, log and PDF of a document."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    text = f"{HEAD}{preamble}\\begin{{document}}{body}\\end{{document}}"
    (folder / "paper.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    pdf = folder / "paper.pdf"
    log = (folder / "paper.log").read_text(errors="replace")
    return done.returncode, log, pdf.read_bytes() if pdf.is_file() else b""


def means(folder: Path, protocol: str) -> dict[str, tuple[str, str]]:
    """Mean and standard deviation of the AUC by experiment, computed from the seeds."""
    found = {}
    for name in METHODS:
        table = pd.read_csv(folder / "rendered/runs" / name / "seeds.csv")
        values = table.query("protocol == @protocol and metric == 'AUC'")["value"]
        found[name] = f"{100 * values.mean():.2f}", f"{100 * values.std():.2f}"
    return found


def test_a_paper_takes_in_the_table_and_cites_its_numbers(made):
    cited = (
        rf"\fusevad{{rendered}}{{{name}}}{{auc}}, \fusevad[oracle]{{rendered}}{{{name}}}{{auc}}, "
        rf"\fusevad[last]{{rendered}}{{{name}}}{{auc-pm}}."
        for name in METHODS
    )
    body = r"\input{table1.tabular.tex} " + " ".join(cited)
    status, log, pdf = typeset(made, body, r"\input{numbers.tex}")
    assert status == 0, log[-2000:]
    pdf = re.sub(rb"\)-?\d{1,2}\(", b"", pdf)  # rounding of places inside a number
    for mean, _ in means(made, "validation").values():
        assert pdf.count(mean.encode()) >= 2  # in the table and in the text
    assert all(mean.encode() in pdf for mean, _ in means(made, "oracle").values())


def test_a_number_that_is_not_there_stops_the_paper_and_is_named(made):
    body = r"\fusevad{rendered}{gating}{aux}"
    status, log, _ = typeset(made, body, r"\input{numbers.tex}")
    assert status != 0
    assert "fusevad: no number for [validation]{rendered}{gating}{aux}" in log.replace("\n", "")


def test_the_table_for_a_paper_has_the_measured_rows_and_none_of_the_sheets_own(made):
    text = (made / "table1.tabular.tex").read_text()
    assert "MEASURED" not in text and "Protocol" not in text and r"\caption" not in text
    spreads = means(made, "validation")
    for name, (label, _) in METHODS.items():
        assert f"{label} & {spreads[name][0]} & " in text
    assert text.count(r"\begin{tabular}") == 1


@pytest.mark.parametrize(
    ("columns", "title", "expected"),
    [
        (1, "AUC", "fits a column"),
        (3, "AUC", "table*"),
        (9, "AUC", "side"),
        (4, "IEF-VAD (Student)", "table*"),
    ],
)
def test_the_comment_says_truly_where_the_table_fits(tmp_path, columns, title, expected):
    numbers = [sheet.measured(0.81234, 0.1 / (1 + k), differs=k == 1) for k in range(columns)]
    heads = [f"{title} {k}" for k in range(columns)]
    rows = [sheet.head(["Method", *heads]), "rule", sheet.line(["IEF-VAD (Student-t)", *numbers])]
    text = bare.tables([sheet.tabular(columns, rows)])
    assert expected in text.splitlines()[0]
    (tmp_path / "a.tabular.tex").write_text(text)
    body = r"\small\settowidth{\wide}{\input{a.tabular.tex}}\typeout{WIDE \the\wide}"
    status, log, _ = typeset(tmp_path, body)
    assert status == 0, log[-2000:]
    wide = float(re.search(r"WIDE ([\d.]+)pt", log)[1])
    said = float(re.search(r"about (\d+) pt", text)[1])
    assert said == pytest.approx(wide, rel=0.15)


def test_decimal_points_and_signs_stand_below_one_another():
    cells = [
        sheet.measured(0.8, 0.1),
        sheet.measured(0.0512, 0.012, differs=True),
        sheet.measured(0.7, float("nan")),
        sheet.MISSING,
    ]
    rows = [sheet.head(["Method", "AUC"]), *(sheet.line(["a", cell]) for cell in cells)]
    _, dagger, _, _, *lines = bare.tables([sheet.tabular(1, rows)]).splitlines()
    assert dagger.startswith(r"% Say in your caption: $^{\dagger}$ marks a metric")
    assert lines[:5] == [
        r"Method & \multicolumn{2}{c}{AUC} \\",
        r"a & 80.00 & 10.00 \\",
        r"a & 5.12 & \phantom{0}1.20$^{\dagger}$ \\",
        r"a & \multicolumn{2}{l}{70.00} \\",
        r"a & \multicolumn{2}{c}{--} \\",
    ]


class Cells(HTMLParser):
    """The texts of a page's cells, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def test_the_page_has_the_numbers_of_the_table(made):
    page = Cells()
    page.feed((made / "table1.html").read_text())
    expected = means(made, "validation")
    shown = [row[1].rstrip("†") for row in page.rows if len(row) == 1 + len(METRICS)]
    found = [cell for cell in shown if cell in {f"{m} ± {s}" for m, s in expected.values()}]
    assert len(found) == len(METHODS)


def test_a_label_is_the_same_text_in_every_form():
    label = "a_b & <c> 100 %"
    parts = [sheet.tabular(1, [sheet.line([label, "1"])])]
    page = Cells()
    page.feed(html.page(parts))
    assert page.rows == [[label, "1"]]
    assert latex.escape(label) in bare.tables(parts)
    assert latex.escape(label) in latex.document(parts, wide=False)


def test_every_report_ends_with_the_two_files_that_it_writes():
    for module, name in REPORTS.values():
        make = getattr(import_module(f"fusevad.report.{module}"), name)
        assert all(each.startswith("out_") for each in list(signature(make).parameters)[-2:])


def test_text_is_escaped_for_latex():
    assert latex.escape("50 % of a_b & c ± τ") == r"50 \% of a\_b \& c $\pm$ $\tau$"
