"""Motion cues, embedded by a tower of their own."""

from typing import Any

from fusevad.cues.settings import STREAM_PATTERN, MotionCue
from fusevad.embed.settings import EmbedSettings
from fusevad.embed.streams.settings import ClipKind, Given


class Motion(ClipKind):
    """One motion cue a segment, for each crop."""

    name = "motion"
    title = "motion cue"
    pattern = STREAM_PATTERN
    form = EmbedSettings
    weights_key = "motion_cue_weights"

    def reads_videos(self, given: Given) -> bool:
        """See `StreamKind.reads_videos`."""
        del given
        return False

    def stream(self, cue: MotionCue) -> str:
        """See `StreamKind.stream`."""
        return cue.stream

    def cue(self, stream: str) -> MotionCue:
        """See `StreamKind.cue`."""
        return MotionCue.from_stream(stream)

    def settings(self, stream: str, given: Given) -> dict[str, Any]:
        """See `StreamKind.settings`."""
        cue = self.cue(stream)
        cues = {
            "definition": cue.definition,
            "windows": [cue.window],
            "thresholds": [cue.threshold],
        }
        # Counts of other definitions have no limit.
        clamp = {"clamp": given.cues["clamp"]} if cue.definition == "released" else {}
        return super().settings(stream, given) | {"cues": cues | clamp}


KIND = Motion()
