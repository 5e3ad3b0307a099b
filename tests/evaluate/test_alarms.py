"""Alarms: hand-made scores have known events, and the bound on false alarms keeps its promise."""

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import poisson

from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import (
    Event,
    Track,
    calibrate,
    f1,
    find_events,
    footage_hours,
    hours_needed,
    judge,
    matched,
    smooth,
    upper_bound,
)
from fusevad.evaluate.settings import AlarmSettings
from fusevad.parsing import parse

PLAIN = AlarmSettings(smoothing=0, release=1, shortest=0, gap=0)


def track(scores: list[float], seconds: float = 1.0) -> Track:
    return Track(np.array(scores, float), seconds * np.arange(len(scores) + 1))


def spans(events: list[Event]) -> list[tuple[float, float]]:
    return [(event.start, event.end) for event in events]


@pytest.mark.parametrize("smoothing", [-1, 3601, 1e9, float("nan")])
def test_smoothing_that_keeps_scores_for_ever_is_refused(smoothing):
    with pytest.raises(FusevadError, match="smoothing"):
        parse(AlarmSettings, {"smoothing": smoothing}, "a bundle")


def test_without_any_rule_an_event_is_a_run_at_or_above_the_threshold():
    events = find_events(track([0.1, 0.5, 0.7, 0.4, 0.5]), 0.5, PLAIN)
    assert spans(events) == [(1, 3), (4, 5)]
    assert [event.alarm for event in events] == [2, 5]
    assert [event.peak for event in events] == [0.7, 0.5]


def test_an_event_lasts_until_the_score_falls_below_its_release():
    settings = AlarmSettings(smoothing=0, release=0.5, shortest=0, gap=0)
    # A run that holds 0.4 but never reaches 0.8 is no event; nor does one begin before 0.8.
    events = find_events(track([0.5, 0.8, 0.5, 0.4, 0.3, 0.5, 0.7]), 0.8, settings)
    assert spans(events) == [(1, 4)]


def test_a_short_event_raises_no_alarm_and_a_long_one_once_it_has_lasted():
    settings = AlarmSettings(smoothing=0, release=1, shortest=1.5, gap=0)
    events = find_events(track([1, 0, 1, 1, 1, 1, 0, 1]), 0.5, settings)
    assert spans(events) == [(2, 6)]
    assert events[0].alarm == 4  # the end of the first segment by which 1.5 s have passed


@pytest.mark.parametrize(("gap", "expected"), [(2.0, [(0, 1), (3, 5)]), (2.1, [(0, 5)])])
def test_events_closer_than_the_gap_are_one(gap, expected):
    settings = AlarmSettings(smoothing=0, release=1, shortest=0, gap=gap)
    events = find_events(track([0.6, 0, 0, 0.9, 0.7]), 0.5, settings)
    assert spans(events) == expected
    assert events[0].alarm == 1 and max(event.peak for event in events) == 0.9


def test_an_alarm_that_lasts_is_raised_again_and_each_counts():
    settings = AlarmSettings(smoothing=0, release=1, shortest=2, gap=0, repeat=10)
    events = find_events(track([1] * 35 + [0] + [1] * 11), 0.5, settings)
    # The first is raised at 2, 12, 22 and 32 s; the second, of 11 s, once.
    assert [(event.alarm, event.alarms) for event in events] == [(2, 4), (38, 1)]
    assert judge(events, [], 47.0).false_alarms == 5
    assert judge(events, [(34, 35)], 47.0).false_alarms == 1


def test_a_threshold_below_all_scores_is_an_alarm_a_minute():
    hour = track([0.5] * 3600)
    assert calibrate([hour], 50, AlarmSettings()).threshold > 0.5
    assert calibrate([hour], 80, AlarmSettings()).alarms == 60


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_a_segment_of_no_length_counts_for_nothing(seconds):
    """The stamps of a camera may stand still."""
    still = Track(np.array([0.2, 0.9, 0.4]), np.array([0.0, 0.0, 0.0, 1.0]))
    assert smooth(still, seconds)[-1] == pytest.approx(0.4)


