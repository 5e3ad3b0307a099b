"""Metrics on segments against scikit-learn on every single frame."""

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from fusevad.data.truth import LabelledVideo
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import LabelledSegments, LabelledTest, Ranking

SKLEARN = {"AUC": roc_auc_score, "AP": average_precision_score}


def video(name: str, frames: int, *intervals: tuple[str, int, int]) -> LabelledVideo:
    labels = np.zeros(frames, dtype=bool)
    for _, start, end in intervals:
        labels[start:end] = True
    return LabelledVideo(name, labels, intervals)


VIDEOS = [
    video("a", 100, ("fire", 20, 60)),
    video("b", 33),
    video("c", 16, ("fall", 3, 5), ("fall", 7, 8), ("fire", 12, 16)),
    video("d", 161, ("fire", 0, 30), ("fall", 100, 161), ("fall", 104, 105)),
    video("e", 1, ("fire", 0, 1)),
    video("f", 48, ("fall", 0, 48)),
    video("g", 321),
]
# Float32 as a detector's; of one decimal, so that most tie; all equal.
DIGITS = (None, 1, 0)


def made_up_scores(videos, digits, seed=0):
    generator = np.random.default_rng(seed)
    scores = {v.name: generator.random(-(-len(v.labels) // 16), np.float32) for v in videos}
    return scores if digits is None else {k: x.round(digits) for k, x in scores.items()}


def on_frames(v, scores):
    """The score of every frame, written out."""
    return np.array([scores[v.name][frame // 16] for frame in range(len(v.labels))])


def joined(videos, scores):
    return (
        np.concatenate([v.labels for v in videos]),
        np.concatenate([on_frames(v, scores) for v in videos]),
    )


@pytest.mark.parametrize("digits", DIGITS)
def test_auc_and_ap_pool_all_frames_of_all_videos(digits):
    scores = made_up_scores(VIDEOS, digits)
    test = LabelledTest(VIDEOS)
    metrics = test.metrics(test.pooled(scores))
    for name, reference in SKLEARN.items():
        assert metrics[name] == reference(*joined(VIDEOS, scores))


@pytest.mark.parametrize("digits", DIGITS)
def test_ano_metrics_leave_normal_videos_out(digits):
    scores = made_up_scores(VIDEOS, digits)
    test = LabelledTest(VIDEOS)
    metrics = test.metrics(test.pooled(scores))
    anomalous = [v for v in VIDEOS if v.intervals]
    for name, reference in SKLEARN.items():
        assert metrics[f"Ano-{name}"] == reference(*joined(anomalous, scores))


@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("wanted", ["fire", "fall"])
def test_a_class_is_judged_on_its_videos_without_the_frames_of_other_classes(wanted, digits):
    scores = made_up_scores(VIDEOS, digits)
    labels, values = [], []
    for v in VIDEOS:
        spans = [(name, range(start, end)) for name, start, end in v.intervals]
        for frame, score in enumerate(on_frames(v, scores)):
            shown = {name for name, frames in spans if frame in frames}
            if wanted in {name for name, _ in spans} and (wanted in shown or not shown):
                labels.append(wanted in shown)
                values.append(score)
    test = LabelledTest(VIDEOS)
    found = test.class_metrics(test.pooled(scores))
    assert set(found) == {"fire", "fall"}
    for name, reference in SKLEARN.items():
        assert found[wanted][name] == reference(labels, values)


@pytest.mark.parametrize("seed", range(8))
def test_values_are_those_of_frames_to_the_last_bit_on_larger_sets(seed):
    generator = np.random.default_rng(seed)
    videos = []
    for k in range(40):
        frames = int(generator.integers(1, 900))
        borders = np.sort(generator.integers(0, frames + 1, 2 * int(generator.integers(0, 4))))
        spans = zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True)
        videos.append(video(f"v{k}", frames, *(("fire", a, b) for a, b in spans if a < b)))
    scores = made_up_scores(videos, [None, 2][seed % 2], seed)
    test = LabelledTest(videos)
    pooled = test.pooled(scores)
    anomalous = [v for v in videos if v.intervals]
    for prefix, own in (("", videos), ("Ano-", anomalous)):
        for name, reference in SKLEARN.items():
            expected = reference(*joined(own, scores))
            assert test.metrics(pooled)[prefix + name] == expected
            assert test.metric(prefix + name, pooled) == expected


@pytest.mark.parametrize("digits", DIGITS)
def test_curves_are_those_of_frames(digits):
    scores = made_up_scores(VIDEOS, digits)
    test = LabelledTest(VIDEOS)
    segments = test.segments
    ranking = Ranking.of(test.pooled(scores), segments.positive, segments.negative)
    labels, values = joined(VIDEOS, scores)
    for found, expected in (
        (ranking.roc(), roc_curve(labels, values)),
        (ranking.precision_recall(), precision_recall_curve(labels, values)),
    ):
        for one, other in zip(found, expected[:2], strict=True):
            np.testing.assert_array_equal(one, other)


def test_segments_count_their_frames_in_a_partial_last_one_too():
    segments = LabelledSegments.of([video("a", 35, ("fire", 14, 18), ("fall", 33, 34))])
    assert segments.positive.tolist() == [2, 2, 1]
    assert segments.negative.tolist() == [14, 14, 2]
    assert segments.video.tolist() == [0, 0, 0]


@pytest.mark.parametrize("spans", [(), (("fire", 0, 33),)])
def test_metrics_of_one_kind_of_frame_are_not_a_number(spans):
    test = LabelledTest([video("a", 33, *spans)])
    assert all(np.isnan(value) for value in test.metrics(np.array([0.1, 0.5, 0.2])).values())


def test_without_videos_there_is_no_value():
    assert np.isnan(LabelledTest([]).metric("AUC", np.empty(0)))


@pytest.mark.parametrize("segments", [0, 2, 4])
def test_a_number_of_scores_that_does_not_match_is_an_error(segments):
    with pytest.raises(FusevadError, match=rf"video b: {segments} segment scores .* expected 3"):
        LabelledTest([VIDEOS[1]]).pooled({"b": np.zeros(segments)})


def test_scores_of_a_diverged_training_are_an_error_and_no_value():
    test = LabelledTest([VIDEOS[0]])
    with pytest.raises(FusevadError, match="training diverged"):
        test.metrics(np.array([0.1, 0.2, np.nan, 0.3, 0.4, 0.5, 0.6]))
