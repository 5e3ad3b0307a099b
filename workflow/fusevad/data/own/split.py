"""A split of labelled videos by source, so that no camera is in both parts."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fusevad.data.label_tables import NORMAL
from fusevad.data.own.found import Found
from fusevad.errors import FusevadError

TEST_SHARE = 0.3
# What training must keep of each kind: it holds out at least one video of two to choose the epoch.
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Split:
    """Which videos test.

    Attributes:
        test: names of the test videos.
        both: sources with videos in both parts.
        by_video: whether each video had to count as a source of its own.
    """

    test: frozenset[str]
    both: tuple[str, ...] = ()
    by_video: bool = False


def split_by_source(videos: Sequence[Found], testable: Collection[str]) -> Split:
    """The table's split, or else about 30 % of each class for the test, whole sources at a time.

    Sources join the test one by one, each time the one that brings the classes' shares closest to
    30 %, until none brings them closer; ties are broken by a hash of the name. So the same videos
    give the same split, in whatever order they are listed. If a part then lacks normal or anomalous
    videos, as where each class has a camera of its own, the shares of normal and of anomalous
    videos count instead; and if it still does, each video counts as its own source.

    Args:
        videos: all of them.
        testable: names of the videos that may test: anomalous ones need intervals, if any have.

    Raises:
        FusevadError: there are too few videos for two parts.
    """
    if all(video.split is not None for video in videos):
        test = frozenset(video.name for video in videos if video.split == "test")
        _check(videos, test)
        return Split(test, _in_both(videos, test))
    sources = {video.name: video.source for video in videos}
    for labels in (_classes, _kind):
        test = _proposed(videos, sources, testable, labels)
        if _is_possible(videos, test):
            return Split(test)
    test = _proposed(videos, {video.name: video.name for video in videos}, testable, _classes)
    _check(videos, test)
    return Split(test, _in_both(videos, test), by_video=True)


def _classes(video: Found) -> tuple[str, ...]:
    return video.classes


def _kind(video: Found) -> tuple[str, ...]:
    return ("anomalous" if video.anomalous else NORMAL,)


def _proposed(
    videos: Sequence[Found],
    source: Mapping[str, str],
    testable: Collection[str],
    labels: Callable[[Found], tuple[str, ...]],
) -> frozenset[str]:
    """Names of test videos: whole sources, about `TEST_SHARE` of each label."""
    members: dict[str, list[Found]] = defaultdict(list)
    for video in videos:
        members[source[video.name]].append(video)
    candidates = [s for s, own in members.items() if all(video.name in testable for video in own)]
    candidates.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    names = sorted({name for video in videos for name in labels(video)})
    counts = np.array([_counts(members[each], labels, names) for each in candidates], float)
    total = _counts(videos, labels, names)
    chosen: list[int] = []
    shares = np.zeros(len(names))
    while len(chosen) < len(candidates):
        after = ((shares + counts / total - TEST_SHARE) ** 2).sum(axis=1)
        after[chosen] = np.inf
        best = int(after.argmin())
        if after[best] >= ((shares - TEST_SHARE) ** 2).sum():
            break
        chosen.append(best)
        shares += counts[best] / total
    return frozenset(video.name for each in chosen for video in members[candidates[each]])


def _counts(
    videos: Sequence[Found], labels: Callable[[Found], tuple[str, ...]], names: Sequence[str]
) -> np.ndarray:
    """(names,) videos of each label."""
    found = Counter(name for video in videos for name in labels(video))
    return np.array([found[name] for name in names])


def _is_possible(videos: Sequence[Found], test: Collection[str]) -> bool:
    """Whether both parts have both kinds, and training enough of each to hold some out."""
    kinds = Counter((video.name in test, video.anomalous) for video in videos)
    return all(
        kinds[in_test, anomalous] >= (1 if in_test else _LEAST)
        for in_test in (False, True)
        for anomalous in (False, True)
    )


def _check(videos: Sequence[Found], test: Collection[str]) -> None:
    if not _is_possible(videos, test):
        kinds = Counter((video.name in test, video.anomalous) for video in videos)
        raise FusevadError(
            f"to train on, {kinds[False, False]} normal and {kinds[False, True]} anomalous videos,"
            f" to test on, {kinds[True, False]} and {kinds[True, True]}: training needs {_LEAST} of"
            " each kind and the test one; add videos, or intervals of more anomalous ones"
        )


def _in_both(videos: Sequence[Found], test: Collection[str]) -> tuple[str, ...]:
    parts: dict[str, set[bool]] = defaultdict(set)
    for video in videos:
        parts[video.source].add(video.name in test)
    return tuple(sorted(source for source, where in parts.items() if len(where) > 1))
