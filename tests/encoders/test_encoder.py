"""The encoder that travels with the repository: small, whole, and better than chance on renders."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import open_clip
import pytest
import torch
import yaml
from sklearn.metrics import roc_auc_score

from fusevad.data.render.frames import iter_frames
from fusevad.data.render.plan import encoder_plans, plan
from fusevad.data.render.settings import RenderSettings
from fusevad.encoders.clip import load_clip, load_cue_tower, load_image_tower
from fusevad.encoders.settings import EncoderSettings
from fusevad.parsing import parse
from fusevad.video.crops import crop_images


@pytest.fixture(scope="module")
def settings(root) -> EncoderSettings:
    values = yaml.safe_load((root / "config/encoders/fusevad-small.yaml").read_text())
    paths = ("model", "pretrained", "motion_cue_weights")
    return EncoderSettings(
        "fusevad-small", **values | {key: str(root / values[key]) for key in paths}
    )


def test_its_weights_take_at_most_ten_megabytes(settings):
    files = (settings.pretrained, settings.motion_cue_weights)
    assert sum(Path(file).stat().st_size for file in files) <= 10_000_000


def test_its_scenes_and_seeds_are_never_those_of_the_data_set(root):
    values = yaml.safe_load((root / "config/datasets/rendered.yaml").read_text())["render"]
    render = parse(RenderSettings, values, "render")
    data = yaml.safe_load((root / "config/encoders/fusevad-small/data.yaml").read_text())
    clips = encoder_plans(RenderSettings(), data["clips"], data["seed"])
    held_out = encoder_plans(RenderSettings(), data["held_out_clips"], data["seed"] + 1)
    videos = plan(render)
    assert {c.scene_seed for c in clips}.isdisjoint({v.scene_seed for v in videos})
    assert {c.seed for c in clips}.isdisjoint({v.seed for v in videos})
    assert {c.scene_seed for c in clips}.isdisjoint({c.scene_seed for c in held_out})


def test_both_towers_embed_to_the_width_of_the_model(settings):
    frames = np.zeros((2, 112, 112, 3), np.uint8)
    cues = np.zeros((2, 112, 112), np.float32)
    assert load_image_tower(settings).embed(frames).shape == (2, 128)
    assert load_cue_tower(settings).embed(cues).shape == (2, 128)


@pytest.mark.slow
def test_it_tells_a_fire_from_people_walking_in_scenes_it_never_saw(settings):
    clip, tower = load_clip(settings), load_image_tower(settings)
    tokens = open_clip.get_tokenizer("fusevad-small")(
        ["a fire burns on the ground", "pedestrians walk calmly"]
    )
    with torch.inference_mode():
        text = torch.nn.functional.normalize(clip.encode_text(tokens), dim=-1).numpy()
    render = RenderSettings()
    clips = encoder_plans(render, 120, seed=99)
    shows_fire, margins = [], []
    for label, activity in (("fire", None), ("normal", "walking")):
        chosen = [c for c in clips if c.label == label and activity in (None, c.activity)][:6]
        for each in chosen:
            middle = next(islice(iter_frames(each, render), each.frames // 2, None))
            resized = cv2.resize(middle.image, (340, 256))
            pixels = crop_images(resized, (0,), tower.image_size)
            fire, walking = text @ tower.embed(pixels)[0]
            margins.append(fire - walking)
            shows_fire.append(label == "fire")
    assert roc_auc_score(shows_fire, margins) >= 0.9
