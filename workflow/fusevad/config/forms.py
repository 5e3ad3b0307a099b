"""What each kind of file in `config/` may hold, from the settings of the stages that it is for.

`parsing.parse` checks files by these classes, and `config.schemas` makes schemas for editors of
them. Imports nothing heavy.
"""

import inspect
from collections.abc import Hashable
from dataclasses import MISSING, dataclass, field, fields, make_dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from fusevad.config.paper import PAPER_DATASETS
from fusevad.config.streams import MotionCue
from fusevad.cues.settings import CueSettings
from fusevad.data.fetch.settings import FetchSettings
from fusevad.data.recorded.settings import RecordedSettings
from fusevad.data.render.settings import RenderSettings
from fusevad.data.splice.settings import SpliceSettings
from fusevad.embed.imported.settings import ImportSettings
from fusevad.embed.settings import AlignSettings
from fusevad.encoders.settings import EncoderSettings
from fusevad.errors import FusevadError
from fusevad.models.registry import METHODS
from fusevad.parsing import FORBID, hints
from fusevad.studies.settings import AttentionSettings, MaskingSettings, NoiseSettings
from fusevad.train.settings import TrainSettings

T = TypeVar("T", bound=tuple[Hashable, ...])


def part(
    name: str,
    kind: type,
    *without: str,
    checked: bool = True,
    doc: str = "",
    **more: tuple[Any, Any],
) -> type:
    """The fields of a stage's settings that people set; the workflow adds those in `without`.

    Args:
        name: of the class that is made.
        kind: the settings.
        without: fields that the file doesn't have.
        checked: whether the checks of `kind` are kept; they see the defaults of what is left out.
        doc: what those in `more` are, as in a docstring.
        more: fields that it has besides: type and default.
    """
    kept = [(f.name, hints(kind)[f.name], _default(f)) for f in fields(kind)]
    kept = [each for each in kept if each[0] not in without]
    added = [(key, hint, field(default=default)) for key, (hint, default) in more.items()]
    names = {f.name: f.default for f in fields(kind) if f.name in without and f.default != MISSING}
    names |= {
        "__pydantic_config__": FORBID,
        "__doc__": f"{inspect.cleandoc(kind.__doc__ or '')}\n\n{doc}",
    }
    if checked and hasattr(kind, "__post_init__"):
        names["__post_init__"] = kind.__post_init__
    return make_dataclass(name, [*kept, *added], namespace=names, frozen=True, kw_only=True)


def _of_all_methods(section: Literal["model", "loss"]) -> type:
    """What some method has in a section: a set of hyperparameters serves several methods."""
    kinds = dict.fromkeys(getattr(method, section) for method in METHODS.values())
    known: dict[str, Any] = {}
    for kind in kinds:
        for each in fields(kind):
            known.setdefault(each.name, (each.name, hints(kind)[each.name], _default(each)))
    documented = dict.fromkeys(parent for kind in kinds for parent in kind.__mro__[:-1])
    text = "\n\n".join(inspect.cleandoc(each.__doc__ or "") for each in documented)
    names = {"__pydantic_config__": FORBID, "__doc__": text}
    return make_dataclass(
        section.capitalize(), known.values(), namespace=names, frozen=True, kw_only=True
    )


def _default(found: Any) -> Any:
    return field(default=found.default, default_factory=found.default_factory)


def _each_once(values: T) -> T:
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is named twice")
    return values


_Once = AfterValidator(_each_once)
_Some = Field(min_length=1, json_schema_extra={"uniqueItems": True})
Names = Annotated[tuple[str, ...], _Once, _Some]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], _Once, _Some]
Metrics = Annotated[tuple[Literal["AUC", "AP", "Ano-AUC", "Ano-AP"], ...], _Once, _Some]
Crops = Annotated[tuple[Annotated[int, Field(ge=0, le=9)], ...], _Once, _Some]


def _countable(cue: MotionCue) -> MotionCue:
    try:
        CueSettings(cue.definition, (cue.window,), (cue.threshold,))
    except FusevadError as error:
        raise ValueError(str(error)) from error
    return cue


