"""Watching a file: lines of JSON, events in order, and an end that is always told."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from av import VideoFrame
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.deploy.choosing import camera_threshold
from fusevad.deploy.detector import Detector
from fusevad.deploy.watch import run as module
from fusevad.deploy.watch.address import find_address
from fusevad.deploy.watch.events import EventFinder
from fusevad.deploy.watch.run import Watch, WatchSettings
from fusevad.deploy.watch.windows import CausalScorer
from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import Track, find_events
from fusevad.evaluate.settings import AlarmSettings
from tests import made_up_watch
from tests.made_up_bundles import RULES, threshold
from tests.made_up_videos import cut, write_video

FRAMES, FPS = 400, 20
KEYS = {
    "type", "id", "source", "start", "start_seconds", "alarm", "alarm_seconds", "end",
    "end_seconds", "alarms", "peak", "time", "time_seconds", "score", "level", "threshold",
    "alarms_per_hour", "bound", "certified", "latency_seconds", "dropped",
}  # fmt: skip


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("watched") / "a.mp4", FRAMES, fps=FPS)


@pytest.fixture(scope="module")
def always(made_up, tmp_path_factory) -> Path:
    """A bundle whose threshold is below all scores: one event from the first picture on."""
    file = tmp_path_factory.mktemp("always") / "model.fusevad"
    return made_up.changed(file, thresholds=(threshold(0.001),))


def made_up_scores(monkeypatch, scores: list[float]) -> None:
    """Let the detector say these scores, one a segment."""
    left = iter(scores)
    monkeypatch.setattr(CausalScorer, "score", lambda *_: next(left))


def watched(model: Path, video: Path, **settings: object) -> list[dict]:
    detector = Detector.load(model)
    chosen = camera_threshold(detector.about, None, None)
    return made_up_watch.watched(detector, video, chosen, **settings)


def scored(lines: list[dict]) -> list[dict]:
    return [each for each in lines if each["type"] == "score"]


def test_events_are_those_of_the_alarm_code(made_up, video, monkeypatch):
    scores = [0.1] * 4 + [0.9, 0.8, 0.7] + [0.1] * 10 + [0.9] * 4 + [0.1] * 4
    made_up_scores(monkeypatch, scores)
    messages = watched(made_up.file, video, fast=True, update_seconds=0.0)
    edges = np.append(np.arange(25) * 16, FRAMES) / FPS
    expected = find_events(Track(np.array(scores), edges), 0.5, RULES)
    ends = [each for each in messages if each["type"] == "end"]
    assert [
        (e["start_seconds"], e["end_seconds"], e["alarm_seconds"], e["alarms"]) for e in ends
    ] == [pytest.approx((e.start, e.end, e.alarm, e.alarms)) for e in expected]
    assert [e["peak"] for e in ends] == pytest.approx([e.peak for e in expected])
    assert len(ends) == 2


def test_an_event_is_new_then_updated_then_over_and_keeps_its_id(always, video):
    messages = watched(always, video, fast=True, update_seconds=0.0)
    assert [each["type"] for each in messages] == ["new", *["update"] * 24, "end"]
    assert len({each["id"] for each in messages}) == 1
    assert all(each.keys() == KEYS for each in messages)
    assert [each["end"] is None for each in messages] == [True] * 25 + [False]
    assert {(e["threshold"], e["alarms_per_hour"], e["bound"]) for e in messages} == {
        (0.001, 1.0, 0.75)
    }


def test_ids_begin_with_the_time_and_no_two_are_the_same(made_up, video, monkeypatch):
    scores = ([0.9] * 2 + [0.1] * 8) * 2 + [0.9] * 3 + [0.1] * 2
    made_up_scores(monkeypatch, scores)
    rules = AlarmSettings(smoothing=0, shortest=0, gap=1)
    monkeypatch.setattr(module, "EventFinder", lambda limit, _: EventFinder(limit, rules))
    starts = [m for m in watched(made_up.file, video, fast=True) if m["type"] == "new"]
    assert len({each["id"] for each in starts}) == len(starts) == 3
    for each in starts:
        seconds = datetime.fromisoformat(each["start"]).timestamp()
        assert float(each["id"].split("-")[0]) == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize(("window", "vouches"), [(None, False), (2, True)])
def test_a_threshold_for_recordings_vouches_for_no_camera_and_that_is_said(
    made_up, video, tmp_path, capsys, window, vouches
):
    low = replace(threshold(0.001, rate=3.0), window=window)
    recordings = () if window is None else made_up.about.thresholds
    model = made_up.changed(tmp_path / "m.fusevad", thresholds=(*recordings, low))
    messages = watched(model, video, fast=True)
    assert {each["certified"] for each in messages} == {vouches}
    assert ("fusevad calibrate --causal" in capsys.readouterr().err) is not vouches


def test_scores_look_back_as_far_as_the_threshold_was_made_for(made_up, video, tmp_path):
    recordings, camera = made_up.about.thresholds, replace(threshold(0.9), window=2)
    model = made_up.changed(tmp_path / "m.fusevad", thresholds=(*recordings, camera))
    chosen, named, longest = (
        [each["score"] for each in scored(watched(file, video, fast=True, scores=True, **more))]
        for file, more in ((model, {}), (made_up.file, {"window": 2}), (made_up.file, {}))
    )
    assert chosen == named != longest


def test_updates_are_some_seconds_apart(always, video):
    updates = [
        each["time_seconds"]
        for each in watched(always, video, fast=True, update_seconds=5.0)
        if each["type"] == "update"
    ]
    assert len(updates) == 3 and min(np.diff(updates)) >= 5


class Kept:
    """An outlet that keeps what it gets."""

    shown = "kept"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def send(self, text: str) -> None:
        self.texts.append(text)

    def close(self) -> None:
        pass


def test_messages_about_events_go_to_the_outlets_and_scores_do_not(always, video):
    detector, outlet = Detector.load(always), Kept()
    lines: list[str] = []
    settings = WatchSettings(camera_threshold(detector.about, None, None), fast=True, scores=True)
    address = find_address(str(video), None)
    Watch(detector, address, settings, [outlet], tell=lines.append).run()
    about_events = [line for line in lines if json.loads(line)["type"] != "score"]
    assert [outlet.texts[0], outlet.texts[-1]] == [about_events[0], about_events[-1]]
    assert set(outlet.texts) <= set(about_events)


def test_an_end_is_delivered_even_if_nobody_reads_the_lines(always, video):
    detector, outlet = Detector.load(always), Kept()

    def closed(_: str) -> None:
        raise BrokenPipeError

    settings = WatchSettings(camera_threshold(detector.about, None, None), fast=True)
    with pytest.raises(BrokenPipeError):
        Watch(detector, find_address(str(video), None), settings, [outlet], tell=closed).run()
    assert [json.loads(text)["type"] for text in outlet.texts] == ["new", "end"]


def test_a_score_for_each_segment_if_wanted(made_up, video):
    lines = watched(made_up.file, video, fast=True, scores=True)
    assert [each["time_seconds"] for each in scored(lines)] == pytest.approx(
        [min(16 * k, FRAMES) / FPS for k in range(1, 26)]
    )


def test_pictures_are_freed_while_the_watch_goes_on(made_up, video):
    gc.collect()
    gc.disable()  # then nothing but the watch itself collects
    try:
        watched(made_up.file, video, fast=True)
        left = sum(isinstance(each, VideoFrame) for each in gc.get_objects())
    finally:
        gc.enable()
    assert left < FRAMES / 4


def test_a_file_is_watched_at_its_own_pace(made_up, tmp_path):
    short = write_video(tmp_path / "short.mp4", 40, fps=FPS)
    begin = time.monotonic()
    lines = watched(made_up.file, short, scores=True)
    assert time.monotonic() - begin >= 39 / FPS
    assert len(scored(lines)) == 3
    assert all(0 <= each["latency_seconds"] < 30 for each in lines)


@pytest.mark.slow
def test_under_load_segments_are_dropped_and_counted_and_the_last_ones_are_new(
    made_up, tmp_path, monkeypatch, capsys
):
    real = CausalScorer.score

    def slow(self: CausalScorer, images: dict) -> float:
        time.sleep(2.0)
        return real(self, images)

    monkeypatch.setattr(CausalScorer, "score", slow)
    video = write_video(tmp_path / "a.mp4", 240, fps=FPS)
    lines = scored(watched(made_up.file, video, scores=True))
    dropped = lines[-1]["dropped"]
    assert dropped >= 5 and len(lines) + dropped == 15
    assert lines[-1]["time_seconds"] == pytest.approx(12, abs=0.2)
    assert f"{dropped} dropped" in capsys.readouterr().err
    # Two segments wait at most, each as long as it takes to score one.
    assert np.mean([each["latency_seconds"] for each in lines]) < 3 * 2.0 + 2


def test_a_broken_file_ends_its_event_and_is_one_line(always, tmp_path):
    broken = cut(write_video(tmp_path / "a.avi", 200, codec="mpeg4"), 0.6)
    result = CliRunner().invoke(
        app, ["watch", str(broken), "--model", str(always), "--fast"], standalone_mode=False
    )
    assert isinstance(result.exception, FusevadError)


def test_a_watch_that_is_stopped_ends_its_event(always, video):
    detector = Detector.load(always)
    lines: list[dict] = []

    def tell(line: str) -> None:
        lines.append(json.loads(line))
        if lines[-1]["type"] == "new":
            threading.Thread(target=watch.stop).start()

    settings = WatchSettings(camera_threshold(detector.about, None, None))
    watch = Watch(detector, find_address(str(video), None), settings, tell=tell)
    watch.run()
    assert [each["type"] for each in lines][:: len(lines) - 1] == ["new", "end"]
    assert lines[-1]["end_seconds"] < 15


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_event_and_the_command_with_0(always, video, number):
    command = [sys.executable, "-c", "from fusevad.cli import main; main()", "watch", str(video)]
    process = subprocess.Popen(
        [*command, "--model", str(always)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ,
    )  # fmt: skip
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["type"] == "new"
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert json.loads(out.splitlines()[-1])["type"] == "end"
    assert (process.returncode, "Traceback" in errors) == (0, False)
    assert "segments scored" in errors


def test_a_camera_has_no_fast_pace(made_up):
    detector = Detector.load(made_up.file)
    settings = WatchSettings(camera_threshold(detector.about, None, None), fast=True)
    with pytest.raises(FusevadError, match="leave out --fast"):
        Watch(detector, find_address("/dev/video0", None), settings)


def test_times_of_day_follow_the_machine_s_clock_where_it_is_set(always, video, monkeypatch):
    real, asked = time.time, count()
    monkeypatch.setattr(module.time, "time", lambda: real() + (3600 if next(asked) > 5 else 0))
    found = scored(watched(always, video, fast=True, scores=True))
    zeros = [datetime.fromisoformat(m["time"]).timestamp() - m["time_seconds"] for m in found]
    assert zeros[0] == pytest.approx(real(), abs=60)
    assert zeros[-1] - zeros[0] == pytest.approx(3600, abs=1)
    assert np.diff([m["time_seconds"] for m in found]) == pytest.approx(16 / FPS, abs=1e-3)
