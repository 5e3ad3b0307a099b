"""Settings of the explorer's films; imports nothing heavy."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fusevad.parsing import FORBID


@dataclass(frozen=True, slots=True)
class FilmSettings:
    """How films are made.

    Attributes:
        window, threshold: the motion cue under the picture (T in frames, tau in gray levels).
            A count of T is drawn black, one of T / 4 half as dark.
        longest: pixels of the longer side of a picture, at most; smaller ones keep their size.
        crf: quality of H.264, 0 (best) to 51.
    """

    __pydantic_config__ = FORBID

    window: int
    threshold: int
    longest: Annotated[int, Field(ge=16)] = 320
    crf: Annotated[int, Field(ge=0, le=51)] = 27
