"""Crops, and shards of embeddings, with a tiny CLIP of random weights."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from fusevad.cues.count import normalise
from fusevad.cues.settings import CueSettings
from fusevad.data.manifest import read_manifest
from fusevad.embed import embedder as embedder_module
from fusevad.embed import run as embed_module
from fusevad.embed.index import make_index
from fusevad.embed.run import embed_shard
from fusevad.embed.settings import EmbedSettings
from fusevad.embed.streams.flow.settings import FlowSettings
from fusevad.embed.streams.registry import KINDS
from fusevad.encoders import clip as clip_module
from fusevad.encoders.clip import load_cue_tower, load_image_tower
from fusevad.errors import FusevadError
from fusevad.plan.stage import STAGES
from fusevad.video.crops import crop_images
from fusevad.video.decode import read_frames
from tests.made_up_cues import stored_counts
from tests.made_up_embeddings import VIDEOS, embed
from tests.made_up_videos import files_of_at_most
from tests.tiny_clip import changed

# Crops


def test_crops_are_centre_and_corners_and_their_mirrors():
    image = np.random.default_rng(0).integers(0, 256, (256, 340, 3), np.uint8)
    crops = crop_images(image, tuple(range(10)), 224)
    np.testing.assert_array_equal(crops[0], image[16:240, 58:282])
    np.testing.assert_array_equal(crops[1], image[:224, :224])
    np.testing.assert_array_equal(crops[2], image[:224, 116:])
    np.testing.assert_array_equal(crops[3], image[32:, :224])
    np.testing.assert_array_equal(crops[4], image[32:, 116:])
    for crop in range(5):
        np.testing.assert_array_equal(crops[crop + 5], crops[crop][:, ::-1])


def test_chosen_crops_come_in_the_order_asked_for():
    image = np.random.default_rng(0).random((256, 340), np.float32)
    all_crops = crop_images(image, tuple(range(10)), 224)
    np.testing.assert_array_equal(crop_images(image, (7, 0), 224), all_crops[[7, 0]])


def test_smaller_crops_are_averaged_over_areas():
    image = np.random.default_rng(0).integers(0, 256, (256, 340, 3), np.uint8)
    blocks = image[:224, :224].reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
    assert np.abs(crop_images(image, (1,), 112)[0] - blocks).max() <= 0.5


# Shards


@pytest.mark.parametrize("stride", [1, 3, 16])
def test_rgb_segments_are_means_over_their_sampled_frames(encoder, data, tmp_path, stride):
    settings = EmbedSettings("rgb", encoder, crops=(0, 6), frame_stride=stride, batch_size=7)
    shard = load_file(embed(data, tmp_path, settings))
    tower = load_image_tower(encoder)
    for name, count in VIDEOS.items():
        frames = list(read_frames(data / f"{name}.mp4"))
        for segment in range(-(-count // 16)):
            sampled = frames[16 * segment : min(count, 16 * segment + 16)][::stride]
            images = np.stack([crop_images(frame, (0, 6), 32) for frame in sampled])
            each = tower.embed(images.reshape(-1, 32, 32, 3)).reshape(len(sampled), 2, -1)
            np.testing.assert_allclose(shard[name][segment], each.mean(axis=0), atol=2e-3)
    assert {name: x.shape for name, x in shard.items()} == {
        "a": (3, 2, 24), "b": (1, 2, 24), "c": (1, 2, 24)
    }  # fmt: skip
    assert shard["a"].dtype == np.float16


def test_event_segments_are_embedded_motion_cues(encoder, data, tmp_path):
    shard = load_file(embed(data, tmp_path, EmbedSettings("motion-T16-thr10", encoder)))
    tower = load_cue_tower(encoder)
    for name in VIDEOS:
        counts = stored_counts(data / "cues/shard-0.h5", data / "manifest.csv", name, 16, 10)
        cues = normalise(counts, 16, CueSettings())
        for cue, vectors in zip(cues, shard[name], strict=True):
            expected = tower.embed(crop_images(cue, tuple(range(10)), 32))
            np.testing.assert_allclose(vectors, expected, atol=2e-3)


def test_a_shard_states_what_made_it(encoder, data, tmp_path):
    file = embed(data, tmp_path, EmbedSettings("rgb", encoder, frame_stride=4))
    with safe_open(file, "numpy") as store:
        metadata = json.loads(store.metadata()["provenance"])
    assert metadata["encoder"] == "minute" and metadata["stream"] == "rgb"
    assert metadata["frame_stride"] == "4"
    assert len(metadata["weights_sha256"]) == 64
    assert not any("/" in value for value in metadata.values())


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["rgb", "motion-T16-thr10"])
def test_batches_and_processes_change_no_more_than_rounding(encoder, data, tmp_path, stream):
    settings = EmbedSettings(stream, encoder, crops=(0, 4, 7))
    expected = load_file(embed(data, tmp_path / "default", settings))
    for size in (1, 5, 500):
        result = load_file(
            embed(data, tmp_path / str(size), dataclasses.replace(settings, batch_size=size))
        )
        for name in VIDEOS:
            np.testing.assert_allclose(result[name], expected[name], atol=2e-3)
    result = load_file(embed(data, tmp_path / "processes", settings, threads=2))
    for name in VIDEOS:
        np.testing.assert_allclose(result[name], expected[name], atol=2e-3)


@pytest.mark.parametrize("stream", ["rgb", "motion-T16-thr10"])
def test_a_killed_shard_goes_on_to_the_same_bytes(encoder, data, tmp_path, monkeypatch, stream):
    settings = EmbedSettings(stream, encoder, frame_stride=4)
    fresh = embed(data, tmp_path / "fresh", settings).read_bytes()
    real, done = embed_module._embed_video, []

    def embed_or_die(video, *rest):
        if len(done) == 2 and not (tmp_path / "restarted").exists():
            raise KeyboardInterrupt
        done.append(video.name)
        return real(video, *rest)

    monkeypatch.setattr(embed_module, "_embed_video", embed_or_die)
    with pytest.raises(KeyboardInterrupt):
        embed(data, tmp_path / "killed", settings)
    assert not (tmp_path / "killed/shard-0.safetensors").exists()
    (tmp_path / "restarted").touch()
    assert embed(data, tmp_path / "killed", settings).read_bytes() == fresh
    assert done == ["a", "b", "c"]  # none was embedded twice
    assert [file.name for file in (tmp_path / "killed").iterdir()] == ["shard-0.safetensors"]


@pytest.mark.parametrize(
    "damage", [lambda x: b"", lambda x: x[:50], lambda x: x[:-1] + bytes([x[-1] ^ 32])]
)
def test_a_damaged_part_is_embedded_again_with_one_line(
    encoder, data, tmp_path, monkeypatch, capsys, damage
):
    settings = EmbedSettings("rgb", encoder, frame_stride=16)
    with monkeypatch.context() as patch:
        patch.setattr(embed_module.shutil, "rmtree", lambda _: None)
        file = embed(data, tmp_path, settings)
    expected = file.read_bytes()
    file.unlink()
    part = sorted(tmp_path.glob(".*.progress/*"))[0]
    part.write_bytes(damage(part.read_bytes()))
    capsys.readouterr()
    assert embed(data, tmp_path, settings).read_bytes() == expected
    lines = [line for line in capsys.readouterr().err.splitlines() if str(part) in line]
    assert len(lines) == 1 and "damaged; this part is made again" in lines[0]


def test_what_an_earlier_shard_has_is_embedded_again_only_if_it_is_damaged(
    encoder, data, tmp_path, monkeypatch, capsys
):
    """As after a kill between the end of the job and Snakemake's note of it."""
    settings = EmbedSettings("rgb", encoder, frame_stride=16)
    file = embed(data, tmp_path, settings)
    expected = file.read_bytes()
    real, done = embed_module._embed_video, []

    def watched(video, *rest):
        done.append(video.name)
        return real(video, *rest)

    monkeypatch.setattr(embed_module, "_embed_video", watched)
    assert embed(data, tmp_path, settings).read_bytes() == expected and done == []
    # The last video of the manifest is the last of the shard.
    file.write_bytes(expected[:-1] + bytes([expected[-1] ^ 1]))
    assert embed(data, tmp_path, settings).read_bytes() == expected and done == ["c"]
    assert "video c is damaged; it is embedded again" in capsys.readouterr().err
    for damage in (b"", expected[:40], expected[: len(expected) // 2]):
        done.clear()
        file.write_bytes(damage)
        assert embed(data, tmp_path, settings).read_bytes() == expected
        assert done == ["a", "b", "c"]
        assert "damaged embeddings; they are made again" in capsys.readouterr().err
    done.clear()
    embed(data, tmp_path, dataclasses.replace(settings, frame_stride=8))
    assert done == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("field", "damage"), [(b'"F16"', b'"I16"'), (b"[3, 1, 24]", b"[3, 2, 12]")]
)
def test_kept_embeddings_have_the_type_and_shape_that_they_were_written_with(
    encoder, data, tmp_path, capsys, field, damage
):
    settings = EmbedSettings("rgb", encoder, crops=(0,), frame_stride=16)
    file = embed(data, tmp_path, settings)
    expected = file.read_bytes()
    file.write_bytes(expected.replace(field, damage, 1))
    assert embed(data, tmp_path, settings).read_bytes() == expected
    assert "video a is damaged; it is embedded again" in capsys.readouterr().err


def refuses_other_frames(data, folder, monkeypatch, settings, frames, killed):
    """Embed, count other frames of the first video, and embed again: it is read again."""
    with monkeypatch.context() as patch:
        if killed:
            patch.setattr(embed_module.shutil, "rmtree", lambda _: None)
        file = embed(data, folder, settings)
    if killed:
        file.unlink()
    table = pd.read_csv(data / "manifest.csv")
    table.loc[0, "frames"] = frames
    table.to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(FusevadError, match=r"a\.mp4: .*the manifest's"):
        embed_shard(folder / "manifest.csv", 0, 1, settings, file)


@pytest.mark.parametrize("killed", [False, True])
def test_embeddings_of_a_video_that_now_counts_more_segments_are_not_kept(
    encoder, data, tmp_path, monkeypatch, killed
):
    settings = EmbedSettings("rgb", encoder, frame_stride=16)
    refuses_other_frames(data, tmp_path, monkeypatch, settings, 50, killed)


def test_frames_that_the_manifest_did_not_count_are_no_reason_to_keep_a_video(
    encoder, data, tmp_path
):
    """As after a manifest that counts the frames of the same bytes otherwise."""
    settings = EmbedSettings("rgb", encoder, crops=(0,), frame_stride=1)
    table = pd.read_csv(data / "manifest.csv")
    table.loc[0, "frames"] -= 1
    table.to_csv(tmp_path / "manifest.csv", index=False)
    read = embed_module.open_source(settings, embed_module.load_embedder(settings), ())
    keys = [
        read.key(next(v for v in read_manifest(file) if v.name == "a"))
        for file in (data / "manifest.csv", tmp_path / "manifest.csv")
    ]
    assert keys[0] != keys[1]


FLOW = FlowSettings("flow", pairs=1)


@pytest.mark.parametrize("killed", [False, True])
def test_a_video_that_now_counts_other_frames_is_embedded_again_whatever_the_stream(
    data, tmp_path, monkeypatch, killed
):
    """Its last segment ends elsewhere, though it has as many segments and the same bytes."""
    refuses_other_frames(data, tmp_path, monkeypatch, FLOW, VIDEOS["a"] + 1, killed)


def test_embeddings_from_before_their_frames_were_noted_are_kept(data, tmp_path, monkeypatch):
    file = embed(data, tmp_path, FLOW)
    expected = file.read_bytes()
    with safe_open(file, "numpy") as store:
        metadata = store.metadata()
    videos = json.loads(metadata["videos"])
    assert {name: video.pop("frames") for name, video in videos.items()} == VIDEOS
    save_file(load_file(file), file, metadata | {"videos": json.dumps(videos)})
    monkeypatch.setattr(embed_module, "_embed_video", None)
    assert embed(data, tmp_path, FLOW).read_bytes() == expected


def raise_stage(patch):
    patch.setitem(STAGES, "embed", dataclasses.replace(STAGES["embed"], version=99))


def raise_stream(patch):
    patch.setattr(type(KINDS["rgb"]), "version", 99)


def raise_pixels(patch):
    patch.setattr(embedder_module, "PIXELS_VERSION", 99)


@pytest.mark.parametrize("change", [raise_stage, raise_stream, raise_pixels])
def test_a_raised_version_of_the_code_embeds_all_videos_again(
    encoder, data, tmp_path, monkeypatch, change
):
    settings = EmbedSettings("rgb", encoder, frame_stride=16)
    embed(data, tmp_path, settings)
    real, done = embed_module._embed_video, []

    def watched(video, *rest):
        done.append(video.name)
        return real(video, *rest)

    monkeypatch.setattr(embed_module, "_embed_video", watched)
    change(monkeypatch)
    embed(data, tmp_path, settings)
    assert done == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("stream", "tag"),
    [
        ("rgb", {"quick_gelu": True}),
        ("rgb", {"mean": (0.5, 0.5, 0.5)}),
        ("rgb", {"std": (0.5, 0.5, 0.5)}),
        ("motion-T16-thr10", {"quick_gelu": True}),
    ],
)
def test_the_same_weights_under_a_tag_of_another_build_embed_all_videos_again(
    encoder, data, tmp_path, monkeypatch, stream, tag
):
    """A tag of open_clip's decides activation and normalisation, which a copy of its file lacks."""
    settings = EmbedSettings(stream, encoder, frame_stride=16)
    as_file = load_file(embed(data, tmp_path / "both", settings))["a"]
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "minute", {"tag": {"url": "", **tag}})
    monkeypatch.setattr(clip_module, "weights_file", lambda *_: Path(encoder.pretrained))
    tagged = dataclasses.replace(settings, encoder=dataclasses.replace(encoder, pretrained="tag"))
    by_tag = embed(data, tmp_path / "both", tagged)
    assert by_tag.read_bytes() == embed(data, tmp_path / "fresh", tagged).read_bytes()
    assert not np.array_equal(load_file(by_tag)["a"], as_file)


