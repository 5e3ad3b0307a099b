"""What the seeds say of two methods: one is better, they are equal within a margin, or undecided.

Each pair of methods in a column is tested twice, paired on the seeds. *Better*: Student's t-test,
two-sided. *Equal within the margin*: two one-sided tests (TOST; Schuirmann 1987), whose p-value is
the larger one. Holm's correction runs over all pairs of the table, for each kind of test.

An undecided pair gets the number of seeds at which one of the two tests would have a power of 0.8,
if the mean and the standard deviation of the differences were as observed. The level is the one at
which Holm's procedure stopped: alpha divided by the number of tests that it has not rejected. An
uncorrected level would name fewer seeds than there are, and would not decide the pair.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy.special import nctdtr
from scipy.stats import t as student_t

from fusevad.report.statistics import ALPHA, Pair, PairedTest, all_pairs, columns_of, holm

MARGIN = 0.01
POWER = 0.8
MOST_SEEDS = 1000


class Decision(StrEnum):
    """What the seeds decide about two methods."""

    BETTER = "better"
    EQUAL = "equal"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Levels:
    """Significance that a single test needs to be decided next, for either kind of test."""

    better: float
    equal: float


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """A pair of methods with its verdict.

    Attributes:
        pair: the methods, the column and the test of their difference.
        p_better, p_equal: corrected p-values; NaN if the pair shares fewer than two seeds.
        decision: better (the sign of the difference says which), equal or undecided.
        seeds: for an undecided pair, how many seeds would decide; None if more than `MOST_SEEDS`,
            or if the pair could not be tested.
    """

    pair: Pair
    p_better: float
    p_equal: float
    decision: Decision
    seeds: int | None = None

    @property
    def tested(self) -> bool:
        """Whether there are enough seeds for a test."""
        return self.pair.test.n > 1


def judge_pairs(
    columns: Mapping[Hashable, Mapping[str, pd.Series]],
    margin: float = MARGIN,
    fixed: Collection[str] = (),
) -> list[PairVerdict]:
    """Judge every pair of methods in every column.

    Args:
        columns, fixed: as for `statistics.best_supported`.
        margin: largest difference that does not count, in the unit of the values.
    """
    return judge(all_pairs(columns, fixed), margin)


def judge(pairs: Sequence[Pair], margin: float = MARGIN) -> list[PairVerdict]:
    """Judge all comparisons of a table; `margin` as for `judge_pairs`."""
    better = holm([pair.test.p for pair in pairs])
    equal = holm([p_equal(pair.test, margin) for pair in pairs])
    levels = Levels(next_level(better, ALPHA), next_level(equal, ALPHA))
    return [
        _verdict(pair, float(one), float(other), margin, levels)
        for pair, one, other in zip(pairs, better, equal, strict=True)
    ]


def judge_tests(tests: Sequence[PairedTest]) -> list[PairVerdict]:
    """Judge comparisons of methods with themselves, as on other videos: all of a table."""
    return judge([Pair(place, "", "", test) for place, test in enumerate(tests)])


def judge_table(
    values: pd.DataFrame,
    protocol: str,
    fixed: Collection[str] = (),
    margin: float = MARGIN,
    column_keys: Sequence[str] = ("dataset", "metric"),
) -> list[PairVerdict]:
    """Judge every pair of methods of a table.

    Args:
        values: as `runs.read_measurements` has them, with the columns `column_keys`.
        protocol: whose values are judged.
        fixed, margin: as for `judge_pairs`.
        column_keys: what names a column of the table together.
    """
    own = values[values["protocol"] == protocol]
    return judge_pairs(columns_of(own, list(column_keys)), margin, fixed)


def p_equal(test: PairedTest, margin: float) -> float:
    """p-value of TOST: that the difference lies within ± margin (null: it does not)."""
    return float(np.max([test.p_above(-margin), test.p_below(margin)]))


def seeds_needed(
    mean: float, std: float, margin: float, levels: Levels, power: float = POWER
) -> int | None:
    """Smallest number of seeds, from 2, at which either test has the power.

    Returns:
        None if that takes more than `MOST_SEEDS`.
    """

    def enough(n: int) -> bool:
        found = max(
            t_test_power(n, mean, std, levels.better),
            tost_power(n, mean, std, margin, levels.equal),
        )
        return found >= power

    low, high = 2, MOST_SEEDS
    if not enough(high):
        return None
    while low < high:  # Both powers grow with n.
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def t_test_power(n: int, mean: float, std: float, level: float) -> float:
    """Power of the two-sided one-sample t-test on n differences, from the noncentral t."""
    shift, bound = mean / std * np.sqrt(n), float(student_t.isf(level / 2, n - 1))
    return 1 - _noncentral_t(bound, n - 1, shift) + _noncentral_t(-bound, n - 1, shift)


def tost_power(n: int, mean: float, std: float, margin: float, level: float) -> float:
    """Power of TOST on n differences, by the usual approximation with two noncentral t's.

    It ignores that both tests share one standard deviation (Phillips 1990 has the exact power,
    Owen's Q), and is exact where the power is high enough to plan with.
    """
    error, bound = std / np.sqrt(n), float(student_t.isf(level, n - 1))
    below = _noncentral_t(-bound, n - 1, (mean - margin) / error)
    above = _noncentral_t(bound, n - 1, (mean + margin) / error)
    return max(0.0, below - above)


def _noncentral_t(value: float, freedom: int, shift: float) -> float:
    """Distribution function of the noncentral t."""
    found = float(nctdtr(freedom, shift, value))
    # Far in its tails, below 1e-30, scipy's function is NaN.
    return found if found == found else float(value > shift)


def next_level(corrected: Sequence[float], alpha: float) -> float:
    """Holm's level for the smallest p-value that it has not rejected."""
    open_tests = int(np.sum(np.asarray(corrected) >= alpha))
    return alpha / max(open_tests, 1)


def _verdict(pair: Pair, better: float, equal: float, margin: float, levels: Levels) -> PairVerdict:
    if better < ALPHA:
        return PairVerdict(pair, better, equal, Decision.BETTER)
    if equal < ALPHA:
        return PairVerdict(pair, better, equal, Decision.EQUAL)
    test = pair.test
    # A difference without any spread is decided, unless it is exactly the margin's other side.
    known = test.n > 1 and test.error > 0
    seeds = seeds_needed(test.difference, test.std, margin, levels) if known else None
    return PairVerdict(pair, better, equal, Decision.UNDECIDED, seeds)
