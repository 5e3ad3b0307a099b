"""What is told of events: lines of JSON, `new`, `update` and `end`, each with all that is known."""

import json
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fusevad.deploy.contents import Threshold
from fusevad.deploy.watch.events import Change
from fusevad.evaluate.alarms import Event

_CHARACTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    Attributes:
        kind: `new`, `update`, `end` or `score`.
        event: id of its event; empty for a score.
        text: a line of JSON.
    """

    kind: str
    event: str
    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """The newest segment, as its scores are known.

    Attributes:
        start, end: seconds since the first picture.
        score: of the segment alone.
        level: smoothed, which the threshold is of.
        latency: seconds from the last picture of the segment to its score; None if a file is read
            fast.
        dropped: segments that were never scored so far.
    """

    start: float
    end: float
    score: float
    level: float
    latency: float | None
    dropped: int


class Teller:
    """Makes the messages of one stream.

    Attributes:
        began: time of day of second 0, since 1970.
    """

    def __init__(self, source: str, threshold: Threshold, pause: float) -> None:
        """Make a teller.

        Args:
            source: for readers, without a password.
            threshold: of the events.
            pause: seconds between updates of an event, unless its alarm is raised again.
        """
        self._source = source
        self._threshold = threshold
        self.began = 0.0
        self._pause = pause
        self._id = ""
        self._told = (0.0, 0)  # when the last message was, and how many alarms it told of

    def of_changes(self, changes: list[Change], moment: Moment) -> Iterator[Message]:
        """The messages about what a segment has changed."""
        for change in changes:
            if change.kind == "new":
                self._id = self._new_id(change.event)
            elif change.kind == "update" and not self._is_due(change.event, moment):
                continue
            self._told = (moment.end, change.event.alarms)
            yield Message(change.kind, self._id, self._of_event(change, moment))

    def of_score(self, moment: Moment) -> Message:
        """The message about a segment."""
        values = {"type": "score", "source": self._source, **self._state(moment)}
        return Message("score", "", json.dumps(values))

    def _is_due(self, event: Event, moment: Moment) -> bool:
        when, alarms = self._told
        return moment.end - when >= self._pause or event.alarms > alarms

    def _new_id(self, event: Event) -> str:
        """As Frigate's: the time of the start, and characters that make it unique."""
        own = "".join(secrets.choice(_CHARACTERS) for _ in range(6))
        return f"{self.began + event.start:.6f}-{own}"

    def _of_event(self, change: Change, moment: Moment) -> str:
        event, ended = change.event, change.kind == "end"
        values = {
            "type": change.kind,
            "id": self._id,
            "source": self._source,
            **self._times("start", event.start),
            **self._times("alarm", event.alarm),
            **self._times("end", event.end if ended else None),
            "alarms": event.alarms,
            "peak": event.peak,
            **self._state(moment),
        }
        return json.dumps(values)

    def _state(self, moment: Moment) -> dict[str, Any]:
        return {
            **self._times("time", moment.end),
            "score": moment.score,
            "level": moment.level,
            "threshold": self._threshold.threshold,
            "alarms_per_hour": self._threshold.rate,
            "bound": self._threshold.bound,
            # The bound of a threshold for recordings does not hold for scores that look back.
            "certified": self._threshold.certified and self._threshold.window is not None,
            "latency_seconds": moment.latency,
            "dropped": moment.dropped,
        }

    def _times(self, name: str, seconds: float | None) -> dict[str, Any]:
        """A time of day, and the same in seconds since the first picture."""
        if seconds is None:
            return {name: None, f"{name}_seconds": None}
        day = datetime.fromtimestamp(self.began + seconds, UTC)
        shown = day.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {name: shown, f"{name}_seconds": round(seconds, 3)}
