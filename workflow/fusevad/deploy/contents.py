"""What a bundle says of itself, in its member `bundle.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from fusevad.deploy.versions import code_versions
from fusevad.embed.streams.registry import kind_of
from fusevad.evaluate.settings import AlarmSettings
from fusevad.models.registry import find
from fusevad.models.settings import Natural
from fusevad.parsing import FORBID
from fusevad.places import Place

ABOUT, CARD, RECORD = "bundle.json", "MODEL_CARD.md", "training.provenance.json"
# Raised when an older version of the package can't read new bundles: 2 has `Threshold.window`, 3
# `BundleFacts.versions`.
FORMAT = 3
READABLE = (1, 2, 3)
# What may differ: the version of the package alone does not change embeddings.
_NOT_COMPARED = "fusevad_version"

_Finite = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Natural = Annotated[int, Field(ge=0)]
_Seed = Annotated[int, Field(ge=0, lt=1 << 32)]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold of smoothed scores, the mean over seeds, and the footage that vouches for it.

    Attributes:
        rate: false alarms an hour that it was chosen for.
        threshold: the threshold.
        alarms: that the footage raised at it.
        hours: of footage; where certified, in which an event may begin that raises an alarm.
        bound: 95 % upper confidence limit of the new false events an hour; it holds only if
            `certified`.
        certified: whether `bound` is at most `rate`; else the footage was too short to tell.
        footage: which videos these were, for readers.
        window: how many segments the scores look back on, as those of `fusevad watch` do; None for
            scores of whole recordings.
    """

    __pydantic_config__ = FORBID

    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    threshold: _Finite
    alarms: _Natural
    hours: _Finite
    bound: _Finite
    certified: bool
    footage: str
    window: Natural | None = None


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """How a stream is made from a video.

    Attributes:
        settings: of `fusevad embed`; values that are keys of `BundleFacts.files` stand for these
            files.
        provenance: what the encoder must say of itself when it is loaded.
    """

    __pydantic_config__ = FORBID

    settings: dict[str, Any]
    provenance: dict[str, str]

    @property
    def name(self) -> str:
        """Name of the stream."""
        return str(self.settings.get("stream"))

    @property
    def kind(self) -> str:
        """Kind of the stream, which is its role."""
        return kind_of(self.name).name


@dataclass(frozen=True, slots=True)
class EncoderFile:
    """A file that an encoder is loaded from.

    Attributes:
        sha256: of its bytes.
        member: of the bundle; None if the file must be on the machine at its path.
    """

    __pydantic_config__ = FORBID

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    member: Annotated[str, Field(pattern=r"^encoder/[A-Za-z0-9._-]{1,101}$")] | None


@dataclass(frozen=True, slots=True)
class Metric:
    """Mean and standard deviation over the seeds, as fractions."""

    __pydantic_config__ = FORBID

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """The facts of a bundle.

    Attributes:
        format: version of this form.
        experiment, label, dataset, protocol: as in `BundleSettings`.
        method: as in the registry.
        seeds: whose weights are members, by `weights_member`.
        streams: by role.
        files: files of encoders, by the path that settings name them by.
        events: how scores become alarms.
        thresholds: for scores of recordings, at least one, ascending by rate; then for scores that
            look back, ascending by window and rate.
        metrics: of the run on the test videos of its data set.
        commit: of the code that trained it; empty if unknown.
        versions: `code_versions` of the code that its thresholds hold for; not all of them, if the
            bundle is older than a name.
    """

    __pydantic_config__ = FORBID

    format: int
    experiment: str
    label: str
    dataset: str
    protocol: str
    method: str
    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1)]
    streams: dict[str, StreamFacts]
    files: dict[Place, EncoderFile]
    events: AlarmSettings
    thresholds: Annotated[tuple[Threshold, ...], Field(min_length=1)]
    metrics: dict[str, Metric]
    commit: str
    versions: dict[str, _Natural] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is there twice, and would count twice")
        places = [(each.window or 0, each.rate) for each in self.thresholds]
        if places != sorted(set(places)):
            raise ValueError("its thresholds do not ascend by window and rate")
        if self.thresholds[0].window is not None:
            raise ValueError("it has no threshold for scores of recordings")
        kinds = {role: each.kind for role, each in self.streams.items()}
        if kinds != {role: role for role in find(self.method).streams}:
            raise ValueError(f"its streams are not those that method {self.method} reads")

    @property
    def versions_here(self) -> dict[str, int]:
        """`code_versions` of the code that runs."""
        return code_versions(self.method, [each.name for each in self.streams.values()])


def weights_member(seed: int) -> str:
    """Member with the weights of a seed."""
    return f"weights/seed-{seed}.safetensors"


def different(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Names of what two encoders say differently of themselves.

    What earlier versions did not note is not compared.
    """
    return [n for n in expected if n != _NOT_COMPARED and expected[n] != found.get(n)]
