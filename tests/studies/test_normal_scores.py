"""Scores of normal training videos: each seed's own held-out part, as its detector scores them."""

import pandas as pd
import pytest

from fusevad.data.manifest import read_manifest
from fusevad.errors import FusevadError
from fusevad.studies.alarms import score_normal_videos
from fusevad.studies.settings import NormalScoresSettings
from fusevad.studies.trained import RunFiles
from fusevad.train.sampling import TrainVideo, split_validation
from tests.made_up_embeddings import write_reversed_crops
from tests.made_up_studies import SEEDS, VALUES, World


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("normal-scores"))


@pytest.fixture(scope="module")
def table(world) -> pd.DataFrame:
    out = world.folder / "normal.parquet"
    settings = NormalScoresSettings("last")
    score_normal_videos(world.run, world.manifest, world.streams, settings, out, workers=1)
    return pd.read_parquet(out)


def test_every_normal_training_video_is_scored_whole_by_every_seed(world, table):
    normal = [v for v in read_manifest(world.manifest) if v.split == "train" and not v.anomalous]
    assert normal
    for seed in SEEDS:
        own = table[table["seed"] == seed]
        assert set(own["video"]) == {video.name for video in normal}
        for video in normal:
            part = own[own["video"] == video.name].sort_values("segment")
            assert part["start"].tolist() == list(range(0, video.frames, 16))
            assert part["end"].tolist() == [*range(16, video.frames, 16), video.frames]
            assert part["part"].nunique() == 1


def test_the_parts_are_the_ones_that_training_had(world, table):
    train = [v for v in read_manifest(world.manifest) if v.split == "train"]
    videos = [TrainVideo(v.name, v.anomalous, v.classes) for v in train]
    for seed in SEEDS:
        split = split_validation(videos, VALUES["validation_share"], seed)
        own = table[table["seed"] == seed].groupby("part")["video"].unique()
        for part, members in (("held-out", split.validation), ("learned", split.fit)):
            assert set(own[part]) == {video.name for video in members if not video.anomalous}


def test_scores_are_those_of_the_seeds_detector(world, table):
    files = RunFiles(world.run, world.manifest, world.streams)
    for seed in SEEDS:
        detector = files.detector(seed, "last")
        own = table[table["seed"] == seed]
        name = own["video"].iloc[0]
        # Alone in its batch: padding changes no score beyond rounding.
        alone = detector.score(files.open(detector), [name]).segments[name][:, 0]
        found = own[own["video"] == name].sort_values("segment")["score"]
        assert found.to_numpy() == pytest.approx(alone.numpy(), abs=1e-6)


def test_other_footage_is_scored_whole_and_is_no_part_of_training(world, tmp_path):
    lines = world.manifest.read_text().splitlines()
    normal = [line for line in lines if ",normal," in line]
    (tmp_path / "manifest.csv").write_text("\n".join([lines[0], *normal]) + "\n")
    out = tmp_path / "footage.parquet"
    settings = NormalScoresSettings("last", "footage")
    arguments = world.run, tmp_path / "manifest.csv", world.streams, settings, out
    score_normal_videos(*arguments, workers=1)
    found = pd.read_parquet(out)
    assert set(found["part"]) == {"footage"}
    for _, own in found.groupby("seed"):
        assert set(own["video"]) == {line.split(",")[0] for line in normal}


def test_footage_with_an_anomaly_certifies_nothing(world, tmp_path):
    settings = NormalScoresSettings("last", "footage")
    arguments = world.run, world.manifest, world.streams, settings, tmp_path / "footage.parquet"
    with pytest.raises(FusevadError, match="is not normal; footage that certifies alarms must be"):
        score_normal_videos(*arguments, workers=1)


def test_of_another_data_set_test_videos_and_normal_training_videos_are_scored(world, tmp_path):
    out = tmp_path / "other.parquet"
    settings = NormalScoresSettings("last", "other")
    score_normal_videos(world.run, world.manifest, world.streams, settings, out, workers=1)
    found = pd.read_parquet(out)
    videos = read_manifest(world.manifest)
    tests = {video.name for video in videos if video.split == "test"}
    normal = {v.name for v in videos if v.split == "train" and not v.anomalous}
    for _, own in found.groupby("seed"):
        assert set(own.loc[own["part"] == "test", "video"]) == tests
        assert set(own.loc[own["part"] == "unseen", "video"]) == normal


def test_the_crop_of_training_is_scored_in_its_place_in_other_embeddings(world, table, tmp_path):
    streams = write_reversed_crops(tmp_path, world.streams)
    assert VALUES["test_crops"] == [1]
    for places, same in (((0,), True), (None, False)):
        settings = NormalScoresSettings("last", test_crops=places)
        out = tmp_path / "normal.parquet"
        score_normal_videos(world.run, world.manifest, streams, settings, out, workers=1)
        assert pd.read_parquet(out).equals(table) == same
