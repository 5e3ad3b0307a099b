"""Claims judged on made-up results where the truth is known."""

import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import save_file
from scipy import stats

from fusevad.errors import FusevadError
from fusevad.models import ModelSettings, base, build
from fusevad.models.gaussian import GaussianFusion
from fusevad.report.claims import judge_claims, make_claims, needed_experiments, needed_studies
from fusevad.report.claims.judge import Comparison, Exact, Missing, Verdict, judge, overall
from fusevad.report.claims.vocabulary import read_claims
from fusevad.report.statistics import Resampled, paired_test
from fusevad.seed_run import TrainSettings
from tests.made_up_claims import Truth, make_world, write_dimensions, write_masking, write_noise

CLAIMS = Path(__file__).parents[1] / "config" / "claims.yaml"
HOLDS, FAILS, OPEN, UNTESTABLE = Verdict
TRUTHS = {
    "student-t": Truth(2.0),
    "twin": Truth(2.0),
    "poor": Truth(1.2),
    "unstable": Truth(2.1, seed_spread=0.8),
    "only-fire": Truth(2.0, by_class=(("fire", 1.5), ("fall", -1.5))),
    "student-t.nu-2": Truth(1.5),
    "student-t.nu-4": Truth(1.6),
    "student-t.N-10": Truth(2.5),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("claims") / "rendered", TRUTHS)


def claim_file(folder, *tests, **over):
    values = {"alpha": 0.05, "margin": 0.01, "resamples": 400} | over
    claims = [
        {"claim": f"Claim {k}", "place": "Table 0", "tests": [t]} for k, t in enumerate(tests)
    ]
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump(values | {"claims": claims}))
    return path


def judged(world, folder, *tests, protocol="validation"):
    """What is found for each test, as a claim of its own."""
    file = read_claims(claim_file(folder, *tests))
    studies = {"rendered": world.studies}
    found = judge_claims(file, world.rows, [world.dataset], studies, protocol)
    return [row[0] for row in found]


def verdict(world, folder, **test):
    return judged(world, folder, test)[0].verdict


def compare(kind, *against, experiment="student-t", **more):
    return {"kind": kind, "experiment": experiment, "against": list(against)} | more


# Kinds of tests on runs


@pytest.mark.parametrize(
    ("experiment", "against", "expected"),
    [
        ("student-t", ["poor"], HOLDS),
        ("poor", ["student-t"], FAILS),
        ("student-t", ["twin"], FAILS),  # equal: an advantage that counts is excluded
        ("student-t", ["unstable"], OPEN),
        ("student-t", ["poor", "unstable"], OPEN),
        ("student-t", ["poor", "twin", "unstable"], FAILS),
        ("student-t", ["poor", "absent"], UNTESTABLE),
        ("student-t", ["twin", "absent"], FAILS),  # what is there refutes it
        ("absent", ["poor"], UNTESTABLE),
    ],
)
def test_better_than_each_rival(world, tmp_path, experiment, against, expected):
    assert (
        verdict(world, tmp_path, **compare("greater", *against, experiment=experiment)) == expected
    )


@pytest.mark.parametrize(
    ("against", "expected"),
    [
        (["student-t.nu-*"], HOLDS),
        (["student-t.nu-*", "twin"], FAILS),
        (["student-t.N-*"], FAILS),
        (["student-t.epsilon-*"], UNTESTABLE),
    ],
)
def test_the_best_value_of_a_sweep(world, tmp_path, against, expected):
    assert verdict(world, tmp_path, **compare("best-value", *against)) == expected


@pytest.mark.parametrize(
    ("against", "margin", "expected"),
    [
        (["twin"], 0.01, HOLDS),
        (["poor"], 0.01, FAILS),
        (["poor"], 0.5, HOLDS),
        (["unstable"], 0.01, OPEN),
        (["absent"], 0.01, UNTESTABLE),
    ],
)
def test_equivalent_within_a_margin(world, tmp_path, against, margin, expected):
    test = compare("equivalent", *against, margin=margin)
    assert verdict(world, tmp_path, **test) == expected


@pytest.mark.parametrize(
    ("against", "expected"),
    [(["poor"], HOLDS), (["student-t.N-10"], HOLDS), (["twin"], FAILS), (["unstable"], OPEN)],
)
def test_significant_in_either_direction(world, tmp_path, against, expected):
    assert verdict(world, tmp_path, **compare("significant", *against)) == expected


