"""Layouts of features on public hubs: pooled beside whole videos, and rows of 64 frames."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusevad.data.label_tables import read_intervals
from fusevad.data.manifest import read_manifest
from fusevad.embed.imported.manifest import manifest_from_features
from fusevad.embed.imported.run import import_features
from fusevad.embed.imported.settings import ImportSettings
from fusevad.embed.store import EmbeddingStore
from fusevad.errors import FusevadError
from tests.made_up_tables import write_table

TRAIN = {"Abuse001_x264": "Abuse", "Normal_Videos001_x264": "normal"}
# Rows of test videos; as many as crops, and as many as bins, are the two that could be confused.
TEST = {"Abuse028_x264": 10, "Arson007_x264": 32, "Normal_Videos_003_x264": 5}
FIVE = tuple(range(5))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Labels and intervals of five videos."""
    classes = TRAIN | {"Abuse028_x264": "Abuse", "Arson007_x264": "Arson"}
    rows = [
        (name, "train" if name in TRAIN else "test", classes.get(name, "normal"), name)
        for name in (*TRAIN, *TEST)
    ]
    labels = pd.DataFrame(rows, columns=["video", "split", "class", "path"])
    labels.to_csv(tmp_path / "labels.csv", index=False)
    spans = [("Abuse028_x264", "Abuse", 10, 30), ("Arson007_x264", "Arson", 500, 700)]
    write_table(tmp_path, "intervals", spans)
    return tmp_path


def save(folder: Path, path: str, *shape: int) -> np.ndarray:
    random = np.random.default_rng(sum(map(ord, path)))
    array = random.normal(size=shape).astype(np.float16).astype(np.float32)
    file = folder / "features" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, array)
    return array


def save_pooled(folder: Path) -> dict[str, np.ndarray]:
    """As `train.zip` and `test.zip` unpack; returns `rows x crops x D`."""
    arrays = {}
    for name in TRAIN:
        array = save(folder, f"train/{name}_i3d.npy", 10, 32, 2048)
        arrays[name] = array.transpose(1, 0, 2)
    return arrays | {
        name: save(folder, f"test/{name}_i3d.npy", rows, 10, 2048) for name, rows in TEST.items()
    }


def manifest(folder: Path, settings: ImportSettings, on_bad_video: str = "stop") -> None:
    tables = folder / "labels.csv", folder / "intervals.csv"
    manifest_from_features(settings, folder / "features", *tables, folder / "out", on_bad_video)


def imported(folder: Path, settings: ImportSettings) -> EmbeddingStore:
    table, out = folder / "out" / "manifest.csv", folder / "out" / "rgb"
    import_features(settings, folder / "features", table, "rgb", out, 2)
    return EmbeddingStore(out / "index.csv", torch.device("cpu"))


def test_pooled_training_videos_and_whole_test_videos_are_one_data_set(folder):
    arrays = save_pooled(folder)
    settings = ImportSettings("i3d-32", crops=(9, 0))
    manifest(folder, settings)
    videos = {video.name: video for video in read_manifest(folder / "out" / "manifest.csv")}
    assert {name: videos[name].frames for name in TEST} == {n: 16 * r for n, r in TEST.items()}
    spans = read_intervals(folder / "out" / "intervals.csv")["Arson007_x264"]
    assert [(span.start, span.end) for span in spans] == [(500, 512)]
    store = imported(folder, settings)
    for name, array in arrays.items():
        np.testing.assert_array_equal(store[name].numpy(), array[:, [9, 0]].astype(np.float16))


def test_a_test_video_that_is_pooled_is_no_test_video(folder):
    save_pooled(folder)
    save(folder, "test/Arson007_x264_i3d.npy", 10, 32, 2048)
    with pytest.raises(FusevadError, match=r"1 of 5 .* Arson007_x264 \(Arson007_x264_i3d.npy is"):
        manifest(folder, ImportSettings("i3d-32"))
    manifest(folder, ImportSettings("i3d-32"), "skip")
    skipped = pd.read_csv(folder / "out" / "skipped.csv")
    assert skipped.video.tolist() == ["Arson007_x264"]


def with_lengths(folder: Path, frames: dict[str, int]) -> None:
    """A manifest as videos give it."""
    rows = [
        [name, f"{name}.mp4", "train" if name in TRAIN else "test", "normal", count, 30.0, 320, 240]
        for name, count in frames.items()
    ]
    write_table(folder / "out", "manifest", [[*row, "0" * 64] for row in rows])


def test_beside_videos_pooled_rows_spread_over_the_length_and_whole_ones_must_fit(folder):
    arrays = save_pooled(folder)
    frames = dict.fromkeys(TRAIN, 16 * 80) | {name: 16 * rows for name, rows in TEST.items()}
    (folder / "out").mkdir()
    with_lengths(folder, frames)
    settings = ImportSettings("i3d-32", crops=(4,))
    store = imported(folder, settings)
    for name in TRAIN:
        middles = (np.arange(80) + 0.5) / 80
        rows = [next(b for b in range(32) if b / 32 <= m < (b + 1) / 32) for m in middles]
        expected = arrays[name][rows, 4].astype(np.float16)
        np.testing.assert_array_equal(store[name][:, 0].numpy(), expected)
    with_lengths(folder, frames | {"Normal_Videos_003_x264": 16 * 7})
    with pytest.raises(FusevadError, match=r"_003_x264_i3d\.npy has 5 segments, expected 7 or 6"):
        imported(folder, settings)


def test_each_segment_takes_the_row_of_64_frames_that_it_lies_in(folder):
    rows = dict.fromkeys(TRAIN, 2) | TEST
    arrays = {name: save(folder, f"1-1004/{name}.npy", n, 5, 2048) for name, n in rows.items()}
    settings = ImportSettings("i3d-64", crops=FIVE)
    manifest(folder, settings)
    videos = read_manifest(folder / "out" / "manifest.csv")
    assert {video.name: video.frames for video in videos} == {n: 64 * r for n, r in rows.items()}
    store = imported(folder, settings)
    for name, array in arrays.items():
        np.testing.assert_array_equal(store[name].numpy(), array.repeat(4, 0).astype(np.float16))


@pytest.mark.parametrize(("frames", "fits"), [(129, True), (192, True), (256, True), (128, False)])
def test_rows_of_64_frames_are_as_many_as_their_video_fills_or_one_fewer(folder, frames, fits):
    (folder / "out").mkdir()
    with_lengths(folder, {"Abuse028_x264": frames})
    array = save(folder, "Abuse028_x264.npy", 3, 5, 2048)
    settings = ImportSettings("i3d-64", crops=FIVE)
    if not fits:
        with pytest.raises(FusevadError, match="has 3 rows of 64, expected 2 or 1"):
            imported(folder, settings)
        return
    segments = [min(s // 4, 2) for s in range(-(-frames // 16))]
    expected = array[segments].astype(np.float16)
    np.testing.assert_array_equal(imported(folder, settings)["Abuse028_x264"].numpy(), expected)
