"""The sound of each segment, embedded by an audio tower."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fusevad.embed.streams.settings import ChosenKind, Given
from fusevad.parsing import FORBID
from fusevad.places import Place

SAMPLE_RATE = 16000


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The audio tower.

    Attributes:
        encoder: `small`, the tower that is bundled with the repository; or `wav2clip` (Wu et al.
            2022).
        weights: its safetensors (`fusevad convert-wav2clip` makes those of `wav2clip`).
    """

    __pydantic_config__ = FORBID

    stream: str
    encoder: Literal["small", "wav2clip"] = "wav2clip"
    weights: Place | None = None


class Audio(ChosenKind):
    """A vector a segment; none where a video has no sound."""

    name = "audio"
    title = "sound"
    pattern = "audio"
    form = AudioSettings
    may_lack = True
    version = 2

    def encoder(self, settings: Mapping[str, Any], given: Given) -> str:
        """See `ChosenKind.encoder`."""
        del given
        return f"{settings['encoder']}-audio"

    def lacks(self, given: Given) -> str:
        """See `StreamKind.lacks`."""
        if (given.chosen.get(self.name) or {}).get("weights"):
            return ""
        return (
            "streams.audio.weights: missing; name the safetensors of the audio tower, for wav2clip"
            " as `fusevad convert-wav2clip` makes them"
        )


KIND = Audio()
