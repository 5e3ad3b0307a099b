"""What the data say of a comparison, in the words of the tables: better, equal, undecided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fusevad.report.pair_texts import points, seeds_in_words
from fusevad.report.power import Decision, Levels, next_level, seeds_needed
from fusevad.report.statistics import PairedTest, holm
from fusevad.report.verdicts.judge import Comparison, Evidence, Finding, p_for


@dataclass(frozen=True, slots=True)
class Said:
    """A comparison's decision.

    Attributes:
        comparison: of what.
        decision: better (the sign of the difference says which), equal or undecided.
        open_by: what leaves an undecided one open: the seeds, or the test videos alone.
        seeds: how many seeds would decide one that the seeds leave open; None if more than are
            counted, or if there are too few for any test.
    """

    comparison: Comparison
    decision: Decision
    open_by: Literal["", "seeds", "videos"] = ""
    seeds: int | None = None


def decide(findings: Sequence[Finding], alpha: float) -> list[Said | None]:
    """For each finding of a claim on a data set that is a comparison, what the data say of it.

    As in tables, either kind of test is corrected over all comparisons (Holm); as in verdicts, both
    the seeds and the test videos must support it. The numbers of seeds are as in `report.power`.
    """
    compared = [finding for finding in findings if isinstance(finding, Comparison)]
    better, equal = _corrected(compared, lambda each: each.evidence())
    by_seeds = _corrected(compared, lambda each: [each.seeds])
    levels = Levels(*(next_level(each, alpha) for each in by_seeds))
    said = iter(
        _said(comparison, (one, other), (first, second), levels, alpha)
        for comparison, one, other, first, second in zip(
            compared, better, equal, *by_seeds, strict=True
        )
    )
    return [next(said) if isinstance(finding, Comparison) else None for finding in findings]


def in_words(said: Said) -> str:
    """`better`, `worse`, `equal within ±1 point`, or `undecided: about 40 seeds would decide`."""
    found = said.comparison
    match said.decision:
        case Decision.BETTER:
            words = ("better", "worse") if found.percent else ("higher", "lower")
            return words[found.seeds.difference < 0]
        case Decision.EQUAL:
            return f"equal within ±{points(found.margin) if found.percent else found.margin}"
    if found.seeds.n < 2:
        return "undecided: too few seeds"
    if said.open_by == "videos":
        return "undecided by the test videos, not by the seeds"
    return f"undecided: {seeds_in_words(said.seeds)} would decide"


def _corrected(
    compared: Sequence[Comparison], evidence: Callable[[Comparison], Sequence[Evidence]]
) -> tuple[Sequence[float], Sequence[float]]:
    """Corrected p-values of `better` and of `equal`, the largest of each comparison's evidence."""
    return tuple(
        holm([np.max([p_for(e, goal, each.margin) for e in evidence(each)]) for each in compared])
        for goal in ("different", "equivalent")
    )


def _said(
    comparison: Comparison,
    both: tuple[float, float],
    by_seeds: tuple[float, float],
    levels: Levels,
    alpha: float,
) -> Said:
    for p, decision in zip(both, (Decision.BETTER, Decision.EQUAL), strict=True):
        if p < alpha:
            return Said(comparison, decision)
    if min(by_seeds) < alpha:
        return Said(comparison, Decision.UNDECIDED, "videos")
    return Said(
        comparison, Decision.UNDECIDED, "seeds", _seeds(comparison.seeds, comparison.margin, levels)
    )


def _seeds(test: PairedTest, margin: float, levels: Levels) -> int | None:
    if test.n < 2 or test.error == 0:
        return None
    return seeds_needed(test.difference, test.std, margin, levels)
