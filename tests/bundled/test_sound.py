"""The bundled audio tower: what it learns from, and what the one in the repository hears."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from fusevad.bundled.audio_card import audio_card
from fusevad.bundled.settings import AudioTraining
from fusevad.bundled.sound import _embedded_texts, _samples, hear, train_audio_tower
from fusevad.data.render.plan import encoder_plans, plan
from fusevad.data.render.settings import RenderSettings
from fusevad.encoders.audio import load_audio_tower
from fusevad.encoders.clip import load_clip
from fusevad.parsing import parse, read_mapping

RENDER = RenderSettings()


@pytest.fixture
def settings(root, monkeypatch) -> AudioTraining:
    """How the tower in the repository was trained."""
    monkeypatch.chdir(root)
    file = root / "config/encoders/fusevad-small/audio.yaml"
    return parse(AudioTraining, read_mapping(file), str(file))


def test_clips_are_in_scenes_and_of_seeds_that_no_data_set_has(settings):
    clips = encoder_plans(RENDER, 60, settings.seed)
    of_data = plan(RENDER)
    assert not {clip.scene for clip in clips} & {video.scene for video in of_data}
    assert not {clip.seed for clip in clips} & {video.seed for video in of_data}


def test_all_segments_are_heard_with_their_captions_and_as_long_as_the_shortest():
    clips = encoder_plans(RENDER, 3, 5)
    heard = hear(clips, RENDER, 1)
    assert heard.sound.shape == (sum(clip.frames // 16 for clip in clips), 16 * 16000 // 25)
    assert len(heard.captions) == len(heard.sound)
    assert np.abs(heard.sound).max() > 300


def test_the_clip_that_gives_the_targets_is_an_input_of_the_rule(settings, root):
    text = (root / "workflow/rules/encoder.smk").read_text()
    rule = text.partition("rule audio_tower:")[2].partition("output:")[0]
    assert f'"{settings.encoder.model}"' in rule
    assert f'"{settings.encoder.pretrained}"' in rule


@pytest.mark.slow
def test_training_writes_a_tower_that_loads_and_a_card_with_its_numbers(settings, tmp_path):
    small = replace(settings, clips=6, held_out_clips=3, epochs=1, batch_size=8)
    report = train_audio_tower(small, tmp_path / "audio.safetensors", 1)
    tower = load_audio_tower("small", tmp_path / "audio.safetensors")
    assert tower(torch.zeros(1, 8000)).shape == (1, 128)
    card = audio_card(small, report)
    assert f"6 clips of 4 to 6 s (seed {settings.seed}): {report.segments} segments" in card
    assert f"among {report.candidates} distinct" in card


@pytest.mark.slow
def test_the_tower_in_the_repository_hears_what_happens_in_scenes_that_it_has_never_heard(settings):
    heard = hear(encoder_plans(RENDER, 45, 99), RENDER, 2)
    tower = load_audio_tower("small", settings.encoder.pretrained.replace("clip", "audio"))
    with torch.inference_mode():
        sounds = functional.normalize(tower(_samples(heard.sound)), dim=-1)
        texts = _embedded_texts(load_clip(settings.encoder), settings, heard.captions)
    cosines = sounds @ functional.normalize(texts, dim=-1).T
    # The share of other captions that are further away than a sound's own; by chance one half.
    nearer = (cosines < cosines.diagonal()[:, None]).float().mean()
    assert nearer > 0.7