@pytest.mark.parametrize(
    ("against", "classes", "expected"),
    [
        ("poor", [], HOLDS),
        ("only-fire", [], FAILS),
        ("only-fire", ["Fire"], FAILS),
        ("only-fire", ["FALL", "throwing"], HOLDS),
        ("unstable", ["fall"], OPEN),
        ("poor", ["Fighting"], UNTESTABLE),
    ],
)
def test_better_on_classes(world, tmp_path, against, classes, expected):
    assert verdict(world, tmp_path, **compare("classes", against, classes=classes)) == expected


def test_another_metric_than_the_main_one(world, tmp_path):
    found = judged(
        world,
        tmp_path,
        compare("greater", "poor", metric="Ano-AUC"),
        compare("greater", "poor", metric="AP"),
    )
    assert [one.verdict for one in found] == [HOLDS, UNTESTABLE]
    assert found[0].judged[0].finding.label == "student-t − poor, Ano-AUC"


def test_seeds_and_resampled_videos_estimate_the_same_difference(world, tmp_path):
    tests = [
        compare("greater", "poor", metric="AUC"),
        compare("greater", "poor", metric="Ano-AUC"),
        compare("classes", "poor"),
    ]
    for one in judged(world, tmp_path, *tests):
        for entry in one.judged:
            finding = entry.finding
            assert finding.videos.difference == pytest.approx(finding.seeds.difference)
            low, high = finding.videos.interval(0.05)
            assert low < finding.videos.difference < high


def test_a_protocol_without_results_is_not_testable(world, tmp_path):
    found = judged(world, tmp_path, compare("greater", "poor"), protocol="oracle")
    assert found[0].verdict == UNTESTABLE


# Studies


@pytest.mark.parametrize(
    ("drops", "spread", "expected"),
    [
        ({0.1: 0.002, 0.5: 0.01}, 0.002, HOLDS),
        ({0.1: 0.002, 0.5: 0.06}, 0.002, FAILS),
        ({0.5: 0.024}, 0.02, OPEN),
    ],
)
def test_robust_to_noise(world, tmp_path, drops, spread, expected):
    studies = replace(world, studies=tmp_path)
    write_noise(tmp_path, drops, spread)
    test = {"kind": "robust", "experiment": "student-t", "margin": 0.025}
    assert verdict(studies, tmp_path, **test) == expected


@pytest.mark.parametrize(
    ("falls", "expected"),
    [
        ({"rgb": 0.01, "event": 0.02}, HOLDS),
        ({"rgb": 0.01, "event": -0.01}, FAILS),
        ({"rgb": 0.01, "event": 0.0}, FAILS),
        ({"rgb": 0.01}, HOLDS),
    ],
)
def test_weights_move_away_from_the_masked_stream(world, tmp_path, falls, expected):
    write_masking(tmp_path, falls)
    test = {"kind": "weights-move", "experiment": "student-t", "margin": 0.001}
    assert verdict(replace(world, studies=tmp_path), tmp_path, **test) == expected


@pytest.mark.parametrize(
    ("masked", "other", "expected"),
    [(-0.02, 0.0, HOLDS), (-0.02, -0.02, FAILS), (0.0, -0.02, FAILS)],
)
def test_masked_dimensions_lose_more_weight(world, tmp_path, masked, other, expected):
    write_dimensions(tmp_path, masked, other)
    test = {"kind": "dimensions-move", "experiment": "student-t", "margin": 0.001}
    assert verdict(replace(world, studies=tmp_path), tmp_path, **test) == expected


@pytest.mark.parametrize("kind", ["robust", "weights-move", "dimensions-move"])
@pytest.mark.parametrize("of", ["no file", "another experiment"])
def test_a_study_that_is_absent_makes_its_claim_untestable(world, tmp_path, kind, of):
    if of == "another experiment":
        write_noise(tmp_path, {0.5: 0.0}, experiment="gaussian")
        write_masking(tmp_path, {"rgb": 0.1}, experiment="gaussian")
        write_dimensions(tmp_path, -0.1, 0.0, experiment="gaussian")
    test = {"kind": kind, "experiment": "student-t", "margin": 0.001}
    assert verdict(replace(world, studies=tmp_path), tmp_path, **test) == UNTESTABLE


# The exact check


class SharperFusion(GaussianFusion):
    """Same parameters as Gaussian fusion, other weights."""

    def effective_log_variance(self, log_variance):
        return 3 * log_variance


@pytest.fixture
def with_weights(world, tmp_path, monkeypatch):
    """The world, with a run `student-t` that has weights of two seeds."""
    monkeypatch.setitem(base._METHODS, "sharper", SharperFusion)
    run = tmp_path / "student-t"
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = build("student-t", ModelSettings(dim=16, heads=2))
        settings = TrainSettings("student-t", ModelSettings(heads=2))
        (run / "weights").mkdir(parents=True, exist_ok=True)
        save_file(
            model.state_dict(),
            run / "weights" / f"seed-{seed}-last.safetensors",
            {"settings": json.dumps(asdict(settings))},
        )
    source = world.rows[0].runs["rendered"]
    for name in ("seeds.csv", "classes.csv", "scores.parquet"):
        (run / name).symlink_to(source / name)
    row = replace(world.rows[0], runs={"rendered": run})
    return replace(world, rows=[row, *world.rows[1:]])


