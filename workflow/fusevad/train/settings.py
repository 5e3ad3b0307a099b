"""Settings that determine a run; imports nothing heavy, as the configuration parses it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from fusevad.errors import FusevadError
from fusevad.models.registry import check_own, find, own
from fusevad.models.settings import BagLoss, MethodSettings, Natural, NonNegative, Positive
from fusevad.parsing import FORBID, parse

# In the settings of a job, in place of a learning rate that a search chooses before it runs.
SEARCHED = "searched"

# Ten thousand times as many as methods train: a list of all of them is made.
_MOST_EPOCHS = 100_000
_Crop = Annotated[int, Field(ge=0)]

Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, slots=True)
class Optimizer:
    """The optimiser.

    Attributes:
        name: one of the known ones; it gets the run's learning rate and weight decay.
        parameters: further parameters, as torch names them (`betas`, `momentum`, ...).
        gradient_norm: largest norm of all gradients together; larger gradients are scaled down to
            it. None: gradients stay as they are.
    """

    __pydantic_config__ = FORBID

    name: Literal["adamw", "adam", "adagrad", "sgd"] = "adamw"
    parameters: dict[str, Any] = field(default_factory=dict)
    gradient_norm: Positive | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """Epochs at the start of training with other losses: a warm-up, which no protocol chooses.

    Attributes:
        epochs: number of the run's epochs in this phase.
        share: in place of `epochs`, this share of the run's epochs, rounded: it fits any number.
        loss: weights that differ from the run's.
    """

    __pydantic_config__ = FORBID

    epochs: Natural | None = None
    share: Share | None = None
    loss: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.share is None):
            raise FusevadError("phases: a phase has `epochs` or a `share` of them; give one")

    def length(self, epochs: int) -> int:
        """Epochs of this phase in a run of so many."""
        return round(self.share * epochs) if self.epochs is None else self.epochs


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything that determines a run, except its seed, data and teacher (IEF-VAD, appendix I).

    Attributes:
        method: name of a registered detector.
        model: its architecture, of the type that the registry names.
        loss: weights of its losses, of the type that the registry names.
        phases: at the start of training; the epochs after them use `loss`.
        batch_size: videos; with `balanced`, half of each kind.
        sampling, drop_last: see `sampling.epoch_batches`.
        milestones: epochs after which the learning rate is multiplied by `learning_rate_decay`.
        bins: every training video is reduced to the means of so many equal parts; shorter videos
            repeat segments (MIL: 32, RTFM: 32, UR-DMU: 200). None: only videos longer than
            `max_segments` are pooled, to that length.
        max_segments: test videos are cut into chunks of so many segments; see also `bins`.
        crops_in_bag: crops of a video that are one bag: what the method says of them is averaged
            before its losses (RTFM: 10); with 1 every crop is a bag of its own.
        validation_share: share of the training videos held out to choose an epoch.
        test_crops: crops whose scores are averaged for whole videos, by their place in the
            embeddings.
    """

    __pydantic_config__ = FORBID

    method: str
    model: MethodSettings
    loss: BagLoss
    phases: tuple[Phase, ...] = ()
    epochs: Annotated[int, Field(ge=1, le=_MOST_EPOCHS)] = 10
    batch_size: Annotated[int, Field(ge=2)] = 64
    sampling: Literal["balanced", "joint"] = "balanced"
    drop_last: bool = False
    optimizer: Optimizer = field(default_factory=Optimizer)
    learning_rate: Positive = 2e-5
    weight_decay: NonNegative = 0.01
    milestones: tuple[Natural, ...] = (4, 8)
    learning_rate_decay: Positive = 0.1
    bins: Natural | None = None
    max_segments: Natural = 256
    crops_per_epoch: Natural = 10
    crops_in_bag: Natural = 1
    validation_share: Share = 0.1
    test_crops: Annotated[tuple[_Crop, ...], Field(min_length=1, max_length=64)] = (0,)

    def __post_init__(self) -> None:
        if self.phases and self.warm_up >= self.epochs:
            raise FusevadError(
                f"phases: {self.warm_up} epochs of phases in a training of {self.epochs}; at least"
                " one epoch must come after them: raise `epochs`"
            )

    @property
    def warm_up(self) -> int:
        """Number of epochs in phases."""
        return sum(phase.length(self.epochs) for phase in self.phases)

    def losses_by_epoch(self) -> Iterator[BagLoss]:
        """The weights of the losses of every epoch."""
        source = f"method '{self.method}': phases: loss"
        for phase in self.phases:
            loss = parse(type(self.loss), asdict(self.loss) | phase.loss, source)
            for _ in range(phase.length(self.epochs)):
                yield loss
        for _ in range(self.epochs - self.warm_up):
            yield self.loss


def train_settings(values: Mapping[str, Any], source: str) -> TrainSettings:
    """Parse the settings of training, with the method's settings in their own types.

    Raises:
        FusevadError: naming `source`, the key and what is wrong: an unknown method, a key that it
            does not have, a value that does not fit.
    """
    method = values.get("method")
    if not isinstance(method, str):
        raise FusevadError(f"{source}: method: missing; name a method of fusevad.models.registry")
    known = find(method)
    sections: dict[str, Any] = {}
    for section, kind in (("model", known.model), ("loss", known.loss)):
        given = values.get(section, {})
        if not isinstance(given, Mapping):
            raise FusevadError(f"{source}: {section}: not keys and values; correct the value")
        check_own(method, section, given, source)
        sections[section] = parse(kind, dict(given), f"{source}: {section}")
    settings = parse(TrainSettings, {**values, **sections}, source)
    list(settings.losses_by_epoch())
    return settings


def search_candidates(values: Mapping[str, Any]) -> list[TrainSettings]:
    """Settings of training with each learning rate of a search; `learning_rate` lists them.

    Raises:
        FusevadError: see `train_settings`.
    """
    source = "search: learning_rate"
    rates = parse(
        Annotated[list[Positive], Field(min_length=1)], values.get("learning_rate"), source
    )
    return [train_settings({**values, "learning_rate": rate}, "search") for rate in rates]


def as_method(settings: TrainSettings, method: str) -> TrainSettings:
    """The same settings for another method, without keys that it lacks."""
    values = asdict(settings) | {"method": method}
    for section in ("model", "loss"):
        values[section] = own(method, section, values[section])
    return train_settings(values | {"phases": ()}, method)
