"""Names of streams and motion cues in files, tables and the configuration."""

import re
from dataclasses import dataclass

from fusevad.cues.settings import Definition
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID

# Cues counted from the events of a real camera, not from differences between frames.
CAMERA = "camera"

_STREAM = re.compile(
    rf"motion-((?P<definition>released|{CAMERA})-)?T(?P<window>\d+)-thr(?P<threshold>\d+)"
)


# What readers call the roles of streams that the paper has names for.
_TITLES = {"rgb": "image", "motion": "motion cue"}


def stream_title(role: str) -> str:
    """What readers call the stream of a role: its own name, unless the paper has one."""
    return _TITLES.get(role, role)


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
        match = _STREAM.fullmatch(stream)
        if match is None:
            raise FusevadError(
                f"stream {stream!r}: unknown; use rgb, motion-T16-thr10 or"
                " motion-released-T16-thr10"
            )
        definition = match["definition"] or "paper"
        return cls(definition, int(match["window"]), int(match["threshold"]))
