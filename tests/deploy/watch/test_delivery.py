"""Messages on their way: in order, not too often, tried again, and never in the way of scores."""

import threading
import time

import pytest

from fusevad.deploy.watch import delivery as module
from fusevad.deploy.watch.delivery import Delivery, UndeliveredError, close_all
from fusevad.deploy.watch.messages import Message


class Receiver:
    """Takes texts, as long as `refuses` is empty."""

    shown = "receiver"

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.times: list[float] = []
        self.refuses: list[Exception] = []
        self.open = threading.Event()
        self.open.set()
        self.busy = threading.Event()
        self.closed = False

    def send(self, text: str) -> None:
        self.times.append(time.monotonic())
        self.busy.set()
        assert self.open.wait(10)
        if self.refuses:
            raise self.refuses.pop(0)
        self.texts.append(text)

    def close(self) -> None:
        self.closed = True


def message(text: str, kind: str = "new", event: str = "a") -> Message:
    return Message(kind, event, text)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def delivery(receiver, warnings, monkeypatch) -> Delivery:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.02)
    return Delivery(receiver, warnings.append, least_seconds=0.0)


def test_messages_arrive_in_order(delivery, receiver):
    for k in range(20):
        delivery.put(message(str(k)))
    close_all([delivery], 5)
    assert receiver.texts == [str(k) for k in range(20)]
    assert (delivery.failed, receiver.closed) == (0, True)


def test_messages_are_some_time_apart(receiver, warnings):
    delivery = Delivery(receiver, warnings.append, least_seconds=0.05)
    for k in range(4):
        delivery.put(message(str(k)))
    deadline = time.monotonic() + 10
    while len(receiver.texts) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    close_all([delivery], 5)
    steps = [b - a for a, b in zip(receiver.times, receiver.times[1:], strict=False)]
    assert len(steps) == 3 and min(steps) >= 0.05


def test_a_message_is_tried_again_and_trouble_is_told_once(delivery, receiver, warnings):
    receiver.refuses = [UndeliveredError("not reached", again=True)] * 3
    delivery.put(message("first"))
    delivery.put(message("second"))
    deadline = time.monotonic() + 10
    while len(receiver.texts) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    close_all([delivery], 5)
    assert receiver.texts == ["first", "second"]
    assert warnings == ["receiver: not reached"]
    waits = [b - a for a, b in zip(receiver.times, receiver.times[1:], strict=False)][:3]
    assert waits[0] >= 0.02 and waits[1] >= 0.04 and waits[2] >= 0.08
    assert delivery.failed == 0


def test_newer_updates_neither_shorten_the_pauses_nor_tell_of_the_trouble_again(
    delivery, receiver, warnings
):
    """An event may last for days while its receiver is away."""
    receiver.refuses = [UndeliveredError("not reached", again=True)] * 4
    deadline = time.monotonic() + 10
    while not receiver.texts and time.monotonic() < deadline:
        delivery.put(message(str(time.monotonic()), "update"))  # replaces the one being tried
        time.sleep(0.001)
    waits = [b - a for a, b in zip(receiver.times, receiver.times[1:], strict=False)][:4]
    assert all(wait >= least for wait, least in zip(waits, (0.02, 0.04, 0.08, 0.16), strict=True))
    assert warnings == ["receiver: not reached"]
    receiver.refuses = [UndeliveredError("not reached", again=True)]
    while len(warnings) < 2 and time.monotonic() < deadline:
        delivery.put(message("later", "update"))
        time.sleep(0.001)
    close_all([delivery], 5)
    assert warnings == 2 * ["receiver: not reached"]


def test_a_refused_message_is_counted_and_not_tried_again(delivery, receiver, warnings):
    receiver.refuses = [UndeliveredError("answers 400", again=False)]
    delivery.put(message("bad"))
    delivery.put(message("good"))
    close_all([delivery], 5)
    assert (receiver.texts, delivery.failed) == (["good"], 1)
    assert warnings == ["receiver: answers 400"]


def test_a_refusal_after_other_trouble_is_told_too(delivery, receiver, warnings):
    receiver.refuses = [UndeliveredError("not reached", again=True)] * 2
    receiver.refuses += [UndeliveredError("answers 404", again=False)]
    delivery.put(message("lost"))
    close_all([delivery], 5)
    assert warnings == ["receiver: not reached", "receiver: answers 404"]
    assert (receiver.texts, delivery.failed) == ([], 1)


def test_a_fault_of_a_library_loses_one_message_and_no_more(delivery, receiver, warnings):
    receiver.refuses = [KeyError("https://host/secret-token")]
    delivery.put(message("unlucky"))
    delivery.put(message("next"))
    close_all([delivery], 5)
    assert (receiver.texts, delivery.failed, receiver.closed) == (["next"], 1, True)
    (line,) = warnings
    assert line.startswith("receiver: message lost, KeyError in test_delivery.py, line ")
    assert "secret" not in line


def test_several_slow_receivers_share_the_time_at_the_end(warnings, monkeypatch):
    receivers = [Receiver() for _ in range(3)]
    deliveries = [Delivery(each, warnings.append) for each in receivers]
    for receiver, delivery in zip(receivers, deliveries, strict=True):
        receiver.open.clear()
        delivery.put(message("never taken"))
        assert receiver.busy.wait(5)
    waits: list[tuple[float, set[float | None]]] = []

    def join(seconds: float) -> None:
        waits.append((time.monotonic() + seconds, {each._deadline for each in deliveries}))

    for delivery in deliveries:
        monkeypatch.setattr(delivery._thread, "join", join)
    close_all(deliveries, 2.0)
    # All know of the end before anybody is waited for, and all waits end at one time.
    ends = [end for end, _ in waits]
    assert ends == pytest.approx([ends[0]] * 3, abs=1e-3)
    assert [deadlines for _, deadlines in waits] == [waits[0][1]] * 3
    assert len(waits[0][1]) == 1 and None not in waits[0][1]
    assert [each.failed for each in deliveries] == [1] * 3
    for receiver in receivers:
        receiver.open.set()


def test_of_the_updates_of_an_event_the_newest_waits(delivery, receiver):
    receiver.open.clear()
    delivery.put(message("start"))
    assert receiver.busy.wait(5)
    for k in range(5):
        delivery.put(message(f"a{k}", "update", "a"))
        delivery.put(message(f"b{k}", "update", "b"))
    delivery.put(message("over", "end"))
    receiver.open.set()
    close_all([delivery], 5)
    assert receiver.texts == ["start", "a4", "b4", "over"]


def test_the_queue_is_bounded_and_updates_go_first(delivery, receiver):
    receiver.open.clear()
    delivery.put(message("sent"))
    assert receiver.busy.wait(5)
    for k in range(60):
        delivery.put(message(f"new {k}", "new", str(k)))
        delivery.put(message(f"update {k}", "update", str(k)))
    assert len(delivery._waiting) == 100
    receiver.open.set()
    close_all([delivery], 10)
    assert [text for text in receiver.texts if text.startswith("new")] == [
        f"new {k}" for k in range(60)
    ]
    assert delivery.failed == 21


def test_a_slow_receiver_delays_nobody_and_the_end_has_a_limit(delivery, receiver):
    receiver.open.clear()
    begin = time.monotonic()
    for k in range(50):
        delivery.put(message(str(k), event=str(k)))
    assert time.monotonic() - begin < 1
    threading.Timer(0.3, receiver.open.set).start()
    close_all([delivery], 0.1)
    assert len(receiver.texts) <= 1
    assert delivery.failed >= 49
