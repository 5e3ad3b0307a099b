"""Scores that look back: each segment is scored at the end of a window of the segments before it.

`fusevad watch` gives such scores, since what comes later has not happened yet.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from fusevad.deploy.contents import weights_member
from fusevad.deploy.opening import read_bundle_facts, unpacked
from fusevad.embed.store import HeldEmbeddings, Streams, default_device
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import Scores, TrainedDetector, read_about
from fusevad.train.settings import TrainSettings

NOT_FINITE = (
    "scores that are not finite: the weights of the bundle are damaged; build the bundle again"
)
_WINDOW = "window"


def window_of(seeds: Iterable[TrainSettings], window: int | None) -> int:
    """Segments that a score looks back on, its own among them.

    Training saw at most `max_segments` segments of a video at once and `fusevad score` cuts longer
    videos into chunks of that length, so that is the longest window, and the default.

    Args:
        seeds: what each seed was trained with.
        window: segments; None for the default.

    Raises:
        FusevadError: the window is too long or too short.
    """
    longest = min(settings.max_segments for settings in seeds)
    if window is not None and not 1 <= window <= longest:
        raise FusevadError(
            f"--window {window}: the model learned from up to {longest} segments; choose 1 to"
            f" {longest}"
        )
    return longest if window is None else window


def window_of_bundle(bundle: Path, window: int | None) -> int:
    """As `window_of`, from what the files of weights say; no weights are loaded.

    Raises:
        FusevadError: the bundle is damaged, or the window is too long or too short.
    """
    with unpacked(bundle) as folder:
        files = [folder / weights_member(seed) for seed in read_bundle_facts(folder, bundle).seeds]
        return window_of([read_about(file).settings for file in files], window)


def backward_scores(
    seeds: Sequence[TrainedDetector], video: str, vectors: Mapping[str, Tensor], window: int
) -> list[Scores]:
    """Score each segment of a video by the segments before it, with each seed.

    Args:
        seeds: the trained detectors.
        video: its name.
        vectors: embeddings of all segments, `T x crops x D` float16, by role.
        window: segments that count, at most.

    Returns:
        Of each seed, the scores of that one video, `T x columns`.
    """
    count = len(next(iter(vectors.values())))
    ends = {str(end): end for end in range(1, count + 1)}
    windows = _streams(
        {
            role: {name: own[max(0, end - window) : end] for name, end in ends.items()}
            for role, own in vectors.items()
        }
    )
    with _plain_attention():
        return [_joined(seed.score(windows, list(ends)), video) for seed in seeds]


def last_scores(seeds: Sequence[TrainedDetector], vectors: Mapping[str, Tensor]) -> list[float]:
    """The score of the last segment of a window, of each seed.

    Args:
        seeds: the trained detectors.
        vectors: embeddings of the window, `T x crops x D` float16, by role.

    Raises:
        FusevadError: a score is not finite.
    """
    streams = _streams({role: {_WINDOW: own} for role, own in vectors.items()})
    with _plain_attention():
        scores = [seed.score(streams, [_WINDOW]).segments[_WINDOW] for seed in seeds]
    found = [float(each[-1, 0]) for each in scores]
    if not all(map(math.isfinite, found)):
        raise FusevadError(NOT_FINITE)
    return found


@contextmanager
def _plain_attention() -> Iterator[None]:
    """On a CPU, attention as in training: torch's fast path takes twice as long on long windows.

    See `benchmarks/attention.py`; outputs differ by less than 1e-6.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(before and default_device().type != "cpu")
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _streams(vectors: Mapping[str, dict[str, Tensor]]) -> Streams:
    device = default_device()
    return Streams(
        {role: HeldEmbeddings(Path(_WINDOW), own, device) for role, own in vectors.items()}
    )


def _joined(windows: Scores, video: str) -> Scores:
    """Each window's last segment, as the segments of one video."""
    last = torch.stack([each[-1] for each in windows.segments.values()])
    return Scores(windows.columns, {video: last})
