"""The statistics of the tables, against scipy and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fusevad.report.statistics import best_supported, holm, paired_test, summarize, summarize_table


def series(values, seeds=None):
    return pd.Series(list(values), index=range(len(values)) if seeds is None else seeds)


def noisy(mean, generator, spread=0.01, seeds=10):
    return series(mean + spread * generator.standard_normal(seeds))


def test_the_spread_divides_by_n_minus_one_and_skips_missing_values():
    summary = summarize(series([0.1, 0.2, np.nan, 0.6]))
    assert summary.mean == pytest.approx(0.3)
    assert summary.std == pytest.approx(np.sqrt((0.04 + 0.01 + 0.09) / 2))
    assert summary.n == 3


def test_one_value_has_no_spread():
    assert np.isnan(summarize(series([0.5])).std)


def test_the_paired_test_is_scipys():
    generator = np.random.default_rng(0)
    first, second = noisy(0.8, generator), noisy(0.79, generator)
    assert paired_test(first, second).p == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_the_paired_test_follows_the_t_distribution():
    differences = np.array([0.01, 0.03, 0.02])
    t = differences.mean() / (differences.std(ddof=1) / np.sqrt(3))
    result = paired_test(series(0.5 + differences), series([0.5] * 3))
    assert result.p == pytest.approx(2 * stats.t.sf(t, df=2))
    assert result.difference == pytest.approx(0.02)


def test_only_shared_seeds_are_paired_and_by_seed_not_by_position():
    first = series([0.1, 0.2, 0.4, 0.9], seeds=[0, 1, 2, 3])
    second = series([0.35, 0.05, 0.1, 0.3], seeds=[2, 0, 1, 7])
    result = paired_test(first, second)
    assert result.n == 3
    assert result.p == pytest.approx(stats.ttest_rel([0.1, 0.2, 0.4], [0.05, 0.1, 0.35]).pvalue)


@pytest.mark.parametrize(("shift", "p"), [(0.0, 1.0), (0.01, 0.0)])
def test_differences_without_spread_give_the_limits_and_no_nan(shift, p):
    values = series([0.7, 0.8, 0.9])
    assert paired_test(values + shift, values).p == p


def test_one_shared_seed_cannot_be_tested():
    assert np.isnan(paired_test(series([0.7]), series([0.6])).p)


def test_holm_agrees_with_a_worked_example():
    # Sorted: 0.005*4, 0.01*3, 0.03*2, 0.04*1 -> 0.02, 0.03, 0.06, max(0.06, 0.04).
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_agrees_with_its_step_down_definition():
    p = np.random.default_rng(1).uniform(0, 0.1, size=12)
    alpha, rejected = 0.05, np.zeros(12, dtype=bool)
    for rank, k in enumerate(np.argsort(p)):
        if p[k] > alpha / (12 - rank):
            break
        rejected[k] = True
    np.testing.assert_array_equal(holm(p) <= alpha, rejected)
    assert 0 < rejected.sum() < 12


def test_holm_stops_at_one_and_leaves_out_tests_that_were_not_made():
    corrected = holm([0.9, np.nan, 0.02])
    assert corrected == pytest.approx([0.9, np.nan, 0.04], nan_ok=True)
    assert holm([0.8, 0.9]).max() == 1.0


def test_a_clearly_better_method_is_supported():
    generator = np.random.default_rng(2)
    columns = {"AUC": {"a": noisy(0.9, generator), "b": noisy(0.8, generator)}}
    verdict = best_supported(columns)["AUC"]
    assert (verdict.best, verdict.supported, verdict.leading) == ("a", True, {"a"})


def test_two_equal_leaders_share_the_mark_and_neither_is_supported():
    generator = np.random.default_rng(3)
    shared = noisy(0.9, generator)
    columns = {"AUC": {"a": shared, "b": shared.copy(), "c": noisy(0.7, generator)}}
    verdict = best_supported(columns)["AUC"]
    assert not verdict.supported
    assert verdict.leading == {"a", "b"}
    assert verdict.p["c"] < 0.05 < verdict.p["b"] == verdict.p["a"]


def test_the_correction_runs_over_all_pairs_of_all_columns():
    generator = np.random.default_rng(4)
    names = ("a", "b", "c")
    columns = {
        column: {name: noisy(0.8 + 0.01 * k, generator) for k, name in enumerate(names)}
        for column in ("AUC", "AP")
    }
    raw = {
        (column, pair): stats.ttest_rel(*(columns[column][name] for name in pair)).pvalue
        for column in columns
        for pair in (("a", "b"), ("a", "c"), ("b", "c"))
    }
    smallest = min(raw, key=raw.get)
    column, pair = smallest
    verdict = best_supported(columns)[column]
    assert verdict.best in pair
    other = next(name for name in pair if name != verdict.best)
    assert verdict.p[other] == pytest.approx(6 * raw[smallest])


def test_a_difference_that_alone_would_do_is_not_supported_in_a_large_table():
    generator = np.random.default_rng(5)
    base = noisy(0.8, generator)
    better = base + series(np.linspace(-0.008, 0.028, 10))
    assert 0.001 < paired_test(better, base).p < 0.05
    alone = best_supported({"AUC": {"a": better, "b": base}})["AUC"]
    many = {
        f"column {k}": {"a": noisy(0.8, generator), "b": noisy(0.8, generator)} for k in range(40)
    }
    crowded = best_supported({"AUC": {"a": better, "b": base}} | many)["AUC"]
    assert alone.supported
    assert not crowded.supported


def test_one_seed_or_one_method_supports_nothing():
    one_seed = best_supported({"AUC": {"a": series([0.9]), "b": series([0.1])}})["AUC"]
    one_method = best_supported({"AUC": {"a": series([0.9, 0.8])}})["AUC"]
    assert not one_seed.supported
    assert one_seed.leading == {"a", "b"}
    assert not one_method.supported


def test_a_method_that_is_worse_on_the_shared_seeds_is_not_supported_by_its_other_seeds():
    by_seed = np.linspace(0.75, 0.85, 10)
    fewer, all_seeds = series(by_seed[5:], range(5, 10)), series(by_seed + 0.005)
    assert fewer.mean() > all_seeds.mean()
    assert (all_seeds[fewer.index] > fewer).all()
    third = series(by_seed - 0.2)
    for columns in (
        {"fewer": fewer, "all": all_seeds, "third": third},
        {"third": third, "all": all_seeds, "fewer": fewer},
    ):
        verdict = best_supported({"AUC": columns})["AUC"]
        assert verdict.best == "fewer" and not verdict.supported
        assert verdict.leading == {"fewer", "all"}


def test_a_table_is_summarized_cell_by_cell_and_protocol_by_protocol():
    generator = np.random.default_rng(7)
    values = pd.DataFrame(
        [
            {"protocol": p, "experiment": e, "dataset": "d", "metric": "AUC", "seed": s, "value": v}
            for p, shift in (("last", 0.0), ("oracle", 0.1))
            for e, mean in (("a", 0.8), ("b", 0.6))
            for s, v in enumerate(mean + shift + 0.01 * generator.standard_normal(10))
        ]
    )
    summary = summarize_table(values, ["dataset", "metric"])
    expected = values.groupby(["protocol", "experiment"])["value"].agg(["mean", "std", "count"])
    found = summary.set_index(["protocol", "experiment"]).loc[expected.index]
    np.testing.assert_allclose(found[["mean", "std", "n"]], expected)
    assert list(summary[summary["bold"]]["experiment"]) == ["a", "a"]


@pytest.mark.parametrize("bound", [-0.01, 0.0, 0.02])
def test_one_sided_p_values_are_scipys(bound):
    generator = np.random.default_rng(8)
    first, second = noisy(0.8, generator), noisy(0.79, generator)
    test = paired_test(first, second)
    above = stats.ttest_1samp(first - second, bound, alternative="greater").pvalue
    below = stats.ttest_1samp(first - second, bound, alternative="less").pvalue
    assert test.p_above(bound) == pytest.approx(above)
    assert test.p_below(bound) == pytest.approx(below)


def test_the_interval_of_a_difference_is_scipys():
    generator = np.random.default_rng(9)
    first, second = noisy(0.8, generator), noisy(0.79, generator)
    expected = stats.ttest_rel(first, second).confidence_interval(0.9)
    assert paired_test(first, second).interval(0.1) == pytest.approx(tuple(expected))


def test_a_constant_difference_is_certain_on_either_side():
    values = series([0.7, 0.8, 0.9])
    test = paired_test(values + 0.01, values)
    assert (test.p_above(0.005), test.p_below(0.005)) == (0.0, 1.0)
    assert (test.p_above(0.01), test.p_below(0.02)) == (1.0, 0.0)


def test_one_shared_seed_has_no_interval_and_no_p_value():
    test = paired_test(series([0.7]), series([0.6]))
    assert np.isnan([*test.interval(), test.p_above(0), test.p_below(0)]).all()


def test_seeds_are_tested_against_a_fixed_value_as_scipy_does_with_one_sample():
    seeds = noisy(0.8, np.random.default_rng(0))
    theirs = series([0.79])
    verdict = best_supported({"AUC": {"ours": seeds, "theirs": theirs}}, fixed=["theirs"])["AUC"]
    assert verdict.p["theirs"] == pytest.approx(stats.ttest_1samp(seeds, 0.79).pvalue)
    swapped = best_supported({"AUC": {"theirs": theirs, "ours": seeds}}, fixed=["theirs"])["AUC"]
    assert swapped.p == verdict.p


def test_two_fixed_values_cannot_be_told_apart_however_far_they_are():
    columns = {"AUC": {"one": series([0.6]), "other": series([0.9])}}
    verdict = best_supported(columns, fixed=["one", "other"])["AUC"]
    assert not verdict.supported and verdict.leading == {"one", "other"}


def test_a_cell_of_a_fixed_value_has_one_value_and_no_spread():
    rows = [("last", "ours", seed, 0.8 + seed / 1000) for seed in range(5)]
    values = pd.DataFrame(
        [*rows, ("last", "theirs", 0, 0.7)], columns=["protocol", "experiment", "seed", "value"]
    ).assign(metric="AUC")
    table = summarize_table(values, ["metric"], fixed=["theirs"]).set_index("experiment")
    assert table.n["theirs"] == 1 and np.isnan(table["std"]["theirs"])
    assert table.bold["ours"]
