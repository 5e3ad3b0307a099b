"""A document as Markdown, and as one self-contained HTML file."""

import re
from collections.abc import Sequence
from html import escape

from fusevad.report.verdicts.document import Block, Bullets, Drawing, Heading, Paragraph, Table
from fusevad.report.verdicts.judge import Verdict

_CLASSES = {
    Verdict.HOLDS: "holds",
    Verdict.FAILS: "fails",
    Verdict.OPEN: "open",
    Verdict.UNTESTABLE: "untestable",
}
_MARKS = re.compile(r"[\\`*_\[\]<>#|~&]")
_STYLE = """
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
       max-width: 66rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.8rem; } h2 { font-size: 1.25rem; margin-top: 3rem; border-top: 1px solid #ccc;
     padding-top: 1rem; } h3 { font-size: 1.05rem; margin-bottom: .2rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; margin: .8rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem;
     border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; } td.number, th.number { text-align: right; white-space: nowrap;
     font-variant-numeric: tabular-nums; }
.verdict { white-space: nowrap; font-weight: 600; padding: .05rem .5rem; border-radius: .3rem; }
.holds { background: #d5efdc; color: #0b5227; } .fails { background: #f8d7d4; color: #7d1a12; }
.open { background: #fbecc4; color: #5f4600; } .untestable { background: #e6e6e6; color: #444; }
svg { max-width: 100%; height: auto; }
"""


def to_markdown(blocks: Sequence[Block]) -> str:
    """The document as Markdown with pipe tables; drawings are left out."""
    parts = [_markdown(block) for block in blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_html(blocks: Sequence[Block]) -> str:
    """The document as a self-contained page; its title is the first heading."""
    title = next(block.text for block in blocks if isinstance(block, Heading))
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    )
    return "\n".join([head, *(_html(block) for block in blocks), "</body>\n</html>\n"])


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_plain(text)}"
        case Paragraph(text, lead):
            return f"**{lead}** {_plain(text)}" if lead else _plain(text)
        case Bullets(items):
            return "\n".join(f"- {_plain(item)}" for item in items)
        case Table(head, rows, numeric):
            rule = ["---:" if k in numeric else "---" for k in range(len(head))]
            return "\n".join(f"| {' | '.join(map(_plain, row))} |" for row in (head, rule, *rows))
        case Drawing():
            return ""


def _plain(text: str) -> str:
    """Text that Markdown shows literally, in one line: nothing in it is a mark, a tag or a cell."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, lead):
            strong = f"<strong>{_mark(lead, escape(lead))}</strong> " if lead else ""
            return f"<p>{strong}{escape(text)}</p>"
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Table(head, rows, numeric):
            top = _html_row(head, "th", numeric)
            body = "\n".join(_html_row(row, "td", numeric) for row in rows)
            table = f"<table>\n<thead>{top}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
            return f'<div class="table">{table}</div>'
        case Drawing(svg):
            return svg


def _html_row(cells: Sequence[str], tag: str, numeric: frozenset[int]) -> str:
    def one(place: int, text: str) -> str:
        kind = ' class="number"' if place in numeric else ""
        return f"<{tag}{kind}>{_mark(text, escape(text))}</{tag}>"

    return "<tr>" + "".join(one(k, text) for k, text in enumerate(cells)) + "</tr>"


def _mark(text: str, shown: str) -> str:
    """Colour a cell that is a verdict; the words stay, so the colour is never the only sign."""
    for verdict, name in _CLASSES.items():
        if text == verdict:
            return f'<span class="verdict {name}">{shown}</span>'
    return shown
