"""Attention of the encoders: maps against slow computations, and areas on videos."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from fusevad.encoders.attention import attention_maps
from fusevad.encoders.clip import load_cue_tower, load_image_tower, round_weights
from fusevad.errors import FusevadError
from fusevad.studies.attention import attended, study_attention
from fusevad.studies.settings import AttentionSettings
from tests.made_up_tables import write_table
from tests.studies.conftest import CUES, study

pytestmark = pytest.mark.usefixtures("one_thread")


def pictures(count, size):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def tokens_of(tower, images):
    """What the blocks of a transformer get, and the blocks."""
    visual = tower.model.visual
    return visual._embeds(tower.normalised(torch.from_numpy(images))), visual.transformer.resblocks


def weights_of(block, tokens):
    """(images, tokens, tokens) by PyTorch itself, the mean over heads."""
    normed = block.ln_1(tokens)
    return block.attn(normed, normed, normed, need_weights=True, average_attn_weights=True)[1]


def as_map(row):
    return (row / row.sum(dim=1, keepdim=True)).reshape(len(row), 3, 3).numpy()


# Maps


@pytest.mark.usefixtures("on_cpu")
def test_last_is_the_class_tokens_attention_as_pytorch_gives_it(encoders):
    tower = load_image_tower(encoders["transformer"])
    images = pictures(2, 48)
    tokens, blocks = tokens_of(tower, images)
    for block in blocks[:-1]:
        tokens = block(tokens)
    expected = as_map(weights_of(blocks[-1], tokens)[:, 0, 1:])
    found = attention_maps(tower, images, "last")
    assert expected.std() > 0.01
    np.testing.assert_allclose(found.weights, expected, atol=1e-5)
    assert found.patch == 16 / 48


@pytest.mark.usefixtures("on_cpu")
def test_rollout_multiplies_the_attention_of_all_blocks_with_the_residual(encoders):
    tower = load_image_tower(encoders["transformer"])
    images = pictures(2, 48)
    tokens, blocks = tokens_of(tower, images)
    total = torch.eye(10)
    for block in blocks:
        total = (weights_of(block, tokens) + torch.eye(10)) / 2 @ total
        tokens = block(tokens)
    expected = as_map(total[:, 0, 1:])
    found = attention_maps(tower, images, "rollout").weights
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - attention_maps(tower, images, "last").weights).max() > 0.01


@pytest.mark.usefixtures("on_cpu")
def test_a_residual_network_is_read_at_its_attention_pooling(encoders):
    tower = load_image_tower(encoders["residual"])
    images = pictures(2, 80)
    visual = tower.model.visual
    pool = visual.attnpool
    features = visual.layer4(
        visual.layer3(
            visual.layer2(visual.layer1(visual.stem(tower.normalised(torch.from_numpy(images)))))
        )
    )
    tokens = features.flatten(2).transpose(1, 2)
    tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1) + pool.positional_embedding
    slow = nn.MultiheadAttention(tokens.shape[-1], pool.num_heads, batch_first=True)
    parts = (pool.q_proj, pool.k_proj, pool.v_proj)
    slow.in_proj_weight.data = torch.cat([part.weight for part in parts])
    slow.in_proj_bias.data = torch.cat([part.bias for part in parts])
    with torch.no_grad():
        row = slow(tokens, tokens, tokens)[1][:, 0, 1:]
    expected = (row / row.sum(1, keepdim=True)).reshape(2, *features.shape[2:]).numpy()
    found = attention_maps(tower, images, "last")
    assert expected.std() > 0.001
    np.testing.assert_allclose(found.weights, expected, atol=1e-5)
    assert found.patch == 32 / 80 and found.weights.shape[1:] == (2, 2)


@pytest.mark.parametrize("kind", ["transformer", "residual"])
def test_a_map_says_where_the_embedding_comes_from(encoders, kind):
    """Reading the attention changes nothing of the tower, and motion cues have maps too."""
    tower = load_cue_tower(encoders[kind])
    cues = pictures(3, tower.image_size)[..., 0].astype(np.float32) / 255
    before = tower.embed(cues)
    weights = attention_maps(tower, cues, "last").weights
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, atol=1e-5)
    np.testing.assert_array_equal(tower.embed(cues), before)


@pytest.mark.parametrize("kind", ["transformer", "residual"])
def test_a_tower_in_bfloat16_as_on_a_gpu_has_maps_too(encoders, kind):
    """Random weights enlarge each rounding, so that the maps themselves can't be compared."""
    tower = load_image_tower(encoders[kind])
    round_weights(tower.model, torch.bfloat16)
    rounded = dataclasses.replace(tower, precision=torch.bfloat16)
    weights = attention_maps(rounded, pictures(3, tower.image_size), "last").weights
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, atol=1e-5)
    norms = [m for m in rounded.model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(norm.running_var.dtype == torch.float32 for norm in norms)


def test_encoders_without_such_attention_are_refused(encoders):
    with pytest.raises(FusevadError, match="rollout goes through the blocks"):
        attention_maps(load_image_tower(encoders["residual"]), pictures(1, 80), "rollout")
    with pytest.raises(FusevadError, match="cannot be read from"):
        attention_maps(load_image_tower(encoders["averaging"]), pictures(1, 48), "last")


# Areas


def test_the_threshold_is_relative_to_the_maximum_or_the_mean_of_a_map():
    weights = np.array([[[0.4, 0.3], [0.2, 0.1]], [[0.25, 0.25], [0.25, 0.25]]])
    assert attended(weights, "maximum", 0.5).tolist() == [
        [[True, True], [False, False]],
        [[True, True], [True, True]],
    ]
    assert attended(weights, "mean", 1.0).sum(axis=(1, 2)).tolist() == [2, 0]
    assert attended(weights, "mean", 0.5).sum(axis=(1, 2)).tolist() == [3, 4]


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": 1.0}, {"threshold": 0.0, "relative_to": "mean"}, {"segments_per_video": 0}],
)
def test_settings_that_measure_nothing_are_refused(encoders, wrong):
    with pytest.raises(FusevadError, match="attention: "):
        AttentionSettings("motion-T16-thr10", encoders["residual"], CUES, **wrong)


