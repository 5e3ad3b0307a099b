"""The table of alarms, from hand-made scores whose events, delays and false alarms are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fusevad.errors import FusevadError
from fusevad.report.alarm_footage import Footage
from fusevad.report.alarm_intervals import found_interval, median_interval, ratio_interval
from fusevad.report.alarm_transfers import Transfer
from fusevad.report.alarms_table import make_alarms_table
from fusevad.report.runs import TableRow
from tests.made_up_alarms import ALARMS, FPS, SEGMENTS, alarms_dataset, calm, frame, write_alarms
from tests.made_up_tables import write_table


@pytest.fixture
def folder(tmp_path):
    write_alarms(tmp_path)
    return tmp_path


def table(folder, alarms=ALARMS, footage=None, pictured=True):
    rows = [TableRow("Gating", "gating", {"rendered": folder}, pictured=pictured)]
    normals = {"gating": {"rendered": folder / "normal.parquet"}}
    files = folder / "alarms.tex", folder / "alarms.csv"
    own = {"rendered": footage} if footage else {}
    scores = {"gating": {"rendered": folder / "footage.parquet"}} if footage else {}
    arguments = rows, [alarms_dataset(folder)], normals, own, scores, (), alarms, "validation"
    make_alarms_table("alarms", "Alarms", *arguments, *files)
    cells = pd.read_csv(files[1]).set_index(["threshold_from", "rate"])
    return cells, files[0].read_text()


def eight_nights(folder):
    """A folder with the manifest of eight normal videos, and their names."""
    footage = folder / "footage"
    footage.mkdir()
    names = [f"night{k}" for k in range(8)]
    rows = [(n, f"{n}.mp4", "test", "normal", 16 * SEGMENTS, FPS, 320, 240, n) for n in names]
    write_table(footage, "manifest", rows)
    return footage, names


def test_hours_of_own_footage_certify_what_held_out_videos_cannot(folder):
    """Four hours, one peak of 0.85 in each: 1 an hour takes no alarm, 5 an hour allows all four."""
    footage, names = eight_nights(folder)
    parts = [
        frame(name, calm((0.85, 0.01 * k) if k % 2 else (0.01 * k,)), seed=s, part="footage")
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


def test_by_sound_alone_videos_without_sound_are_no_copies(folder):
    """A detector may add to their equal embeddings what depends on the place of a segment."""
    footage, names = eight_nights(folder)
    scores = 0.3 * np.random.default_rng(0).random(SEGMENTS)
    parts = [frame(name, scores, seed=s, part="footage") for s in (0, 1) for name in names]
    pd.concat(parts).to_parquet(folder / "footage.parquet", index=False)
    own = Footage("Nights", footage / "manifest.csv")
    cells, _ = table(folder, footage=own, pictured=False)
    assert cells.loc["footage", "hours"].tolist() == [4, 4, 4]
    with pytest.raises(FusevadError, match="night0 and night1 have the same pictures"):
        table(folder, footage=own)


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


def test_hours_are_those_of_the_seed_with_the_least_which_decide_what_is_certified(folder):
    scores = pd.read_parquet(folder / "normal.parquet")
    held_out = scores["seed"].eq(0) | scores["video"].lt("train5")  # 4 h and 2.5 h
    scores = scores.assign(part=np.where(held_out, "held-out", "learned"))
    scores.to_parquet(folder / "normal.parquet", index=False)
    cells, text = table(folder)
    assert cells.loc[("held-out", 1), "hours"] == 2.5
    assert pd.isna(cells.loc[("held-out", 1), "threshold"])
    assert "2.50 h of normal video are held out" in text
    assert "to certify takes 3 h for 1/h" in text


@pytest.fixture
def moved(folder, tmp_path):
    """Two data sets, and the run on the first tested on the second."""
    return moved_with(folder, tmp_path, shared=0)


def share(folder, other, count):
    """Give the last training videos of both data sets the same files."""
    manifest = pd.read_csv(other / "manifest.csv").set_index("video")
    own = pd.read_csv(folder / "manifest.csv").set_index("video")
    names = [f"train{7 - k}" for k in range(count)]
    manifest.loc[names, "sha256"] = own.loc[names, "sha256"]
    manifest.reset_index().to_csv(other / "manifest.csv", index=False)


def moved_with(folder, tmp_path, shared):
    other = tmp_path / "other"
    other.mkdir()
    write_alarms(other)
    share(folder, other, shared)
    tests = pd.read_parquet(other / "scores.parquet").drop(columns="protocol").assign(part="test")
    # Four hours of normal training videos that this run has not seen, with eight peaks of 0.7.
    unseen = [
        frame(f"train{k}", calm((0.7,)), seed=s, part="unseen") for s in (0, 1) for k in range(8)
    ]
    pd.concat([tests, *unseen]).to_parquet(other / "transferred.parquet", index=False)
    places = {"rendered": folder, "other": other}
    rows = [TableRow("Gating", "gating", places)]
    normals = {"gating": {key: place / "normal.parquet" for key, place in places.items()}}
    transfer = Transfer("gating", "rendered", "other", {"other": other / "transferred.parquet"})
    datasets = [alarms_dataset(place, key) for key, place in places.items()]
    files = tmp_path / "moved.tex", tmp_path / "moved.csv"
    arguments = rows, datasets, normals, {}, {}, [transfer], ALARMS, "validation"
    make_alarms_table("alarms", "Alarms", *arguments, *files)
    return pd.read_csv(files[1]), files[0].read_text()


def test_on_other_data_a_threshold_comes_from_normal_videos_of_either_data_set(moved):
    cells, text = moved
    own = cells[cells["block"] == "transfer"].set_index(["threshold_from", "rate"])
    assert set(own["trained_on"]) == {"rendered"} and set(own["dataset"]) == {"other"}
    normal_hours = (3 * SEGMENTS - 80) / 3600
    # The held-out hour has two peaks of 0.55, of which 5 an hour allow one: all five peaks of the
    # test videos' normal halves are false alarms.
    held_out = own.loc[("held-out", 5)]
    assert held_out["threshold"] > 0.55 and held_out["hours"] == 1
    assert held_out["false_alarms"] == pytest.approx(5 / normal_hours)
    # Four hours with eight peaks of 0.7: 5 an hour allow all of them, 1 an hour none.
    assert own.loc[("unseen", 1), "hours"] == 4
    assert own.loc[("unseen", 5), "threshold"] == pytest.approx(0.7)
    assert own.loc[("unseen", 5), "false_alarms"] == pytest.approx(3 / normal_hours)
    assert own.loc[("unseen", 1), "false_alarms"] == pytest.approx(2 / normal_hours)
    assert own.loc[("unseen", 1), "found"] == 50
    assert "On other data." in text and "Rendered $\\rightarrow$ Other" in text


@pytest.mark.parametrize(("shared", "hours"), [(1, 3.5), (8, 0)])
def test_videos_that_the_run_learned_from_certify_nothing_on_other_data(
    folder, tmp_path, shared, hours
):
    cells, text = moved_with(folder, tmp_path, shared)
    own = cells[cells["block"] == "transfer"].set_index(["threshold_from", "rate"])
    assert own.loc["unseen", "hours"].eq(hours).all()
    assert own.loc[("unseen", 1), "threshold"] > 0 or not hours
    assert "files that are in both are left out" in text


def test_files_that_are_there_twice_are_held_out_by_nobody(folder):
    """A seed may have learned from one and held the other one out."""
    manifest = pd.read_csv(folder / "manifest.csv").set_index("video")
    manifest.loc["train7", "sha256"] = manifest.loc["train1", "sha256"]
    manifest.reset_index().to_csv(folder / "manifest.csv", index=False)
    cells, _ = table(folder)
    assert cells.loc["held-out", "hours"].eq(0.5).all()  # of train0 and train1
    assert cells.loc["learned", "hours"].eq(2.5).all()


def test_a_run_on_its_own_data_is_judged_the_same_beside_transfers(moved, folder):
    cells, _ = moved
    both = cells[(cells["block"] == "measured") & (cells["dataset"] == "rendered")]
    alone = table(folder)[0].reset_index()
    pd.testing.assert_frame_equal(both.reset_index(drop=True)[alone.columns], alone)


def test_normal_videos_that_nobody_scored_vouch_for_nothing(folder):
    scores = pd.read_parquet(folder / "normal.parquet")
    scores[scores["part"] == "learned"].to_parquet(folder / "normal.parquet", index=False)
    cells, _ = table(folder)
    for source in ("held-out", "held-out-estimate"):
        assert cells.loc[source, "hours"].eq(0).all()
        assert cells.loc[source, "found"].isna().all()


def test_imported_scores_have_the_threshold_of_the_tests_own_normal_videos_alone(folder):
    trained = TableRow("Gating", "gating", {"rendered": folder})
    theirs = TableRow("Theirs", "theirs", {"rendered": folder}, imported=True)
    normals = {"gating": {"rendered": folder / "normal.parquet"}}
    files = folder / "alarms.tex", folder / "alarms.csv"
    for rows in ([trained, theirs], [theirs]):
        arguments = rows, [alarms_dataset(folder)], normals, {}, {}, (), ALARMS, "validation"
        make_alarms_table("alarms", "Alarms", *arguments, *files)
        cells = pd.read_csv(files[1]).set_index(["experiment", "threshold_from"])
        own = cells.loc["theirs"]
        assert set(own.index) == {"test"}
        # The same scores as the trained run's, so the same as in the tests above.
        assert own["found"].tolist()[:2] == [0, 50]
        assert "Imported scores are of test videos alone" in files[0].read_text()


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


def resampled(seeds, videos, draws=4000):
    """Places of seeds and of videos, drawn with replacement."""
    generator = np.random.default_rng(7)
    for _ in range(draws):
        yield generator.integers(seeds, size=seeds), generator.integers(videos, size=videos)


def test_intervals_of_ratios_and_medians_are_those_of_a_plain_bootstrap():
    generator = np.random.default_rng(1)
    part, whole = generator.poisson(3, (10, 40)), np.tile(generator.uniform(1, 4, 40), (10, 1))
    # Two events a video, of which a quarter is missed.
    values = generator.exponential(5, (10, 80)) + np.arange(10)[:, None]
    values[generator.random(values.shape) < 0.25] = np.nan
    owner = np.repeat(np.arange(40), 2)
    ratios, medians = [], []
    for seeds, videos in resampled(10, 40):
        chosen = np.ix_(seeds, videos)
        ratios.append(np.mean(part[chosen].sum(axis=1) / whole[chosen].sum(axis=1)))
        events = (2 * videos[:, None] + [0, 1]).ravel()
        medians.append(np.nanmedian(values[np.ix_(seeds, events)]))
    for found, plain in (
        (ratio_interval(part, whole), ratios),
        (median_interval(values, owner), medians),
    ):
        expected = np.quantile(plain, (0.025, 0.975))
        assert found == pytest.approx(expected, abs=0.08 * np.ptp(expected))


def test_an_interval_of_nothing_is_unknown():
    nothing = np.full((2, 3), np.nan)
    assert np.isnan(median_interval(nothing, np.arange(3))).all()
    assert np.isnan(ratio_interval(np.zeros((2, 3)), np.zeros((2, 3)))).all()


def test_every_number_has_its_interval_around_it(folder):
    cells, text = table(folder)
    shown = cells.dropna(subset="found")
    for name in ("found", "false_alarms", "f1_0.2", "f1_0.5"):
        assert (shown[f"{name}_low"] <= shown[name] + 1e-9).all()
        assert (shown[f"{name}_high"] >= shown[name] - 1e-9).all()
    # Both halves of the normal videos' time are at 0.1, but for a peak of 0.55 a video.
    assert cells.loc["learned", "normal_score"].tolist() == pytest.approx([0.1 + 0.45 / 1800] * 3)
    assert "Their mean scores, over all methods: 0.100 held out, 0.100 learned from" in text


def test_judged_at_is_one_of_the_rates():
    with pytest.raises(FusevadError, match="judged_at 7 is none of the rates"):
        replace(ALARMS, judged_at=7)