def test_progress_of_other_settings_is_not_used(encoder, data, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(embed_module, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            embed(data, tmp_path / "out", EmbedSettings("rgb", encoder, frame_stride=8))
    result = embed(data, tmp_path / "out", EmbedSettings("rgb", encoder, frame_stride=2))
    fresh = embed(data, tmp_path / "fresh", EmbedSettings("rgb", encoder, frame_stride=2))
    assert result.read_bytes() == fresh.read_bytes()
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["shard-0.safetensors"]


def test_more_shards_than_videos_leave_an_empty_one(encoder, data, tmp_path):
    settings = EmbedSettings("rgb", encoder, frame_stride=16)
    files = [embed(data, tmp_path, settings, shard, 4) for shard in range(4)]
    assert load_file(files[3]) == {}
    make_index(data / "manifest.csv", files, tmp_path / "index.csv")
    assert pd.read_csv(tmp_path / "index.csv").file.tolist() == [file.name for file in files[:3]]


def test_weights_that_give_no_finite_numbers_leave_no_shard(encoder, data, tmp_path):
    def spoil(tensors):
        tensors["visual.proj"][:] = np.nan

    spoilt = changed(encoder.pretrained, tmp_path, spoil)
    settings = EmbedSettings("rgb", dataclasses.replace(encoder, pretrained=spoilt))
    with pytest.raises(FusevadError, match=r"a\.mp4: its embeddings are not finite"):
        embed(data, tmp_path / "out", settings)
    assert not (tmp_path / "out/shard-0.safetensors").exists()


def test_a_full_disk_is_said_and_leaves_nothing(encoder, data, tmp_path):
    settings = EmbedSettings("rgb", encoder, frame_stride=16)
    for limit, file in ((300, r"\.progress/.*\.safetensors"), (2500, r"shard-0\.safetensors")):
        with (
            files_of_at_most(limit),
            pytest.raises(FusevadError, match=rf"{file}: larger than its file system"),
        ):
            embed(data, tmp_path, settings)
        assert not list(tmp_path.rglob("*.tmp.*"))
        assert not (tmp_path / "shard-0.safetensors").exists()
    embed(data, tmp_path, settings)


@pytest.mark.parametrize("frames", [30, 50])
def test_a_video_of_other_length_than_the_manifests_is_named(encoder, data, tmp_path, frames):
    table = pd.read_csv(data / "manifest.csv")
    table.loc[0, "frames"] = frames
    table.to_csv(tmp_path / "manifest.csv", index=False)
    settings = EmbedSettings("rgb", encoder, frame_stride=16)
    with pytest.raises(FusevadError, match=r"a\.mp4: .*the manifest's"):
        embed_shard(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "out/x.safetensors")
    assert not (tmp_path / "out/x.safetensors").exists()


def test_a_video_of_other_bytes_than_the_manifests_is_not_embedded(encoder, data, tmp_path):
    table = pd.read_csv(data / "manifest.csv")
    copy = tmp_path / "c.mp4"
    copy.write_bytes((data / "c.mp4").read_bytes() + b" ")
    table.loc[2, "path"] = copy
    table.to_csv(tmp_path / "manifest.csv", index=False)
    settings = EmbedSettings("rgb", encoder, frame_stride=16)
    with pytest.raises(FusevadError, match=r"c\.mp4: not the file that the manifest was made from"):
        embed_shard(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "out/x.safetensors")
    assert not (tmp_path / "out/x.safetensors").exists()


def test_missing_motion_cues_are_named(encoder, data, tmp_path):
    settings = EmbedSettings("motion-T16-thr10", encoder)
    with pytest.raises(FusevadError, match=r"none\.h5: no such motion cues"):
        embed(data, tmp_path, settings, cues=[tmp_path / "none.h5"])
    with pytest.raises(FusevadError, match="name the shards of its motion cues"):
        embed(data, tmp_path, settings, cues=[])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"crops": (10,)}, "crops"),
        ({"crops": ()}, "crops"),
        ({"frame_stride": 0}, "stride"),
        ({"frame_stride": 17}, "stride"),
        ({"batch_size": 0}, "batch_size 0"),
    ],
)
def test_impossible_settings_are_refused(encoder, wrong, message):
    with pytest.raises(FusevadError, match=message):
        EmbedSettings(**{"stream": "rgb", "encoder": encoder} | wrong)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("event", "unknown"),
        ("motion-T12-thr10", "change the stream or the cues"),
        ("motion-released-T16-thr10", "definition paper"),
    ],
)
def test_streams_that_the_cues_lack_are_refused(encoder, data, tmp_path, stream, message):
    with pytest.raises(FusevadError, match=message):
        embed(data, tmp_path, EmbedSettings(stream, encoder))