def test_smoothing_is_the_mean_of_the_seconds_before_whatever_the_rate():
    generator = np.random.default_rng(0)
    edges = np.cumsum(np.append(0.0, generator.uniform(0.2, 0.9, 40)))
    scores = generator.random(40)
    fine = np.linspace(0, edges[-1], 200_001)[:-1]
    values = scores[np.searchsorted(edges, fine, side="right") - 1]
    slow = [values[(fine >= end - 2) & (fine < end)].mean() for end in edges[1:]]
    np.testing.assert_allclose(smooth(Track(scores, edges), 2.0), slow, atol=2e-4)


def test_a_window_shorter_than_a_segment_leaves_the_scores_as_they_are():
    scores = np.random.default_rng(1).random(9)
    one = Track(scores, 0.64 * np.arange(10))
    assert smooth(one, 0.0).tolist() == scores.tolist() == smooth(one, 0.3).tolist()


def test_scores_of_the_future_change_no_event_of_the_past():
    generator = np.random.default_rng(2)
    scores = generator.random(300)
    settings = AlarmSettings()
    whole = find_events(track(scores.tolist(), 0.64), 0.6, settings)
    assert len(whole) > 3
    for event in whole:
        seen = round(event.alarm / 0.64)
        part = find_events(track(scores[:seen].tolist(), 0.64), 0.6, settings)
        assert part[-1].alarm == event.alarm and part[-1].start == event.start


@pytest.mark.parametrize("alarms", [0, 1, 7, 40])
def test_the_bound_is_the_rate_at_which_so_few_alarms_have_five_percent(alarms):
    bound = upper_bound(alarms, hours=2.5)
    assert poisson.cdf(alarms, 2.5 * bound) == pytest.approx(0.05, rel=1e-9)


def test_what_the_footage_can_not_certify_is_refused_with_the_hours_it_takes():
    assert hours_needed(1.0) == pytest.approx(-math.log(0.05))
    quiet = track([0.1] * 3600)
    with pytest.raises(FusevadError, match=r"1\.00 hours .* 3 hours .* add 2 hours"):
        calibrate([quiet], 1.0, AlarmSettings())
    found = calibrate([quiet], 3.0, AlarmSettings())
    assert found.alarms == 0 and found.bound == upper_bound(0, 3599 / 3600)
    assert not find_events(quiet, found.threshold, AlarmSettings())


def test_hours_of_videos_that_are_too_short_to_raise_an_alarm_certify_nothing():
    settings = AlarmSettings(shortest=1)
    clips = [track([0.9] * 3, 0.32) for _ in range(11_625)]  # 3.1 hours
    assert not any(find_events(each, 0.0, settings) for each in clips[:3])
    with pytest.raises(FusevadError, match=r"0\.00 hours .* can raise no alarm\) can't certify"):
        calibrate(clips, 1.0, settings)
    hours = [track([0.1] * 3 * 3600)]
    found = calibrate(hours + clips, 1.0, settings)
    assert found.hours == (3 * 3600 - 1) / 3600
    assert found.bound == upper_bound(0, found.hours)


@pytest.mark.parametrize("seconds", [2, 6, 60])
def test_a_bound_holds_for_clips_in_which_an_event_may_begin_too_late_to_raise_an_alarm(seconds):
    """Events of 1 s begin at random, truly more often than is certified."""
    generator = np.random.default_rng(6)
    settings, rate, draws = AlarmSettings(smoothing=0, gap=0), 1.0, 2000
    fine = 0.25  # of a segment
    length = round(seconds / fine)
    clips = math.ceil(3.1 * 3600 / (seconds - 1))
    wrong = 0
    quiet = track([0.1] * length, fine)
    for _ in range(draws):
        begun = generator.integers(
            0, length, generator.poisson(1.02 * rate * clips * seconds / 3600)
        )
        noisy = []
        for begin in begun:
            scores = np.full(length, 0.1)
            scores[begin : begin + 4] = 0.9
            noisy.append(track(scores.tolist(), fine))
        raised = sum(len(find_events(each, 0.9, settings)) for each in noisy)
        hours = footage_hours([quiet], settings.shortest) * clips
        wrong += upper_bound(raised, hours) <= rate
    assert 0 < wrong / draws <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)


