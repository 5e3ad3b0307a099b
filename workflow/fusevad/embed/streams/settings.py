"""What each kind of stream says about itself; imports nothing heavy.

The plan, the rule `embed` and `fusevad embed` ask a stream's kind; none of them knows a stream by
name.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from fusevad.cues.settings import MotionCue
from fusevad.data.render.settings import RenderSettings
from fusevad.encoders.settings import local_files
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID, parse
from fusevad.places import Place

# The encoder of what the renderer knows about its own videos.
RENDERED = "rendered"


def configuration_of(weights: str) -> str:
    """Where the package `transformers` has the configuration of a model: beside its weights."""
    return str(PurePath(weights).with_name("config.json"))


@dataclass(frozen=True, slots=True)
class Given:
    """What a configuration says that the streams of a data set can depend on.

    Attributes:
        dataset: its name.
        crops: numbers of the crops.
        frame_stride: RGB embeds every n-th frame of a segment.
        encoder: settings of the CLIP, with the path of a motion-cue tower.
        cues: windows, thresholds and clamp of the motion cues.
        chosen: the section `streams`, by kind.
        render: settings of the renderer; None for real videos.
        added_crops: of footage, those that this configuration adds to the data set's own.
        tower_of: of footage, the data set that its motion-cue tower is learned from; None if the
            encoder has one.
    """

    dataset: str
    crops: tuple[int, ...]
    frame_stride: int
    encoder: Mapping[str, Any]
    cues: Mapping[str, Any]
    chosen: Mapping[str, Mapping[str, Any]]
    render: Mapping[str, Any] | None
    added_crops: tuple[int, ...] = ()
    tower_of: str | None = None


class StreamKind(ABC):
    """A family of streams that are made in the same way.

    Attributes:
        name: of its folder in `fusevad.embed.streams`; the role that it has in methods.
        title: what readers call it.
        pattern: regular expression of its streams' names.
        form: type of its settings, which have the stream's name as `stream`.
        unchosen: fields of `form` that the workflow sets; None if it sets all of them.
        may_lack: whether segments may have nothing of it: their embeddings are zeros.
        version: raised when its embeddings change for the same settings and inputs.
    """

    name: str
    title: str
    pattern: str
    form: type
    unchosen: tuple[str, ...] | None = None
    may_lack: bool = False
    version: int = 1

    def stream(self, cue: MotionCue) -> str:
        """The stream of an experiment with that motion cue; the role, if there is only one."""
        del cue
        return self.name

    def cue(self, stream: str) -> MotionCue | None:
        """The motion cue that a stream is made from; None for no cue."""
        del stream
        return None

    def reads_videos(self, given: Given) -> bool:
        """Whether it is made from videos."""
        del given
        return True

    def lacks(self, given: Given) -> str:
        """What a data set lacks for such a stream, and what to do; empty for nothing."""
        del given
        return ""

    @abstractmethod
    def folder(self, given: Given) -> str:
        """Name of the folder of its embeddings: the encoder, and what else tells them apart."""

    @abstractmethod
    def settings(self, stream: str, given: Given) -> dict[str, Any]:
        """Settings of `fusevad embed`: everything that the embeddings depend on."""

    @abstractmethod
    def weights(self, stream: str, given: Given) -> list[str]:
        """Files of weights that it needs; none for downloaded ones."""

    def tables(self, settings: Mapping[str, Any]) -> str | None:
        """The user's folder of tables that a stream with these settings is made from, if any."""
        del settings
        return None


