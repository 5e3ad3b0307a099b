"""A table: config/tables/*.yaml."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fusevad.config.forms.hyperparameters import Hyperparameters
from fusevad.config.forms.values import Names, Once, Some
from fusevad.config.paper import IEF_VAD, PAPER_DATASETS, PAPERS
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID, parse
from fusevad.places import Place


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
    values: Annotated[tuple[bool | int | float | str, ...], Once, Some]

    def __post_init__(self) -> None:
        head, _, tail = self.set.partition(".")
        if head != "motion_cue":
            for value in self.values:
                parse(Hyperparameters, {head: {tail: value} if tail else value}, "set")
        elif tail not in ("window", "threshold"):
            raise FusevadError(
                f"set: {self.set} is no number of a cue; write motion_cue.window or"
                " motion_cue.threshold"
            )
        elif not all(type(value) is int for value in self.values):
            raise FusevadError(f"values: of {self.set} are whole numbers; correct them")


ShortName = Annotated[str, Field(pattern="^[A-Za-z0-9_]+$")]
# These studies name their experiments; the others use `studies.experiment` of the configuration.
_OF_EXPERIMENTS = (
    *("alarms", "classes", "selection", "leaks", "locality", "localisation", "methods"),
    "transfer",
)


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
    published: Place | None = None
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
            "transfer",
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
