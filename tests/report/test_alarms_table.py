"""The table of alarms, from hand-made scores whose events, delays and false alarms are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fusevad.errors import FusevadError
from fusevad.evaluate.settings import AlarmSettings
from fusevad.report.alarm_cells import found_interval
from fusevad.report.alarm_footage import Footage
from fusevad.report.alarms_table import make_alarms_table
from fusevad.report.runs import TableDataset, TableRow
from fusevad.studies.settings import AlarmTableSettings
from tests.made_up_tables import write_table

FPS, SEGMENTS = 16, 1800  # a segment is a second, a video half an hour
PLAIN = AlarmSettings(smoothing=0, release=1, shortest=0, gap=0)
ALARMS = AlarmTableSettings(rates=(1, 5, 20), overlaps=(0.2, 0.5), judged_at=5, events=PLAIN)
# Peaks of normal videos, a second each: at 5 an hour the test's own may have 5, so 0.6 is the
# lowest threshold; at 1 an hour one, so 0.9; at 20 an hour all ten, so 0.5.
CALM = {"calm0": (0.9, 0.8, 0.7, 0.65, 0.6), "calm1": (0.5,) * 5}
# Of the events at seconds 100 to 140 and 1000 to 1040 the first is seen from 110 to 140 with 0.75.
EVENTS = [(100, 140), (1000, 1040)]


def frame(video: str, scores: np.ndarray, **more: object) -> pd.DataFrame:
    starts = 16 * np.arange(len(scores))
    columns = {"segment": np.arange(len(scores)), "start": starts, "end": starts + 16}
    return pd.DataFrame({"video": video} | columns | {"score": scores} | more)


def calm(peaks: tuple[float, ...]) -> np.ndarray:
    scores = np.full(SEGMENTS, 0.1)
    scores[50 : 50 + 100 * len(peaks) : 100] = peaks
    return scores


def fight() -> np.ndarray:
    scores = np.full(SEGMENTS, 0.1)
    scores[110:140] = 0.75
    return scores


@pytest.fixture
def folder(tmp_path):
    names = [(name, "test", "normal") for name in CALM] + [("fight0", "test", "fight")]
    names += [(f"train{k}", "train", "normal") for k in range(8)]
    frames = 16 * SEGMENTS
    rows = [(n, f"{n}.mp4", split, c, frames, FPS, 320, 240, "0") for n, split, c in names]
    write_table(tmp_path, "manifest", rows)
    spans = [("fight0", "fight", 16 * start, 16 * end) for start, end in EVENTS]
    write_table(tmp_path, "intervals", spans)
    write_table(tmp_path, "skipped")
    tests = [frame(name, calm(peaks)) for name, peaks in CALM.items()] + [frame("fight0", fight())]
    scores = [part.assign(seed=s, protocol="validation") for s in (0, 1) for part in tests]
    pd.concat(scores).to_parquet(tmp_path / "scores.parquet", index=False)
    # Two videos held out, so one hour: it can certify 5 and 20 an hour, and not 1.
    normal = [
        frame(f"train{k}", calm((0.55,)), seed=s, part="held-out" if k < 2 else "learned")
        for s in (0, 1)
        for k in range(8)
    ]
    pd.concat(normal).to_parquet(tmp_path / "normal.parquet", index=False)
    return tmp_path


def table(folder, alarms=ALARMS, footage=None):
    dataset = TableDataset(
        key="rendered",
        title="Rendered",
        metrics=("AUC",),
        manifest=folder / "manifest.csv",
        intervals=folder / "intervals.csv",
        skipped=folder / "skipped.csv",
        crops=1,
        frame_stride=16,
    )
    rows = [TableRow("Gating", "gating", {"rendered": folder})]
    normals = {"gating": {"rendered": folder / "normal.parquet"}}
    files = folder / "alarms.tex", folder / "alarms.csv"
    own = {"rendered": footage} if footage else {}
    scores = {"gating": {"rendered": folder / "footage.parquet"}} if footage else {}
    make_alarms_table(
        "alarms", "Alarms", rows, [dataset], normals, own, scores, alarms, "validation", *files
    )
    cells = pd.read_csv(files[1]).set_index(["threshold_from", "rate"])
    return cells, files[0].read_text()


def test_hours_of_own_footage_certify_what_held_out_videos_cannot(folder):
    """Four hours, one peak of 0.85 in each: 1 an hour takes no alarm, 5 an hour allows all four."""
    footage = folder / "footage"
    footage.mkdir()
    names = [f"night{k}" for k in range(8)]
    rows = [(n, f"{n}.mp4", "test", "normal", 16 * SEGMENTS, FPS, 320, 240, "0") for n in names]
    write_table(footage, "manifest", rows)
    parts = [
        frame(name, calm((0.85,) if k % 2 else ()), seed=s, part="footage")
        for s in (0, 1)
        for k, name in enumerate(names)
    ]
    pd.concat(parts).to_parquet(folder / "footage.parquet", index=False)
    cells, text = table(folder, footage=Footage("Nights", footage / "manifest.csv"))
    own = cells.loc["footage"]
    assert own["hours"].tolist() == [4, 4, 4]
    assert own.loc[1, "threshold"] == pytest.approx(np.nextafter(0.85, 1))
    assert own.loc[5, "threshold"] == pytest.approx(0.85)
    assert own.loc[5, "found"] == 0
    assert pd.isna(cells.loc[("held-out", 1), "threshold"])
    assert "4.00 h are own footage (Nights)" in text


def test_thresholds_of_the_tests_own_normal_videos_are_the_lowest_that_their_rate_allows(folder):
    cells, _ = table(folder)
    assert cells.loc[("test", 1), "threshold"] == pytest.approx(0.9)
    assert cells.loc[("test", 5), "threshold"] == pytest.approx(0.6)
    assert cells.loc[("test", 20), "threshold"] == pytest.approx(0.5)
    assert cells.loc[("test", 1), "found"] == 0
    assert cells.loc[("test", 5), "found"] == 50


def test_delays_false_alarms_and_f1_are_those_of_the_hand_made_video(folder):
    at = table(folder)[0].loc[("test", 5)]
    assert at["delay"] == 11  # raised at the end of the second from 110 to 111
    normal_hours = (3 * SEGMENTS - 80) / 3600
    assert at["false_alarms"] == pytest.approx(5 / normal_hours)
    # Six events, two annotated, one pair with a tIoU of 30/40.
    assert at["f1_0.2"] == at["f1_0.5"] == pytest.approx(2 * 1 / (6 + 2))


def test_what_the_held_out_footage_can_not_certify_is_empty_and_said(folder):
    cells, text = table(folder)
    assert cells.loc[("held-out", 1), "hours"] == 1
    assert cells.loc[("held-out", 1), ["threshold", "found", "false_alarms"]].isna().all()
    assert "to certify takes 3 h for 1/h" in text
    # 5 an hour allow one alarm in an hour, and there are two of 0.55: above them.
    certified = cells.loc[("held-out", 5)]
    assert certified["threshold"] > 0.55 and certified["found"] == 50
    # 20 an hour allow both.
    assert cells.loc[("held-out", 20), "threshold"] == pytest.approx(0.55)


def test_a_manifest_without_frame_rates_is_one_line(folder):
    manifest = pd.read_csv(folder / "manifest.csv").assign(fps=0)
    manifest.to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(FusevadError, match="no frame rates"):
        table(folder)


def test_scores_that_do_not_cover_a_video_are_named(folder):
    scores = pd.read_parquet(folder / "scores.parquet")
    scores[scores["segment"] < SEGMENTS - 1].to_parquet(folder / "scores.parquet", index=False)
    with pytest.raises(FusevadError, match="video calm0: scores do not cover it"):
        table(folder)


def test_the_interval_of_found_events_holds_seeds_and_videos_as_doubtful():
    generator = np.random.default_rng(0)
    # All doubt is between seeds, then all between videos: a mean of 20 coins either way.
    seeds = np.repeat(generator.random((20, 1)) < 0.5, 30, axis=1)
    videos = np.repeat(generator.random((1, 30)) < 0.5, 20, axis=0)
    for found, count in ((seeds, 20), (videos, 30)):
        low, high = found_interval(found, np.arange(30))
        share = found.mean()
        expected = 1.96 * np.sqrt(share * (1 - share) / count)
        assert high - low == pytest.approx(2 * expected, rel=0.2)
    assert found_interval(np.ones((3, 4), bool), np.array([0, 0, 1, 2])) == (1, 1)


def test_judged_at_is_one_of_the_rates():
    with pytest.raises(FusevadError, match="judged_at 7 is none of the rates"):
        replace(ALARMS, judged_at=7)
