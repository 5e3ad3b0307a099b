"""What is run: config/config.yaml and its overlays."""

from dataclasses import MISSING, dataclass, field, make_dataclass
from typing import Annotated, Literal

from fusevad.config.forms.hyperparameters import HyperparameterChoice
from fusevad.config.forms.values import Cue, Names, Once, Seed, Seeds, Some, part
from fusevad.cues.settings import CueSettings
from fusevad.embed.imported.settings import ImportSettings
from fusevad.embed.streams.registry import KINDS
from fusevad.models.settings import Positive
from fusevad.parsing import FORBID
from fusevad.places import Place
from fusevad.studies.settings import (
    AlarmTableSettings,
    AttentionSettings,
    MaskingSettings,
    NoiseSettings,
)

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

    factors: Annotated[tuple[Positive, ...], Once, Some]
    seeds: Seeds


@dataclass(frozen=True, slots=True)
class Additions:
    """Values added to lists, so that the lists need not be repeated.

    Attributes:
        datasets, seeds, table1, radar: appended to the list of that name.
    """

    __pydantic_config__ = FORBID

    datasets: tuple[str, ...] = ()
    seeds: tuple[Seed, ...] = ()
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
        only_tested: further data sets, on which nothing is trained: runs on `datasets` are tested
            on them, in tables of transfer. Data sets without normal videos can be here alone.
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
    only_tested: Annotated[tuple[str, ...], Once] = ()
    streams: StreamsChoice = field(default_factory=StreamsChoice)
    table1: Names
    table1_ours: Annotated[tuple[str, ...], Once] = ()
    radar: Names
    timelines: str
    studies: StudyChoice
    learning_rates: SearchChoice
    add: Additions = field(default_factory=Additions)
    name: str | None = None
