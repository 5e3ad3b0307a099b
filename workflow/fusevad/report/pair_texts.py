"""Verdicts on pairs of methods in words: captions of tables, and the lines of `fusevad power`."""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from math import inf

from fusevad.errors import counted
from fusevad.report.power import MARGIN, MOST_SEEDS, POWER, Decision, PairVerdict


def points(margin: float) -> str:
    """A margin of fractions in words: `1 point`."""
    return f"{100 * margin:g} point{'' if 100 * margin == 1 else 's'}"


def pairs_caption(
    verdicts: Sequence[PairVerdict],
    main: Mapping[Hashable, str],
    name: str,
    margin: float = MARGIN,
) -> str:
    """What the pairs of a table support, in two sentences.

    Args:
        verdicts: all pairs of the table.
        main: the columns that are told one by one, with their names for readers, if any.
        name: of the table, for the command that lists its pairs.
        margin: of the verdicts.
    """
    tested = [verdict for verdict in verdicts if verdict.tested]
    if not tested:
        return "No pair of methods can be tested: that takes two methods with two seeds in common."
    columns = {column: _of_column(tested, column) for column in main}
    parts = [
        f"of {_pairs(own)} in {main[column]}, {_counts(own, margin)}"
        for column, own in columns.items()
        if own
    ]
    if len(parts) == 1 and tested in columns.values():
        text = parts[0] + _waiting(tested)
    else:
        whole = f"of all {_pairs(tested)} in the table, {_counts(tested, margin)}"
        sentences = ["; ".join(parts)] if parts else []
        text = ". ".join(map(_sentence_of, [*sentences, whole + _waiting(tested)]))
    return f"{_sentence_of(text)} (fusevad power {name} lists them)."


def comparisons_note(verdicts: Sequence[PairVerdict], what: str) -> str:
    """What comparisons of one method with itself support, in a sentence for a note.

    Args:
        verdicts: all comparisons of the table.
        what: is compared: `levels with clean cues`.
    """
    tested = [verdict for verdict in verdicts if verdict.tested]
    if not tested:
        return f"Comparisons of {what} take two seeds; there are none to test."
    count = f"{counted(len(tested), 'comparison')} of {what}"
    return f"Of {count}, {_counts(tested, MARGIN)}{_waiting(tested)}."


def against_ours(verdicts: Sequence[PairVerdict], ours: Collection[str], margin: float) -> str:
    """What the pairs of our rows with the others support, in a clause for a note."""
    own = [
        verdict
        for verdict in verdicts
        if verdict.tested and (verdict.pair.first in ours) != (verdict.pair.second in ours)
    ]
    if not own:
        return "no pair of them with a measured row has two seeds in common, so none can be tested"
    ahead = sum(
        verdict.decision == Decision.BETTER
        and (verdict.pair.test.difference > 0) == (verdict.pair.first in ours)
        for verdict in own
    )
    separated = sum(verdict.decision == Decision.BETTER for verdict in own)
    equal = sum(verdict.decision == Decision.EQUAL for verdict in own)
    return (
        f"of {_pairs(own)} of them with a measured row, ours is better in {ahead} and worse in"
        f" {separated - ahead}, {equal or 'none'} {'are' if equal > 1 else 'is'} equal within"
        f" ±{points(margin)}, and {len(own) - separated - equal} undecided"
    )


def _of_column(verdicts: Sequence[PairVerdict], column: Hashable) -> list[PairVerdict]:
    return [verdict for verdict in verdicts if verdict.pair.column == column]


def _pairs(verdicts: Sequence[PairVerdict]) -> str:
    return counted(len(verdicts), "pair")


def _sentence_of(text: str) -> str:
    return text[:1].upper() + text[1:]


def _counts(verdicts: Sequence[PairVerdict], margin: float) -> str:
    counts = [
        sum(verdict.decision == decision for verdict in verdicts)
        for decision in (Decision.BETTER, Decision.EQUAL, Decision.UNDECIDED)
    ]
    better, equal, undecided = (
        f"{count or 'none'} {'are' if count > 1 else 'is'}" for count in counts
    )
    return f"{better} separated, {equal} equal within ±{points(margin)} and {undecided} undecided"


def _waiting(verdicts: Sequence[PairVerdict]) -> str:
    """How many seeds half of the undecided pairs would need."""
    needed = sorted(
        inf if verdict.seeds is None else verdict.seeds
        for verdict in verdicts
        if verdict.decision == Decision.UNDECIDED
    )
    if not needed:
        return ""
    middle = needed[len(needed) // 2]
    if middle == inf:
        seeds = f"more than {MOST_SEEDS:,} seeds"
    else:
        seeds = f"{middle} seeds{' or more' if len(needed) > 1 else ''}"
    return f"; {'half of these' if len(needed) > 1 else 'it'} would need {seeds}"


def seeds_in_words(seeds: int | None) -> str:
    """`about 40 seeds`, or more than are worth counting."""
    return f"more than {MOST_SEEDS:,} seeds" if seeds is None else f"about {seeds:,} seeds"


def pair_lines(
    verdicts: Sequence[PairVerdict],
    labels: Mapping[str, str],
    titles: Mapping[Hashable, str],
    margin: float,
) -> Iterator[str]:
    """A line for each pair, under a heading for each column.

    Args:
        verdicts: pairs, in any order; the decided ones of a column come first.
        labels: of the methods.
        titles: names of the columns for readers, in order.
        margin: of the verdicts.
    """
    order = list(Decision)
    for column, title in titles.items():
        own = _of_column(verdicts, column)
        if own:
            yield f"{title}: {_counts(own, margin)}"
        for verdict in sorted(own, key=lambda verdict: order.index(verdict.decision)):
            yield f"  {_sentence(verdict, labels, margin)}"


def _sentence(verdict: PairVerdict, labels: Mapping[str, str], margin: float) -> str:
    pair, difference = verdict.pair, 100 * verdict.pair.test.difference
    names = [labels[pair.first], labels[pair.second]]
    if difference < 0:
        names.reverse()
    first, second = names
    ahead = f"{abs(difference):.2f} points"
    match verdict.decision:
        case Decision.BETTER:
            return f"{first} is better than {second}: by {ahead} (p {_p(verdict.p_better)})"
        case Decision.EQUAL:
            within = f"equal within ±{points(margin)}"
            return f"{first} and {second} are {within}: {ahead} (p {_p(verdict.p_equal)})"
    if not verdict.tested:
        return f"{first} and {second}: not testable, as they share fewer than two seeds"
    return (
        f"{first} and {second}: undecided, {ahead} ± {100 * pair.test.std:.2f} over"
        f" {pair.test.n} seeds; {seeds_in_words(verdict.seeds)} would decide"
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


HOW = (
    "better: two-sided paired t-test; equal: two one-sided t-tests; both at p < 0.05 after Holm's"
    " correction over all pairs of the table. Seeds that would decide: the fewest with a power of"
    f" {POWER:g} for either test, at the mean and standard deviation seen here and at the level"
    " that the correction asks of the next pair."
)
