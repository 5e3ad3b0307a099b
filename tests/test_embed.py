"""Crops, encoders and shards of embeddings, with a tiny CLIP of random weights."""

import copy
import dataclasses
import json
import shutil
import socket
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torchvision.transforms.functional import normalize

from fusevad import embed as embed_module
from fusevad import encoder_weights
from fusevad.crops import crop_images
from fusevad.cues import CueSettings, make_cues, normalise, read_counts
from fusevad.embed import EmbedSettings, embed_shard
from fusevad.embedding_index import make_index
from fusevad.encoder_weights import create_model
from fusevad.encoders import (
    BatchedTower,
    EncoderSettings,
    load_clip,
    load_cue_tower,
    load_image_tower,
)
from fusevad.errors import FusevadError
from fusevad.files import sha256, write_csv
from fusevad.render import RenderSettings, encoder_plans, iter_frames
from fusevad.video import read_frames
from tests.test_video import files_of_at_most, write_video

CONFIGURATION = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}
VIDEOS = {"a": 40, "b": 16, "c": 5}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A CLIP of random weights; its motion-cue tower has others."""
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "minute.json").write_text(json.dumps(CONFIGURATION))
    open_clip.add_model_config(folder / "minute.json")
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        state = open_clip.create_model("minute").state_dict()
        states.append({name: tensor.half().numpy() for name, tensor in state.items()})
    save_file(states[0], folder / "clip.safetensors")
    visual = {name: value for name, value in states[1].items() if name.startswith("visual.")}
    save_file(visual, folder / "cues.safetensors")
    return EncoderSettings(
        name="minute",
        model=str(folder / "minute.json"),
        pretrained=str(folder / "clip.safetensors"),
        motion_cue_weights=str(folder / "cues.safetensors"),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with a manifest of three short videos, and their motion cues."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for name, frames in VIDEOS.items():
        path = write_video(folder / f"{name}.mp4", frames, (160, 120), seed=frames)
        rows.append((name, path, "train", "normal", frames, 20.0, 160, 120, sha256(path)))
    columns = ["video", "path", "split", "classes", "frames", "fps", "width", "height", "sha256"]
    write_csv(pd.DataFrame(rows, columns=columns), folder / "manifest.csv")
    make_cues(folder / "manifest.csv", 0, 1, CueSettings(), folder / "cues/shard-0.csv")
    return folder


def embed(data, out, settings, shard=0, shards=1, threads=1):
    file = out / f"shard-{shard}.safetensors"
    embed_shard(data / "manifest.csv", shard, shards, settings, file, data / "cues", threads)
    return file


def changed(file, folder, change):
    """A copy of a safetensors file after `change` was made to its dictionary of tensors."""
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, folder / "changed.safetensors")
    return str(folder / "changed.safetensors")


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


# Encoders


def test_embedding_is_open_clips_own_without_normalisation(encoder):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    tensor = normalize(tensor, open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    with torch.no_grad():
        expected = load_clip(encoder).encode_image(tensor)
    result = load_image_tower(encoder).embed(images)
    np.testing.assert_allclose(result, expected, atol=1e-5)
    assert result.shape == (3, 24) and result.dtype == np.float32
    assert np.abs(np.linalg.norm(result, axis=1) - 1).min() > 0.01


def test_motion_cues_fill_three_channels_of_their_own_tower(encoder):
    cues = np.random.default_rng(0).random((2, 32, 32), np.float32)
    tower = load_cue_tower(encoder)
    state = load_file(encoder.motion_cue_weights)
    model = load_clip(encoder)
    model.load_state_dict({name: torch.from_numpy(x) for name, x in state.items()}, strict=False)
    tensor = torch.from_numpy(cues)[:, None].repeat(1, 3, 1, 1)
    with torch.no_grad():
        plain = model.encode_image(tensor)
        as_rgb = model.encode_image(
            normalize(tensor, open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
        )
    np.testing.assert_allclose(tower.embed(cues), plain, atol=1e-5)
    clip = dataclasses.replace(encoder, cue_normalisation="clip")
    np.testing.assert_allclose(load_cue_tower(clip).embed(cues), as_rgb, atol=1e-5)
    assert tower.weights_sha256 == sha256(Path(encoder.motion_cue_weights))


def test_a_local_encoder_opens_no_connection(encoder, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load_image_tower(encoder)
    load_cue_tower(encoder)


def activation(model: str, pretrained: str) -> str:
    tower = create_model(model, pretrained, text=False)
    return type(tower.visual.transformer.resblocks[0].mlp.gelu).__name__


def test_published_weights_get_their_activation():
    """OpenAI's weights need QuickGELU, whatever the architecture's name says; LAION's need GELU."""
    assert activation("ViT-B-32", "openai") == "QuickGELU"
    assert activation("ViT-B-32", "laion2b_s34b_b79k") == "GELU"
    assert activation("ViT-B-32-quickgelu", "a local copy.safetensors") == "QuickGELU"


