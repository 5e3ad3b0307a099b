"""Settings of motion cues; imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal, get_args

from fusevad.data.recorded.settings import LayoutSettings
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID

Definition = Literal["paper", "released", "camera"]


@dataclass(frozen=True, slots=True)
class CueSettings:
    """How motion cues are counted.

    Attributes:
        definition: `paper` counts the T differences of a window, the first of which crosses its
            leading edge; `released` counts the T-1 differences between frames of the window and
            limits the counts to `clamp`; `camera` counts frames with events (`cues.camera`).
        windows: lengths T in frames, even and at most 64, centred on the segment.
        thresholds: tau in gray levels of 255; a difference counts if it is larger. For `camera`, a
            number of events; a frame counts if it has more.
        clamp: highest count of the `released` definition (16 in the code, idle for T = 16).
    """

    __pydantic_config__ = FORBID

    definition: Definition = "paper"
    windows: tuple[int, ...] = (4, 8, 16, 32, 64)
    thresholds: tuple[int, ...] = (10, 25)
    clamp: int = 16

    def __post_init__(self) -> None:
        if self.definition not in get_args(Definition):
            known = ", ".join(get_args(Definition))
            raise FusevadError(
                f"motion cues: unknown definition {self.definition!r}; use one of {known}"
            )
        for window in self.windows:
            if window % 2 or not 2 <= window <= 64:
                raise FusevadError(
                    f"motion cues: window {window} is not an even number of 2 to 64 frames; "
                    "correct the configuration"
                )
        if any(not 0 <= threshold <= 255 for threshold in self.thresholds) or self.clamp < 1:
            raise FusevadError(
                "motion cues: thresholds must be 0..255 and the clamp at least 1; "
                "correct the configuration"
            )


@dataclass(frozen=True, slots=True)
class CameraCueSettings:
    """Windows and thresholds, and the layout of the event streams (`recorded.LayoutSettings`)."""

    __pydantic_config__ = FORBID

    cues: CueSettings
    layout: LayoutSettings

    def __post_init__(self) -> None:
        if self.cues.definition != "camera" or self.layout.events is None:
            raise FusevadError(
                "cues of a camera: the definition is not camera, or the layout has no events;"
                " name a data set of event streams"
            )
