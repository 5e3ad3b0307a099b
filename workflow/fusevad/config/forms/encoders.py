"""An encoder: config/encoders/*.yaml."""

from fusevad.config.forms.values import part
from fusevad.embed.settings import AlignSettings
from fusevad.encoders.settings import EncoderSettings

AlignChoice = part("Align", AlignSettings, "encoder", "crops", "cues")
EncoderFile = part(
    "Encoder",
    EncoderSettings,
    "name",
    doc="align: how to train a motion-cue tower, if there are no weights for one.",
    align=(AlignChoice | None, None),
)
