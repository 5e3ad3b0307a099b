"""Settings of bundles; imports nothing heavy."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from fusevad.evaluate.settings import MOST_ALARMS, AlarmSettings
from fusevad.parsing import FORBID, check_once

_Rate = Annotated[float, Field(gt=0, le=MOST_ALARMS)]


@dataclass(frozen=True, slots=True)
class NormalFootage:
    """Normal videos that every seed of a run has scored.

    Attributes:
        title: for readers.
        manifest: `manifest.csv` of the videos.
        scores: table of `fusevad study-alarms`.
    """

    __pydantic_config__ = FORBID

    title: str
    manifest: str
    scores: str


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """What a bundle says beside its run.

    Attributes:
        experiment: name of the run's experiment.
        label: of the method, for readers.
        dataset: that the run learned from, for readers.
        protocol: whose weights travel; training keeps none for `oracle`.
        rates: false alarms an hour that thresholds are chosen for.
        learned: normal videos of the training split.
        footage: normal videos that no seed has seen, if there are any.
        events: how scores become alarms.
    """

    __pydantic_config__ = FORBID

    experiment: str
    label: str
    dataset: str
    protocol: str
    rates: Annotated[tuple[_Rate, ...], Field(min_length=1)]
    learned: NormalFootage
    footage: NormalFootage | None = None
    events: AlarmSettings = field(default_factory=AlarmSettings)

    def __post_init__(self) -> None:
        check_once("bundle: rates", self.rates)
