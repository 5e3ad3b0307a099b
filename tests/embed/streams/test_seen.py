"""Pose, depth and masks: what the renderer knows of its videos, and models with random weights."""

import json
import socket
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torchvision.models.detection import keypointrcnn_resnet50_fpn

from fusevad.data.render.frames import Frame, Stage, direct
from fusevad.data.render.plan import plan
from fusevad.data.render.settings import RenderSettings
from fusevad.embed.embedder import load_embedder
from fusevad.embed.run import embed_shard
from fusevad.embed.streams.depth.embedder import describe as describe_depth
from fusevad.embed.streams.masks.embedder import describe as describe_masks
from fusevad.embed.streams.pose.embedder import describe as describe_pose
from fusevad.embed.streams.pose.people import DIM, embed_people
from fusevad.embed.streams.registry import KINDS, parse_settings
from fusevad.embed.streams.settings import Given, SeenSettings
from fusevad.errors import FusevadError
from fusevad.files import sha256
from tests.made_up_tables import write_table
from tests.made_up_videos import write_video

SEEN = ("pose", "depth", "masks")
RENDER = RenderSettings(train_normal=1, train_per_class=1, test_normal=1, test_per_class=0)


def given(render=None, **chosen) -> Given:
    return Given("rendered", (0,), 16, {"name": "clip"}, {}, chosen, render)


