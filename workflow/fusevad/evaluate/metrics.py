"""Frame-level metrics of video anomaly detection, as fractions."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from fusevad.data.truth import LabelledVideo
from fusevad.errors import FusevadError
from fusevad.video.decode import SEGMENT_FRAMES, segment_count


def frame_scores(
    segment_scores: NDArray[np.floating], frames: int, name: str
) -> NDArray[np.floating]:
    """Repeat segment scores to frames, the tail cut to the video's length.

    Raises:
        FusevadError: the number of segments is not that of a video of `frames` frames.
    """
    if len(segment_scores) != segment_count(frames):
        raise FusevadError(
            f"video {name}: {len(segment_scores)} segment scores for {frames} frames, expected "
            f"{segment_count(frames)}; extract its embeddings again"
        )
    return np.repeat(segment_scores, SEGMENT_FRAMES)[:frames]


def ranking_metrics(
    labels: NDArray[np.bool_], scores: NDArray[np.floating], prefix: str = ""
) -> dict[str, float]:
    """ROC-AUC and average precision; NaN where only one kind of frame occurs."""
    if labels.all() or not labels.any():
        return {f"{prefix}AUC": float("nan"), f"{prefix}AP": float("nan")}
    return {
        f"{prefix}AUC": float(roc_auc_score(labels, scores)),
        f"{prefix}AP": float(average_precision_score(labels, scores)),
    }


def frame_metrics(
    videos: Sequence[LabelledVideo], scores: Mapping[str, NDArray[np.floating]]
) -> dict[str, float]:
    """`AUC` and `AP` over all frames pooled, `Ano-AUC` and `Ano-AP` over anomalous videos only.

    Args:
        videos: ground truth.
        scores: segment scores of each video, by name.
    """
    expanded = {v.name: frame_scores(scores[v.name], len(v.labels), v.name) for v in videos}
    anomalous = [video for video in videos if video.intervals]
    return _pooled(videos, expanded, "") | _pooled(anomalous, expanded, "Ano-")


def class_metrics(
    videos: Sequence[LabelledVideo], scores: Mapping[str, NDArray[np.floating]]
) -> dict[str, dict[str, float]]:
    """`AUC` and `AP` of each anomaly class, over the frames of the videos that show it.

    In a video with several classes, the frames of the others are left out.
    """
    classes = sorted({name for video in videos for name, _, _ in video.intervals})
    result = {}
    for wanted in classes:
        labels, values = [], []
        for video in videos:
            own, others = _class_masks(video, wanted)
            if not own.any():
                continue
            keep = own | ~others
            labels.append(own[keep])
            values.append(frame_scores(scores[video.name], len(own), video.name)[keep])
        result[wanted] = ranking_metrics(np.concatenate(labels), np.concatenate(values))
    return result


def _pooled(
    videos: Sequence[LabelledVideo], expanded: Mapping[str, NDArray[np.floating]], prefix: str
) -> dict[str, float]:
    if not videos:
        return {f"{prefix}AUC": float("nan"), f"{prefix}AP": float("nan")}
    labels = np.concatenate([video.labels for video in videos])
    return ranking_metrics(labels, np.concatenate([expanded[v.name] for v in videos]), prefix)


def _class_masks(video: LabelledVideo, wanted: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Frames of the class `wanted`, and frames of any other class."""
    own, others = np.zeros((2, len(video.labels)), dtype=bool)
    for name, start, end in video.intervals:
        (own if name == wanted else others)[start:end] = True
    return own, others
