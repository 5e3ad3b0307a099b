"""The base class of detectors, and how to build a detector by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from torch import Tensor, nn

from fusevad.encoders.text import ClassNames, ClassTexts
from fusevad.errors import FusevadError
from fusevad.models.losses import background_loss, video_loss
from fusevad.models.output import Batch, Output
from fusevad.models.registry import Method, find
from fusevad.models.settings import BagLoss, MethodSettings


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything that a detector is built from.

    Attributes:
        method: its entry in the registry.
        settings: of the architecture, of type `method.model`.
        loss: weights of the losses, of type `method.loss`.
        widths: of the embeddings, by role, of all streams that the method reads.
        classes: of the data set; None for methods that read no texts of them.
        texts: of the classes, to learn from; a trained detector does without.
    """

    method: Method
    settings: MethodSettings
    loss: BagLoss
    widths: Mapping[str, int]
    classes: ClassNames | None = None
    texts: ClassTexts | None = None


class Detector(nn.Module, ABC):
    """A method: takes embeddings of a video, by stream, and returns a logit for each segment.

    Attributes:
        streams: roles of the streams that `forward` reads, as in the registry.
        learns_from: roles of the streams that only training needs.
        settings: of the architecture.
        loss: weights of the losses; a phase of training replaces them.
        widths: of the embeddings, by role.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__()
        self.streams = blueprint.method.streams
        self.learns_from = blueprint.method.learns_from
        self.settings = blueprint.settings
        self.loss = blueprint.loss
        self.widths = blueprint.widths

    @abstractmethod
    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> Output:
        """Score segments.

        Args:
            streams: by role, `B x T x D` embeddings; in training also the streams of `learns_from`.
            mask: `B x T`, true where a segment is real and not padding.
        """

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """The method's weighted terms by name; by default, only the video loss."""
        return {"classification": video_loss(output, batch, self.loss)}

    def objective(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """All terms whose sum training minimises: `losses`, and a background term if one is set."""
        terms = self.losses(output, batch)
        if self.loss.background == 0:
            return terms
        return terms | {"background": background_loss(output, batch, self.loss)}

    @property
    def dim(self) -> int:
        """Width of all streams, for methods that work in the space of the embeddings.

        Raises:
            FusevadError: the streams differ in width.
        """
        if len(set(self.widths.values())) > 1:
            widths = ", ".join(f"{name} {width}" for name, width in self.widths.items())
            raise FusevadError(
                f"{type(self).__name__} needs streams of one width ({widths}); embed them with one"
                " encoder or choose another method"
            )
        return next(iter(self.widths.values()))


def build(
    name: str,
    settings: MethodSettings,
    widths: Mapping[str, int],
    loss: BagLoss | None = None,
    classes: ClassNames | None = None,
    texts: ClassTexts | None = None,
) -> Detector:
    """Make the detector `name` with fresh weights from torch's global generator.

    Args:
        name: of a registered method.
        settings: of the type that the registry names.
        widths: of the embeddings of all streams that the method scores and learns from.
        loss: weights of its losses; defaults if None.
        classes: of the data set, for a method that reads texts of them.
        texts: of the classes, for such a method to learn from; they name the classes too.

    Raises:
        FusevadError: an unknown method, settings of another method, or a missing stream or classes.
    """
    method = find(name)
    if not isinstance(settings, method.model):
        raise FusevadError(f"method '{name}': settings of another method; give its own")
    lacking = [role for role in method.roles if role not in widths]
    if lacking:
        raise FusevadError(f"method '{name}' needs stream {', '.join(lacking)} too; name its index")
    read = {role: widths[role] for role in method.roles}
    classes = texts.classes if texts else classes
    if settings.reads_texts and classes is None:
        raise FusevadError(f"method '{name}' needs texts of the classes; name their file: --texts")
    blueprint = Blueprint(method, settings, loss or method.loss(), read, classes, texts)
    return implementation(method)(blueprint)


def implementation(method: Method) -> type[Detector]:
    """The class that implements a method."""
    return getattr(import_module(method.module), method.implementation.partition(":")[2])
