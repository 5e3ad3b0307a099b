"""Statistics of the report: tables, figures and claims import them from here only.

Defined here: mean and spread over seeds, and which differences between methods the seeds support.
From `bootstrap`: the interquartile mean with its interval, and resampled test videos.

The paired test is Student's t-test on the per-seed differences of two methods, two-sided. Seeds
fix the validation split and the order of the data, so runs with one seed belong together. The
alternative, Wilcoxon's signed-rank test, cannot go below p = 2 / 2**10 = 0.002 with ten seeds:
after Holm's correction it could support nothing in a table of more than 25 comparisons, and
Table 1 has more. The price is the assumption of roughly normal differences.

Holm's correction runs over ALL pairs of methods in ALL columns of a table. Correcting only the
comparisons with the best method would ignore that the best was picked by looking at the same
numbers.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student_t
from scipy.stats import ttest_1samp

from fusevad.report.bootstrap import (
    Aggregate,
    Resampled,
    VideoBootstrap,
    interquartile_mean,
    mean_interval,
)

__all__ = [
    "ALPHA",
    "Aggregate",
    "Pair",
    "PairedTest",
    "Resampled",
    "Summary",
    "Verdict",
    "VideoBootstrap",
    "all_pairs",
    "best_supported",
    "columns_of",
    "holm",
    "interquartile_mean",
    "mean_interval",
    "paired_test",
    "summarize",
    "summarize_table",
]

ALPHA = 0.05
# Below this, differences of metrics in [0, 1] are rounding errors.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and sample standard deviation (n - 1; NaN for one value) of `n` values."""

    mean: float
    std: float
    n: int


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two methods compared on the seeds that both have.

    Attributes:
        n: number of shared seeds.
        difference: mean of first minus second.
        p: two-sided p-value, uncorrected; NaN with fewer than two shared seeds.
        error: standard error of `difference`; NaN with fewer than two shared seeds.
    """

    n: int
    difference: float
    p: float
    error: float

    @property
    def std(self) -> float:
        """Sample standard deviation of the differences."""
        return self.error * np.sqrt(self.n)

    def interval(self, alpha: float = ALPHA) -> tuple[float, float]:
        """The (1 - alpha) interval of the difference, from the t-distribution."""
        half = float(student_t.isf(alpha / 2, self.n - 1)) * self.error if self.n > 1 else np.nan
        return self.difference - half, self.difference + half

    def p_above(self, bound: float) -> float:
        """One-sided p-value for a difference above `bound` (null: at or below it)."""
        return self._tail(self.difference - bound)

    def p_below(self, bound: float) -> float:
        """One-sided p-value for a difference below `bound` (null: at or above it)."""
        return self._tail(bound - self.difference)

    def _tail(self, distance: float) -> float:
        if self.n < 2:
            return float("nan")
        if self.error < _ROUNDING:
            return 0.0 if distance > _ROUNDING else 1.0
        return float(student_t.sf(distance / self.error, self.n - 1))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods in one column of a table, and their test."""

    column: Hashable
    first: str
    second: str
    test: PairedTest

    @property
    def better(self) -> str:
        """The method with the higher mean over the shared seeds."""
        return self.first if self.test.difference > 0 else self.second


@dataclass(frozen=True, slots=True)
class Verdict:
    """The seeds' verdict on the best mean of one column.

    Attributes:
        best: method with the highest mean.
        supported: the best is better than EVERY other method: on the shared seeds its mean is
            higher, and corrected p is below alpha.
        leading: the best and all methods that the test does not find worse.
        p: for each other method its corrected p-value against the best; for the best the largest
            of these (NaN if there is no other method).
    """

    best: str
    supported: bool
    leading: frozenset[str]
    p: dict[str, float]


def summarize(values: pd.Series) -> Summary:
    """Mean and spread of the values; missing values (NaN) are not counted."""
    present = values.dropna()
    std = float(present.std(ddof=1)) if len(present) > 1 else float("nan")
    mean = float(present.mean()) if len(present) else float("nan")
    return Summary(mean, std, len(present))


