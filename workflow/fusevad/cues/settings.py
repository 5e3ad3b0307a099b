"""Settings and names of motion cues; imports nothing heavy."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from fusevad.data.recorded.settings import LayoutSettings
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID, check_once

Definition = Literal["paper", "released", "camera"]
# Cues counted from the events of a real camera, not from differences between frames.
CAMERA = "camera"
# Names of the streams that are embedded from motion cues.
STREAM_PATTERN = rf"motion-(?:(released|{CAMERA})-)?T(\d+)-thr(\d+)"


def cue_name(window: int, threshold: int) -> str:
    """Name of a cue in files and streams, such as `T16-thr10`."""
    return f"T{window}-thr{threshold}"


@dataclass(frozen=True, slots=True)
class MotionCue:
    """The cue of a motion stream: definition, window T in frames, threshold tau in gray levels.

    For `camera` cues, tau is a number of events: a frame counts if it has more.
    """

    __pydantic_config__ = FORBID

    definition: Definition
    window: int
    threshold: int

    @property
    def stream(self) -> str:
        """Name of the stream in paths; the paper's definition is left out of the name."""
        origin = "" if self.definition == "paper" else f"{self.definition}-"
        return f"motion-{origin}{cue_name(self.window, self.threshold)}"

    @classmethod
    def from_stream(cls, stream: str) -> "MotionCue":
        """The cue that the name of a stream stands for.

        Raises:
            FusevadError: it is no such name.
        """
        match = re.fullmatch(STREAM_PATTERN, stream)
        if match is None:
            raise FusevadError(
                f"stream {stream!r}: names no motion cue; use motion-T16-thr10 or"
                " motion-released-T16-thr10"
            )
        definition, window, threshold = match.groups()
        return cls(definition or "paper", int(window), int(threshold))


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
        if not (self.windows and self.thresholds):
            raise FusevadError(
                "motion cues: no windows or no thresholds; name at least one of each"
            )
        check_once("motion cues: windows", self.windows)
        check_once("motion cues: thresholds", self.thresholds)
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
