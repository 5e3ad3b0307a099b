"""The recipe: the clips of each video, drawn from a seed before anything is written."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fusevad.data.label_tables import NORMAL, SPLITS
from fusevad.data.splice.clips import FIGHT, Clip
from fusevad.data.splice.settings import SpliceSettings
from fusevad.errors import FusevadError


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames [offset, offset + frames) of a clip resampled to the rate of the videos."""

    clip: Clip
    offset: int
    frames: int


@dataclass(frozen=True, slots=True)
class SplicedVideo:
    """A video of the data set: pieces in a row; `kind` is `normal` or `fight`."""

    name: str
    split: str
    kind: str
    pieces: tuple[Piece, ...]

    @property
    def spans(self) -> list[tuple[Piece, int, int]]:
        """Each piece with its frames [start, end) in the video."""
        result, start = [], 0
        for piece in self.pieces:
            result.append((piece, start, start + piece.frames))
            start += piece.frames
        return result

    @property
    def intervals(self) -> list[tuple[int, int]]:
        """Frames [start, end) that show fights; adjacent pieces make one interval."""
        result: list[tuple[int, int]] = []
        for piece, start, end in self.spans:
            if piece.clip.kind == FIGHT:
                touches = result and result[-1][1] == start
                result.append((result.pop()[0] if touches else start, end))
        return result


def plan(clips: Sequence[Clip], settings: SpliceSettings) -> list[SplicedVideo]:
    """Draw all videos, train before test, normal before fight.

    Number, length and order of the pieces are drawn independently of the class, and neighbours
    always come from different sources: a cut reveals nothing about the pieces beside it.

    Raises:
        FusevadError: too few sources, or too few clips for a video.
    """
    draw = random.Random(settings.seed)
    test = _test_sources(clips, settings, draw)
    videos = []
    for split in SPLITS:
        deck = _Deck([clip for clip in clips if (clip.source in test) == (split == "test")], draw)
        for kind in (NORMAL, FIGHT):
            for number in range(settings.videos(split, kind)):
                name = f"{split}-{kind}-{number:03d}"
                pieces = _pieces(_kinds(kind, settings, draw), deck, settings, draw)
                videos.append(SplicedVideo(name, split, kind, pieces))
    return videos


class _Deck:
    """Clips of a split, drawn so that all clips of a class are used equally often."""

    def __init__(self, clips: list[Clip], draw: random.Random) -> None:
        self._clips = clips
        self._draw = draw
        self._uses: Counter[str] = Counter()

    def take(self, kind: str, before: list[Piece]) -> Clip:
        """A clip that is not in `before` and not from the source of its last piece."""
        seen = {piece.clip.name for piece in before}
        source = before[-1].clip.source if before else None
        free = [
            clip
            for clip in self._clips
            if clip.kind == kind and clip.name not in seen and clip.source != source
        ]
        if not free:
            raise FusevadError(
                f"splice: too few {kind} clips for a video of {len(before) + 1} clips; lower "
                "`clips` or `fights`"
            )
        least = min(self._uses[clip.name] for clip in free)
        chosen = self._draw.choice([clip for clip in free if self._uses[clip.name] == least])
        self._uses[chosen.name] += 1
        return chosen


def _test_sources(clips: Sequence[Clip], settings: SpliceSettings, draw: random.Random) -> set[str]:
    """Sources of the test split: only those with both classes, so that none gives a label away."""
    kinds: dict[str, set[str]] = {}
    for clip in clips:
        kinds.setdefault(clip.source, set()).add(clip.kind)
    both = sorted(source for source, found in kinds.items() if len(found) == 2)
    count = round(settings.test_sources * len(kinds))
    if not 0 < count < len(both):
        raise FusevadError(
            f"splice: test_sources {settings.test_sources} asks for {count} of {len(kinds)} "
            f"sources, and {len(both)} have clips of both classes; ask for at least one and fewer "
            "than these"
        )
    return set(draw.sample(both, count))


def _kinds(kind: str, settings: SpliceSettings, draw: random.Random) -> list[str]:
    """The class of each piece of a video."""
    kinds = [NORMAL] * draw.randint(*settings.clips)
    if kind == FIGHT:
        count = draw.randint(*settings.fights)
        start = draw.randint(0, len(kinds) - count)
        kinds[start : start + count] = [FIGHT] * count
    return kinds


def _pieces(
    kinds: list[str], deck: _Deck, settings: SpliceSettings, draw: random.Random
) -> tuple[Piece, ...]:
    shortest, longest = (round(seconds * settings.fps) for seconds in settings.seconds)
    pieces: list[Piece] = []
    for kind in kinds:
        wanted = draw.randint(shortest, longest)
        clip = deck.take(kind, pieces)
        length = clip.length(settings.fps)
        frames = min(wanted, length)
        pieces.append(Piece(clip, draw.randint(0, length - frames), frames))
    return tuple(pieces)
