"""Manifests of data sets with features and no videos, and training on them."""

import pandas as pd
import pytest
import torch

from fusevad.data.label_tables import read_intervals
from fusevad.data.manifest import read_manifest
from fusevad.embed.imported.manifest import manifest_from_features
from fusevad.embed.imported.settings import ImportSettings
from fusevad.embed.store import EmbeddingStore
from fusevad.errors import FusevadError
from fusevad.evaluate.run import evaluate
from fusevad.files import sha256
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.settings import train_settings
from tests.made_up_features import Features
from tests.made_up_tables import write_table


@pytest.fixture
def features(tmp_path) -> Features:
    return Features(tmp_path)


LABELS = [
    ("calm0", "train", "normal"),
    ("calm1", "train", "normal"),
    ("calm2", "train", "normal"),
    ("fight0", "train", "fight"),
    ("fight1", "train", "fight"),
    ("fight2", "train", "fight"),
    ("calm3", "test", "normal"),
    ("fight3", "test", "fight"),
]


@pytest.fixture
def videoless(features) -> Features:
    """VadCLIP features of eight videos, their labels, and no video."""
    for number, (name, _, _) in enumerate(LABELS):
        for crop in range(2):
            features.save(f"{name}__{crop}.npy", 3 + number, 512)
    labels = pd.DataFrame([(*row, f"{row[0]}.mp4") for row in LABELS])
    labels.columns = ["video", "split", "class", "path"]
    labels.to_csv(features.folder / "labels.csv", index=False)
    # fight3 has 10 rows, so 160 frames
    intervals = [("fight3", "fight", 10, 50), ("fight3", "fight", 150, 165)]
    intervals.append(("fight3", "fight", 160, 170))
    write_table(features.folder, "intervals", intervals)
    return features


def manifest_of(features: Features, on_bad_video: str = "stop") -> None:
    manifest_from_features(
        ImportSettings("vadclip", crops=(0, 1)),
        features.folder,
        features.folder / "labels.csv",
        features.folder / "intervals.csv",
        features.manifest.parent,
        on_bad_video,
    )


def test_a_manifest_from_features_has_16_frames_a_row(videoless, capsys):
    manifest_of(videoless)
    videos = read_manifest(videoless.manifest)
    assert [video.frames for video in videos] == [16 * (3 + n) for n in range(8)]
    fight = videos[-1]
    assert (fight.fps, fight.width, fight.height) == (0, 0, 0)
    assert fight.path == videoless.folder / "fight3__0.npy"
    assert fight.sha256 == sha256(fight.path)
    intervals = read_intervals(videoless.manifest.with_name("intervals.csv"))
    assert [(each.start, each.end) for each in intervals["fight3"]] == [(10, 50), (150, 160)]
    assert "fight3: ends after the video's 160 frames" in capsys.readouterr().err


def test_videos_without_features_stop_or_are_skipped(videoless):
    for name in ("calm0__1", "fight1__0", "fight1__1"):
        (videoless.folder / f"{name}.npy").unlink()
    with pytest.raises(FusevadError, match=r"2 of 8 videos .* calm0 \(rgb: no crop 1\), fight1"):
        manifest_of(videoless)
    manifest_of(videoless, "skip")
    assert len(read_manifest(videoless.manifest)) == 6
    skipped = pd.read_csv(videoless.manifest.with_name("skipped.csv"))
    assert skipped.video.tolist() == ["calm0", "fight1"]


def test_bins_of_a_video_do_not_tell_its_length(videoless):
    with pytest.raises(FusevadError, match="make the manifest from the videos"):
        manifest_from_features(
            ImportSettings("c3d-txt", crops=(0,)),
            videoless.folder,
            videoless.folder / "labels.csv",
            videoless.folder / "intervals.csv",
            videoless.out,
        )


def test_training_and_evaluation_go_on_from_imported_features(videoless, tmp_path):
    manifest_of(videoless)
    videoless.load(ImportSettings("vadclip", crops=(0, 1)), shards=3)
    index = videoless.out / "index.csv"
    assert EmbeddingStore(index, torch.device("cpu"))["fight3"].shape == (10, 2, 512)
    values = {"epochs": 1, "crops_per_epoch": 1, "validation_share": 0.3}
    settings = train_settings(
        values | {"method": "image-only", "model": {"layers": 1, "refinement_steps": 1}}, "test"
    )
    train(settings, TrainData(videoless.manifest, {"rgb": index}), [0], tmp_path / "run", workers=1)
    evaluate(
        tmp_path / "run", videoless.manifest, videoless.manifest.with_name("intervals.csv"), "AUC"
    )
    scores = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    assert scores.groupby("video").end.max().to_dict() == {"calm3": 144, "fight3": 160}


@pytest.mark.parametrize("rows", [1, 32, 200])
def test_features_pooled_to_the_same_number_of_rows_are_no_segments(videoless, rows):
    for path in videoless.folder.glob("*.npy"):
        videoless.save(path.name, rows, 512)
    says = rf"all 8 videos have {rows} rows of rgb, so a row .* add the videos \(`videos: true`\)"
    with pytest.raises(FusevadError, match=says):
        manifest_of(videoless, "skip")
    assert not videoless.manifest.with_name("skipped.csv").exists()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({name: 32 for name, split, _ in LABELS if split == "train"}, "6 of 8 videos"),
        ({name: 64 for name, _, _ in LABELS[1:]}, "7 of 8 videos"),  # one is longer
        ({name: 200 for name, _, _ in LABELS[:4]}, "4 of 8 videos"),  # shorter ones are kept
        ({name: 200 for name, _, _ in LABELS[:3]}, "3 of 6 training videos"),
    ],
)
def test_features_of_one_part_or_of_most_videos_that_are_pooled_are_no_segments(
    videoless, rows, says
):
    for name, count in rows.items():
        for crop in range(2):
            videoless.save(f"{name}__{crop}.npy", count, 512)
    count = next(iter(rows.values()))
    with pytest.raises(FusevadError, match=rf"features: {says} have {count} rows of rgb, so a row"):
        manifest_of(videoless, "skip")


def test_most_videos_may_have_as_few_rows_as_no_method_pools_to(videoless):
    for name, _, _ in LABELS[:7]:
        for crop in range(2):
            videoless.save(f"{name}__{crop}.npy", 9, 512)
    manifest_of(videoless)
    assert [video.frames for video in read_manifest(videoless.manifest)] == [144] * 7 + [160]


def test_one_damaged_feature_file_is_a_fault_of_its_video_alone(videoless):
    damaged = videoless.folder / "fight1__0.npy"
    damaged.write_bytes(damaged.read_bytes()[:40])
    with pytest.raises(
        FusevadError, match=r"1 of 8 videos .* fight1 \(rgb: .*not a readable array"
    ):
        manifest_of(videoless)
    manifest_of(videoless, "skip")
    assert len(read_manifest(videoless.manifest)) == 7
    skipped = pd.read_csv(videoless.manifest.with_name("skipped.csv"))
    assert skipped.video.tolist() == ["fight1"]