Cue = Annotated[MotionCue, AfterValidator(_countable)]
CueChoice = part("Cues", CueSettings, "definition")
FeatureChoice = part(
    "Features",
    ImportSettings,
    doc="""folder: of the features.
        videos: whether the videos are here too; their lengths and times then come from them.""",
    folder=(str, MISSING),
    videos=(bool, False),
)
MaskingChoice = part("Masking", MaskingSettings, "protocol")
NoiseChoice = part("Noise", NoiseSettings, "embed", "protocol", "seed")
AttentionChoice = part("Attention", AttentionSettings, "stream", "encoder", "cues")
AlignChoice = part("Align", AlignSettings, "encoder", "crops", "cues")
_SECTIONS = {
    section: (_of_all_methods(section) | None, None)  # type: ignore[operator]
    for section in ("model", "loss")
}
_HYPERPARAMETERS = ("Hyperparameters", TrainSettings, "method", "model", "loss")
Hyperparameters = part(*_HYPERPARAMETERS, checked=False, **_SECTIONS)
HyperparameterChoice = part(
    "HyperparameterChoice",
    *_HYPERPARAMETERS[1:],
    checked=False,
    doc="base: name of the set that the others differ from; else each data set's own.",
    base=(str | None, None),
    **_SECTIONS,
)
EncoderFile = part(
    "Encoder",
    EncoderSettings,
    "name",
    doc="align: how a motion-cue tower is learned, where there are no weights of one.",
    align=(AlignChoice | None, None),
)


