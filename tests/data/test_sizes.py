"""How large data sets are, with and without a manifest."""

import shutil
from pathlib import Path

import pytest

from fusevad.config.load import load_dataset
from fusevad.data.sizes import size_of
from fusevad.errors import FusevadError

NONE = Path("results/none/manifest.csv")


@pytest.fixture
def in_root(root, monkeypatch):
    monkeypatch.chdir(root)


def test_a_manifest_counts_frames_and_segments_of_each_video(root, tmp_path):
    manifest = tmp_path / "manifest.csv"
    (tmp_path / "a.mp4").write_bytes(bytes(1000))
    head = "video,path,split,classes,frames,fps,width,height,sha256,variable_rate"
    hashes = "0" * 64
    rows = [
        f"a,{tmp_path}/a.mp4,train,normal,17,25,640,480,{hashes},False",
        f"b,{tmp_path}/b.mp4,test,Fall,48,25,640,480,{hashes},False",
    ]
    manifest.write_text("\n".join([head, *rows, ""]))
    dataset = load_dataset(root / "config", "ucf-crime")
    found = size_of(dataset, manifest)
    assert (found.videos, found.training, found.frames) == (2, 1, 65)
    assert (found.segments, found.test_segments, found.longest) == (2 + 3, 3, 3)
    # A video is not there.
    assert found.bytes == 65 * 7_500 and "assumed: 7500 bytes a frame" in found.known
    (tmp_path / "b.mp4").write_bytes(bytes(500))
    found = size_of(dataset, manifest)
    assert found.bytes == 1500 and found.known == "its manifest"


def test_a_recorded_data_set_has_its_published_frames_and_its_split_s_videos(in_root):
    found = size_of(load_dataset(Path("config"), "ucf-crime"), NONE)
    assert (found.videos, found.training, found.frames) == (1900, 1610, 13_741_393)
    assert found.segments == pytest.approx(13_741_393 / 16 + 950)
    assert found.test_segments == pytest.approx(found.segments * 290 / 1900)
    assert found.bytes == 96 * 2**30
    assert "assumed: test videos as long as others" in found.known
    unknown = size_of(load_dataset(Path("config"), "msad"), NONE)
    assert unknown.bytes == 447_236 * 7_500 and "7500 bytes a frame" in unknown.known


def test_of_a_data_set_whose_parts_are_not_published_half_is_assumed_for_training(in_root):
    found = size_of(load_dataset(Path("config"), "cctv-fights"), NONE)
    assert (found.videos, found.training, found.frames) == (1000, 500, 1_909_440)
    assert found.test_segments == pytest.approx(found.segments / 2)
    assert "assumed: half of its videos for training" in found.known


def test_a_data_set_to_be_made_has_the_means_of_its_settings(in_root):
    rendered = size_of(load_dataset(Path("config"), "rendered"), NONE)
    # 220 videos of (10 + 11 + 25) / 3 seconds, at 20.4 frames a second.
    assert rendered.videos == 220 and rendered.training == 160
    assert rendered.frames == pytest.approx(220 * 46 / 3 * 20.4)
    spliced = size_of(load_dataset(Path("config"), "surveillance-fight"), NONE)
    # 140 videos of 8 clips of 1.7 seconds, at 20 frames a second.
    assert spliced.frames == pytest.approx(140 * 8 * 1.7 * 20)


def test_people_s_own_videos_have_no_known_lengths_before_their_manifest(
    root, tmp_path, monkeypatch
):
    shutil.copytree(root / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    labels = Path("config/datasets/shop.csv")
    labels.write_text("video,split,class,path\na,train,normal,a.mp4\n")
    Path("config/datasets/shop.yaml").write_text(
        "title: Shop\nmetrics: [AUC]\ncrops: [0]\nframe_stride: 16\nshards: 1\n"
        f"hyperparameters: rendered\nown: {{labels: {labels}, intervals: none.csv}}\n"
    )
    with pytest.raises(FusevadError, match=r"shop: the lengths of its 1 videos .* run: snakemake"):
        size_of(load_dataset(Path("config"), "shop"), Path("results/shop/manifest.csv"))