class ClipKind(StreamKind):
    """A kind that a tower of the configuration's CLIP embeds.

    Attributes:
        weights_key: the encoder's setting that names the tower's weights.
    """

    weights_key: str

    def folder(self, given: Given) -> str:
        """See `StreamKind.folder`."""
        # Else configurations that score other crops, or whose detectors have another tower, would
        # embed their footage anew in turn.
        added = "".join(f".crop-{crop}" for crop in given.added_crops)
        tower = f".tower-{given.tower_of}" if given.tower_of else ""
        return f"{given.encoder['name']}.stride-{given.frame_stride}{added}{tower}"

    def settings(self, stream: str, given: Given) -> dict[str, Any]:
        """See `StreamKind.settings`."""
        return {"stream": stream, "crops": given.crops, "encoder": dict(given.encoder)}

    def weights(self, stream: str, given: Given) -> list[str]:
        """See `StreamKind.weights`."""
        del stream
        return local_files(given.encoder.get(key) for key in ("model", self.weights_key))


class ChosenKind(StreamKind):
    """A kind whose settings are chosen in the section `streams` of the configuration.

    Its weights are its setting `weights`, if it has one.
    """

    unchosen = ("stream",)

    @abstractmethod
    def encoder(self, settings: Mapping[str, Any], given: Given) -> str:
        """Name of what turns a segment into a vector, as in paths."""

    def folder(self, given: Given) -> str:
        """See `StreamKind.folder`."""
        return self.encoder(self.settings(self.name, given), given)

    def settings(self, stream: str, given: Given) -> dict[str, Any]:
        """See `StreamKind.settings`."""
        return self._parsed({"stream": stream, **(given.chosen.get(self.name) or {})})

    def _parsed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Checked settings, with the defaults of what is not chosen.

        Raises:
            FusevadError: they do not fit, or weights are no safetensors.
        """
        source = f"streams.{self.name}"
        found = asdict(parse(self.form, values, source))
        weights = found.get("weights")
        if weights and not weights.endswith(".safetensors"):
            # The plan takes other names for something to download.
            raise FusevadError(
                f"{source}.weights: {weights} is no .safetensors file; convert it with"
                " safetensors.torch.save_file(torch.load(OLD, weights_only=True), NEW)"
            )
        return found

    def weights(self, stream: str, given: Given) -> list[str]:
        """See `StreamKind.weights`."""
        return local_files([self.settings(stream, given).get("weights")])


@dataclass(frozen=True, slots=True)
class SeenSettings:
    """How something is seen in the middle frame of each segment.

    Attributes:
        encoder: a model, or `rendered` for what the renderer knows.
        weights: safetensors of the model.
        render: settings of the renderer, for `rendered`.
    """

    __pydantic_config__ = FORBID

    stream: str
    encoder: str
    weights: Place | None = None
    render: RenderSettings | None = None


class SeenKind(ChosenKind):
    """A kind that a model sees in pictures, and that the renderer knows of rendered videos.

    The model is used wherever its weights are named; else rendered data sets have what the renderer
    knows, and others lack the stream.

    Attributes:
        model: name of the model.
        configured: whether a configuration lies beside the model's weights (`configuration_of`).
    """

    form = SeenSettings
    unchosen = ("stream", "encoder", "render")
    version = 2
    model: str
    configured: bool = False

    def weights(self, stream: str, given: Given) -> list[str]:
        """See `StreamKind.weights`."""
        found = super().weights(stream, given)
        return found + [configuration_of(each) for each in found if self.configured]

    def encoder(self, settings: Mapping[str, Any], given: Given) -> str:
        """See `ChosenKind.encoder`."""
        del given
        return settings["encoder"]

    def settings(self, stream: str, given: Given) -> dict[str, Any]:
        """See `StreamKind.settings`."""
        chosen = dict(given.chosen.get(self.name) or {})
        if chosen.get("weights") or given.render is None:
            values = chosen | {"encoder": self.model}
        else:
            values = chosen | {"encoder": RENDERED, "render": given.render}
        return self._parsed({"stream": stream, **values})

    def lacks(self, given: Given) -> str:
        """See `StreamKind.lacks`."""
        chosen = given.chosen.get(self.name) or {}
        if chosen.get("weights") or given.render is not None:
            return ""
        return f"streams.{self.name}.weights: missing; name the safetensors of {self.model}"