def paired_test(first: pd.Series, second: pd.Series) -> PairedTest:
    """Paired t-test on the seeds (the index) that both series have.

    Differences without any spread would divide zero by zero: equal series give p = 1, a constant
    difference gives p = 0.
    """
    both = pd.concat([first, second], axis="columns", join="inner").dropna()
    differences = (both.iloc[:, 0] - both.iloc[:, 1]).to_numpy(dtype=float)
    n = len(differences)
    if n < 2:
        mean = float(differences.mean()) if n else float("nan")
        return PairedTest(n, mean, float("nan"), float("nan"))
    mean = float(differences.mean())
    if np.ptp(differences) < _ROUNDING:
        return PairedTest(n, mean, 1.0 if abs(mean) < _ROUNDING else 0.0, 0.0)
    error = float(differences.std(ddof=1) / np.sqrt(n))
    return PairedTest(n, mean, float(ttest_1samp(differences, 0.0).pvalue), error)


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Holm's step-down correction (Holm 1979), in the order given.

    The i-th smallest of m p-values is multiplied by m - i (i from 0), kept monotone and at most 1.
    NaN marks a test that could not be made: it stays NaN and is not counted.
    """
    values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    made = np.flatnonzero(~np.isnan(values))
    order = made[np.argsort(values[made], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return corrected


def best_supported(
    columns: Mapping[Hashable, Mapping[str, pd.Series]],
    alpha: float = ALPHA,
    fixed: Collection[str] = (),
) -> dict[Hashable, Verdict]:
    """Judge the best mean of each column of a table.

    Args:
        columns: for each column, the methods' values by seed (the index of the series). Higher is
            better. Methods without any value are left out.
        alpha: family-wise level over the whole table.
        fixed: methods with one value, which no seed changes: the seeds of another method are tested
            against that value. Two such values cannot be tested.
    """
    pairs = all_pairs(columns, fixed)
    corrected = {
        (pair.column, frozenset((pair.first, pair.second))): (pair, float(p))
        for pair, p in zip(pairs, holm([pair.test.p for pair in pairs]), strict=True)
    }
    return {
        column: _judge(column, present, corrected, alpha)
        for column, methods in columns.items()
        if (present := _present(methods))
    }


def all_pairs(
    columns: Mapping[Hashable, Mapping[str, pd.Series]], fixed: Collection[str] = ()
) -> list[Pair]:
    """Test every pair of methods in every column; arguments as in `best_supported`."""
    return [
        Pair(column, first, second, _compare(methods, first, second, fixed))
        for column, methods in columns.items()
        for first, second in combinations(_present(methods), 2)
    ]


def _present(methods: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    return {name: values for name, values in methods.items() if values.notna().any()}


def _compare(
    methods: Mapping[str, pd.Series], first: str, second: str, fixed: Collection[str]
) -> PairedTest:
    one, other = methods[first], methods[second]
    if first in fixed and second in fixed:
        nan = float("nan")
        return PairedTest(1, float(one.iloc[0] - other.iloc[0]), nan, nan)
    if first in fixed:
        one = pd.Series(one.iloc[0], index=other.index)
    if second in fixed:
        other = pd.Series(other.iloc[0], index=one.index)
    return paired_test(one, other)


def _judge(
    column: Hashable,
    methods: Mapping[str, pd.Series],
    corrected: Mapping[tuple[Hashable, frozenset[str]], tuple[Pair, float]],
    alpha: float,
) -> Verdict:
    best = max(methods, key=lambda name: summarize(methods[name]).mean)
    tests = {name: corrected[column, frozenset((best, name))] for name in methods if name != best}
    p = {name: value for name, (_, value) in tests.items()}
    # A test that could not be made (NaN) supports nothing: the method stays among the leading. So
    # does one that is better on the shared seeds, whose mean over other seeds is lower.
    tied = {
        name for name, (pair, value) in tests.items() if not (value < alpha and pair.better == best)
    }
    worst = float(np.max(list(p.values()))) if p else float("nan")
    return Verdict(
        best=best,
        supported=bool(p) and not tied,
        leading=frozenset(tied | {best}),
        p=p | {best: worst},
    )


def summarize_table(
    values: pd.DataFrame,
    column_keys: list[str],
    alpha: float = ALPHA,
    fixed: Collection[str] = (),
) -> pd.DataFrame:
    """Mean, spread and verdict of every cell; each protocol is a table of its own.

    Args:
        values: long table `protocol, experiment, seed, value` and `column_keys`.
        column_keys: the columns of `values` that together name a column of the table.
        alpha, fixed: see `best_supported`.

    Returns:
        A row a cell: `protocol`, `column_keys`, `experiment`, `mean`, `std`, `n`, `bold`,
        `leading`, `p` (see `Verdict`), in the order of first appearance.
    """
    rows = []
    for protocol, part in values.groupby("protocol", sort=False):
        columns = columns_of(part, column_keys)
        verdicts = best_supported(columns, alpha, fixed)
        for key, methods in columns.items():
            for name, series in methods.items():
                cell = {"protocol": protocol} | dict(zip(column_keys, key, strict=True))
                rows.append(cell | _cell(name, series, verdicts.get(key)))
    return pd.DataFrame(rows)


def columns_of(
    values: pd.DataFrame, column_keys: list[str]
) -> dict[tuple[str, ...], dict[str, pd.Series]]:
    """For each column of a table, the methods' values by seed; `values` of one protocol."""
    return {
        key: {
            str(name): cell.set_index("seed")["value"]
            for name, cell in column.groupby("experiment", sort=False)
        }
        for key, column in values.groupby(column_keys, sort=False)
    }


def _cell(name: str, values: pd.Series, verdict: Verdict | None) -> dict[str, object]:
    summary = summarize(values)
    known = verdict is not None and name in verdict.p
    return {
        "experiment": name,
        "mean": summary.mean,
        "std": summary.std,
        "n": summary.n,
        "bold": known and verdict.supported and verdict.best == name,
        "leading": known and name in verdict.leading,
        "p": verdict.p[name] if known else float("nan"),
    }
