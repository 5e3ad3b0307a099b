"""CLIP towers: whose weights fit, how they embed, in what precision and batches."""

import dataclasses
import json
import shutil
import socket
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import open_clip
import pytest
import torch
import yaml
from safetensors.numpy import load_file
from torchvision.transforms.functional import normalize

from fusevad.data.render.frames import iter_frames
from fusevad.data.render.plan import encoder_plans
from fusevad.data.render.settings import RenderSettings
from fusevad.encoders import open_clip_models
from fusevad.encoders.clip import (
    BatchedTower,
    load_clip,
    load_cue_tower,
    load_image_tower,
    round_weights,
)
from fusevad.encoders.open_clip_models import create_model
from fusevad.encoders.settings import EncoderSettings
from fusevad.encoders.weights import save_halves
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.video.crops import crop_images
from tests.tiny_clip import changed, make_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.mark.usefixtures("on_cpu")
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


@pytest.mark.usefixtures("on_cpu")
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

    monkeypatch.setattr(open_clip_models, "from_hub", download)
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


@pytest.mark.slow
def test_a_text_tower_that_can_not_be_built_here_does_not_matter():
    assert create_model("roberta-ViT-B-32", None, text=False).visual.image_size in (224, (224, 224))
    with pytest.raises(FusevadError, match=r"roberta-ViT-B-32: .*(transformers|connect)"):
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
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits to try again"))
    with pytest.raises(FusevadError, match=f"{what}: download failed") as caught:
        load_image_tower(EncoderSettings("x", model, pretrained))
    assert "\n" not in str(caught.value)


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def small(root):
    """The encoder of the repository: real weights."""
    values = yaml.safe_load((root / "config/encoders/fusevad-small.yaml").read_text())
    paths = {k: str(root / values[k]) for k in ("model", "pretrained", "motion_cue_weights")}
    return EncoderSettings("small", **values | paths)


def pictures(count, size):
    """Crops of rendered frames, and motion cues of random blocks."""
    render = RenderSettings()
    clip = encoder_plans(render, 2, seed=3)[0]
    frames = [cv2.resize(f.image, (340, 256)) for f in islice(iter_frames(clip, render), count)]
    random = np.random.default_rng(0)
    blocks = random.integers(0, 17, (count, 16, 20)) * (random.random((count, 16, 20)) < 0.2)
    cues = np.kron(blocks / 16, np.ones((1, 16, 17))).astype(np.float32)
    return [np.concatenate([crop_images(x, (0,), size) for x in part]) for part in (frames, cues)]


def test_bfloat16_agrees_with_float32(small):
    """The precision of GPUs: the angle between both embeddings is below 3 degrees."""
    for load, images in zip((load_image_tower, load_cue_tower), pictures(6, 112), strict=True):
        tower = load(small)
        exact = dataclasses.replace(tower, precision=torch.float32).embed(images)
        learning = dataclasses.replace(tower, precision=torch.bfloat16).embed(images)
        round_weights(tower.model, torch.bfloat16)
        frozen = dataclasses.replace(tower, precision=torch.bfloat16).embed(images)
        for rounded in (learning, frozen):
            assert (exact != rounded).any()
            assert cosines(exact, rounded).min() >= 0.999


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_agrees_with_the_cpu(small, monkeypatch):
    for load, images in zip((load_image_tower, load_cue_tower), pictures(40, 112), strict=True):
        tower = load(small)
        assert tower.device.type == "cuda" and tower.precision == torch.bfloat16
        on_gpu = BatchedTower(tower).embed(images).cpu().numpy()
        with monkeypatch.context() as patch:
            patch.setattr(torch.cuda, "is_available", lambda: False)
            on_cpu = load(small).embed(images)
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


@pytest.mark.parametrize("value", [1e5, -np.inf, np.nan])
def test_weights_that_float16_lacks_are_not_written(tmp_path, value):
    """A batch norm whose variance is infinite gives a constant, and nothing says so."""
    state = {"visual.running_var": torch.tensor([value, 1.0]), "visual.batches": torch.tensor(3)}
    with pytest.raises(FusevadError, match=r"x\.safetensors: not written: tensor visual.running"):
        save_halves(state, tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())
    state["visual.running_var"][0] = 65504
    save_halves(state, tmp_path / "x.safetensors")
    assert load_file(tmp_path / "x.safetensors")["visual.running_var"].tolist() == [65504, 1]


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
