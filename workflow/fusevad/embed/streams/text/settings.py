"""A sentence about each segment, embedded by the CLIP's text tower."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusevad.data.render.settings import RenderSettings
from fusevad.embed.streams.settings import RENDERED, ChosenKind, Given
from fusevad.encoders.settings import EncoderSettings, local_files
from fusevad.parsing import FORBID
from fusevad.places import Place


@dataclass(frozen=True, slots=True)
class TextSettings:
    """Where captions come from, and the CLIP that reads them.

    Attributes:
        encoder: whose text tower reads them.
        captions: folder with a table for each video, VIDEO.csv with the columns start, end (frames,
            half-open) and caption; a segment has the caption that covers most of it, and lacks the
            stream if none does.
        render: settings of the renderer, which captions its own videos.
    """

    __pydantic_config__ = FORBID

    stream: str
    encoder: EncoderSettings
    captions: Place | None = None
    render: RenderSettings | None = None


class Text(ChosenKind):
    """A caption a segment: from a folder, or for rendered videos the renderer's."""

    name = "text"
    title = "captions"
    pattern = "text"
    form = TextSettings
    unchosen = ("stream", "encoder", "render")
    may_lack = True

    def encoder(self, settings: Mapping[str, Any], given: Given) -> str:
        """See `ChosenKind.encoder`."""
        del given
        source = RENDERED if settings["render"] else "captions"
        return f"{settings['encoder']['name']}.{source}"

    def settings(self, stream: str, given: Given) -> dict[str, Any]:
        """See `StreamKind.settings`."""
        chosen = dict(given.chosen.get(self.name) or {})
        # The tower of motion cues reads no text.
        tower = {key: given.encoder[key] for key in ("name", "model", "pretrained")}
        values = {"stream": stream, "encoder": tower, **chosen}
        if not chosen.get("captions"):
            values["render"] = given.render
        return self._parsed(values)

    def weights(self, stream: str, given: Given) -> list[str]:
        """See `StreamKind.weights`."""
        del stream
        return local_files(given.encoder.get(key) for key in ("model", "pretrained"))

    def tables(self, settings: Mapping[str, Any]) -> str | None:
        """See `StreamKind.tables`."""
        return settings.get("captions")

    def lacks(self, given: Given) -> str:
        """See `StreamKind.lacks`."""
        if given.render is not None or (given.chosen.get(self.name) or {}).get("captions"):
            return ""
        return "streams.text.captions: missing; name the folder with a table of each video"


KIND = Text()
