"""Settings of evaluation; imports nothing heavy."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fusevad.parsing import FORBID

# Alarms an hour: one a second. The search for a threshold counts up to the allowed number.
MOST_ALARMS = 3600
# How well the training videos that a seed held out are ranked, by their labels: the main metric of
# data sets whose test videos have no intervals.
VIDEO_AUC = "Video-AUC"

# Seconds: `watch` keeps the scores that it smooths.
_LONGEST_SMOOTHING = 3600
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """How scores become alarms. All times are seconds, so that cameras of any rate agree.

    Attributes:
        smoothing: length of the trailing mean over scores. A segment is about half a second, and a
            single high one is more often noise than an event.
        release: an event that began at the threshold lasts while the score stays above this share
            of it, so that a score around the threshold is one event and not many.
        shortest: an event raises its alarm once it has lasted so long; shorter ones raise none.
        gap: events that are less far apart are one: whoever watches is called once.
        repeat: an event that lasts raises its alarm again after each so many seconds, and each
            counts: else a threshold below all scores would raise one alarm in a whole day.
    """

    __pydantic_config__ = FORBID

    smoothing: Annotated[float, Field(ge=0, le=_LONGEST_SMOOTHING)] = 2.0
    release: Annotated[float, Field(gt=0, le=1)] = 0.8
    shortest: _Seconds = 1.0
    gap: _Seconds = 5.0
    repeat: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] = 60.0


@dataclass(frozen=True, slots=True)
class LocaliseSettings:
    """How events are counted as VadCLIP's released code counts them.

    Attributes:
        normal_events: whether a normal video as a whole is an event of `normal`. On UCF-Crime it is
            not: the code's list of events calls the class otherwise than its list of classes.
    """

    __pydantic_config__ = FORBID

    normal_events: bool
