"""The bootstrap of the report, against scipy, closed forms and sklearn on explicit resamples."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from fusevad.data.truth import LabelledVideo
from fusevad.evaluate.metrics import LabelledSegments, LabelledTest
from fusevad.report.statistics import (
    Resampled,
    VideoBootstrap,
    interquartile_mean,
)


def video(name, frames, *intervals):
    labels = np.zeros(frames, dtype=bool)
    for _, start, end in intervals:
        labels[start:end] = True
    return LabelledVideo(name, labels, tuple(intervals))


def made_up_videos(count, generator, longest=400):
    """Every second video anomalous, in two classes; lengths that are no multiple of 16."""
    videos = []
    for k in range(count):
        frames = int(generator.integers(40, longest))
        start, end = np.sort(generator.choice(frames, 2, replace=False))
        spans = [("fire" if k % 4 == 1 else "fall", int(start), int(end) + 1)] if k % 2 else []
        videos.append(video(f"v{k}", frames, *spans))
    return videos


def made_up_scores(segments, generator, digits=None):
    """Scores that know something; rounded to few digits, so that many tie."""
    share = segments.positive / np.maximum(segments.positive + segments.negative, 1)
    scores = 1 / (1 + np.exp(-share + generator.standard_normal(len(share))))
    return scores if digits is None else scores.round(digits)


def frames_of(segments, scores, weights):
    """Labels and scores of all frames of a resample, written out one by one."""
    times = weights[segments.video].astype(int)
    positive = np.repeat(scores, (segments.positive * times).astype(int))
    negative = np.repeat(scores, (segments.negative * times).astype(int))
    labels = np.repeat([True, False], [len(positive), len(negative)])
    return labels, np.concatenate([positive, negative])


# Interquartile mean


def test_the_interquartile_mean_leaves_out_the_outer_quarters():
    assert interquartile_mean([[9.0, 1.0, 2.0, 3.0, 4.0, -50.0, 80.0, 2.0]]).value == 2.75


def test_its_interval_is_scipys_bootstrap():
    values = 0.8 + 0.02 * np.random.default_rng(0).standard_normal(10)
    expected = stats.bootstrap(
        (values,),
        lambda x, axis: stats.trim_mean(x, 0.25, axis=axis),
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    found = interquartile_mean([values], seed=5)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_strata_are_drawn_apart():
    # Within each data set all seeds agree: whatever is drawn, the pool is the same.
    apart = interquartile_mean([[0.2] * 4, [0.6] * 4])
    assert (apart.low, apart.value, apart.high) == pytest.approx((0.4, 0.4, 0.4))
    together = interquartile_mean([[0.2] * 4 + [0.6] * 4])
    assert together.low < 0.3 < 0.5 < together.high


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        found = interquartile_mean([generator.standard_normal(20)], resamples=499)
        covered += found.low <= 0 <= found.high
    assert 0.86 <= covered / 200 <= 0.99


def test_one_seed_has_no_interval():
    found = interquartile_mean([[0.7]])
    assert found.value == 0.7
    assert np.isnan([found.low, found.high]).all()


# Test videos


@pytest.mark.parametrize("block", [2048, 7])
@pytest.mark.parametrize("digits", [None, 1])
@pytest.mark.parametrize(
    ("metric", "reference"), [("AUC", roc_auc_score), ("AP", average_precision_score)]
)
def test_resampled_metrics_are_sklearns_on_the_frames_written_out(
    metric, reference, digits, block, monkeypatch
):
    monkeypatch.setattr("fusevad.report.bootstrap._BLOCK", block)
    generator = np.random.default_rng(2)
    segments = LabelledSegments.of(made_up_videos(13, generator))
    scores = made_up_scores(segments, generator, digits)
    resampling = VideoBootstrap(segments, resamples=60)
    found = resampling.metric(metric, scores)
    everything = np.ones((1, 13))
    expected = [
        reference(*frames_of(segments, scores, weights))
        for weights in np.concatenate([everything, resampling.weights])
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.ptp(found) > 0.01


def test_the_first_value_is_the_metric_that_evaluation_reports():
    generator = np.random.default_rng(3)
    videos = made_up_videos(8, generator)
    segments = LabelledSegments.of(videos)
    scores = made_up_scores(segments, generator)
    reported = LabelledTest(videos).metrics(scores)
    resampling = VideoBootstrap(segments, resamples=1)
    for metric in ("AUC", "AP"):
        assert resampling.metric(metric, scores)[0] == pytest.approx(reported[metric])


def test_a_class_counts_the_frames_that_its_reported_metric_counts():
    generator = np.random.default_rng(4)
    videos = [
        *made_up_videos(8, generator),
        video("both", 100, ("fire", 5, 40), ("fall", 50, 90)),
    ]
    segments = LabelledSegments.of(videos)
    scores = made_up_scores(segments, generator)
    reported = LabelledTest(videos).class_metrics(scores)["fire"]
    resampling = VideoBootstrap(LabelledSegments.of(videos, "fire"), resamples=50)
    assert resampling.videos == 3
    assert resampling.metric("AUC", scores)[0] == pytest.approx(reported["AUC"])
    assert resampling.metric("AP", scores)[0] == pytest.approx(reported["AP"])
    assert (resampling.weights.sum(axis=1) == 3).all()


def test_every_resample_keeps_the_numbers_of_anomalous_and_normal_videos():
    videos = made_up_videos(9, np.random.default_rng(5))
    anomalous = np.array([video.labels.any() for video in videos])
    weights = VideoBootstrap(LabelledSegments.of(videos), resamples=100).weights
    assert (weights[:, anomalous].sum(axis=1) == anomalous.sum()).all()
    assert (weights[:, ~anomalous].sum(axis=1) == (~anomalous).sum()).all()
    assert weights.max() > 1


def test_a_resample_with_anomalous_frames_only_has_no_value():
    videos = [video("all", 32, ("fire", 0, 32)), video("half", 32, ("fire", 0, 16))]
    segments = LabelledSegments.of(videos)
    resampling = VideoBootstrap(segments, resamples=50)
    only_first = resampling.weights[:, 0] == 2
    for metric in ("AUC", "AP"):
        found = resampling.metric(metric, np.array([0.4, 0.3, 0.2, 0.1]))[1:]
        np.testing.assert_array_equal(np.isnan(found), only_first)
    assert 0 < only_first.sum() < 50


def test_the_interval_over_videos_is_wider_where_videos_differ_more():
    # Same number of frames; in one set every video repeats one score, so videos are what varies.
    generator = np.random.default_rng(6)
    videos = [video(f"v{k}", 160, *([("fire", 0, 160)] if k % 2 else [])) for k in range(40)]
    segments = LabelledSegments.of(videos)
    resampling = VideoBootstrap(segments, resamples=400)
    shift = 0.5 * (segments.positive > 0)
    mixed = resampling.metric("AUC", shift + generator.standard_normal(len(shift)))
    by_video = generator.standard_normal(40)[segments.video]
    clustered = resampling.metric("AUC", shift + by_video)
    assert clustered[1:].std() > 2 * mixed[1:].std()


def test_p_values_of_resamples_are_shares_and_never_zero():
    resampled = Resampled(0.02, np.linspace(-0.01, 0.05, 99))
    assert resampled.p_above(-1) == pytest.approx(1 / 100)
    assert resampled.p_above(0.0) == pytest.approx(18 / 100)
    assert resampled.p_below(0.0) == pytest.approx(83 / 100)
    assert resampled.interval(0.5) == pytest.approx((0.005, 0.035))
