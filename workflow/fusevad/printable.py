"""The characters that tables can print: pdflatex's own fonts, and Greek letters.

Everything else, such as Cyrillic or Chinese, would stop pdflatex or vanish. Titles and labels are
checked when the configuration is read, classes when the manifest is written: before any training.
"""

import unicodedata

from fusevad.errors import FusevadError

_NAMES = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma varsigma tau
upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
_GREEK = {
    letter: rf"$\{name}$"
    for letter, name in zip(
        "αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        _NAMES.split(),
        strict=True,
    )
}
# How to write characters that LaTeX would interpret, in any document.
COMMANDS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "`": r"\`{}",
    '"': r"{\ttfamily\char34}",
    # After the end of a row, LaTeX would read these two as arguments of that command.
    "[": "{[}",
    "*": "{*}",
    "±": r"$\pm$",
    "−": "$-$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "∞": r"$\infty$",
    "→": r"$\rightarrow$",
    "°": r"$^{\circ}$",
    **_GREEK,
}
# Characters of Latin-1, Latin Extended-A and punctuation that TeX's oldest encoding has.
_KEPT = frozenset(
    "¡¢£§©¬®¯²³´µ¶·¸¹¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖ×ØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõö÷øùúûüýÿĀāĂăĆćĈĉĊċČčĎď"
    "ĒēĔĕĖėĚěĜĝĞğĠġĢģĤĥĨĩĪīĬĭİıĴĵĶķĹĺĻļĽľŁłŃńŅņŇňŌōŎŏŐőŒœŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŴŵŶŷŸŹźŻżŽžȘșȚț"
    "–—‘’“”†‡•…€"
)


def check_printable(text: str, where: str) -> None:
    """Refuse a text that tables cannot print.

    Args:
        text: a title, label or class.
        where: the file and key, for the message.

    Raises:
        FusevadError: naming the first character that tables cannot print.
    """
    for character in unicodedata.normalize("NFC", text):
        if not is_printable(character):
            raise FusevadError(
                f"{where}: {text!r} has {character!r} (U+{ord(character):04X}), which LaTeX can't"
                " print in tables; write it in Latin letters"
            )


def is_printable(character: str) -> bool:
    """Whether tables print a character of a text in normal form C."""
    return " " <= character <= "~" or character in COMMANDS or character in _KEPT