@pytest.mark.parametrize("name", ["vit-l-14", "vit-b-32", "vit-b-16"])
def test_encoders_of_the_paper_are_openais(root, name):
    """Their tags exist, imply QuickGELU, and the architecture is the one that the name says."""
    values = yaml.safe_load((root / f"config/encoders/{name}.yaml").read_text())
    published = open_clip.get_pretrained_cfg(values["model"], values["pretrained"])
    assert values["pretrained"] == "openai" and published["quick_gelu"]
    assert published["mean"] == open_clip.OPENAI_DATASET_MEAN
    assert values["model"].lower() == name


@pytest.fixture
def snapshot(encoder, tmp_path, monkeypatch):
    """The tiny CLIP as a folder of Hugging Face that was downloaded; the revisions asked for."""
    model = json.loads(Path(encoder.model).read_text())
    preprocessing = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    configuration = {"model_cfg": model, "preprocess_cfg": preprocessing}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(configuration))
    shutil.copy(encoder.pretrained, tmp_path / "open_clip_model.safetensors")
    asked = []

    def download(repository, names, revision=None):
        asked.append((repository, revision))
        return tmp_path / names[0]

    monkeypatch.setattr(encoder_weights, "from_hub", download)
    return tmp_path, asked


def test_a_model_of_hugging_face_brings_weights_and_preprocessing(encoder, snapshot):
    folder, asked = snapshot
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    local = EncoderSettings(
        "local", str(folder / "open_clip_config.json"), str(folder / "open_clip_model.safetensors")
    )
    plain = load_image_tower(encoder)
    expected = dataclasses.replace(plain, mean=(0.5,) * 3, std=(0.25,) * 3).embed(images)
    for settings in (EncoderSettings("hub", "hf-hub:org/name@c0ffee"), local):
        np.testing.assert_allclose(load_image_tower(settings).embed(images), expected, atol=1e-5)
    assert set(asked) == {("org/name", "c0ffee")}


def test_a_text_tower_that_can_not_be_built_here_does_not_matter():
    assert create_model("roberta-ViT-B-32", None, text=False).visual.image_size in (224, (224, 224))
    with pytest.raises(FusevadError, match=r"roberta-ViT-B-32: .*transformers"):
        create_model("roberta-ViT-B-32", None, text=True)


