"""Forest plot of comparisons as SVG: each difference with its two intervals."""

import math
from collections.abc import Callable, Sequence
from html import escape

from fusevad.report.verdicts.judge import Comparison

_LABEL, _PLOT, _ROW, _TOP, _BOTTOM = 430, 430, 24, 30, 44
_WIDTH = _LABEL + _PLOT + 20
_SEEDS, _VIDEOS, _BAND = "#0072B2", "#8a8a8a", "#eef2f6"
_TICKS = 6
_STEPS = (1, 2, 2.5, 5, 10)


def forest(comparisons: Sequence[Comparison], alpha: float) -> str:
    """Draw differences with one unit; within the band of ±margin, a difference does not count."""
    scale = 100.0 if comparisons[0].percent else 1.0
    unit = "points" if comparisons[0].percent else "weight"
    spans = [[scale * v for e in c.evidence() for v in e.interval(alpha)] for c in comparisons]
    margin = scale * max(c.margin for c in comparisons)
    # All differences may be 0, and so may the margin.
    reach = 1.08 * max([abs(value) for span in spans for value in span] + [margin]) or 1.0
    step = _step(reach)

    def x(value: float) -> float:
        return round(_LABEL + _PLOT / 2 * (1 + value / reach), 1)

    height = _TOP + _ROW * len(comparisons) + _BOTTOM
    end = height - _BOTTOM + 6
    band = _rect(x(-margin), _TOP - 6, x(margin) - x(-margin), end - _TOP + 6, _BAND)
    parts = [band, _line(x(0), _TOP - 6, x(0), end, "#333", 1)]
    count = math.floor(reach / step)
    for k in range(-count, count + 1):
        parts.append(_line(x(k * step), end, x(k * step), end + 4, "#333", 1))
        parts.append(_text(x(k * step), end + 17, f"{k * step:g}", "middle"))
    parts.append(_text(x(0), end + 34, f"difference ({unit})", "middle"))
    for k, comparison in enumerate(comparisons):
        parts += _row(comparison, _TOP + _ROW * (k + 0.5), x, scale, alpha)
    parts += [
        _text(_LABEL, 14, "seeds", "start", _SEEDS),
        _text(_LABEL + 50, 14, "test videos", "start", "#555"),
    ]
    style = "font: 12px system-ui, DejaVu Sans, sans-serif"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-label="Differences with their intervals" style="{style}">'
        + "".join(parts)
        + "</svg>"
    )


def _row(
    comparison: Comparison, y: float, x: Callable[[float], float], scale: float, alpha: float
) -> list[str]:
    parts = [_text(_LABEL - 10, y + 4, comparison.label, "end")]
    low, high = (x(scale * v) for v in comparison.seeds.interval(alpha))
    if comparison.videos:
        outer = [x(scale * v) for v in comparison.videos.interval(alpha)]
        parts.append(_line(outer[0], y + 5, outer[1], y + 5, _VIDEOS, 2))
    parts.append(_line(low, y - 2, high, y - 2, _SEEDS, 4))
    centre = x(scale * comparison.seeds.difference)
    return [*parts, f'<circle cx="{centre}" cy="{y - 2}" r="4.5" fill="{_SEEDS}"/>']


def _step(reach: float) -> float:
    """A round distance between ticks that gives about `_TICKS` of them."""
    rough = 2 * reach / _TICKS
    power = 10 ** math.floor(math.log10(rough))
    return next(power * step for step in _STEPS if power * step >= rough * 0.999)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    place = f'x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}"/>'


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width:.1f}" height="{height}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#222") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
