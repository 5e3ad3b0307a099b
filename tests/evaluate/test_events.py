"""Average precision of events, against a slow count of frames on random cases, and by hand."""

import numpy as np
import pytest

from fusevad.data.label_tables import NORMAL
from fusevad.evaluate.events import (
    IOUS,
    ClassedVideo,
    Found,
    average_precision,
    find_events,
    precisions,
)

CLASSES = (NORMAL, "chase", "fire")


def random_videos(seed: int, whole: bool) -> list[ClassedVideo]:
    """Videos with events of two classes; with `whole`, all segments have 16 frames."""
    rng = np.random.default_rng(seed)
    videos = []
    for i in range(8):
        segments = int(rng.integers(2, 30))
        frames = 16 * segments - (0 if whole else int(rng.integers(0, 15)))
        edges = np.append(np.arange(segments) * 16, frames)
        events = []
        for _ in range(int(rng.integers(1, 4)) if i % 2 else 0):
            start, end = sorted(rng.choice(frames + 1, 2, replace=False).tolist())
            events.append((str(rng.choice(CLASSES[1:])), start, end))
        walk = rng.normal(size=(segments, 3)).cumsum(axis=0)
        p = np.exp(walk) / np.exp(walk).sum(axis=1, keepdims=True)
        videos.append(ClassedVideo(edges, dict(zip(CLASSES, p.T, strict=True)), tuple(events)))
    return videos


def slow_precision(videos: list[ClassedVideo], name: str, iou: float) -> tuple[float, int]:
    """One class, frame by frame with sets; and how many events are found."""
    found = []
    for number, video in enumerate(videos):
        frames = [
            p
            for p, a, b in zip(
                video.probabilities[name], video.edges, video.edges[1:], strict=False
            )
            for _ in range(a, b)
        ]
        limit = max(frames) - (max(frames) - min(frames)) * 0.6
        top = sorted(frames, reverse=True)[: max(len(frames) // 16, 1)]
        run: list[int] = []
        for t in range(len(frames) + 1):
            if t < len(frames) and frames[t] > limit:
                run.append(t)
                continue
            if len(run) >= 2:
                score = max(frames[u] for u in run) + 0.7 * sum(top) / len(top)
                found.append((score, number, set(run)))
            run = []
    left = [
        (number, set(range(start, end)))
        for number, video in enumerate(videos)
        for label, start, end in video.events
        if label == name
    ]
    count, hits, total = len(left), 0, 0.0
    for rank, (_, number, run) in enumerate(sorted(found, key=lambda f: -f[0]), 1):
        best, place = 0.0, None
        for i, (other, event) in enumerate(left):
            share = len(run & event) / len(run | event)
            if other == number and share >= iou and share > best:
                best, place = share, i
        if place is not None:
            del left[place]
            hits += 1
            total += hits / rank
    return (total / count if count else 0.0), len(found)


@pytest.mark.parametrize("seed", range(8))
def test_ours_is_the_mean_over_classes_with_events_on_videos_with_events(seed):
    videos = random_videos(seed, whole=False)
    shown = [video for video in videos if video.events]
    names = sorted({name for video in shown for name, _, _ in video.events})
    for iou in IOUS:
        expected = {name: slow_precision(shown, name, iou)[0] for name in names}
        found = precisions(videos, iou, "ours", normal_events=True)
        assert found.by_class == pytest.approx(expected)
        assert found.mean == pytest.approx(sum(expected.values()) / len(expected))


@pytest.mark.parametrize("normal_events", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_released_counts_all_videos_and_normal_as_a_class(seed, normal_events):
    videos = random_videos(seed, whole=True)
    counted = [
        ClassedVideo(v.edges, v.probabilities, ((NORMAL, 0, int(v.edges[-1])),))
        if normal_events and not v.events
        else v
        for v in videos
    ]
    for iou in IOUS:
        slow = {name: slow_precision(counted, name, iou) for name in CLASSES}
        found = precisions(videos, iou, "released", normal_events)
        assert found.by_class == pytest.approx({name: ap for name, (ap, _) in slow.items()})
        assert found.mean == pytest.approx(sum(ap for ap, _ in slow.values()) / 3)
        if not normal_events:
            assert found.by_class[NORMAL] == 0


def flat(name: str) -> list[ClassedVideo]:
    """A video in which nothing of a class stands out, and one without an event."""
    shown, none = random_videos(3, whole=True)[1::-1]
    level = {**shown.probabilities, name: np.full(len(shown.edges) - 1, 0.3)}
    other = {**none.probabilities, name: np.full(len(none.edges) - 1, 0.3)}
    events = (("chase", 0, 64), ("fire", 16, 80))
    return [ClassedVideo(shown.edges, level, events), ClassedVideo(none.edges, other, ())]


def test_a_class_of_which_nothing_is_found_is_0_in_ours_and_all_in_released():
    videos = flat("fire")
    ours = precisions(videos, 0.1, "ours", normal_events=True)
    assert ours.by_class["fire"] == 0 and ours.mean == ours.by_class["chase"] / 2
    assert precisions(videos, 0.1, "released", normal_events=True).mean == 0


def test_an_event_found_twice_counts_once_and_the_better_score_first():
    found = [Found(0, 0, 10, 0.2), Found(0, 0, 12, 0.9), Found(1, 5, 9, 0.5)]
    true = {0: [(0, 10)], 1: [(5, 9)]}
    # Hits at ranks 1 and 2; the third finds no free event.
    assert average_precision(found, true, 0.5) == (1 / 1 + 2 / 2) / 2
    # At 0.9 the best-scored one misses, and the others hit at ranks 2 and 3.
    assert average_precision(found, true, 0.9) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_events_end_with_their_segments_and_are_scored_by_their_height_and_their_video():
    edges = np.array([0, 16, 32, 48, 50])
    p = np.array([0.1, 0.9, 0.6, 0.2])
    (event,) = find_events(0, edges, p)
    # Above 0.9 - 0.6 * 0.8; the highest 50 // 16 = 3 frames are of the second segment.
    assert (event.start, event.end) == (16, 48)
    assert event.score == pytest.approx(0.9 + 0.7 * 0.9)


def test_a_single_frame_is_no_event():
    edges = np.array([0, 16, 17])
    assert find_events(0, edges, np.array([0.1, 0.9])) == []
