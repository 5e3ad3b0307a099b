"""Send messages elsewhere in a thread of their own: slow and absent receivers delay no score."""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from fusevad.deploy.watch.messages import Message

_MOST = 100
_LEAST_SECONDS = 0.5  # between two messages
_GRACE = 1.0  # seconds after the deadline, for a message that is on its way
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class UndeliveredError(Exception):
    """A message was not taken.

    Attributes:
        again: whether it is worth another try.
    """

    def __init__(self, why: str, again: bool) -> None:
        super().__init__(why)
        self.again = again


class Outlet(Protocol):
    """Where messages go.

    Attributes:
        shown: its name for readers, without a password.
    """

    shown: str

    def send(self, text: str) -> None:
        """Send a message.

        Raises:
            UndeliveredError: it was not taken.
        """

    def close(self) -> None:
        """Leave."""


class Delivery:
    """Delivers messages in their order, each until it is taken or there are too many.

    Two messages are half a second apart at least. Of an event, only the newest waiting `update` is
    kept; when a hundred messages wait, the oldest update goes, or else the oldest.

    Attributes:
        failed: messages that were not delivered.
    """

    def __init__(
        self, outlet: Outlet, warn: Callable[[str], None], least_seconds: float = _LEAST_SECONDS
    ) -> None:
        """Begin to deliver.

        Args:
            outlet: where to.
            warn: takes a line about trouble.
            least_seconds: between two messages.
        """
        self._outlet = outlet
        self._warn = warn
        self._least_seconds = least_seconds
        self._waiting: list[Message] = []
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._pause = _FIRST_PAUSE  # after the next failure; longer while the receiver is away
        self.failed = 0
        self._thread = threading.Thread(target=self._run, name=outlet.shown, daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Add a message; returns at once."""
        with self._changed:
            same = (message.event, "update")
            if message.kind == "update":
                self._waiting = [m for m in self._waiting if (m.event, m.kind) != same]
            if len(self._waiting) == _MOST:
                self._waiting.remove(_least_needed(self._waiting))
                self.failed += 1
            self._waiting.append(message)
            self._changed.notify_all()

    def finish_by(self, deadline: float) -> None:
        """Deliver what waits until a time of `time.monotonic`, no longer; returns at once."""
        with self._changed:
            self._deadline = deadline
            self._changed.notify_all()

    def join(self, deadline: float) -> None:
        """Wait for the end, until a time of `time.monotonic`; what is left has failed."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            self.failed += len(self._waiting)
            self._waiting = []

    def _run(self) -> None:
        while (message := self._next()) is not None:
            try:
                self._deliver(message)
            except Exception as error:  # of a library below: the next message may go through
                self._warn(f"{self._outlet.shown}: message lost, {_fault(error)}")
                self._lose(message)
            self._rest(self._least_seconds)
        self._outlet.close()

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._deadline is not None)
            return self._waiting[0] if self._waiting and not self._late() else None

    def _deliver(self, message: Message) -> None:
        """Try until the message is taken, refused, or no longer the first."""
        while self._is_first(message):
            try:
                self._outlet.send(message.text)
            except UndeliveredError as error:
                if self._pause == _FIRST_PAUSE or not error.again:
                    self._warn(f"{self._outlet.shown}: {error}")
                if error.again:
                    self._rest(self._pause)
                    self._pause = min(2 * self._pause, _LONGEST_PAUSE)
                    continue
                self._lose(message)
            else:
                self._remove(message)
            self._pause = _FIRST_PAUSE  # it has answered

    def _is_first(self, message: Message) -> bool:
        with self._changed:
            return bool(self._waiting) and self._waiting[0] is message and not self._late()

    def _remove(self, message: Message) -> None:
        """Newer messages may have taken its place while it was on its way."""
        with self._changed:
            self._waiting = [each for each in self._waiting if each is not message]

    def _lose(self, message: Message) -> None:
        """Count a message as failed, unless it has been counted, and go on with the next."""
        with self._changed:
            self.failed += sum(each is message for each in self._waiting)
            self._remove(message)

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _rest(self, seconds: float) -> None:
        """Wait, but after `close` only until its deadline."""
        end = time.monotonic() + seconds
        with self._changed:
            while (left := self._end(end) - time.monotonic()) > 0:
                self._changed.wait(left)

    def _end(self, end: float) -> float:
        return end if self._deadline is None else min(end, self._deadline)


def close_all(deliveries: Sequence[Delivery], seconds: float) -> None:
    """Deliver what waits everywhere, for so long at most in all; what is left has failed."""
    deadline = time.monotonic() + seconds
    for delivery in deliveries:
        delivery.finish_by(deadline)
    for delivery in deliveries:
        delivery.join(deadline + _GRACE)


def _fault(error: Exception) -> str:
    """Kind and place of a fault; its text might have an address with a token."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"


def _least_needed(waiting: list[Message]) -> Message:
    return next((each for each in waiting if each.kind == "update"), waiting[0])
