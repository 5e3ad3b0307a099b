"""One style for all figures, without changing matplotlib's global state."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from fusevad.errors import FusevadError
from fusevad.files import atomic_path

# Okabe and Ito's colours, which colour-blind readers can tell apart, without the yellow.
_BLACK, _ORANGE, _SKY, _GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
_BLUE, _VERMILION, _PURPLE = "#0072B2", "#D55E00", "#CC79A7"
IMAGE_COLOUR, MOTION_COLOUR, FUSION_COLOUR = _BLUE, _VERMILION, _BLACK
TRUTH_COLOUR = "#F2C6C6"
# Widths of figures in inches, for a column and for a page of the usual two-column styles, so that
# they are printed unscaled and their texts at 7 and 8 points.
COLUMN, PAGE = 3.33, 6.9

# These experiments have the same colour in every figure; others take the first free one.
_KNOWN = {
    "image-only": _BLUE,
    "motion-only": _VERMILION,
    "concat": _PURPLE,
    "cross-attention": _ORANGE,
    "gating": _SKY,
    "gaussian": _GREEN,
    "student-t": _BLACK,
}
_FONT = "DejaVu Sans"
_DASHES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_SETTINGS = {
    "font.family": _FONT,
    "font.size": 7,
    # A dollar sign in a title is printed as it is.
    "text.parse_math": False,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "savefig.dpi": 250,
    "pdf.fonttype": 42,
    "svg.hashsalt": "fusevad",
}


@dataclass(frozen=True, slots=True)
class LineStyle:
    """Colour, dashes and marker of one method."""

    colour: str
    dashes: str
    marker: str


def line_styles(names: Sequence[str]) -> dict[str, LineStyle]:
    """A style for each experiment, different from all others of `names` (up to 28 of them)."""
    known = dict(zip(_KNOWN, map(_style, range(len(_KNOWN))), strict=True))
    styles = {name: known[name] for name in names if name in known}
    every = map(_style, range(len(_KNOWN) * len(_DASHES)))
    free = [style for style in every if style not in styles.values()]
    others = [name for name in names if name not in _KNOWN]
    return styles | {name: free[k % len(free)] for k, name in enumerate(others)}


def _style(place: int) -> LineStyle:
    """The style at a place in their order: neighbours differ in colour, dashes and marker."""
    count = len(_KNOWN)
    colour, turn = list(_KNOWN.values())[place % count], place // count
    dashes = _DASHES[(place % count + turn) % len(_DASHES)]
    return LineStyle(colour, dashes, _MARKERS[place % count])


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the project's settings inside the block and restore the caller's afterwards."""
    with matplotlib.rc_context(_SETTINGS):
        yield


def save_figure(figure: Figure, out_pdf: Path, out_png: Path, caption: str = "") -> None:
    """Write both files, without dates or version, so that equal figures are equal files.

    The caption is not drawn: it is in the properties of the PDF (Subject) and of the PNG
    (Description).
    """
    _see_to_glyphs(figure, out_pdf)
    with atomic_path(out_pdf) as temporary:
        figure.savefig(
            temporary, metadata={"CreationDate": None, "Creator": None, "Subject": caption}
        )
    with atomic_path(out_png) as temporary:
        figure.savefig(temporary, metadata={"Software": None, "Description": caption})


def block_titles(titles: Sequence[str]) -> list[str]:
    """What is drawn over each data set's part of a figure: nothing where the caption names one."""
    return [""] if len(titles) == 1 else list(titles)


def legend_label(text: str) -> str:
    """A label that is shown: matplotlib hides labels that begin with an underscore."""
    return f"\u200b{text}" if text.startswith("_") else text


def _see_to_glyphs(figure: Figure, final: Path) -> None:
    """Use another installed font for texts with characters that the default font lacks.

    Raises:
        FusevadError: no installed font has a character.
    """
    own = FT2Font(font_manager.findfont(_FONT)).get_charmap()
    for text in figure.findobj(Text):
        lacking = {each for each in text.get_text() if each != "\n" and ord(each) not in own}
        if lacking:
            text.set_fontfamily([_FONT, _font_with(lacking, text.get_text(), final)])


def _font_with(characters: set[str], text: str, final: Path) -> str:
    """Name of the first installed font that has all of these characters."""
    codes = set(map(ord, characters))
    for path in sorted(font_manager.findSystemFonts()):
        try:
            font = FT2Font(path)
        except (OSError, RuntimeError):
            continue  # not an outline font
        if codes <= font.get_charmap().keys():
            font_manager.fontManager.addfont(path)
            return font.family_name
    first = next(each for each in text if each in characters)
    raise FusevadError(
        f"{final}: no font on this machine has {first!r} (U+{ord(first):04X}) of {text!r}; install"
        " one (Debian: fonts-noto-cjk for Chinese, Japanese, Korean), or rename what it shows"
    )
