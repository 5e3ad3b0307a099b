"""Optical flow between neighbouring frames, as histograms of its directions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from fusevad.embed.streams.settings import ChosenKind, Given
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID
from fusevad.places import Place
from fusevad.video.settings import SEGMENT_FRAMES


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """How flow is estimated and summed up.

    Attributes:
        estimator: `dis` (Kroeger et al. 2016, OpenCV, no weights), or `raft-small` or `raft-large`
            (Teed and Deng 2020, torchvision).
        weights: safetensors of RAFT, named as in torchvision; not for `dis`.
        pairs: pairs of neighbouring frames of a segment, evenly spaced.
        grid: a picture has `grid x grid` cells.
        directions: bins of a cell's histogram.
        still: a pixel that moves less, in pixels a frame, is still.
    """

    __pydantic_config__ = FORBID

    stream: str
    estimator: Literal["dis", "raft-small", "raft-large"] = "dis"
    weights: Place | None = None
    pairs: Annotated[int, Field(ge=1, le=SEGMENT_FRAMES)] = 4
    grid: Annotated[int, Field(ge=1, le=16)] = 4
    directions: Annotated[int, Field(ge=2)] = 8
    still: Annotated[float, Field(gt=0)] = 0.5

    def __post_init__(self) -> None:
        if (self.estimator == "dis") != (self.weights is None):
            wrong = "takes no weights" if self.weights else "needs weights"
            raise FusevadError(f"flow: estimator {self.estimator} {wrong}; correct `weights`")

    @property
    def dim(self) -> int:
        """Features of a segment: of each cell, its directions and the share that is still."""
        return self.grid**2 * (self.directions + 1)


class Flow(ChosenKind):
    """Histograms of optical flow (Dalal et al. 2006), a mean over a segment's pairs."""

    name = "flow"
    title = "optical flow"
    pattern = "flow"
    form = FlowSettings

    def encoder(self, settings: Mapping[str, Any], given: Given) -> str:
        """See `ChosenKind.encoder`."""
        del given
        return settings["estimator"]


KIND = Flow()
