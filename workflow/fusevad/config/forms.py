"""The content of each kind of file in `config/`, derived from the settings of the stages.

`parsing.parse` checks files against these classes, and `config.schemas` makes schemas for editors
from them. Imports nothing heavy.
"""

import inspect
import unicodedata
from collections.abc import Hashable
from dataclasses import MISSING, dataclass, field, fields, make_dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from fusevad.config.paper import IEF_VAD, PAPER_DATASETS, PAPERS
from fusevad.cues.settings import CueSettings, MotionCue
from fusevad.data.fetch.settings import FetchSettings
from fusevad.data.own.settings import OwnSettings
from fusevad.data.recorded.settings import RecordedSettings
from fusevad.data.render.settings import RenderSettings
from fusevad.data.splice.settings import SpliceSettings
from fusevad.embed.imported.settings import ImportSettings
from fusevad.embed.settings import AlignSettings
from fusevad.embed.streams.registry import KINDS
from fusevad.encoders.settings import EncoderSettings
from fusevad.errors import FusevadError
from fusevad.evaluate.imported.settings import ScoreSettings
from fusevad.models.registry import METHODS
from fusevad.models.settings import Positive
from fusevad.parsing import FORBID, hints
from fusevad.studies.settings import (
    AlarmTableSettings,
    AttentionSettings,
    MaskingSettings,
    NoiseSettings,
)
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
    """Make a class with the fields of a stage's settings that people set.

    Args:
        name: of the new class.
        kind: the settings.
        without: fields that the workflow sets; files don't have them.
        checked: whether to keep the checks of `kind`, which see the defaults of missing fields.
        doc: describes the fields in `more`, as in a docstring.
        more: additional fields: type and default.
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
    """All fields that any method has in a section: a set of hyperparameters serves all methods."""
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


def _place(path: str) -> str:
    """A path in the configuration, which becomes an argument of a command."""
    if path.startswith("-"):
        raise ValueError(f"starts with a dash, as options of commands do; write ./{path}")
    if not path or any(unicodedata.category(each) in ("Cc", "Cs") for each in path):
        raise ValueError("not a path: empty, or with control characters or half characters")
    return path


Place = Annotated[str, AfterValidator(_place)]
_Some = Field(min_length=1, json_schema_extra={"uniqueItems": True})
Names = Annotated[tuple[str, ...], _Once, _Some]
# Generators of random numbers take 64 bits, and training makes a number an epoch of a seed's.
_Seed = Annotated[int, Field(ge=0, lt=2**32)]
Seeds = Annotated[tuple[_Seed, ...], _Once, _Some]
_Metric = Literal["Video-AUC", "AUC", "AP", "Ano-AUC", "Ano-AP"]
Metrics = Annotated[tuple[_Metric, ...], _Once, _Some]
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
    doc="""folder: with the features.
        videos: whether the videos are available too, to give lengths and times.
        text_tower: file in config/encoders/ of the CLIP that made the features, for methods that
            learn texts of the classes.""",
    folder=(Place, MISSING),
    videos=(bool, False),
    text_tower=(str | None, None),
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
    doc="base: name of the set that the other values change; else each data set's own.",
    base=(str | None, None),
    **_SECTIONS,
)
EncoderFile = part(
    "Encoder",
    EncoderSettings,
    "name",
    doc="align: how to train a motion-cue tower, if there are no weights for one.",
    align=(AlignChoice | None, None),
)

StreamsChoice = make_dataclass(
    "StreamsChoice",
    [
        (name, part(name.capitalize(), kind.form, *kind.unchosen) | None, field(default=None))
        for name, kind in KINDS.items()
        if kind.unchosen is not None
    ],
    namespace={
        "__pydantic_config__": FORBID,
        "__doc__": "How streams are made; null, or nothing, for the defaults of one.",
    },
    frozen=True,
    kw_only=True,
)


@dataclass(frozen=True, slots=True)
class EquivalenceChoice:
    """Two experiments that may be one function.

    Attributes:
        experiment: gives the parameters.
        compared_with: the experiment whose method also computes with them.
    """

    __pydantic_config__ = FORBID

    experiment: str
    compared_with: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChoice:
    """Studies of finished runs.

    Attributes:
        experiment: the experiment that the studies of masking, noise and attention, the claims and
            figure 3 use.
        masking: shares of the feature dimensions that are masked (Tables 11 to 14).
        noise: mean number of spurious counts a pixel and frame difference (Table 5).
        equivalence: two experiments that may be one function.
        attention: which patches count as attended (Table 6).
        alarms: false alarms an hour, and how scores become alarms.
        footage: by data set, a data set of normal videos alone that certifies its alarms.
    """

    __pydantic_config__ = FORBID

    experiment: str
    masking: MaskingChoice
    noise: NoiseChoice
    equivalence: EquivalenceChoice
    attention: AttentionChoice
    alarms: AlarmTableSettings
    footage: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchChoice:
    """How the learning rates of the rows of `methods.tex` are chosen.

    Attributes:
        factors: what each method's own learning rate is multiplied by to get the candidates.
        seeds: that every candidate is trained with; none of the seeds of runs.
    """

    __pydantic_config__ = FORBID

    factors: Annotated[tuple[Positive, ...], _Once, _Some]
    seeds: Seeds


@dataclass(frozen=True, slots=True)
class Additions:
    """Values added to lists, so that the lists need not be repeated.

    Attributes:
        datasets, seeds, table1, radar: appended to the list of that name.
    """

    __pydantic_config__ = FORBID

    datasets: tuple[str, ...] = ()
    seeds: tuple[_Seed, ...] = ()
    table1: tuple[str, ...] = ()
    radar: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """What is run: config/config.yaml and its overlays.

    Attributes:
        datasets: names of files in config/datasets/; the columns of Table 1.
        encoder: name of a file in config/encoders/.
        hyperparameters: name of a file in config/hyperparameters/ for all data sets; null takes
            each data set's own. Or keys and values that change the set named `base`.
        seeds: each experiment is trained once with each seed.
        protocol: how tables and figures choose the epoch; all three are always computed.
        cues: motion cues to count, all from one decode of a video.
        motion_cue: the cue that motion streams are embedded from.
        on_bad_video: stop, or skip a video that can't be read and say so under the tables.
        data_root: by data set, its folder if you already have it; linked, never copied.
        features: by data set, features that you already have, in place of its videos.
        events: by data set, the data set of event streams that a camera recorded of its videos.
        streams: how further streams are made, by kind.
        table1: experiments that are the rows of Table 1 and of the table of classes.
        table1_ours: experiments that the paper does not have, in a block of their own below the
            measured rows of Table 1; data sets that lack their streams do without.
        radar: experiments of the radar figure (figure 2).
        timelines: the experiment whose scores and weights are drawn over time.
        studies: studies of finished runs.
        learning_rates: how the learning rates of the rows of `methods.tex` are chosen.
        add: values to add to the lists above.
        name: folder of results/ for the runs, tables, figures and pages of this configuration; else
            the name of the last file after --configfile, without its suffix.
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
    data_root: dict[str, Place] = field(default_factory=dict)
    features: dict[str, FeatureChoice] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    streams: StreamsChoice = field(default_factory=StreamsChoice)
    table1: Names
    table1_ours: tuple[str, ...] = ()
    radar: Names
    timelines: str
    studies: StudyChoice
    learning_rates: SearchChoice
    add: Additions = field(default_factory=Additions)
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFile:
    """A data set: config/datasets/*.yaml.

    Attributes:
        title: name in tables.
        metrics: columns of Table 1; `oracle` chooses by the first.
        crops: crops of 224x224 to embed (0 centre, 1-4 corners, 5-9 their mirrors).
        frame_stride: embed every n-th frame of a segment; the paper: 1.
        shards: jobs that cues and embeddings are spread over.
        hyperparameters: name of a file in config/hyperparameters/.
        based_on: a data set whose file this one is laid over.
        render: settings of the renderer, for a synthetic data set.
        recorded: annotations and splits of real videos; needs `fetch`.
        splice: how short clips are joined into long videos; needs `fetch`.
        own: the tables of your own videos.
        fetch: what is downloaded, and from where.
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
    own: OwnSettings | None = None
    fetch: FetchSettings | None = None

    def __post_init__(self) -> None:
        known = ("render", "recorded", "splice", "own")
        named = [key for key in known if getattr(self, key) is not None]
        if len(named) != 1:
            raise FusevadError(
                f"{' and '.join(named) or 'none of render, recorded, splice and own'}: give exactly"
                " one of render, recorded, splice and own as the source of the videos"
            )
        if "Video-AUC" in self.metrics[1:]:
            raise FusevadError(
                "metrics: Video-AUC is for data sets without intervals, whose main metric it is;"
                " put it first"
            )
        if (self.fetch is None) != (named[0] in ("render", "own")):
            raise FusevadError(
                f"fetch: a {named[0]} data set "
                + ("downloads nothing; remove it" if self.fetch else "needs it; say what to fetch")
            )


ImportedScores = part(
    "ImportedScores",
    ScoreSettings,
    "order",
    doc="""scores: by data set, the folder with a file a video, or one file with all scores.
        order: by data set, the list of videos that one file has scores of, in its order.""",
    scores=(dict[str, Place], MISSING),
    order=(dict[str, Place] | None, None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentEntry:
    """An experiment: an entry of config/experiments/*.yaml, by its name.

    Attributes:
        label: of its row in tables.
        method: a registered detector (fusevad.models).
        imported: in place of a method, scores that somebody else's detector gave.
        hyperparameters: in place of the data set's; as in config.yaml.
        motion_cue: in place of the cue in config.yaml.
        set: hyperparameters that differ, as in config/hyperparameters/*.yaml.
        teacher: the experiment whose run teaches this one, seed by seed, if the method needs one.
    """

    __pydantic_config__ = FORBID

    label: str
    method: str | None = None
    imported: ImportedScores | None = None
    hyperparameters: str | HyperparameterChoice | None = None
    motion_cue: Cue | None = None
    set: Hyperparameters | None = None
    teacher: str | None = None

    def __post_init__(self) -> None:
        if (self.method is None) == (self.imported is None):
            raise FusevadError("an experiment has a `method`, or `imported` scores; name one")
        training = ("hyperparameters", "motion_cue", "set", "teacher")
        given = [key for key in training if getattr(self, key) is not None]
        if self.imported is not None and given:
            raise FusevadError(
                f"{given[0]}: nothing is trained where scores are imported; remove it"
            )


ExperimentsFile = dict[str, ExperimentEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparametersFile:
    """A named set of hyperparameters: config/hyperparameters/*.yaml.

    Attributes:
        source: where the values come from.
        all: values for all data sets (fusevad.train.settings.TrainSettings); a method ignores
            the keys of `model` and `loss` that it does not have.
        datasets: values that differ, by data set.
    """

    __pydantic_config__ = FORBID

    source: str
    all: Hyperparameters
    datasets: dict[str, Hyperparameters] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One setting that a table varies; every value is an experiment.

    Attributes:
        label: heading.
        set: dotted key of a hyperparameter, or motion_cue.window, motion_cue.threshold.
        values: of the setting; the experiment's own value is the experiment itself.
    """

    __pydantic_config__ = FORBID

    label: str
    set: str
    values: Annotated[tuple[bool | int | float | str, ...], _Once, _Some]


ShortName = Annotated[str, Field(pattern="^[A-Za-z0-9_]+$")]
# These studies name their experiments; the others use `studies.experiment` of the configuration.
_OF_EXPERIMENTS = ("alarms", "classes", "selection", "leaks", "locality", "localisation", "methods")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """A table of experiments or of a study: config/tables/*.yaml.

    Attributes:
        title: caption.
        paper: the paper's data sets that this table shows; all other data sets are always added.
        published: file of config/published/ with the paper's numbers.
        study: the study of finished runs that the table shows, in place of experiments to train.
        experiments: the rows; in a study of classes, the columns.
        of: short name of the paper whose table it is; its tables are in one document.
        parameters: whether to show the number of parameters of each detector.
        events: whether to show the mean average precision of events, of detectors of classes.
        all_printed: whether to show all of the paper's numbers, also of methods and data sets that
            are not run.
        base: the experiment that sweeps change.
        grid: cross the sweeps instead of varying one at a time.
        sweeps: the settings to vary, by short name.
    """

    __pydantic_config__ = FORBID

    title: str
    paper: tuple[Literal[tuple(PAPER_DATASETS)], ...] = ()  # type: ignore[valid-type]
    published: str | None = None
    study: (
        Literal[
            "alarms",
            "attention",
            "classes",
            "equivalence",
            "leaks",
            "locality",
            "localisation",
            "masking",
            "methods",
            "noise",
            "selection",
        ]
        | None
    ) = None
    experiments: Names | None = None
    of: Literal[tuple(PAPERS)] = IEF_VAD  # type: ignore[valid-type]
    parameters: bool = False
    events: bool = False
    all_printed: bool = False
    base: str | None = None
    grid: bool = False
    sweeps: Annotated[dict[ShortName, Sweep], Field(min_length=1)] | None = None

    def __post_init__(self) -> None:
        if (self.base is None) != (self.sweeps is None):
            raise FusevadError("base, sweeps: only one of them is given; give both or none")
        if self.study is None and (self.experiments is None) == (self.sweeps is None):
            raise FusevadError("a table has `experiments`, or `base` and `sweeps`, or a `study`")
        if self.study and self.sweeps is not None:
            raise FusevadError("sweeps: a study trains nothing; remove them, or the study")
        if self.study and (self.study in _OF_EXPERIMENTS) != (self.experiments is not None):
            raise FusevadError(
                "experiments: missing; the study needs some"
                if self.experiments is None
                else f"experiments: a study of {self.study} uses `studies.experiment` of the"
                " configuration; remove them"
            )


# The form of files, by folder of config/ (`config` for the files on top).
FORMS: dict[str, Any] = {
    "config": ConfigFile,
    "datasets": DatasetFile,
    "encoders": EncoderFile,
    "experiments": ExperimentsFile,
    "hyperparameters": HyperparametersFile,
    "tables": TableFile,
}