@pytest.mark.parametrize(("method", "expected"), [("gaussian", FAILS), ("sharper", HOLDS)])
def test_student_t_fuses_exactly_as_gaussian_and_not_as_another(
    with_weights, tmp_path, method, expected
):
    test = {"kind": "fuses-differently", "experiment": "student-t", "tolerance": 1e-5}
    found = judged(with_weights, tmp_path, test | {"method": method})[0]
    assert found.verdict == expected
    assert "2 seeds" in found.judged[0].finding.text


def test_without_weights_the_exact_check_is_not_testable(world, tmp_path):
    test = {"kind": "fuses-differently", "experiment": "student-t", "tolerance": 1e-5}
    assert judged(world, tmp_path, test | {"method": "gaussian"})[0].verdict == UNTESTABLE


def test_methods_with_other_parameters_cannot_be_compared(with_weights, tmp_path):
    test = {"kind": "fuses-differently", "experiment": "student-t", "tolerance": 1e-5}
    with pytest.raises(FusevadError, match="not the parameters of method gating"):
        judged(with_weights, tmp_path, test | {"method": "gating"})


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


# The report


class Page(HTMLParser):
    """Checks that tags close, and collects what the page shows."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.verdicts, self.text = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("meta", "line", "rect", "circle"):
            self.open.append(tag)
        if dict(attributes).get("class", "").startswith("verdict"):
            self.verdicts.append(dict(attributes)["class"].split()[1])

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def report(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    tests = [
        compare("greater", "poor"),
        compare("greater", "twin"),
        compare("greater", "unstable"),
        compare("greater", "absent_run"),
        compare("classes", "poor"),
    ]
    path = claim_file(folder, *tests)
    md, html = folder / "claims.md", folder / "claims.html"
    studies = {"rendered": world.studies}
    make_claims(path, world.rows, [world.dataset], studies, "validation", md, html)
    return md.read_text(), html.read_text()


def test_the_summary_has_a_line_a_claim_with_its_place_and_verdict(report):
    markdown, _ = report
    lines = [line for line in markdown.splitlines() if re.match(r"\| \d \|", line)]
    assert [line.split(" | ")[-1].removesuffix(" |") for line in lines] == [
        HOLDS,
        FAILS,
        OPEN,
        UNTESTABLE,
        HOLDS,
    ]
    assert all("Table 0" in line for line in lines)


def test_a_reader_finds_the_numbers_that_the_runs_hold(report, world):
    markdown, _ = report
    runs = {row.name: pd.read_csv(row.runs["rendered"] / "seeds.csv") for row in world.rows}
    auc = {name: run[run["metric"] == "AUC"]["value"] for name, run in runs.items()}
    difference = 100 * (auc["student-t"] - auc["poor"])
    assert f"| student-t − poor, AUC | 10 | {difference.mean():+.2f} |" in markdown
    mean, std = 100 * auc["poor"].mean(), 100 * auc["poor"].std()
    assert f"| poor | AUC | 10 | {mean:.2f} ± {std:.2f} |" in markdown


def test_what_is_absent_is_named(report):
    markdown, html = report
    assert r"**not testable here** Absent: no run of absent\_run." in markdown
    assert "Absent: no run of absent_run." in html


def test_the_page_is_whole_and_needs_nothing_else(report):
    _, html = report
    page = Page()
    page.feed(html)
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"(href|src|url\()", html)
    assert page.verdicts[:5] == ["holds", "fails", "open", "untestable", "holds"]
    assert page.tags.count("svg") == 4


def test_the_drawing_has_a_row_a_comparison_with_both_intervals(report):
    _, html = report
    last = html.rsplit("<svg", 1)[1].split("</svg>")[0]
    assert last.count("<circle") == 2
    assert "student-t − poor, AUC of fall" in last
    assert last.count('stroke="#0072B2"') == last.count('stroke="#8a8a8a"') == 2


def test_an_unknown_protocol_is_refused(world, tmp_path):
    path = claim_file(tmp_path, compare("greater", "poor"))
    with pytest.raises(FusevadError, match="protocol 'best'"):
        make_claims(
            path,
            world.rows,
            [world.dataset],
            {"rendered": world.studies},
            "best",
            tmp_path / "a.md",
            tmp_path / "a.html",
        )
    assert not list(tmp_path.glob("a.*"))
