"""Claims judged on made-up results where the truth is known: each kind of test."""

from dataclasses import replace

import pytest
import torch

from fusevad.config.claims import read_claims
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import About, save_weights
from fusevad.models.base import build
from fusevad.models.gaussian import GaussianFusion
from fusevad.models.registry import METHODS, Method
from fusevad.models.settings import FusionLoss, GaussianSettings
from fusevad.report.verdicts import judge_claims
from fusevad.report.verdicts.judge import Verdict
from fusevad.train.settings import train_settings
from tests.made_up_claims import (
    TRUTHS,
    claim_file,
    compare,
    make_world,
    write_dimensions,
    write_masking,
    write_noise,
)

HOLDS, FAILS, OPEN, UNTESTABLE = Verdict


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("claims") / "rendered")


def judged(world, folder, *tests, protocol="validation"):
    """What is found for each test, as a claim of its own."""
    file = read_claims(claim_file(folder, *tests))
    studies = {"rendered": world.studies}
    found = judge_claims(file, world.rows, [world.dataset], studies, protocol)
    return [row[0] for row in found]


def verdict(world, folder, **test):
    return judged(world, folder, test)[0].verdict


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


def test_a_class_with_one_test_video_is_not_judged_by_its_seeds_alone(tmp_path):
    truths = {name: TRUTHS[name] for name in ("student-t", "poor")}
    world = make_world(tmp_path / "rendered", truths, videos=4)
    (judgement,) = judged(world, tmp_path, compare("classes", "poor", classes=["fire"]))
    assert judgement.verdict == UNTESTABLE
    (found,) = judgement.judged
    assert "fire: fewer than two test videos" in found.finding.text


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
        ({"rgb": 0.01, "motion": 0.02}, HOLDS),
        ({"rgb": 0.01, "motion": -0.01}, FAILS),
        ({"rgb": 0.01, "motion": 0.0}, FAILS),
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
    implementation = f"{SharperFusion.__module__}:SharperFusion"
    sharper = Method(implementation, ("rgb", "motion"), GaussianSettings, FusionLoss)
    monkeypatch.setitem(METHODS, "sharper", sharper)
    run = tmp_path / "student-t"
    for seed in (0, 1):
        torch.manual_seed(seed)
        settings = train_settings({"method": "student-t", "model": {"heads": 2}}, "test")
        widths = {"rgb": 16, "motion": 16}
        model = build("student-t", settings.model, widths)
        file = run / "weights" / f"seed-{seed}-last.safetensors"
        save_weights(model.state_dict(), About(settings, widths), "cpu", file)
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


def test_weights_of_a_seed_that_the_run_does_not_have_do_not_count(with_weights, tmp_path):
    (tmp_path / "student-t/weights/seed-99-last.safetensors").write_bytes(b"of an earlier run")
    test = {"kind": "fuses-differently", "experiment": "student-t", "tolerance": 1e-5}
    found = judged(with_weights, tmp_path, test | {"method": "gaussian"})[0]
    assert "2 seeds" in found.judged[0].finding.text


def test_without_weights_the_exact_check_is_not_testable(world, tmp_path):
    test = {"kind": "fuses-differently", "experiment": "student-t", "tolerance": 1e-5}
    assert judged(world, tmp_path, test | {"method": "gaussian"})[0].verdict == UNTESTABLE


def test_methods_with_other_parameters_cannot_be_compared(with_weights, tmp_path):
    test = {"kind": "fuses-differently", "experiment": "student-t", "tolerance": 1e-5}
    with pytest.raises(FusevadError, match="not the parameters of method gating"):
        judged(with_weights, tmp_path, test | {"method": "gating"})
