"""How to join clips: the section `splice:` of a data set's configuration."""

from __future__ import annotations

from dataclasses import dataclass

from fusevad.errors import FusevadError
from fusevad.parsing import FORBID

# Raise it when the joining or encoding of clips changes: all videos are then made again.
# `tests/data/test_splice.py` pins the bytes of one video.
VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceSettings:
    """Settings of `splice`; pairs are ranges (low, high), both ends included.

    Attributes:
        seed: determines the videos, together with the other settings and the clips.
        test_sources: share of the sources that go to the test split, above 0 and below 1.
        train_normal, train_fight, test_normal, test_fight: numbers of videos.
        clips: clips in a video, of either class.
        fights: consecutive clips that show fights, in an anomalous video; fewer than `clips`.
        seconds: length drawn for each piece of a clip; a shorter clip is used whole.
        fps: frames per second of every video.
        width, height: size of every video in pixels, even; clips are stretched to it.
        crf: quality of the H.264 encoder, 0 (best) to 51.
    """

    seed: int
    test_sources: float
    train_normal: int
    train_fight: int
    test_normal: int
    test_fight: int
    clips: tuple[int, int]
    fights: tuple[int, int]
    seconds: tuple[float, float]
    fps: int
    width: int
    height: int
    crf: int

    __pydantic_config__ = FORBID

    def __post_init__(self) -> None:
        checks = {
            "seed": self.seed >= 0,
            "test_sources": 0 < self.test_sources < 1,
            "clips": 2 <= self.clips[0] <= self.clips[1],
            "fights": 1 <= self.fights[0] <= self.fights[1] < self.clips[0],
            "seconds": 0 < self.seconds[0] <= self.seconds[1],
            "fps": self.fps > 0 and self.seconds[0] * self.fps >= 1,
            "width": self.width >= 64 and self.width % 2 == 0,
            "height": self.height >= 48 and self.height % 2 == 0,
            "crf": 0 <= self.crf <= 51,
        }
        for name in ("train_normal", "train_fight", "test_normal", "test_fight"):
            checks[name] = getattr(self, name) >= 1
        for name, valid in checks.items():
            if not valid:
                raise FusevadError(
                    f"splice: {name} can't be {getattr(self, name)!r}; see SpliceSettings"
                )

    def videos(self, split: str, kind: str) -> int:
        """Number of videos of a split (train, test) and class (normal, fight)."""
        return getattr(self, f"{split}_{kind}")
