"""The page finds the same events as `evaluate/alarms.py`."""

from pathlib import Path

import numpy as np
import pytest

from fusevad.evaluate.alarms import Track, find_events, judge, smooth
from fusevad.evaluate.settings import AlarmSettings
from fusevad.report.explorer.page import STATIC

_FIND = """([scores, edges, threshold, rules, intervals]) => {
    const level = Explorer.smooth(scores, edges, rules.smoothing);
    const events = Explorer.findEvents(level, edges, threshold, rules);
    return [Array.from(level), events, Explorer.judge(events, intervals, edges[edges.length - 1])];
}"""


@pytest.fixture(scope="module")
def rules_page(browser):
    """A page with the rules of alarms alone."""
    page = browser.new_page()
    page.add_script_tag(path=Path(STATIC, "alarms.js"))
    yield page
    page.close()


def random_case(seed: int) -> tuple[Track, float, AlarmSettings, list[tuple[str, float, float]]]:
    """Scores with plateaus and ties, at a constant or a variable rate, and rules at their edges."""
    generator = np.random.default_rng(seed)
    segments = int(generator.integers(1, 200))
    lengths = (
        generator.uniform(0.1, 1.5, segments)
        if seed % 2
        else np.full(segments, 16 / generator.choice([15, 16, 24, 25, 30]))
    )
    edges = np.append(0.0, np.cumsum(lengths))
    walk = np.cumsum(generator.normal(size=segments)) * 0.1
    scores = np.round(1 / (1 + np.exp(-walk + walk.mean())), int(generator.integers(1, 5)))
    rules = AlarmSettings(
        smoothing=float(generator.choice([0, 0.5, 2, 10])),
        release=float(generator.choice([0.5, 0.8, 1])),
        shortest=float(generator.choice([0, 1, 2])),
        gap=float(generator.choice([0, 1, 5])),
        repeat=float(generator.choice([0.01, 0.1, 0.6, 3, 60])),
    )
    threshold = float(generator.choice([scores.max(), np.median(scores), 0.5, 0]))
    cuts = np.sort(generator.uniform(0, edges[-1], 4))
    overlapping = [("a", cuts[0], cuts[2]), ("b", cuts[1], cuts[3])]
    intervals = [] if seed % 3 == 0 else [(name, float(s), float(e)) for name, s, e in overlapping]
    return Track(scores, edges), threshold, rules, intervals


@pytest.mark.parametrize("seed", range(60))
def test_smoothing_events_and_judgements_are_those_of_python(rules_page, seed):
    track, threshold, rules, intervals = random_case(seed)
    names = ("smoothing", "release", "shortest", "gap", "repeat")
    given = {name: getattr(rules, name) for name in names}
    lists = track.scores.tolist(), track.edges.tolist()
    level, events, outcome = rules_page.evaluate(_FIND, [*lists, threshold, given, intervals])
    assert level == smooth(track, rules.smoothing).tolist()
    expected = find_events(track, threshold, rules)
    found = [[each[key] for key in ("start", "end", "alarm", "peak", "alarms")] for each in events]
    assert found == [[e.start, e.end, e.alarm, e.peak, e.alarms] for e in expected]
    spans = [(start, end) for _, start, end in intervals]
    judged = judge(expected, spans, float(track.edges[-1]))
    assert outcome["found"] == [bool(np.isfinite(delay)) for delay in judged.delays]
    assert outcome["falseAlarms"] == judged.false_alarms
    assert outcome["normalSeconds"] == judged.normal_seconds


def test_random_cases_have_events_and_videos_without_any():
    counts = [len(find_events(*random_case(seed)[:3])) for seed in range(60)]
    assert counts.count(0) > 3
    assert max(counts) > 5