def test_the_threshold_is_the_lowest_that_keeps_the_bound():
    # One hour, ten single peaks of 0.90 to 0.99: 20 an hour allow 12 alarms, 5 an hour allow one.
    scores = np.full(3600, 0.1)
    scores[100::360] = 0.9 + np.arange(10) / 100
    hour = track(scores.tolist())
    assert upper_bound(1, 1.0) < 5 < upper_bound(2, 1.0)
    found = calibrate([hour], 5, PLAIN)
    assert (found.threshold, found.alarms) == (pytest.approx(0.99), 1)
    assert found.bound == upper_bound(1, 1.0)
    assert calibrate([hour], 20, PLAIN).alarms == 10


def test_thresholds_are_not_tried_below_the_first_that_fails():
    # At 0.5 the first half is one event, yet 0.7 has five: one alarm there certifies nothing.
    scores = np.full(3600, 0.1)
    scores[:50] = 0.5
    scores[5:50:10] = 0.7
    found = calibrate([track(scores.tolist())], 3.5, PLAIN)
    assert found.alarms == 0 and found.threshold > 0.7


def test_alarms_of_an_event_that_lasts_longer_at_a_lower_threshold_count():
    # At 0.9, a score of the second video, the first one's event goes on through 0.45 and repeats.
    settings = AlarmSettings(smoothing=0, release=0.5, shortest=0, gap=0, repeat=4)
    first, second = ([1.0] + [0.45] * 20, [0.95, 0.0, 0.9])
    normal = [track(scores + [0.0] * (1800 - len(scores))) for scores in (first, second)]
    found = calibrate(normal, 10, settings)
    assert (found.threshold, found.alarms) == (0.95, 2)


def camera(generator: np.random.Generator, hours: float) -> Track:
    """Scores of a camera: an AR(1) process through a sigmoid, dependent over some ten seconds."""
    count = round(hours * 3600 / 0.64)
    noise = math.sqrt(1 - 0.9**2) * generator.normal(size=count)
    values = lfilter([1.0], [1.0, -0.9], noise)
    return Track(1 / (1 + np.exp(-values)), 0.64 * np.arange(count + 1))


@pytest.mark.parametrize("release", [0.3, 0.8, 1.0])
def test_the_threshold_is_that_of_counting_all_videos_anew_at_each_score(release):
    generator = np.random.default_rng(4)
    settings = AlarmSettings(smoothing=0, release=release, shortest=1, gap=3, repeat=4)
    normal = [camera(generator, 0.04) for _ in range(12)]
    hours, rate = footage_hours(normal), 150.0
    expected = (math.inf, 0)
    for threshold in sorted({score for each in normal for score in each.scores}, reverse=True):
        events = [event for each in normal for event in find_events(each, threshold, settings)]
        count = sum(event.alarms for event in events)
        if upper_bound(count, hours) > rate:
            break
        expected = (threshold, max(expected[1], count))
    found = calibrate(normal, rate, settings)
    assert (found.threshold, found.alarms) == expected and found.alarms > 2


@pytest.mark.slow
def test_the_true_rate_exceeds_the_promised_one_in_at_most_five_percent_of_calibrations():
    generator = np.random.default_rng(3)
    settings, rate = AlarmSettings(), 6.0
    long = camera(generator, 400)
    draws = 300
    thresholds = [
        calibrate([camera(generator, 1.5)], rate, settings).threshold for _ in range(draws)
    ]
    # True rates on a grid, since each count of the long track takes a while.
    grid = np.quantile(thresholds, np.linspace(0, 0.2, 21))
    true = np.array([len(find_events(long, value, settings)) / 400 for value in grid])
    too_many = float(np.interp(rate, true[::-1], grid[::-1]))  # the lowest threshold that is right
    share = np.mean(np.array(thresholds) < too_many)
    assert true[0] > rate  # some calibration is wrong, or this test tests nothing
    assert share <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)