def test_a_segments_middle_frame_decides_its_type_and_class(measured):
    table = pd.read_csv(measured[0])
    for modality in ("image", "motion cue"):
        own = table[table["modality"] == modality].set_index(["video", "class", "frame_type"])
        assert own["segments"].to_dict() == {
            ("calm", "normal", "Normal"): 3,  # the last one, of 8 frames, has no frame 8
            ("fight-1", "fighting", "Anomaly"): 2,
            ("fight-1", "fighting", "Normal"): 2,
            ("fight-2", "fighting", "Anomaly"): 1,
            ("fight-2", "fighting", "Normal"): 2,
            ("mixed", "fighting", "Anomaly"): 1,
            ("mixed", "fire", "Anomaly"): 1,
            ("mixed", "fighting", "Normal"): 1,
            ("mixed", "fire", "Normal"): 1,
        }
    assert table["area"].between(0, 1).all() and set(table["patches"]) == {"2x2"}


def test_areas_and_example_maps_are_those_of_the_frame_that_is_named(data, encoders, measured):
    from fusevad.video.crops import crop_images
    from fusevad.video.decode import read_frames

    maps = pd.read_csv(measured[1])
    own = maps[(maps["class"] == "fire") & (maps["modality"] == "image")]
    assert (
        set(own["video"]) == {"mixed"} and set(own["segment"]) == {1} and set(own["frame"]) == {24}
    )
    frame = list(read_frames(data / "mixed.mp4"))[24]
    tower = load_image_tower(encoders["residual"])
    expected = attention_maps(tower, crop_images(frame, (0,), tower.image_size), "last").weights[0]
    np.testing.assert_allclose(own["weight"].to_numpy().reshape(2, 2), expected, atol=1e-5)
    areas = pd.read_csv(measured[0]).set_index(["class", "frame_type", "modality", "video"])["area"]
    above = (expected > 0.5 * expected.max()).mean()
    assert areas["fire", "Anomaly", "image", "mixed"] == above == own["attended"].mean()


def test_the_first_video_of_each_class_is_the_example_whatever_its_area(measured):
    maps = pd.read_csv(measured[1]).drop_duplicates("class")
    chosen = maps.set_index("class")[["video", "frame_type"]].to_dict("index")
    assert chosen == {
        "normal": {"video": "calm", "frame_type": "Normal"},
        "fighting": {"video": "fight-1", "frame_type": "Anomaly"},
        "fire": {"video": "mixed", "frame_type": "Anomaly"},
    }


def test_long_videos_are_sampled_evenly_in_both_frame_types(data, encoders, tmp_path):
    settings = AttentionSettings(
        "motion-T16-thr10", encoders["transformer"], CUES, method="rollout", segments_per_video=1
    )
    table = pd.read_csv(study(data, tmp_path, settings)[0])
    assert set(table["segments"]) == {1} and set(table["patches"]) == {"3x3"}
    maps = pd.read_csv(tmp_path / "attention-maps.csv")
    assert set(maps.loc[maps["class"] == "normal", "segment"]) == {1}  # the middle of three


def test_anomalous_videos_without_intervals_have_no_types_of_frames(data, encoders, tmp_path):
    write_table(tmp_path, "intervals")
    inputs = data / "manifest.csv", tmp_path / "intervals.csv", [data / "cues/shard-0.h5"]
    settings = AttentionSettings("motion-T16-thr10", encoders["residual"], CUES)
    with pytest.raises(FusevadError, match="no intervals of the anomalous test videos"):
        study_attention(*inputs, settings, tmp_path / "areas.csv", tmp_path / "maps.csv")


def test_the_cues_of_another_stream_are_refused(data, encoders, tmp_path):
    settings = AttentionSettings("motion-T8-thr10", encoders["residual"], CUES)
    with pytest.raises(FusevadError, match="change the stream or the cues"):
        study(data, tmp_path, settings)
