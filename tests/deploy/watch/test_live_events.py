"""Events of a stream: those of a file with the same scores, and when they are told."""

import numpy as np
import pytest

from fusevad.deploy.watch.events import Change, EventFinder
from fusevad.evaluate.alarms import Event, Track, find_events
from fusevad.evaluate.settings import AlarmSettings

RULES = AlarmSettings(smoothing=0, shortest=1, gap=5, repeat=60)


def fed(track: Track, threshold: float, rules: AlarmSettings) -> list[list[Change]]:
    """Changes after each segment, and at last those of the end."""
    finder = EventFinder(threshold, rules)
    finder.begin(float(track.edges[0]))
    changes = [
        finder.add(float(end), float(score))
        for end, score in zip(track.edges[1:], track.scores, strict=True)
    ]
    return [*changes, finder.close()]


def kinds(changes: list[list[Change]]) -> list[list[str]]:
    return [[change.kind for change in each] for each in changes]


def ended(changes: list[list[Change]]) -> list[Event]:
    return [change.event for each in changes for change in each if change.kind == "end"]


def random_rules(random: np.random.Generator) -> AlarmSettings:
    return AlarmSettings(
        smoothing=float(random.choice([0, 0.3, 2, 7])),
        release=float(random.choice([0.5, 0.8, 1])),
        shortest=float(random.choice([0, 0.5, 1, 3])),
        gap=float(random.choice([0, 1, 5, 20])),
        repeat=float(random.choice([2, 10, 60])),
    )


@pytest.mark.parametrize("seed", range(40))
def test_events_are_those_of_a_file_with_the_same_scores(seed):
    random = np.random.default_rng(seed)
    found = 0
    for _ in range(10):
        size = int(random.integers(1, 300))
        walk = np.cumsum(random.normal(size=size)) * 0.7 + random.normal(size=size)
        # Quarters meet the threshold and its release exactly where nothing is smoothed.
        scores = np.round(4 / (1 + np.exp(-walk))) / 4 if random.random() < 0.3 else 1 / (
            1 + np.exp(-walk)
        )  # fmt: skip
        lengths = random.choice([0.25, 0.5, 0.64, 3.0], size, p=[0.2, 0.5, 0.25, 0.05])
        track = Track(scores, np.append(0.0, np.cumsum(lengths)) + random.integers(100))
        threshold, rules = float(random.choice([0.3, 0.5, 0.75])), random_rules(random)
        expected = find_events(track, threshold, rules)
        events = ended(fed(track, threshold, rules))
        found += len(expected)
        assert [(e.start, e.end, e.alarm, e.alarms) for e in events] == [
            (e.start, e.end, e.alarm, e.alarms) for e in expected
        ]
        assert [e.peak for e in events] == pytest.approx([e.peak for e in expected])
    assert found


def test_an_event_is_told_when_its_alarm_is_raised_and_not_before():
    track = Track(np.array([0.1, 0.9, 0.9, 0.9, 0.1]), np.arange(6) / 2)
    changes = fed(track, 0.5, RULES)
    assert kinds(changes) == [[], [], ["new"], ["update"], [], ["end"]]
    assert changes[2][0].event == Event(0.5, 1.5, 1.5, 0.9)


def test_an_event_ends_once_no_other_can_join_it():
    scores = np.array([0.9, 0.9, *[0.1] * 12])
    changes = fed(Track(scores, np.arange(15) / 2), 0.5, RULES)
    assert kinds(changes) == [[], ["new"], *[[]] * 9, ["end"], *[[]] * 3]


def test_an_event_waits_for_one_that_may_yet_join_it():
    # From 5.5 s on, 4.5 s after the first event, the score is high, and at 6.5 s that is an alarm.
    scores = np.array([0.9, 0.9, *[0.1] * 9, 0.9, 0.9, 0.1])
    changes = fed(Track(scores, np.arange(15) / 2), 0.5, RULES)
    assert kinds(changes) == [[], ["new"], *[[]] * 10, ["update"], [], ["end"]]
    assert ended(changes) == [Event(0.0, 6.5, 1.0, 0.9)]


def test_a_break_ends_a_run_and_a_short_one_does_not_end_its_event():
    finder = EventFinder(0.5, RULES)
    finder.begin(0.0)
    assert not finder.add(0.5, 0.9)
    finder.begin(10.0)  # half a second before the break does not count
    assert not finder.add(10.5, 0.9)
    assert [change.kind for change in finder.add(11.0, 0.9)] == ["new"]
    finder.begin(13.0)
    assert not finder.rest(13.0)
    assert not finder.add(13.5, 0.9)
    (joined,) = finder.add(14.0, 0.9)
    assert (joined.kind, joined.event.start, joined.event.end) == ("update", 10.0, 14.0)


def test_without_pictures_time_ends_an_event():
    finder = EventFinder(0.5, RULES)
    finder.begin(0.0)
    finder.add(1.0, 0.9)
    assert not finder.rest(5.9)
    assert [change.kind for change in finder.rest(6.0)] == ["end"]
    assert not finder.rest(7.0)


def test_memory_is_that_of_the_smoothing():
    finder = EventFinder(0.5, AlarmSettings(smoothing=2))
    finder.begin(0.0)
    for k in range(1, 1000):
        finder.add(k / 2, 0.1)
    assert len(finder._scores) <= 5