def spells(generator: np.random.Generator, hours: float) -> Track:
    """Scores of a camera that low sun blinds 1.2 times an hour, for five minutes in the mean."""
    scores = 0.1 * generator.random(round(hours * 900))  # segments of 4 s
    for begin in generator.uniform(0, len(scores), generator.poisson(1.2 * hours)):
        end = begin + 1 + generator.exponential(75)
        scores[int(begin) : int(end)] = generator.uniform(0.5, 0.9)
    return Track(scores, 4.0 * np.arange(len(scores) + 1))


def test_the_bound_is_of_new_events_and_not_of_the_alarms_that_a_lasting_event_repeats():
    generator = np.random.default_rng(5)
    settings, rate, draws, hours = AlarmSettings(), 1.0, 300, 1000
    long = spells(generator, hours)
    thresholds = [
        calibrate([spells(generator, 3.1)], rate, settings).threshold for _ in range(draws)
    ]
    grid = np.linspace(0.5, 0.9, 21)
    found = [find_events(long, value, settings) for value in grid]
    events = np.interp(thresholds, grid, [len(each) / hours for each in found])
    alarms = np.interp(
        thresholds, grid, [sum(event.alarms for event in each) / hours for each in found]
    )
    assert 0 < np.mean(events > rate) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)
    assert np.mean(alarms > rate) > 0.4


def test_the_hours_that_are_lacking_are_enough_once_they_are_added():
    length = round(2.98 * 3600)
    with pytest.raises(FusevadError, match="can't certify 1 ") as caught:
        calibrate([track([0.1] * length)], 1.0, AlarmSettings())
    added = float(str(caught.value).split("add ")[1].removesuffix(" hours"))
    assert 0 < added < 0.02
    more = [track([0.1] * length), track([0.1] * math.ceil(3600 * added))]
    assert calibrate(more, 1.0, AlarmSettings()).bound <= 1


def test_delays_false_alarms_and_normal_time_of_a_hand_made_video():
    events = [Event(0, 2, 1, 0.9), Event(8, 14, 9, 0.9), Event(30, 31, 31, 0.9)]
    intervals = [(7.0, 12.0), (13.0, 20.0), (25.0, 31.0), (50.0, 60.0)]
    found = judge(events, intervals, 100.0)
    assert found.delays[:2] == (2.0, 0.0)
    assert math.isnan(found.delays[2])  # its alarm comes when the anomaly is over
    assert math.isnan(found.delays[3])
    assert found.false_alarms == 1
    assert found.normal_seconds == 100 - 5 - 7 - 6 - 10


def test_intervals_that_overlap_count_once_as_anomalous_time():
    assert judge([], [(0.0, 10.0), (5.0, 20.0), (6.0, 7.0)], 50.0).normal_seconds == 30


def test_matches_are_the_most_that_any_assignment_has():
    generator = np.random.default_rng(4)
    for _ in range(60):
        cuts = np.sort(generator.choice(60, 8, replace=False)).tolist()
        events = [Event(a, b, b, 1.0) for a, b in zip(cuts[::2], cuts[1::2], strict=True)]
        starts = np.sort(generator.choice(40, 4, replace=False)).tolist()
        intervals = [(start, start + int(generator.integers(1, 12))) for start in starts]
        for overlap in (0.2, 0.5):
            best = max(
                sum(iou(events[i], intervals[k]) >= overlap for k, i in enumerate(order))
                for order in permutations(range(4))
            )
            assert matched(events, intervals, overlap) == best


def iou(event: Event, interval: tuple[int, int]) -> float:
    """Counted in whole seconds."""
    one, other = set(range(int(event.start), int(event.end))), set(range(*interval))
    return len(one & other) / len(one | other)


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    precision, recall = 3 / 5, 3 / 4
    assert f1(3, events=5, intervals=4) == pytest.approx(
        2 * precision * recall / (precision + recall)
    )
    assert f1(0, 0, 3) == 0
    assert math.isnan(f1(0, 0, 0))


def test_scores_and_times_must_agree():
    with pytest.raises(FusevadError, match="2 scores with 2 times"):
        Track(np.zeros(2), np.zeros(2))


def test_alarms_that_repeat_more_often_than_any_number_counts_are_refused():
    with pytest.raises(FusevadError, match="repeat"):
        parse(AlarmSettings, {"repeat": 1e-308}, "events")
