"""RGB frames, embedded by the CLIP's image tower."""

from typing import Any

from fusevad.embed.settings import EmbedSettings
from fusevad.embed.streams.settings import ClipKind, Given

RGB = "rgb"


class Rgb(ClipKind):
    """The mean over a segment's frames, for each crop."""

    name = RGB
    title = "image"
    pattern = RGB
    form = EmbedSettings
    weights_key = "pretrained"

    def settings(self, stream: str, given: Given) -> dict[str, Any]:
        """See `StreamKind.settings`."""
        return super().settings(stream, given) | {"frame_stride": given.frame_stride}


KIND = Rgb()