@pytest.fixture(scope="module")
def frame() -> Frame:
    """The middle of the anomaly of a video with people."""
    video = next(each for each in plan(RENDER) if each.label == "fighting")
    stage = Stage(direct(video, RENDER))
    return Frame(sum(video.intervals[0]) // 2, np.empty(0), "", stage)


def cell_of(frame: Frame, x: float, y: float) -> int:
    """Number of the cell of 8 x 8 that a pixel is in; the picture's sides are multiples of 8."""
    height, width = frame.instances().shape
    return int(y * 8 // height) * 8 + int(x * 8 // width)


@pytest.mark.parametrize("stream", SEEN)
def test_a_rendered_data_set_has_the_stream_from_its_renderer_without_any_weights(tmp_path, stream):
    kind, known = (
        KINDS[stream],
        given({"train_normal": 1, "train_per_class": 1} | {"test_normal": 1, "test_per_class": 0}),
    )
    assert kind.lacks(known) == ""
    settings = parse_settings(kind.settings(stream, known))
    assert (settings.encoder, settings.render) == ("rendered", RENDER)
    videos = plan(RENDER)[:3]
    rows = [
        (v.name, tmp_path / v.name, v.split, v.label, v.frames, float(v.fps), 320, 240, f"{k:064}")
        for k, v in enumerate(videos)
    ]
    write_table(tmp_path, "manifest", rows)
    embed_shard(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "shard-0.safetensors")
    for video in videos:
        found = load_file(tmp_path / "shard-0.safetensors")[video.name]
        assert found.shape == (-(-video.frames // 16), 1, 128)
        assert found.any(axis=2).all()


def test_a_video_that_the_renderer_did_not_make_is_one_line(tmp_path):
    rows = [("a", tmp_path / "a.mp4", "train", "normal", 40, 20.0, 320, 240, "0" * 64)]
    write_table(tmp_path, "manifest", rows)
    settings = SeenSettings("depth", "rendered", render=RENDER)
    with pytest.raises(FusevadError, match=r"a\.mp4: not a video that the renderer makes"):
        embed_shard(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "shard-0.safetensors")


@pytest.mark.parametrize("stream", SEEN)
def test_real_videos_need_weights_and_weights_are_used_for_rendered_ones_too(stream):
    kind = KINDS[stream]
    assert f"streams.{stream}.weights: missing" in kind.lacks(given())
    chosen = given({}, **{stream: {"weights": "model.safetensors"}})
    assert kind.settings(stream, chosen)["encoder"] == kind.model
    assert kind.settings(stream, chosen)["render"] is None
    configurations = [] if stream == "pose" else ["config.json"]
    assert kind.weights(stream, chosen) == ["model.safetensors", *configurations]


def test_depth_is_1_at_the_camera_and_averages_to_the_whole_picture(frame):
    mean, nearest = describe_depth(frame).reshape(2, 64)
    near = 1 - np.log1p(frame.depth()) / np.log1p(300)
    assert mean.mean() == pytest.approx(near.mean(), rel=1e-5)
    assert nearest.max() == pytest.approx(near.max(), rel=1e-5)
    assert (mean >= 0).all() and (mean <= nearest + 1e-6).all() and (nearest <= 1).all()


def test_masks_count_things_where_people_are(frame):
    background, things = describe_masks(frame).reshape(2, 64)
    assert background.mean() == pytest.approx(np.mean(frame.instances() == 0), rel=1e-5)
    for points in frame.keypoints().values():
        for x, y, seen in points:
            if seen:
                assert things[cell_of(frame, x, y)] >= 1
                assert background[cell_of(frame, x, y)] < 1


def test_people_are_embedded_as_a_set_and_nobody_is_not_nothing():
    people = np.random.default_rng(0).uniform(0, 200, (3, 17, 3))
    size = (320, 240)
    np.testing.assert_allclose(
        embed_people(people, size), embed_people(people[::-1], size), rtol=1e-6
    )
    one, two = (embed_people(people[:count], size)[1:] for count in (1, 2))
    assert (two >= one).all() and two.sum() > one.sum()
    assert embed_people([], size).tolist() == [1] + [0] * (DIM - 1)


def test_postures_and_places_are_told_apart(frame):
    people = list(frame.keypoints().values())
    moved = [points + np.array([20, 0, 0]) for points in people]
    bent = [points * np.array([1, 0.6, 1]) for points in people]
    own = describe_pose(frame)
    for others in (moved, bent, people[1:]):
        assert np.abs(embed_people(others, (320, 240)) - own).max() > 1e-3


def real_video(tmp_path, frames: int = 18):
    path = write_video(tmp_path / "a.mp4", frames, (160, 120))
    rows = [("a", path, "train", "normal", frames, 20.0, 160, 120, sha256(path))]
    write_table(tmp_path, "manifest", rows)
    return tmp_path / "manifest.csv"


@pytest.mark.slow
def test_a_key_point_rcnn_gives_the_same_form(tmp_path):
    torch.manual_seed(0)
    model = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    save_file(model.state_dict(), tmp_path / "rcnn.safetensors")
    settings = SeenSettings("pose", "keypoint-rcnn", str(tmp_path / "rcnn.safetensors"))
    embed_shard(real_video(tmp_path), 0, 1, settings, tmp_path / "shard-0.safetensors")
    assert load_file(tmp_path / "shard-0.safetensors")["a"].shape == (2, 1, DIM)


def small_depth_anything(library):
    backbone = library.Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=98, patch_size=14,
        out_features=["stage1", "stage2"], apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip
    configuration = library.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=32, patch_size=14,
        neck_hidden_sizes=[8, 8], reassemble_factors=[2, 1], fusion_hidden_size=8,
        head_in_index=-1, head_hidden_size=8,
    )  # fmt: skip
    return library.DepthAnythingForDepthEstimation(configuration), 32


def small_sam(library):
    vision = library.SamVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=128, patch_size=16,
        output_channels=24, mlp_dim=32, global_attn_indexes=[1], window_size=4,
    )  # fmt: skip
    decoder = library.SamMaskDecoderConfig(hidden_size=24, mlp_dim=16, num_attention_heads=2)
    prompts = library.SamPromptEncoderConfig(hidden_size=24, image_size=128, patch_size=16)
    configuration = library.SamConfig(
        vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
    )
    return library.SamModel(configuration), 24


@pytest.mark.parametrize(
    ("stream", "encoder", "make"),
    [("depth", "depth-anything", small_depth_anything), ("masks", "sam", small_sam)],
)
def test_encoders_of_transformers_give_a_mean_over_the_picture(tmp_path, stream, encoder, make):
    library = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model, dim = make(library)
    for weights in model.parameters():  # the library's own are so small that features vanish
        torch.nn.init.normal_(weights, 0, 0.2)
    state = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(model.config.to_dict(), default=str))
    settings = SeenSettings(stream, encoder, str(tmp_path / "model.safetensors"))
    embed_shard(real_video(tmp_path), 0, 1, settings, tmp_path / "shard-0.safetensors")
    found = load_file(tmp_path / "shard-0.safetensors")["a"]
    assert found.shape == (2, 1, dim)
    assert np.abs(found[0] - found[1]).max() > 0
    configuration = tmp_path / "config.json"
    before = load_embedder(settings).provenance
    configuration.write_text(configuration.read_text() + " ")
    assert load_embedder(settings).provenance != before  # other bytes may mean another model


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (small_sam, {"vision_config": 3}),
        (small_sam, {"vision_config": {"hidden_size": "a"}}),
        (small_sam, {"vision_config": {"patch_size": 0}}),
        (small_sam, {"vision_config": {"image_size": [3]}}),
        (small_sam, {"vision_config": {"hidden_size": 20_000, "num_hidden_layers": 500}}),
        (small_sam, {"vision_config": {"num_hidden_layers": 10**9}}),
        (small_depth_anything, {"backbone": "owner/model", "use_pretrained_backbone": True}),
        (small_depth_anything, {"backbone_config": {"model_type": "timm_backbone"}}),
    ],
)
def test_a_configuration_of_another_model_takes_no_memory_and_asks_no_network(
    tmp_path, monkeypatch, make, wrong
):
    library = pytest.importorskip("transformers")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asked the network"))
    model, _ = make(library)
    values = json.loads(json.dumps(model.config.to_dict(), default=str))
    for key, value in wrong.items():
        values[key] = values[key] | value if isinstance(value, dict) else value
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(values))
    stream, encoder = ("masks", "sam") if make is small_sam else ("depth", "depth-anything")
    settings = SeenSettings(stream, encoder, str(tmp_path / "model.safetensors"))
    with pytest.raises(FusevadError, match=r"config\.json: not a configuration of") as raised:
        load_embedder(settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("stream", ["depth", "masks"])
def test_the_extra_of_the_environment_is_named_where_its_package_is_missing(
    tmp_path, monkeypatch, stream
):
    monkeypatch.setitem(sys.modules, "transformers", None)
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    settings = SeenSettings(stream, KINDS[stream].model, str(tmp_path / "model.safetensors"))
    with pytest.raises(FusevadError, match="needs the package transformers; run 'make env EXTRAS"):
        embed_shard(real_video(tmp_path), 0, 1, settings, tmp_path / "shard-0.safetensors")
