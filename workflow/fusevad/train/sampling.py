"""Draw the training videos of a seed, and the order of its batches."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fusevad.data.manifest import Video
from fusevad.errors import FusevadError


@dataclass(frozen=True, slots=True)
class TrainVideo:
    """A training video with its video-level label and the manifest's names of its classes."""

    name: str
    anomalous: bool
    classes: tuple[str, ...]

    @property
    def group(self) -> str:
        """The class for stratification."""
        return ";".join(self.classes)


@dataclass(frozen=True, slots=True)
class Split:
    """Training videos, and those held out to choose an epoch."""

    fit: tuple[TrainVideo, ...]
    validation: tuple[TrainVideo, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """Crops of one training video, which are one bag: mostly a single crop."""

    video: TrainVideo
    crops: tuple[int, ...]


def training_videos(manifest: Iterable[Video]) -> list[TrainVideo]:
    """The training split of a manifest, in its order."""
    return [
        TrainVideo(video.name, video.anomalous, tuple(video.classes))
        for video in manifest
        if video.split == "train"
    ]


def split_validation(videos: Sequence[TrainVideo], share: float, seed: int) -> Split:
    """Hold out about `share` of each class (at least one video of a class with two or more).

    Classes of a single video count as one class together.

    Raises:
        FusevadError: either part lacks normal or anomalous videos.
    """
    generator = np.random.default_rng([seed, 0])
    held_out: set[str] = set()
    sizes = Counter(video.group for video in videos)
    groups: dict[str, list[str]] = {}
    for video in videos:
        groups.setdefault(video.group if sizes[video.group] > 1 else "", []).append(video.name)
    for _, names in sorted(groups.items()):
        count = max(1, round(share * len(names))) if len(names) > 1 else 0
        held_out.update(generator.permutation(names)[:count].tolist())
    split = Split(
        tuple(v for v in videos if v.name not in held_out),
        tuple(v for v in videos if v.name in held_out),
    )
    for part, members in (("training", split.fit), ("validation", split.validation)):
        if len({video.anomalous for video in members}) < 2:
            raise FusevadError(
                f"the {part} part of {len(videos)} training videos lacks normal or "
                "anomalous videos; add videos to the training split"
            )
    return split


def epoch_batches(
    videos: Sequence[TrainVideo],
    crops: int,
    crops_per_epoch: int,
    batch_size: int,
    sampling: Literal["balanced", "joint"],
    drop_last: bool,
    seed: int,
    epoch: int,
    crops_in_bag: int = 1,
) -> Iterator[list[Sample]]:
    """Batches of one epoch, a function of `seed` and `epoch` alone.

    Each video gives `crops_per_epoch` of its `crops`, drawn anew every epoch, in samples of
    `crops_in_bag` or of as many as it gives; the rest is left out. `balanced` fills half
    of each batch with normal and half with anomalous videos until the shorter list is used up (the
    released code for UCF-Crime); `joint` shuffles all together (the released code for XD-Violence).
    `drop_last` leaves out an incomplete last batch.
    """
    generator = np.random.default_rng([seed, 1, epoch])
    given = min(crops_per_epoch, crops)
    together = min(crops_in_bag, given)
    samples = [
        Sample(video, tuple(drawn[start : start + together].tolist()))
        for video in videos
        for drawn in [generator.permutation(crops)]
        for start in range(0, given - together + 1, together)
    ]
    order = [samples[i] for i in generator.permutation(len(samples))]
    if sampling == "joint":
        pools, take = [order], batch_size
    else:
        pools = [[s for s in order if s.video.anomalous == kind] for kind in (False, True)]
        take = max(1, batch_size // 2)
    shortest = min(len(pool) for pool in pools)
    for start in range(0, shortest, take):
        stop = min(start + take, shortest)
        if drop_last and stop - start < take:
            return
        yield [sample for pool in pools for sample in pool[start:stop]]
