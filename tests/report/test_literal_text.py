"""Titles, labels and names are printed character by character, or one line says what can't be."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fusevad.config.reading import check
from fusevad.data.label_tables import read_labels
from fusevad.errors import FusevadError
from fusevad.printable import COMMANDS, check_printable, is_printable
from fusevad.report import latex, sheet, style
from fusevad.report.style import figure_style, legend_label, save_figure

EVERYTHING = [chr(code) for code in range(0x2200) if is_printable(chr(code))]
AWKWARD = [
    "a|b",
    "$5 & $10",
    "_my",
    r"Ba$$in\par",
    "100 % #1",
    "{x}~^",
    "a---b'''c``d",
    '"q"',
    "<->",
]


def pdflatex(folder: Path, text: str) -> str:
    """The log of a document that stops at the first error."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (folder / "a.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = (folder / "a.log").read_text(errors="replace")
    assert done.returncode == 0, log[-2000:]
    return log


def test_every_character_that_is_allowed_compiles_and_is_in_the_font(tmp_path: Path) -> None:
    rows = [sheet.line([each, f"x{each}x"]) for each in EVERYTHING]
    lines = [row for row in rows for row in (row, sheet.line(["a", "b"]))]
    parts = [sheet.tabular(1, lines[start : start + 60]) for start in range(0, len(lines), 60)]
    text = latex.document([sheet.Caption("".join(EVERYTHING), "".join(EVERYTHING)), *parts], False)
    log = pdflatex(tmp_path, text)
    assert "Missing character" not in log and "undefined" not in log


def test_awkward_titles_compile(tmp_path: Path) -> None:
    rows = [sheet.line([each, each]) for each in [*AWKWARD, "[a]", "*"]]
    body = [sheet.Caption(each, each) for each in AWKWARD]
    pdflatex(tmp_path, latex.document([*body, sheet.tabular(1, rows)], wide=False))


@pytest.mark.parametrize("text", AWKWARD)
def test_no_character_of_a_text_is_lost(text: str) -> None:
    """Each character is itself or its command, and nothing of the rest is special to LaTeX."""
    escaped = latex.escape(text)
    commands = sorted(COMMANDS.items(), key=lambda item: -len(item[1]))
    for character, command in commands:
        escaped = escaped.replace(command, f"\0{ord(character)}\0")
    plain = escaped.replace("-{}", "-").replace("'{}", "'")
    assert re.sub("\0([0-9]+)\0", lambda code: chr(int(code[1])), plain) == text


@pytest.mark.parametrize("text", ["Камера", "监控", "a\nb", "a\tb", "☃", "a\u200bb", "👍", "ą"])
def test_what_latex_cannot_print_is_one_line_before_any_job(text: str) -> None:
    first = next(each for each in text if not is_printable(each))
    code = f"U\\+{ord(first):04X}"
    with pytest.raises(FusevadError, match=rf"a: title: .*{code}") as caught:
        check_printable(text, "a: title")
    assert "\n" not in str(caught.value)
    entries = {"mine": {"label": text, "method": "concat"}}
    with pytest.raises(FusevadError, match=rf"x\.yaml: mine: label: .*{code}"):
        check(entries, "experiments", "x.yaml")


def test_a_class_that_tables_cannot_print_is_named_in_the_labels(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("video,split,class,path\nкамера1,train,драка,a.mp4\n")
    with pytest.raises(FusevadError, match="the class of video камера1: 'драка' has 'д'"):
        read_labels(table)


def test_names_of_videos_that_latex_cannot_print_are_given_by_number(tmp_path: Path) -> None:
    assert latex.escape("监a") == "$<$U+76D1$>$a"
    assert latex.escape("e\u0301") == "é"
    pdflatex(tmp_path, latex.document([sheet.Notes(("监控 Камера",))], wide=False))


def drawn(text: str) -> Figure:
    figure = Figure()
    FigureCanvasAgg(figure)
    axis = figure.add_subplot(title=text, xlabel=text)
    axis.plot([0, 1], label=legend_label(text))
    axis.legend()
    return figure


@pytest.mark.parametrize("text", [*AWKWARD, "$x", r"$\frac$", "Камера"])
def test_figures_take_names_as_they_are(tmp_path: Path, text: str) -> None:
    with figure_style():
        figure = drawn(text)
        save_figure(figure, tmp_path / "a.pdf", tmp_path / "a.png")
    (legend,) = figure.axes[0].get_legend().get_texts()
    assert legend.get_text().removeprefix("\u200b") == text
    assert not any(each.get_parse_math() for each in (legend, figure.axes[0].title))


def test_a_character_without_a_font_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    with figure_style(), pytest.raises(FusevadError, match=r"a\.pdf: no font .*'监' \(U\+76D1\)"):
        save_figure(drawn("监控"), tmp_path / "a.pdf", tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_another_installed_font_helps_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = font_manager.findfont("STIXGeneral")
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [other])
    found = next(
        chr(code)
        for code in style.FT2Font(other).get_charmap()
        if code not in style.FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap()
        and chr(code).isprintable()
    )
    with figure_style():
        figure = drawn(f"a{found}")
        save_figure(figure, tmp_path / "a.pdf", tmp_path / "a.png")
    assert figure.axes[0].title.get_fontfamily() == ["DejaVu Sans", "STIXGeneral"]
