"""From comparisons to verdicts: what holds, what does not, and what the data leave open.

A comparison states a region in which a difference must be for the claim to hold, and one in which
it must be for the claim not to hold. Between "shown to hold" and "shown not to hold" is
"undecided": a test that finds nothing is not evidence of nothing. For `greater`, the claim is
refuted if an advantage of `margin` or more is excluded: without a smallest difference that counts,
equal methods could not be distinguished from methods that were not measured well enough.

Both sources of uncertainty must be overcome: a p-value is the larger of the p-value over seeds and
over test videos (an intersection-union test, which needs no correction). Holm's correction then
covers all comparisons of a claim on a data set, separately for "holds" and "does not hold".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np

from fusevad.report.statistics import PairedTest, Resampled, holm

Goal = Literal["greater", "not-worse", "equivalent", "different"]
Evidence = PairedTest | Resampled


class Verdict(StrEnum):
    """The verdict on a claim, or on one of its comparisons."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "undecided"
    UNTESTABLE = "not testable here"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A difference, its goal, and the evidence.

    Attributes:
        label: the two compared things: `student-t − gating, AUC`.
        goal: `greater` (above 0), `not-worse` (above −margin), `equivalent` (within ±margin) or
            `different` (not 0).
        margin: smallest difference that counts.
        percent: the difference is between metrics and is shown in points (hundredths).
        seeds: over the seeds that both have.
        videos: over the resampled test videos; None without frame scores.
    """

    label: str
    goal: Goal
    margin: float
    percent: bool
    seeds: PairedTest
    videos: Resampled | None = None

    def evidence(self) -> list[Evidence]:
        """The available evidence, seeds first."""
        return [self.seeds] + ([self.videos] if self.videos else [])


@dataclass(frozen=True, slots=True)
class Exact:
    """A finding that needs no statistics."""

    label: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing for a test."""

    text: str


Finding = Comparison | Exact | Missing


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding with its verdict and corrected p-values (NaN where there is no statistical test).

    Attributes:
        p_holds: for the claim, which holds below alpha.
        p_fails: against it.
    """

    finding: Finding
    verdict: Verdict
    p_holds: float
    p_fails: float


def judge(findings: Sequence[Finding], alpha: float) -> list[Judged]:
    """Give each finding of a claim on a data set its verdict."""
    p_holds = holm([_p(finding, p_for) for finding in findings])
    p_fails = holm([_p(finding, p_against) for finding in findings])
    return [
        Judged(finding, _verdict(finding, holds, fails, alpha), float(holds), float(fails))
        for finding, holds, fails in zip(findings, p_holds, p_fails, strict=True)
    ]


def overall(judged: Sequence[Judged]) -> Verdict:
    """The claim's verdict: it holds if all findings hold; one refuted finding refutes it."""
    verdicts = {one.verdict for one in judged}
    for verdict in (Verdict.FAILS, Verdict.UNTESTABLE, Verdict.OPEN):
        if verdict in verdicts:
            return verdict
    return Verdict.HOLDS if verdicts else Verdict.UNTESTABLE


def _verdict(finding: Finding, p_holds: float, p_fails: float, alpha: float) -> Verdict:
    match finding:
        case Missing():
            return Verdict.UNTESTABLE
        case Exact():
            return finding.verdict
        case _ if finding.seeds.n < 2:
            return Verdict.UNTESTABLE
        case _ if p_holds < alpha:
            return Verdict.HOLDS
        case _ if p_fails < alpha:
            return Verdict.FAILS
    return Verdict.OPEN


def _p(finding: Finding, test: Callable[[Evidence, Goal, float], float]) -> float:
    if not isinstance(finding, Comparison):
        return float("nan")
    return float(np.max([test(e, finding.goal, finding.margin) for e in finding.evidence()]))


def p_for(evidence: Evidence, goal: Goal, margin: float) -> float:
    """p-value of one kind of evidence for a comparison that should reach `goal`."""
    match goal:
        case "greater":
            # Two-sided, as in all tables: which of two methods is ahead was not known before.
            return min(1.0, 2 * evidence.p_above(0))
        case "not-worse":
            return evidence.p_above(-margin)
        case "equivalent":
            return _within(evidence, margin)
        case "different":
            return min(1.0, 2 * min(evidence.p_above(0), evidence.p_below(0)))


def p_against(evidence: Evidence, goal: Goal, margin: float) -> float:
    """p-value of one kind of evidence that the difference misses `goal`."""
    match goal:
        case "greater":
            return evidence.p_below(margin)
        case "not-worse":
            return evidence.p_below(-margin)
        case "equivalent":
            return min(1.0, 2 * min(evidence.p_above(margin), evidence.p_below(-margin)))
        case "different":
            return _within(evidence, margin)


def _within(evidence: Evidence, margin: float) -> float:
    """Two one-sided tests (Schuirmann 1987)."""
    return max(evidence.p_above(-margin), evidence.p_below(margin))
