"""Thresholds of a bundle: certified by footage that no seed has seen, or only estimated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusevad.deploy.card import model_card, threshold_line
from fusevad.deploy.contents import Metric
from fusevad.deploy.settings import BundleSettings, NormalFootage
from fusevad.deploy.thresholds import thresholds_of
from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import Track, calibrate, estimate
from fusevad.evaluate.timed_videos import normal_scores
from tests.made_up_bundles import RULES, threshold
from tests.made_up_tables import write_table

FPS, HOUR = 1.0, 3600


def write_footage(folder: Path, hours: dict[str, float], part: str) -> NormalFootage:
    """Normal videos at a frame a second, scored by two seeds; each by its own alone if held out."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    videos, rows = [], []
    for number, (name, length) in enumerate(hours.items()):
        frames = int(length * HOUR)
        own_hash = f"{folder.name} {number}"
        videos.append((name, f"{name}.mp4", "train", "normal", frames, FPS, 320, 240, own_hash))
        segments = -(-frames // 16)
        for seed in (0, 1) if part == "footage" else (number % 2,):
            for k, score in enumerate(rng.beta(2, 5, segments)):
                rows.append((seed, part, name, k, 16 * k, min(16 * (k + 1), frames), score))
    write_table(folder, "manifest", videos)
    columns = ["seed", "part", "video", "segment", "start", "end", "score"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "scores.parquet", index=False)
    return NormalFootage(folder.name, str(folder / "manifest.csv"), str(folder / "scores.parquet"))


@pytest.fixture
def settings(tmp_path) -> BundleSettings:
    learned = write_footage(tmp_path / "learned", {"a": 0.1, "b": 0.2}, "held-out")
    return BundleSettings("e", "E", "d", "validation", (5, 1, 20), learned, events=RULES)


def mean_tracks(footage: NormalFootage) -> list[Track]:
    """The mean over the seeds, computed by a pivot of this test's own."""
    scores = pd.read_parquet(footage.scores)
    tracks = []
    for _, own in scores.groupby("video"):
        table = own.pivot(index="segment", columns="seed", values="score")
        edges = [*own.drop_duplicates("segment")["start"], own["end"].max()]
        tracks.append(Track(table.mean(axis=1).to_numpy(), np.array(edges) / FPS))
    return tracks


def with_footage(settings: BundleSettings, folder: Path, hours: float) -> BundleSettings:
    footage = write_footage(folder, {"x": hours / 2, "y": hours / 2}, "footage")
    values = [getattr(settings, name) for name in ("experiment", "label", "dataset", "protocol")]
    return BundleSettings(*values, settings.rates, settings.learned, footage, RULES)


def test_footage_that_no_seed_has_seen_certifies_the_mean_over_seeds(settings, tmp_path):
    chosen = with_footage(settings, tmp_path / "footage", hours=4)
    found = thresholds_of(chosen)
    assert [each.rate for each in found] == [1, 5, 20]
    for each in found:
        expected = calibrate(mean_tracks(chosen.footage), each.rate, RULES)
        assert (each.threshold, each.alarms) == (expected.threshold, expected.alarms)
        assert each.certified and each.bound <= each.rate
        assert each.hours == pytest.approx(4 - 2 * RULES.shortest / 3600)
    assert found[0].threshold > found[1].threshold > found[2].threshold


def test_rates_that_its_hours_cannot_certify_have_no_threshold(settings, tmp_path):
    found = thresholds_of(with_footage(settings, tmp_path / "footage", hours=1))
    assert [each.rate for each in found] == [5, 20]


@pytest.mark.parametrize("hours", [0, 0.05])
def test_without_enough_footage_held_out_videos_give_an_estimate(settings, tmp_path, hours):
    chosen = with_footage(settings, tmp_path / "footage", hours) if hours else settings
    found = thresholds_of(chosen)
    assert [each.rate for each in found] == [1, 5, 20]
    for each in found:
        expected = estimate(mean_tracks(settings.learned), each.rate, RULES)
        assert (each.threshold, each.bound) == (expected.threshold, expected.bound)
        assert not each.certified
        assert "only estimated" in threshold_line(each)
        assert "at most" not in threshold_line(each)


def test_copies_that_a_seed_may_have_learned_from_give_no_estimate(settings):
    manifest = Path(settings.learned.manifest)
    whole = thresholds_of(settings)
    rows = pd.read_csv(manifest)
    copy = rows.iloc[[1]].assign(video="c", path="c.mp4")  # of b, which a seed has held out
    pd.concat([rows, copy]).to_csv(manifest, index=False)
    first, _ = mean_tracks(settings.learned)
    for each in thresholds_of(settings):
        expected = estimate([first], each.rate, RULES)
        assert (each.threshold, each.hours) == (expected.threshold, expected.hours)
    copies = [rows, copy, rows.iloc[[0]].assign(video="d", path="d.mp4")]
    pd.concat(copies).to_csv(manifest, index=False)
    assert thresholds_of(settings) == whole  # there is nothing else


def test_scores_of_no_normal_video_are_one_line(settings):
    scores = pd.read_parquet(settings.learned.scores).assign(part="learned")
    scores.to_parquet(settings.learned.scores, index=False)
    with pytest.raises(FusevadError, match="no scores of part held-out"):
        thresholds_of(settings)


def test_the_card_says_who_vouches_and_what_was_measured(made_up):
    card = model_card(made_up.about)
    assert "AUC: 80.0 ± 1.0 %" in card
    assert "certified for 1 false alarm an hour: 0.5000; 0 alarms in 4 h (made up)" in card
    assert "so at most 0.75 new false events an hour (95 %)" in card
    assert "not enclosed" not in card


@pytest.mark.parametrize(("hours", "shown"), [(0.00556, "0.0056"), (4, "4"), (149, "149.0")])
def test_hours_are_written_out(hours, shown):
    found = replace(threshold(0.5), hours=hours)
    assert f" alarms in {shown} h (" in threshold_line(found)


def test_a_single_alarm_is_one_alarm():
    found = replace(threshold(0.5), alarms=1, hours=4.0)
    assert " 1 alarm in 4 h (" in threshold_line(found)


def test_a_bound_is_never_shown_below_itself():
    found = replace(threshold(0.5), bound=39.049)
    assert "so at most 39.1 new false events" in threshold_line(found)


def test_the_card_says_which_videos_the_metrics_are_of(made_up):
    heading = "## Measured on {} of that data set\n"
    assert heading.format("the test videos") in model_card(made_up.about)
    ranked = replace(made_up.about, metrics={"Video-AUC": Metric(0.8, 0.01)})
    assert heading.format("the training videos that each seed held out") in model_card(ranked)


def test_footage_with_the_same_pictures_in_two_files_certifies_nothing(settings, tmp_path):
    chosen = with_footage(settings, tmp_path / "own", 4.0)
    scores = pd.read_parquet(chosen.footage.scores)
    own = scores[scores["video"] == "x"]
    copied = pd.concat([own, own.assign(video="y")])
    copied.to_parquet(chosen.footage.scores, index=False)
    with pytest.raises(FusevadError, match="videos x and y have the same pictures"):
        thresholds_of(chosen)
    # By sound alone, all videos without sound are alike.
    assert all(each.certified for each in thresholds_of(chosen, pictured=False))


def test_footage_that_is_there_twice_certifies_nothing(settings, tmp_path):
    chosen = with_footage(settings, tmp_path / "own", 4.0)
    manifest = Path(chosen.footage.manifest)
    table = pd.read_csv(manifest)
    table["sha256"] = 64 * "a"
    table.to_csv(manifest, index=False)
    with pytest.raises(FusevadError, match="videos x and y are the same file"):
        thresholds_of(chosen)


@pytest.mark.parametrize("split", ["train", "test"])
def test_footage_that_training_has_seen_certifies_nothing(settings, tmp_path, split):
    """Its scores are too low, as it was labelled as normal."""
    chosen = with_footage(settings, tmp_path / "own", 4.0)
    own, learned = Path(chosen.footage.manifest), Path(settings.learned.manifest)
    seen = pd.read_csv(learned).assign(split=["train", split])
    seen.to_csv(learned, index=False)
    table = pd.read_csv(own)
    table.loc[0, "sha256"] = seen["sha256"][1]
    table.to_csv(own, index=False)
    if split == "test":
        assert thresholds_of(chosen)[0].certified
    else:
        with pytest.raises(FusevadError, match=r"video x is b of .*, which training has seen"):
            thresholds_of(chosen)


@pytest.mark.parametrize("rounding", [0, 2**-24])
def test_scores_that_never_change_say_nothing_of_pictures(settings, tmp_path, rounding):
    """As of scenes without motion by motion cues alone, whose row must not end a whole table."""
    chosen = with_footage(settings, tmp_path / "own", 4.0)
    scores = pd.read_parquet(chosen.footage.scores)
    own = scores[scores["video"] == "x"]
    still = pd.concat([own, own.assign(video="y")])
    still["score"] = 0.25 + 0.5 * still["seed"] + rounding * (still["segment"] % 64 < 32)
    still.to_parquet(chosen.footage.scores, index=False)
    assert normal_scores(Path(chosen.footage.scores), "footage").keys() == {0, 1}
