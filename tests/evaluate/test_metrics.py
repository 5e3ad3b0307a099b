"""Frame-level metrics against scikit-learn on explicitly repeated scores."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fusevad.data.truth import LabelledVideo
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import class_metrics, frame_metrics, frame_scores


def video(name: str, frames: int, *intervals: tuple[str, int, int]) -> LabelledVideo:
    labels = np.zeros(frames, dtype=bool)
    for _, start, end in intervals:
        labels[start:end] = True
    return LabelledVideo(name, labels, intervals)


VIDEOS = [
    video("a", 100, ("fire", 20, 60)),
    video("b", 33),
    video("c", 16, ("fall", 3, 9)),
    video("d", 161, ("fire", 0, 30), ("fall", 100, 161)),
]
RNG = np.random.default_rng(0)
SCORES = {v.name: RNG.random(-(-len(v.labels) // 16)).astype(np.float32) for v in VIDEOS}


def expand(v: LabelledVideo) -> np.ndarray:
    return np.array([SCORES[v.name][frame // 16] for frame in range(len(v.labels))])


def test_auc_and_ap_pool_all_frames_of_all_videos():
    labels = np.concatenate([v.labels for v in VIDEOS])
    scores = np.concatenate([expand(v) for v in VIDEOS])
    metrics = frame_metrics(VIDEOS, SCORES)
    assert metrics["AUC"] == pytest.approx(roc_auc_score(labels, scores))
    assert metrics["AP"] == pytest.approx(average_precision_score(labels, scores))


def test_ano_metrics_leave_normal_videos_out():
    anomalous = [v for v in VIDEOS if v.name != "b"]
    labels = np.concatenate([v.labels for v in anomalous])
    scores = np.concatenate([expand(v) for v in anomalous])
    metrics = frame_metrics(VIDEOS, SCORES)
    assert metrics["Ano-AUC"] == pytest.approx(roc_auc_score(labels, scores))
    assert metrics["Ano-AP"] == pytest.approx(average_precision_score(labels, scores))


def test_a_class_is_judged_on_its_videos_without_the_frames_of_other_classes():
    a, d = VIDEOS[0], VIDEOS[3]
    labels = np.concatenate([a.labels, d.labels[:100]])
    scores = np.concatenate([expand(a), expand(d)[:100]])
    expected = roc_auc_score(labels, scores)
    assert class_metrics(VIDEOS, SCORES)["fire"]["AUC"] == pytest.approx(expected)


def test_metrics_of_one_kind_of_frame_are_not_a_number():
    metrics = frame_metrics([VIDEOS[1]], SCORES)
    assert all(np.isnan(value) for value in metrics.values())


def test_tail_frames_get_the_score_of_the_tail_segment():
    assert frame_scores(np.array([0.1, 0.2, 0.3]), 33, "b")[-2:].tolist() == [0.2, 0.3]


@pytest.mark.parametrize("segments", [2, 4])
def test_a_length_that_does_not_match_is_an_error(segments):
    with pytest.raises(FusevadError, match=r"video b: .* expected 3"):
        frame_scores(np.zeros(segments), 33, "b")