@dataclass(frozen=True, slots=True)
class EquivalenceChoice:
    """Two experiments that may be one function.

    Attributes:
        experiment: whose parameters are studied.
        compared_with: the experiment whose method computes with them too.
    """

    __pydantic_config__ = FORBID

    experiment: str
    compared_with: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChoice:
    """Studies of finished runs.

    Attributes:
        experiment: whose runs the studies of masking, noise and attention, the claims and figure 3
            are about.
        masking: shares of the feature dimensions that are masked (Tables 11 to 14).
        noise: spurious events of a pixel and frame difference (Table 5).
        equivalence: two experiments that may be one function.
        attention: what counts as attended (Table 6).
    """

    __pydantic_config__ = FORBID

    experiment: str
    masking: MaskingChoice
    noise: NoiseChoice
    equivalence: EquivalenceChoice
    attention: AttentionChoice


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to lists, so that they need not be written again.

    Attributes:
        datasets, seeds, table1, radar: added at the end of the list of that name.
    """

    __pydantic_config__ = FORBID

    datasets: tuple[str, ...] = ()
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = ()
    table1: tuple[str, ...] = ()
    radar: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """What is run: config/config.yaml and what is laid over it.

    Attributes:
        datasets: names of files in config/datasets/; the columns of Table 1.
        encoder: name of a file in config/encoders/.
        hyperparameters: name of a file in config/hyperparameters/ for all data sets; null takes
            each data set's own. Or keys and values: `base` is the name, the others differ from it.
        seeds: a run a seed.
        protocol: how tables and figures choose the epoch; all three are always computed.
        cues: motion cues to make, all from one decode of a video.
        motion_cue: the cue that motion streams are embedded from.
        on_bad_video: stop, or skip a video that can't be read and say so under the tables.
        data_root: by data set, the folder of one that you already have; linked, never copied.
        features: by data set, features that you already have, in place of its embeddings.
        events: by data set, the data set of event streams that a camera filmed of its videos.
        table1: experiments that are the rows of Table 1 and of the table of classes.
        radar: experiments of the radar figure (figure 2).
        timelines: the experiment whose scores and weights are drawn over time.
        studies: of finished runs.
        add: what is added to lists above.
        name: folder of results/ for the runs, tables, figures and pages of a configuration; else
            the name of the last file after --configfile, without its ending.
    """

    __pydantic_config__ = FORBID

    datasets: Names
    encoder: str
    hyperparameters: str | HyperparameterChoice | None = None
    seeds: Seeds
    protocol: Literal["last", "validation", "oracle"]
    cues: CueChoice
    motion_cue: Cue
    on_bad_video: Literal["stop", "skip"] = "stop"
    data_root: dict[str, str] = field(default_factory=dict)
    features: dict[str, FeatureChoice] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    table1: Names
    radar: Names
    timelines: str
    studies: StudyChoice
    add: Additions = field(default_factory=Additions)
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFile:
    """A data set: config/datasets/*.yaml.

    Attributes:
        title: name in tables.
        metrics: columns of Table 1; the first is what `oracle` chooses by.
        crops: crops of 224x224 to embed (0 centre, 1-4 corners, 5-9 their mirrors).
        frame_stride: every how many frames of a segment an image is embedded; 1 is the paper.
        shards: jobs that cues and embeddings are spread over.
        hyperparameters: name of a file in config/hyperparameters/.
        based_on: a data set whose file this one is laid over.
        render: knobs of the renderer, for a synthetic data set.
        recorded: annotations and splits of real videos; needs `fetch`.
        splice: how short clips are joined to long videos; needs `fetch`.
        fetch: what is downloaded and from where.
    """

    __pydantic_config__ = FORBID

    title: str
    metrics: Metrics
    crops: Crops
    frame_stride: Annotated[int, Field(ge=1, le=16)]
    shards: Annotated[int, Field(ge=1)]
    hyperparameters: str
    based_on: str | None = None
    render: RenderSettings | None = None
    recorded: RecordedSettings | None = None
    splice: SpliceSettings | None = None
    fetch: FetchSettings | None = None

    def __post_init__(self) -> None:
        named = [key for key in ("render", "recorded", "splice") if getattr(self, key) is not None]
        if len(named) != 1:
            raise FusevadError(
                f"{' and '.join(named) or 'none of render, recorded and splice'}: videos come from"
                " exactly one of render, recorded and splice; keep one"
            )
        if (self.fetch is None) != (named == ["render"]):
            raise FusevadError(
                f"fetch: a {named[0]} data set "
                + ("downloads nothing; remove it" if self.fetch else "needs it; say what to fetch")
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentEntry:
    """An experiment: an entry of config/experiments/*.yaml, by its name.

    Attributes:
        label: of its row in tables.
        method: a registered detector (fusevad.models).
        hyperparameters: in place of the data set's; as in config.yaml.
        motion_cue: in place of the one of config.yaml.
        set: hyperparameters that differ, as in config/hyperparameters/*.yaml.
        teacher: the experiment whose run teaches this one, seed by seed, where a method needs one.
    """

    __pydantic_config__ = FORBID

    label: str
    method: str
    hyperparameters: str | HyperparameterChoice | None = None
    motion_cue: Cue | None = None
    set: Hyperparameters | None = None
    teacher: str | None = None


ExperimentsFile = dict[str, ExperimentEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparametersFile:
    """A named set of hyperparameters: config/hyperparameters/*.yaml.

    Attributes:
        source: where the values come from.
        all: values for all data sets (fusevad.train.settings.TrainSettings); methods take what
            they have of `model` and `loss`.
        datasets: values that differ, by data set.
    """

    __pydantic_config__ = FORBID

    source: str
    all: Hyperparameters
    datasets: dict[str, Hyperparameters] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is varied in a table; every value is one experiment.

    Attributes:
        label: heading.
        set: dotted key of a hyperparameter, or motion_cue.window, motion_cue.threshold.
        values: that it takes; the experiment's own value is the experiment itself.
    """

    __pydantic_config__ = FORBID

    label: str
    set: str
    values: Annotated[tuple[bool | int | float | str, ...], _Once, _Some]


ShortName = Annotated[str, Field(pattern="^[A-Za-z0-9_]+$")]
# These studies name experiments; the others are of `studies.experiment` in the configuration.
_OF_EXPERIMENTS = ("classes", "selection", "leaks")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """A table of experiments or of a study: config/tables/*.yaml.

    Attributes:
        title: caption.
        paper: the paper's data sets that this table shows; data sets of other origin always join.
        published: file of config/published/ with the paper's numbers.
        study: what is measured on finished runs, in place of experiments to train.
        experiments: the rows; of a study of classes, the columns.
        parameters: show how many parameters each detector learns.
        base: the experiment that sweeps start from.
        grid: cross the sweeps in place of one after the other.
        sweeps: by short name, what is varied.
    """

    __pydantic_config__ = FORBID

    title: str
    paper: tuple[Literal[tuple(PAPER_DATASETS)], ...] = ()  # type: ignore[valid-type]
    published: str | None = None
    study: (
        Literal["classes", "noise", "masking", "attention", "selection", "equivalence", "leaks"]
        | None
    ) = None
    experiments: Names | None = None
    parameters: bool = False
    base: str | None = None
    grid: bool = False
    sweeps: Annotated[dict[ShortName, Sweep], Field(min_length=1)] | None = None

    def __post_init__(self) -> None:
        if (self.base is None) != (self.sweeps is None):
            raise FusevadError("base, sweeps: one without the other; name both or none")
        if self.study is None and (self.experiments is None) == (self.sweeps is None):
            raise FusevadError("a table has `experiments`, or `base` and `sweeps`, or a `study`")
        if self.study and self.sweeps is not None:
            raise FusevadError("sweeps: a study trains nothing; remove them, or the study")
        if self.study and (self.study in _OF_EXPERIMENTS) != (self.experiments is not None):
            raise FusevadError(
                "experiments: missing; the study needs some"
                if self.experiments is None
                else f"experiments: a study of {self.study} is of `studies.experiment` in the"
                " configuration; remove them"
            )


# By folder of config/ (and `config` for the files on top): what its files are.
FORMS: dict[str, Any] = {
    "config": ConfigFile,
    "datasets": DatasetFile,
    "encoders": EncoderFile,
    "experiments": ExperimentsFile,
    "hyperparameters": HyperparametersFile,
    "tables": TableFile,
}
