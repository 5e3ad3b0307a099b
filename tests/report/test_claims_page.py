"""The report on the claims, as Markdown and as a page."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from fusevad.errors import FusevadError
from fusevad.report.statistics import PairedTest
from fusevad.report.verdicts import make_claims
from fusevad.report.verdicts.document import Bullets, Heading, Paragraph, Table
from fusevad.report.verdicts.forest import forest
from fusevad.report.verdicts.judge import Comparison, Verdict
from fusevad.report.verdicts.render import to_markdown
from tests.made_up_claims import claim_file, compare, make_world

HOLDS, FAILS, OPEN, UNTESTABLE = Verdict


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("claims") / "rendered")


class Page(HTMLParser):
    """Checks that tags close, and collects what the page shows."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.verdicts, self.text = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("meta", "line", "rect", "circle"):
            self.open.append(tag)
        if dict(attributes).get("class", "").startswith("verdict"):
            self.verdicts.append(dict(attributes)["class"].split()[1])

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def report(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    tests = [
        compare("greater", "poor"),
        compare("greater", "twin"),
        compare("greater", "unstable"),
        compare("greater", "absent_run"),
        compare("classes", "poor"),
    ]
    path = claim_file(folder, *tests)
    md, html = folder / "claims.md", folder / "claims.html"
    studies = {"rendered": world.studies}
    make_claims(path, world.rows, [world.dataset], studies, "validation", md, html)
    return md.read_text(), html.read_text()


def test_the_summary_has_a_line_a_claim_with_its_place_and_verdict(report):
    markdown, _ = report
    lines = [line for line in markdown.splitlines() if re.match(r"\| \d \| .*Table 0", line)]
    assert [line.split(" | ")[-1].removesuffix(" |") for line in lines] == [
        HOLDS,
        FAILS,
        OPEN,
        UNTESTABLE,
        HOLDS,
    ]


def test_verdicts_of_every_protocol_stand_side_by_side(report):
    markdown, _ = report
    head = markdown.split("| Rendered, last | Rendered, validation | Rendered, oracle |")[1]
    lines = [line for line in head.split("\n\n")[0].splitlines() if re.match(r"\| \d \|", line)]
    expected = [HOLDS, FAILS, OPEN, UNTESTABLE, HOLDS]
    assert [line.split(" | ")[-3:] for line in lines] == [
        [UNTESTABLE, verdict, f"{UNTESTABLE} |"] for verdict in expected
    ]


def test_a_reader_finds_the_numbers_that_the_runs_hold(report, world):
    markdown, _ = report
    runs = {row.name: pd.read_csv(row.runs["rendered"] / "seeds.csv") for row in world.rows}
    auc = {name: run[run["metric"] == "AUC"]["value"] for name, run in runs.items()}
    difference = 100 * (auc["student-t"] - auc["poor"])
    assert f"| student-t − poor, AUC | 10 | {difference.mean():+.2f} |" in markdown
    mean, std = 100 * auc["poor"].mean(), 100 * auc["poor"].std()
    assert f"| poor | AUC | 10 | {mean:.2f} ± {std:.2f} |" in markdown


def test_each_comparison_says_what_the_data_say_in_the_words_of_the_tables(report):
    markdown, _ = report
    cells = [
        line.removesuffix(" |").split(" | ")
        for line in markdown.splitlines()
        if line.startswith(("| student-t − poor, AUC |", "| student-t − unstable, AUC |"))
    ]
    poor, unstable = (cells[0][-2:], cells[1][-2:])
    assert poor == ["better", "holds"]
    assert unstable[0].startswith("undecided") and unstable[1] == "undecided"


def test_what_is_absent_is_named(report):
    markdown, html = report
    assert r"**not testable here** Absent: no run of absent\_run." in markdown
    assert "Absent: no run of absent_run." in html


def test_the_page_is_whole_and_needs_nothing_else(report):
    _, html = report
    page = Page()
    page.feed(html)
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"(href|src|url\()", html)
    assert page.verdicts[:5] == ["holds", "fails", "open", "untestable", "holds"]
    assert page.tags.count("svg") == 4


def test_the_drawing_has_a_row_a_comparison_with_both_intervals(report):
    _, html = report
    last = html.rsplit("<svg", 1)[1].split("</svg>")[0]
    assert last.count("<circle") == 2
    assert "student-t − poor, AUC of fall" in last
    assert last.count('stroke="#0072B2"') == last.count('stroke="#8a8a8a"') == 2


def test_equal_methods_are_drawn_at_zero_though_no_margin_gives_the_scale():
    equal = Comparison("a − b, AUC", "greater", 0.0, True, PairedTest(10, 0.0, 1.0, 0.0))
    drawn = forest([equal], 0.05)
    circle = float(re.search(r'<circle cx="([^"]+)"', drawn)[1])
    zero = float(re.search(r'<text x="([^"]+)"[^>]*>0</text>', drawn)[1])
    assert circle == zero


ODD = (
    "a_b_c *x* <i>y</i> # &amp;",
    "`x` [a](javascript:alert(1)) ~~z~~",
    r"x\|y and a\*b*",
    "| two\n  lines\n",
)


def test_readers_of_markdown_show_names_and_claims_as_they_are():
    """Read by another program, with raw HTML and tables on, as many viewers have them."""
    blocks = [*(Heading(2, text) for text in ODD), Bullets(ODD), Paragraph("".join(ODD))]
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    tokens = page.parse(to_markdown([*blocks, Table(ODD, [ODD, ODD])]))
    inline = [token for token in tokens if token.type == "inline"]
    parts = [part for token in inline for part in token.children]
    assert {part.type for part in parts} == {"text"}
    shown = ["".join(part.content for part in token.children) for token in inline]
    plain = [" ".join(text.split()) for text in ODD]
    assert shown == [*plain, *plain, " ".join("".join(ODD).split()), *plain * 3]


def test_an_unknown_protocol_is_refused(world, tmp_path):
    path = claim_file(tmp_path, compare("greater", "poor"))
    with pytest.raises(FusevadError, match="protocol 'best'"):
        make_claims(
            path,
            world.rows,
            [world.dataset],
            {"rendered": world.studies},
            "best",
            tmp_path / "a.md",
            tmp_path / "a.html",
        )
    assert not list(tmp_path.glob("a.*"))