@pytest.mark.parametrize(
    ("model", "pretrained", "what"),
    [
        ("ViT-B-32", "openai", "timm/vit_base_patch32_clip_224.openai"),
        ("hf-hub:nobody/nothing", None, "open_clip_config.json of huggingface.co/nobody/nothing"),
    ],
)
def test_offline_a_download_says_so_at_once_in_one_line(
    model, pretrained, what, tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    start = time.monotonic()
    with pytest.raises(FusevadError, match=f"{what}: download failed") as caught:
        load_image_tower(EncoderSettings("x", model, pretrained))
    assert "\n" not in str(caught.value) and time.monotonic() - start < 20


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def small(root):
    """The encoder of the repository: real weights."""
    values = yaml.safe_load((root / "config/encoders/fusevad-small.yaml").read_text())
    paths = {k: str(root / values[k]) for k in ("model", "pretrained", "motion_cue_weights")}
    return EncoderSettings("small", **values | paths)


def pictures(root, count, size):
    """Crops of rendered frames, and motion cues of random blocks."""
    render = RenderSettings()
    clip = encoder_plans(render, 2, seed=3)[0]
    frames = [cv2.resize(f.image, (340, 256)) for f in islice(iter_frames(clip, render), count)]
    random = np.random.default_rng(0)
    blocks = random.integers(0, 17, (count, 16, 20)) * (random.random((count, 16, 20)) < 0.2)
    cues = np.kron(blocks / 16, np.ones((1, 16, 17))).astype(np.float32)
    return [np.concatenate([crop_images(x, (0,), size) for x in part]) for part in (frames, cues)]


def test_bfloat16_agrees_with_float32(root, small):
    """The precision of GPUs; the issue asks for cosines of at least 0.999."""
    for load, images in zip(
        (load_image_tower, load_cue_tower), pictures(root, 6, 112), strict=True
    ):
        tower = load(small)
        exact = dataclasses.replace(tower, precision=torch.float32).embed(images)
        rounded = dataclasses.replace(tower, precision=torch.bfloat16).embed(images)
        assert (exact != rounded).any()
        assert cosines(exact, rounded).min() >= 0.999


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_agrees_with_the_cpu(root, small):
    for load, images in zip(
        (load_image_tower, load_cue_tower), pictures(root, 40, 112), strict=True
    ):
        tower = load(small)
        assert tower.device.type == "cuda" and tower.precision == torch.bfloat16
        on_gpu = BatchedTower(tower).embed(images).cpu().numpy()
        on_cpu = dataclasses.replace(
            tower, model=copy.deepcopy(tower.model).cpu(), precision=torch.float32
        ).embed(images)
        assert cosines(on_gpu, on_cpu).min() >= 0.999


class ScarceMemory:
    """A tower whose device holds five images at once."""

    device = torch.device("cpu")

    def __init__(self):
        self.batches = []

    def forward(self, images):
        self.batches.append(len(images))
        if len(images) > 5:
            raise torch.OutOfMemoryError("made up")
        return torch.from_numpy(images).float()


def test_the_batch_is_halved_until_it_fits_and_stays_so():
    tower = ScarceMemory()
    encoder = BatchedTower(tower, batch_size=64)
    images = np.arange(18.0).reshape(18, 1)
    for _ in range(2):
        np.testing.assert_array_equal(encoder.embed(images), images)
    # 64 for 18 images, 9, then 4 for good.
    assert tower.batches == [18, 9, 4, 4, 4, 3, 3, 4, 4, 4, 3, 3]


def test_a_gpu_too_small_for_one_image_is_said():
    tower = ScarceMemory()
    tower.forward = lambda images: (_ for _ in ()).throw(torch.OutOfMemoryError("made up"))
    with pytest.raises(FusevadError, match="GPU: out of memory"):
        BatchedTower(tower, 8).embed(np.zeros((3, 1)))


@pytest.mark.parametrize("which", ["pretrained", "motion_cue_weights"])
def test_weights_of_another_shape_are_named(encoder, tmp_path, which):
    def widen(tensors):
        tensors["visual.proj"] = np.zeros((32, 25), np.float16)

    file = changed(getattr(encoder, which), tmp_path, widen)
    load = load_image_tower if which == "pretrained" else load_cue_tower
    with pytest.raises(FusevadError, match=r"changed.*visual\.proj is 32x25.*32x24"):
        load(dataclasses.replace(encoder, **{which: file}))


def test_a_position_embedding_of_another_image_size_is_not_interpolated(encoder, tmp_path):
    def larger(tensors):
        tensors["visual.positional_embedding"] = np.zeros((10, 32), np.float16)

    file = changed(encoder.pretrained, tmp_path, larger)
    with pytest.raises(FusevadError, match=r"positional_embedding is 10x32.*5x32"):
        load_image_tower(dataclasses.replace(encoder, pretrained=file))


@pytest.mark.parametrize("which", ["pretrained", "motion_cue_weights"])
def test_missing_and_surplus_tensors_are_named(encoder, tmp_path, which):
    load = load_image_tower if which == "pretrained" else load_cue_tower
    file = changed(getattr(encoder, which), tmp_path, lambda x: x.pop("visual.ln_post.bias"))
    with pytest.raises(FusevadError, match=r"no tensor visual\.ln_post\.bias 32"):
        load(dataclasses.replace(encoder, **{which: file}))
    surplus = {"visual.other": np.zeros(3, np.float16)}
    file = changed(getattr(encoder, which), tmp_path, lambda x: x.update(surplus))
    with pytest.raises(FusevadError, match=r"tensor visual\.other 3 is not in the model"):
        load(dataclasses.replace(encoder, **{which: file}))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "ViT-Z-99"}, "no model 'ViT-Z-99'"),
        ({"model": "none.json"}, "none.json: no such model configuration"),
        ({"pretrained": "none.safetensors"}, "none.safetensors: no such weights file"),
        ({"model": "ViT-B-32", "pretrained": "none"}, "openai"),
        ({"motion_cue_weights": "none.safetensors"}, "none.safetensors: no such motion-cue"),
        ({"motion_cue_weights": None}, "no motion_cue_weights"),
    ],
)
def test_a_wrong_name_of_an_encoder_is_explained(encoder, wrong, message):
    settings = dataclasses.replace(encoder, **wrong)
    load = load_cue_tower if "motion_cue_weights" in wrong else load_image_tower
    with pytest.raises(FusevadError) as caught:
        load(settings)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_weights_and_configurations_are_named(encoder, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "short.json").write_text("{}")
    for key, name in (
        ("pretrained", "bad.safetensors"), ("model", "bad.json"), ("model", "short.json")
    ):  # fmt: skip
        with pytest.raises(FusevadError, match=name):
            load_image_tower(dataclasses.replace(encoder, **{key: str(tmp_path / name)}))


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
    shard = load_file(embed(data, tmp_path, EmbedSettings("event-T16-thr10", encoder)))
    tower = load_cue_tower(encoder)
    for name in VIDEOS:
        counts = np.stack(list(read_counts(data / f"cues/{name}.h5", 16, 10)))
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


