"""How scores of other people's detectors are read; imports nothing heavy."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fusevad.parsing import FORBID
from fusevad.video.settings import SEGMENT_FRAMES

# Of files of scores, in a folder of them.
SUFFIXES = (".npy", ".csv", ".txt")


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """What the numbers in files of scores are.

    Attributes:
        form: whether a number is of a frame or of a segment.
        segment_frames: frames of a segment.
        transform: `none`, if scores are in [0, 1]; `sigmoid` of logits; `range`, by which the
            lowest score of all test videos becomes 0 and the highest 1. Neither changes AUC or AP.
        order: list of videos, one a line, if one file has the scores of all videos in that order.
    """

    __pydantic_config__ = FORBID

    form: Literal["per-frame", "per-segment"]
    segment_frames: Annotated[int, Field(ge=1)] = SEGMENT_FRAMES
    transform: Literal["none", "sigmoid", "range"] = "none"
    order: str | None = None
