"""Sentences on tests and their findings."""

from collections.abc import Iterator, Sequence

from fusevad.config.claims import (
    MAIN,
    Classes,
    Compare,
    FusesDifferently,
    Robust,
    Test,
    WeightsMove,
)
from fusevad.report.pair_texts import seeds_in_words
from fusevad.report.verdicts.decisions import decide
from fusevad.report.verdicts.judge import (
    Comparison,
    Evidence,
    Exact,
    Judged,
    Missing,
    Verdict,
    p_for,
)


def describe(test: Test, default_margin: float) -> str:
    """The question of a test, in a sentence."""
    own = getattr(test, "margin", None)
    points = 100 * (default_margin if own is None else own)
    margin = f"{points:g} point{'' if points == 1 else 's'}"
    metric = getattr(test, "metric", MAIN)
    metric = "main metric" if metric == MAIN else metric
    match test:
        case Compare(kind="greater"):
            return f"{test.experiment} has the higher {metric} than {_each(test)}."
        case Compare(kind="best-value"):
            return (
                f"{test.experiment} has the higher {metric} than {_each(test)}, the other values."
            )
        case Compare(kind="equivalent"):
            return (
                f"{test.experiment} differs from {_each(test)} by less than {margin} in {metric}."
            )
        case Compare():
            return f"{test.experiment} differs from {_each(test)} in {metric}."
        case Classes():
            where = "the classes " + ", ".join(test.classes) if test.classes else "all classes"
            return f"{test.experiment} ranks frames better than {_each(test)}, on {where}."
        case Robust():
            return f"{test.experiment} loses less than {margin} of its {metric} at every level."
        case WeightsMove(kind="weights-move"):
            return (
                f"In {test.experiment} the mean weight of a stream falls when part of it is "
                f"masked, at every level (below {test.margin:g} counts as no fall)."
            )
        case WeightsMove():
            return (
                f"In {test.experiment} it falls further in the masked dimensions than in the "
                f"others (by less than {test.margin:g} counts as no further)."
            )
        case FusesDifferently():
            return (
                f"Method {test.method}, given the parameters that {test.experiment} learned, "
                f"weighs the streams otherwise than {test.experiment} does (by more than "
                f"{test.tolerance:g})."
            )


def reading(judged: Sequence[Judged], alpha: float) -> str:
    """The findings, in a sentence or two."""
    missing = sorted({j.finding.text for j in judged if isinstance(j.finding, Missing)})
    short = [j.finding.label for j in judged if _too_few_seeds(j)]
    if short:
        missing.append(f"fewer than two shared seeds ({'; '.join(short)})")
    exact = [j.finding.text for j in judged if isinstance(j.finding, Exact)]
    tested = [j for j in judged if isinstance(j.finding, Comparison) and not _too_few_seeds(j)]
    parts = [f"{text[0].upper()}{text[1:]}." for text in exact]
    if tested:
        parts += [*_counts(tested), *_telling(tested), *_by_seeds_alone(tested, alpha)]
        parts += _seeds_that_would_decide(judged, alpha)
    if missing:
        parts.append(f"Absent: {'; '.join(missing)}.")
    return " ".join(parts)


def signed(comparison: Comparison, value: float) -> str:
    """A difference in points, or in the unit of weights."""
    # Adding 0 after rounding turns -0.0 into 0.0.
    text = (
        f"{round(100 * value, 2) + 0:+.2f}" if comparison.percent else f"{round(value, 4) + 0:+.4f}"
    )
    return text.replace("-", "−")


def interval(comparison: Comparison, evidence: Evidence, alpha: float) -> str:
    """The interval of a difference."""
    low, high = evidence.interval(alpha)
    if low != low:
        return "–"
    return f"[{signed(comparison, low)}, {signed(comparison, high)}]"


def p_value(p: float) -> str:
    """A p-value as readers expect it."""
    if p != p:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _each(test: Compare | Classes) -> str:
    names = test.against
    return names[0] if len(names) == 1 else f"each of {', '.join(names)}"


def _too_few_seeds(judged: Judged) -> bool:
    return isinstance(judged.finding, Comparison) and judged.finding.seeds.n < 2


def _counts(tested: Sequence[Judged]) -> list[str]:
    if len(tested) == 1:
        return []
    counts = [
        f"{sum(j.verdict == verdict for j in tested)} {words}"
        for verdict, words in (
            (Verdict.HOLDS, "supported"),
            (Verdict.FAILS, "refuted"),
            (Verdict.OPEN, "undecided"),
        )
        if any(j.verdict == verdict for j in tested)
    ]
    return [f"{len(tested)} comparisons: {', '.join(counts)}."]


def _telling(tested: Sequence[Judged]) -> Iterator[str]:
    """The comparisons that best explain the verdict."""
    refuting = [j for j in tested if j.verdict == Verdict.FAILS]
    undecided = [j for j in tested if j.verdict == Verdict.OPEN]
    if len(tested) == 1:
        yield _quoted("Measured", tested[0])
        return
    if refuting:
        yield _quoted("Most clearly against the claim", min(refuting, key=lambda j: j.p_fails))
    if undecided:
        yield _quoted("Least decided", max(undecided, key=lambda j: min(j.p_holds, j.p_fails)))
    if not refuting and not undecided:
        yield _quoted("Least certain", max(tested, key=lambda j: j.p_holds))


def _by_seeds_alone(tested: Sequence[Judged], alpha: float) -> list[str]:
    """Whether seeds alone would decide more than seeds, videos and Holm's correction together."""
    count = sum(j.verdict == Verdict.OPEN and _p_of_seeds(j) < alpha for j in tested)
    if not count:
        return []
    return [
        f"For {count} of those undecided the seeds alone would support the claim (p < {alpha:g} "
        "before Holm's correction)."
    ]


def _seeds_that_would_decide(judged: Sequence[Judged], alpha: float) -> list[str]:
    """How many seeds would decide the last of the comparisons that the seeds leave open."""
    said = decide([each.finding for each in judged], alpha)
    needed = [
        one.seeds
        for one, each in zip(said, judged, strict=True)
        if one
        and each.verdict == Verdict.OPEN
        and one.open_by == "seeds"
        and one.comparison.seeds.n > 1
    ]
    if not needed:
        return []
    most = None if None in needed else max(needed)
    return [f"As far as seeds go, {seeds_in_words(most)} would decide."]


def _p_of_seeds(judged: Judged) -> float:
    found = judged.finding
    return p_for(found.seeds, found.goal, found.margin)


def _quoted(start: str, judged: Judged) -> str:
    found = judged.finding
    unit = " points" if found.percent else ""
    return f"{start}: {found.label} = {signed(found, found.seeds.difference)}{unit}."
