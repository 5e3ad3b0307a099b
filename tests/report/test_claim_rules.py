"""How a claim is judged, and how the file of claims is read."""

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fusevad.config.claims import read_claims
from fusevad.config.load import load_files
from fusevad.errors import FusevadError
from fusevad.report.statistics import Resampled, paired_test
from fusevad.report.verdicts import needed_experiments, needed_studies
from fusevad.report.verdicts.decisions import decide, in_words
from fusevad.report.verdicts.judge import Comparison, Exact, Missing, Verdict, judge, overall
from fusevad.report.verdicts.reading import reading
from tests.made_up_claims import claim_file, compare

CLAIMS = Path(__file__).parents[2] / "config" / "claims.yaml"
HOLDS, FAILS, OPEN, UNTESTABLE = Verdict


# The rules of judging


def of(differences, goal="greater", margin=0.01, videos=None):
    first = pd.Series(differences)
    return Comparison("a − b", goal, margin, True, paired_test(first, 0 * first), videos)


def normal(mean, spread=0.01, n=10, seed=0):
    """Values with exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).standard_normal(n)
    return mean + spread * (values - values.mean()) / values.std(ddof=1)


def one(comparison, alpha=0.05):
    return judge([comparison], alpha)[0]


def words(comparison):
    (said,) = decide([comparison], 0.05)
    return in_words(said)


@pytest.mark.parametrize(
    ("mean", "spread", "expected"),
    [
        (0.05, 0.01, "better"),
        (-0.05, 0.01, "worse"),
        (0.001, 0.003, "equal within ±1 point"),
        # Effect 0.6: a paired t-test of 24 seeds has a power of 0.8 (Cohen 1988).
        (0.06, 0.10, "undecided: about 24 seeds would decide"),
        (0.0, 3.0, "undecided: more than 1,000 seeds would decide"),
    ],
)
@pytest.mark.parametrize("goal", ["greater", "equivalent", "different", "not-worse"])
def test_what_the_data_say_is_in_the_words_of_the_tables_whatever_the_goal(
    mean, spread, expected, goal
):
    assert words(of(normal(mean, spread), goal)) == expected


def test_what_only_the_test_videos_leave_open_more_seeds_would_not_decide():
    doubt = Resampled(0.05, np.linspace(-0.05, 0.15, 999))
    found = of(normal(0.05), videos=doubt)
    assert words(found) == "undecided by the test videos, not by the seeds"
    assert "seeds go" not in reading([one(found)], 0.05)


def test_the_reading_says_how_many_seeds_would_decide_the_last_comparison():
    findings = [of(normal(0.06, 0.1)), of(normal(0.04, 0.1)), Missing("no run of b")]
    judged = judge(findings, 0.05)
    most = max(said.seeds for said in decide(findings, 0.05) if said)
    text = reading(judged, 0.05)
    assert f"As far as seeds go, about {most} seeds would decide." in text


def test_better_is_the_two_sided_t_test_and_its_refutation_one_sided_at_the_margin():
    values = normal(0.004)
    found = one(of(values))
    assert found.p_holds == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    below = stats.ttest_1samp(values, 0.01, alternative="less").pvalue
    assert found.p_fails == pytest.approx(below)


def test_equivalence_is_two_one_sided_t_tests():
    values = normal(0.004)
    found = one(of(values, "equivalent"))
    above = stats.ttest_1samp(values, -0.01, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.01, alternative="less").pvalue
    assert found.p_holds == pytest.approx(max(above, below))


def test_not_worse_is_a_one_sided_t_test_at_the_margin():
    values = normal(-0.004)
    found = one(of(values, "not-worse"))
    above = stats.ttest_1samp(values, -0.01, alternative="greater").pvalue
    assert found.p_holds == pytest.approx(above)
    assert found.p_fails == pytest.approx(1 - above)


def test_a_claim_must_survive_other_videos_too():
    certain = normal(0.05)
    agree = Resampled(0.05, np.linspace(0.01, 0.09, 999))
    doubt = Resampled(0.05, np.linspace(-0.05, 0.15, 999))
    assert one(of(certain)).verdict == HOLDS
    assert one(of(certain, videos=agree)).verdict == HOLDS
    assert one(of(certain, videos=doubt)).verdict == OPEN


def test_a_refutation_must_survive_other_videos_too():
    certain = normal(-0.05)
    doubt = Resampled(-0.05, np.linspace(-0.15, 0.05, 999))
    assert one(of(certain)).verdict == FAILS
    assert one(of(certain, videos=doubt)).verdict == OPEN


def test_holm_runs_over_all_comparisons_of_a_claim():
    values = normal(0.0085)
    alone = one(of(values))
    assert 0.0125 < alone.p_holds < 0.05
    assert alone.verdict == HOLDS
    among = judge([of(values), *(of(normal(0.005, 0.05, seed=k)) for k in range(3))], 0.05)
    assert among[0].verdict == OPEN
    assert among[0].p_holds == pytest.approx(4 * alone.p_holds)


def test_one_shared_seed_is_not_testable():
    assert one(of([0.3])).verdict == UNTESTABLE


def test_a_claim_is_as_good_as_its_parts():
    better, worse, vague = of(normal(0.05)), of(normal(-0.05)), of(normal(0.0, 0.1))
    exact, missing = Exact("e", FAILS, "same"), Missing("no run")

    def of_claim(*findings):
        return overall(judge(findings, 0.05))

    assert of_claim(better) == HOLDS
    assert of_claim(better, vague) == OPEN
    assert of_claim(better, vague, missing) == UNTESTABLE
    assert of_claim(better, vague, missing, worse) == FAILS
    assert of_claim(better, exact) == FAILS
    assert of_claim() == UNTESTABLE


@pytest.mark.parametrize(
    ("goal", "truth", "wrong"),
    [
        ("greater", 0.0, HOLDS),
        ("greater", 0.01, FAILS),
        ("equivalent", 0.01, HOLDS),
        ("equivalent", 0.01, FAILS),
        ("not-worse", -0.01, HOLDS),
        ("different", 0.0, HOLDS),
        ("different", 0.01, FAILS),
    ],
)
def test_wrong_verdicts_are_no_more_common_than_alpha_at_the_border(goal, truth, wrong):
    generator = np.random.default_rng(0)
    draws = truth + 0.01 * generator.standard_normal((200, 10))
    share = np.mean([one(of(values, goal)).verdict == wrong for values in draws])
    # Three standard errors of a share of 0.05 among 200.
    assert share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


# The file of claims


def test_the_claims_of_the_paper_are_understood():
    file = read_claims(CLAIMS)
    assert len(file.claims) >= 12
    kinds = {test.kind for claim in file.claims for test in claim.tests}
    assert {"greater", "best-value", "equivalent", "significant", "classes"} < kinds
    assert {"robust", "weights-move", "dimensions-move", "fuses-differently"} < kinds


def test_every_claim_is_of_experiments_that_are_configured(root):
    known = load_files([], root / "config").experiments
    for claim in read_claims(CLAIMS).claims:
        for test in claim.tests:
            for name in (test.experiment, *getattr(test, "against", ())):
                assert any(fnmatchcase(each, name) for each in known), name


def test_only_configured_experiments_are_asked_for_and_only_those_needed():
    known = [
        "other",
        "student-t",
        "student-t.nu-3",
        "student-t.N-0",
        "student-t.loss-cls",
        "gating",
    ]
    assert needed_experiments(CLAIMS, known) == known[1:]
    assert needed_experiments(CLAIMS, ["image-only", "student-t.new-5"]) == ["image-only"]
    assert needed_studies(CLAIMS) == {
        name: ["student-t"] for name in ("masking", "masking-dimensions", "noise")
    }


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ({"kind": "louder", "experiment": "a"}, "tests.0"),
        (compare("greater", "b", bias=3), "bias"),
        ({"kind": "greater", "experiment": "a"}, "against"),
        ({"kind": "robust", "experiment": "a", "margin": 2.5}, "margin"),
    ],
)
def test_a_claim_that_is_not_understood_is_named(tmp_path, test, message):
    with pytest.raises(FusevadError, match=rf"claims\.yaml: claims\.0.*{message}"):
        read_claims(claim_file(tmp_path, test))
