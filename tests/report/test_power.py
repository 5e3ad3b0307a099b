"""Verdicts on pairs of methods and the seeds that would decide, against scipy and simulation."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.errors import FusevadError
from fusevad.plan.records import FileRecord, Record, write_record
from fusevad.report.named_tables import NamedTable
from fusevad.report.pair_texts import comparisons_note, pairs_caption
from fusevad.report.power import (
    MOST_SEEDS,
    Decision,
    Levels,
    judge_pairs,
    judge_tests,
    p_equal,
    seeds_needed,
    t_test_power,
    tost_power,
)
from fusevad.report.power_lines import power_lines
from fusevad.report.statistics import holm, paired_test
from tests.made_up_runs import CLASSES, make_up

BETTER, EQUAL, UNDECIDED = Decision
AT_5 = Levels(0.05, 0.05)


def series(values):
    return pd.Series(np.asarray(values), index=range(len(values)))


def differing(mean, std, seeds=10):
    """Two methods whose differences have exactly this mean and standard deviation."""
    noise = np.random.default_rng(3).standard_normal(seeds)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    second = series(0.8 + 0.02 * np.random.default_rng(4).standard_normal(seeds))
    return {"a": second + mean + std * noise, "b": second}


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.01), (0.004, 0.02), (-0.008, 0.005)])
def test_the_p_value_of_equality_is_the_larger_of_scipys_two_one_sided_ones(mean, std):
    methods = differing(mean, std)
    differences = methods["a"] - methods["b"]
    expected = max(
        stats.ttest_1samp(differences, -0.01, alternative="greater").pvalue,
        stats.ttest_1samp(differences, 0.01, alternative="less").pvalue,
    )
    assert p_equal(paired_test(methods["a"], methods["b"]), 0.01) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mean", "std", "decision"),
    [(0.05, 0.01, BETTER), (-0.05, 0.01, BETTER), (0.001, 0.003, EQUAL), (0.01, 0.05, UNDECIDED)],
)
def test_a_pair_is_better_equal_or_undecided(mean, std, decision):
    (verdict,) = judge_pairs({"AUC": differing(mean, std)})
    assert verdict.decision == decision
    assert np.sign(verdict.pair.test.difference) == np.sign(mean)
    assert (verdict.seeds is not None) == (decision == UNDECIDED)


def test_a_small_but_certain_difference_counts_as_better_not_as_equal():
    (verdict,) = judge_pairs({"AUC": differing(0.005, 0.001)})
    assert verdict.decision == BETTER
    assert verdict.p_equal < 0.05


def test_both_corrections_run_over_all_pairs_of_all_columns():
    generator = np.random.default_rng(5)
    columns = {
        name: {k: series(0.8 + 0.01 * generator.standard_normal(10)) for k in "abc"}
        for name in ("AUC", "AP")
    }
    verdicts = judge_pairs(columns)
    tests = [verdict.pair.test for verdict in verdicts]
    assert len(verdicts) == 6
    np.testing.assert_allclose([v.p_better for v in verdicts], holm([t.p for t in tests]))
    raw = [max(t.p_above(-0.01), t.p_below(0.01)) for t in tests]
    np.testing.assert_allclose([v.p_equal for v in verdicts], holm(raw))


@pytest.mark.parametrize(("n", "effect"), [(5, 1.5), (10, 0.5), (34, 0.5), (400, 0.1)])
def test_the_power_of_the_t_test_is_that_of_scipys_noncentral_t(n, effect):
    bound = stats.t.ppf(0.975, n - 1)
    shift = effect * np.sqrt(n)
    expected = stats.nct.sf(bound, n - 1, shift) + stats.nct.cdf(-bound, n - 1, shift)
    assert t_test_power(n, effect * 0.03, 0.03, 0.05) == pytest.approx(expected)


def test_without_a_difference_the_power_is_the_level():
    assert t_test_power(12, 0.0, 0.03, 0.01) == pytest.approx(0.01)


def test_cohens_table_is_met_34_pairs_for_an_effect_of_a_half():
    # Cohen 1988: 34 pairs give a power of 0.8 for d = 0.5 at 0.05, two-sided.
    assert seeds_needed(0.05, 0.1, 0.0001, AT_5) == 34


@pytest.mark.parametrize(("n", "mean"), [(12, 0.0), (12, 0.003), (40, 0.004)])
def test_the_power_of_tost_is_that_of_simulated_tables(n, mean):
    std, margin, draws = 0.01, 0.01, 4000
    samples = mean + std * np.random.default_rng(n).standard_normal((draws, n))
    error = samples.std(axis=1, ddof=1) / np.sqrt(n)
    bound = stats.t.isf(0.05, n - 1)
    shown = (samples.mean(axis=1) + margin) / error > bound
    shown &= (samples.mean(axis=1) - margin) / error < -bound
    # Four standard errors of a share of 4000 draws are at most 0.032.
    assert tost_power(n, mean, std, margin, 0.05) == pytest.approx(shown.mean(), abs=0.032)


def test_the_seeds_named_are_the_fewest_with_the_power():
    mean, std, margin = 0.002, 0.02, 0.01

    def power(n):
        return max(t_test_power(n, mean, std, 0.05), tost_power(n, mean, std, margin, 0.05))

    found = seeds_needed(mean, std, margin, AT_5)
    assert found == next(n for n in range(2, MOST_SEEDS) if power(n) >= 0.8)
    assert 20 < found < 100


def test_that_many_seeds_decide_in_four_of_five_simulated_tables():
    (verdict,) = judge_pairs({"AUC": differing(0.02, 0.04)})
    samples = 0.02 + 0.04 * np.random.default_rng(0).standard_normal((2000, verdict.seeds))
    decided = stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05
    assert decided.mean() == pytest.approx(0.8, abs=0.04)


def test_a_difference_at_the_margin_with_a_large_spread_needs_more_than_a_thousand_seeds():
    (verdict,) = judge_pairs({"AUC": differing(0.002, 0.4)})
    assert verdict.decision == UNDECIDED
    assert verdict.seeds is None


def test_an_undecided_pair_never_needs_fewer_seeds_than_it_has():
    generator = np.random.default_rng(7)
    spreads = generator.uniform(0.005, 0.05, 40)
    columns = {
        k: differing(0.02 * generator.standard_normal(), spread) for k, spread in enumerate(spreads)
    }
    undecided = [v for v in judge_pairs(columns) if v.decision == UNDECIDED and v.seeds]
    assert undecided
    assert all(verdict.seeds > 10 for verdict in undecided)


def test_one_shared_seed_leaves_a_pair_untested():
    (verdict,) = judge_pairs({"AUC": {"a": series([0.9]), "b": series([0.5])}})
    assert (verdict.decision, verdict.tested, verdict.seeds) == (UNDECIDED, False, None)


def test_equal_runs_are_equal():
    same = series([0.8, 0.7, 0.9])
    (verdict,) = judge_pairs({"AUC": {"a": same, "b": same.copy()}})
    assert verdict.decision == EQUAL


def test_a_caption_says_what_the_pairs_support_and_how_many_seeds_half_of_the_others_need():
    columns = {
        "AUC": differing(0.05, 0.01),
        "AP": differing(0.02, 0.05),
        "EER": differing(0.01, 0.2),
    }
    verdicts = judge_pairs(columns)
    needed = {v.pair.column: v.seeds for v in verdicts}
    text = pairs_caption(verdicts, {"AUC": "AUC"}, "table1")
    assert text.startswith(
        "Of 1 pair in AUC, 1 is separated, none is equal within ±1 point and none is undecided."
        " Of all 3 pairs in the table, 1 is separated, none is equal within ±1 point and 2 are"
        " undecided; half of these would need more than 1,000 seeds"
    )
    assert needed["EER"] is None
    alone = pairs_caption(judge_pairs({"AP": columns["AP"]}), {"AP": "AP"}, "table1")
    (verdict,) = judge_pairs({"AP": columns["AP"]})
    assert alone.startswith("Of 1 pair in AP, none is separated, none is equal within ±1 point and")
    assert f"1 is undecided; it would need {verdict.seeds} seeds (" in alone


def test_a_caption_may_count_all_pairs_alone():
    text = pairs_caption(judge_pairs({"AUC": differing(0.05, 0.01)}), {}, "classes")
    assert text.startswith("Of all 1 pair in the table, 1 is separated, none is equal within")
    assert text.endswith("(fusevad power classes lists them).")


def test_a_note_counts_comparisons_of_a_method_with_itself():
    methods = [differing(0.05, 0.01), differing(0.0, 0.001), differing(0.01, 0.2)]
    tests = [paired_test(pair["a"], pair["b"]) for pair in methods]
    assert comparisons_note(judge_tests(tests), "levels with the clean one") == (
        "Of 3 comparisons of levels with the clean one, 1 is separated, 1 is equal within ±1 point"
        " and 1 is undecided; it would need more than 1,000 seeds."
    )
    alone = [paired_test(series([0.9]), series([0.8]))]
    assert "none to test" in comparisons_note(judge_tests(alone), "levels")


def test_a_table_of_one_seed_says_that_nothing_can_be_tested():
    verdicts = judge_pairs({"AUC": {"a": series([0.9]), "b": series([0.5])}})
    assert "that takes two methods with two seeds in common" in pairs_caption(
        verdicts, {"AUC": "AUC"}, "table1"
    )


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("power") / "rendered")


def table_of(made_up, rows, ours=(), protocol="validation"):
    return NamedTable("table1", "results/table1.tex", rows, [made_up.dataset], protocol, ours)


def test_each_pair_of_a_table_is_a_line_in_words_with_the_difference_of_the_runs(made_up):
    lines = list(power_lines(table_of(made_up, made_up.rows), 0.01))
    assert "Rendered, AUC: 19 are separated, 2 are equal within ±1 point and none is undecided" in (
        lines
    )
    values = [
        pd.read_csv(row.runs["rendered"] / "seeds.csv").query(
            "metric == 'AUC' and protocol == 'validation'"
        )["value"]
        for row in (made_up.rows[-1], made_up.rows[0])
    ]
    ahead = 100 * (values[0] - values[1]).mean()
    sentence = f"IEF-VAD (Student-t) is better than Image only: by {ahead:.2f} points (p < 0.001)"
    assert f"  {sentence}" in lines
    assert sum(" equal within ±1 point: 0." in line for line in lines) == 8
    assert len(lines) == 2 + 4 * (1 + 21)


def test_a_wider_margin_lets_more_pairs_be_equal_and_a_narrow_one_names_seeds(made_up):
    narrow = "\n".join(power_lines(table_of(made_up, made_up.rows), 0.0001))
    assert "equal within ±0.01 points: " not in narrow
    assert "undecided, 0." in narrow and "seeds would decide" in narrow


def test_ours_are_listed_against_every_row_and_the_others_among_themselves(made_up):
    table = table_of(made_up, made_up.rows[:-1], made_up.rows[-1:])
    lines = list(power_lines(table, 0.01))
    place = lines.index("OURS, judged together with all rows")
    assert not any("Student-t" in line for line in lines[:place])
    pairs = [line for line in lines[place + 1 : -1] if line.startswith("  ")]
    assert len(pairs) == 4 * 6
    assert all("Student-t" in line for line in pairs)


def test_pairs_of_classes_are_judged_class_by_class(made_up):
    table = replace(table_of(made_up, made_up.rows), name="classes", kind="classes")
    lines = list(power_lines(table, 0.01))
    headings = [line for line in lines if line.startswith("Rendered, ")]
    assert [line.split(":")[0] for line in headings] == [f"Rendered, {name}" for name in CLASSES]
    values = [
        pd.read_csv(row.runs["rendered"] / "classes.csv").query(
            f"metric == 'AUC' and protocol == 'validation' and `class` == '{CLASSES[0]}'"
        )["value"]
        for row in (made_up.rows[-1], made_up.rows[0])
    ]
    ahead = 100 * (values[0] - values[1]).mean()
    assert any(f"{abs(ahead):.2f} points" in line for line in lines)
    assert sum(line.startswith("  ") for line in lines) == 21 * len(CLASSES)


@pytest.mark.parametrize(
    ("kind", "file"), [("runs", "seeds"), ("classes", "classes"), ("localisation", "localisation")]
)
def test_a_run_that_is_not_as_recorded_is_named_and_not_judged(tmp_path, kind, file):
    made_up = make_up(tmp_path / "results/rendered")
    run = made_up.rows[-1].runs["rendered"]
    for row in made_up.rows:
        shutil.copy(row.runs["rendered"] / "classes.csv", row.runs["rendered"] / "localisation.csv")
    noted = {f"results/rendered/runs/student-t/{file}.csv": FileRecord.of(run / f"{file}.csv")}
    record = Record("a/job", "evaluate", {}, {}, noted, {})
    write_record(record, run / f"{file}.provenance.json")
    table = pd.read_csv(run / f"{file}.csv")
    table.loc[0, "value"] /= 2
    table.to_csv(run / f"{file}.csv", index=False)
    with pytest.raises(FusevadError, match=rf"student-t/{file}\.csv: changed since it was made"):
        list(power_lines(replace(table_of(made_up, made_up.rows), kind=kind), 0.01))


def test_the_events_of_a_table_are_compared_with_their_record(tmp_path):
    made_up = make_up(tmp_path / "results/rendered")
    for row in made_up.rows:
        file = row.runs["rendered"] / "localisation.csv"
        file.write_text("altered")
        noted = {f"results/rendered/runs/{row.name}/{file.name}": FileRecord("0" * 64, 1)}
        write_record(Record("a/job", "x", {}, {}, noted, {}), file.with_suffix(".provenance.json"))
    table = replace(table_of(made_up, made_up.rows), events=True)
    with pytest.raises(FusevadError, match=r"localisation\.csv: changed since it was made"):
        list(power_lines(table, 0.01))


def test_a_cell_of_classes_is_no_metric_of_a_run(root, monkeypatch):
    monkeypatch.chdir(root)
    result = CliRunner().invoke(app, ["why", "results/classes.tex", "gating", "AUC"])
    assert "results/classes.tex: its columns are no metrics of runs" in str(result.exception)


@pytest.mark.parametrize("margin", [0.0, -0.01, float("nan"), 1.0])
def test_a_margin_that_is_no_difference_of_metrics_is_refused(made_up, margin):
    with pytest.raises(FusevadError, match=r"margin: .*; give points above 0 and below 100"):
        list(power_lines(table_of(made_up, made_up.rows), margin))


def test_an_unknown_protocol_is_refused(made_up):
    with pytest.raises(FusevadError, match="protocol 'best'"):
        list(power_lines(table_of(made_up, made_up.rows, protocol="best"), 0.01))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "table 'nothing': not a table of runs; choose one of table1, "),
        (["results/tiny/table1.tex"], "with this configuration the table is results/table1.tex"),
        (["table1"], "results/rendered/runs/image-only/seeds.csv: no such run; make the table"),
        (["classes"], "results/rendered/runs/image-only/classes.csv: no such run; make the table"),
        (
            ["localisation"],
            "vadclip/localisation.csv: no such run; make the table first",
        ),
        (["results/table8.csv"], "seeds.csv: no such run; make the table first: snakemake --cores"),
    ],
)
def test_what_cannot_be_judged_is_one_line(root, tmp_path, monkeypatch, words, message):
    (tmp_path / "config").symlink_to(root / "config")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["power", *words])
    assert isinstance(result.exception, FusevadError)
    assert message in str(result.exception)