@pytest.mark.parametrize("stream", ["rgb", "event-T16-thr10"])
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


@pytest.mark.parametrize("stream", ["rgb", "event-T16-thr10"])
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
            pytest.raises(FusevadError, match=rf"{file}: the disk is full"),
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


def test_missing_motion_cues_are_named(encoder, data, tmp_path):
    settings = EmbedSettings("event-T16-thr10", encoder)
    with pytest.raises(FusevadError, match=r"a\.h5: no such motion cues"):
        embed_shard(data / "manifest.csv", 0, 1, settings, tmp_path / "x.safetensors", tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stream": "event"}, "unknown"),
        ({"stream": "event-T12-thr10"}, "change the stream or the cues"),
        ({"stream": "event-released-T16-thr10"}, "definition paper"),
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


# Index


@pytest.fixture
def shards(encoder, data, tmp_path):
    settings = EmbedSettings("rgb", encoder, crops=(0, 5), frame_stride=16)
    return [embed(data, tmp_path, settings, shard, 2) for shard in (0, 1)]


def rewrite(file, change):
    """Change a shard's tensors, keeping its metadata."""
    with safe_open(file, "numpy") as store:
        provenance = json.loads(store.metadata()["provenance"])
    tensors = load_file(file)
    change(tensors, provenance)
    save_file(tensors, file, {"provenance": json.dumps(provenance)})


def test_index_lists_every_video_in_the_manifests_order(data, shards, tmp_path):
    make_index(data / "manifest.csv", shards, tmp_path / "index.csv")
    first, second = (sha256(shard) for shard in shards)
    assert (tmp_path / "index.csv").read_text().split() == [
        "video,file,segments,crops,dim,sha256",
        f"a,shard-0.safetensors,3,2,24,{first}",
        f"b,shard-1.safetensors,1,2,24,{second}",
        f"c,shard-0.safetensors,1,2,24,{first}",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, _: x.pop("b"), "1 videos have no embeddings, such as b"),
        (lambda x, _: x.update(a=x["b"]), r"shard-1.*a is in shard-0.safetensors too"),
        (lambda x, _: x.update(z=x["b"]), r"shard-1.*z is not in .*manifest.csv"),
        (lambda x, _: x.update(b=x["b"][[0, 0]]), r"shard-1.*b have shape \(2, 2, 24\)"),
        (lambda x, _: x.update(b=x["b"] * np.float16(np.nan)), "shard-1.*b are not finite"),
        (lambda x, _: x.update(b=x["b"][:, :1]), "shard-1.*other settings"),
        (lambda x, _: x.update(b=x["b"][..., :8]), "shard-1.*other settings"),
        (lambda _, meta: meta.update(frame_stride="2"), "shard-1.*other settings"),
    ],
)
def test_wrong_shards_are_named(data, shards, tmp_path, change, message):
    rewrite(shards[1], lambda x, meta: change(x, meta))
    with pytest.raises(FusevadError, match=message):
        make_index(data / "manifest.csv", shards, tmp_path / "index.csv")
    assert not (tmp_path / "index.csv").exists()


def test_missing_and_damaged_shards_are_named(data, shards, tmp_path):
    shards[1].write_bytes(b"damaged")
    for files in (shards, [shards[0], tmp_path / "shard-9.safetensors"]):
        with pytest.raises(FusevadError, match=files[1].name):
            make_index(data / "manifest.csv", files, tmp_path / "index.csv")
