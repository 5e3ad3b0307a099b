"""The text tower and the names of classes, against open_clip's own computation."""

import json
from dataclasses import replace

import open_clip
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fusevad.encoders.class_texts import make_class_texts, spoken
from fusevad.encoders.clip import load_clip
from fusevad.encoders.settings import EncoderSettings
from fusevad.encoders.text import load_class_texts, save_class_texts
from fusevad.errors import FusevadError
from tests.made_up_tables import write_table
from tests.made_up_texts import class_texts

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
CPU = torch.device("cpu")


def encoder(folder, name: str, text: dict, **more) -> EncoderSettings:
    """A CLIP of random weights."""
    model = folder / f"{name}.json"
    configuration = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT | text} | more
    model.write_text(json.dumps(configuration))
    open_clip.add_model_config(model)
    torch.manual_seed(0)
    state = open_clip.create_model(name).half().state_dict()
    save_file(
        {key: each.contiguous() for key, each in state.items()}, folder / f"{name}.safetensors"
    )
    return EncoderSettings(name, str(model), str(folder / f"{name}.safetensors"))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    kinds = ("normal", "RoadAccidents", "vehicle-on-pavement", "fire;RoadAccidents", "normal")
    rows = [
        [f"v{i}", f"v{i}.mp4", split, kind, 32, 20.0, 320, 240, "0" * 64]
        for i, (kind, split) in enumerate(zip(kinds, ("train",) * 4 + ("test",), strict=True))
    ]
    write_table(folder, "manifest", rows)
    return folder / "manifest.csv"


@pytest.mark.parametrize("quick_gelu", [False, True])
def test_names_are_embedded_as_open_clip_embeds_them(quick_gelu, manifest, tmp_path):
    settings = encoder(tmp_path, f"text-{quick_gelu}", {}, quick_gelu=quick_gelu)
    make_class_texts(manifest, settings, tmp_path / "texts.safetensors")
    texts = load_class_texts(tmp_path / "texts.safetensors", CPU)
    names = ("normal", "RoadAccidents", "fire", "vehicle-on-pavement")
    assert texts.classes.names == names
    assert (texts.classes.positions, texts.classes.width, texts.classes.features) == (16, 16, 24)
    said = ["normal", "road accidents", "fire", "vehicle on pavement"]
    tokens = open_clip.get_tokenizer(f"text-{quick_gelu}")(said)
    with torch.inference_mode():
        expected = load_clip(settings).encode_text(tokens)
    found = texts.tower.encode(texts.tokens, torch.tensor(texts.lengths) + 1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("RoadAccidents", "road accidents"),
        ("vehicle-on-pavement", "vehicle on pavement"),
        ("car_accident", "car accident"),
        ("fire", "fire"),
    ],
)
def test_a_class_is_spoken_as_words(name, said):
    assert spoken(name) == said


def test_a_text_tower_built_otherwise_than_clips_is_one_line(manifest, tmp_path):
    settings = encoder(tmp_path, "not-causal", {"no_causal_mask": True})
    with pytest.raises(FusevadError, match="not-causal: its text tower is built otherwise"):
        make_class_texts(manifest, settings, tmp_path / "texts.safetensors")
    assert not (tmp_path / "texts.safetensors").exists()


def test_an_encoder_that_is_not_there_is_one_line(manifest, tmp_path):
    settings = encoder(tmp_path, "lost", {})
    gone = replace(settings, pretrained=str(tmp_path / "gone.safetensors"))
    with pytest.raises(FusevadError, match=r"gone\.safetensors"):
        make_class_texts(manifest, gone, tmp_path / "texts.safetensors")


@pytest.mark.parametrize("content", [b"", b"not tensors"])
def test_damaged_texts_are_one_line(content, tmp_path):
    file = tmp_path / "texts.safetensors"
    file.write_bytes(content)
    with pytest.raises(FusevadError, match="unreadable texts of classes; delete it and run again"):
        load_class_texts(file, CPU)


def test_the_bundled_encoder_has_room_for_learned_vectors_around_the_names(
    root, manifest, tmp_path
):
    folder = root / "config/encoders/fusevad-small"
    model, weights = str(folder / "fusevad-small.json"), str(folder / "clip.safetensors")
    file = tmp_path / "texts.safetensors"
    make_class_texts(manifest, EncoderSettings("fusevad-small", model, weights), file)
    texts = load_class_texts(file, CPU)
    assert 2 + 20 + max(texts.lengths) <= texts.classes.positions
    assert texts.classes.features == 128


BLOCK = "tower.transformer.resblocks."


@pytest.mark.parametrize(
    ("tensors", "notes", "message"),
    [
        ({f"{BLOCK}0.ln_1.bias": None}, {}, r"ln_1\.bias of shape none, expected \[8\]"),
        ({f"{BLOCK}999999999.x": torch.zeros(1)}, {}, "999999999"),
        ({f"{BLOCK}x": torch.zeros(1)}, {}, r"resblocks\.x of shape"),
        ({"tower.text_projection": torch.zeros(2, 3)}, {}, r"text_projection of shape \[2, 3\]"),
        ({"tokens": torch.zeros(4, 5)}, {}, r"tokens of shape \[4, 5\]"),
        ({"tower.ln_final.bias": torch.full((8,), torch.nan)}, {}, "not finite"),
        ({}, {"heads": 0}, "0 heads"),
        ({}, {"heads": 3}, "3 heads"),
        ({}, {"lengths": [1]}, "names and lengths"),
        ({}, {"lengths": [50] * 4}, "longer than their tokens"),
        ({}, {"lengths": [-5] * 4}, "longer than their tokens"),
    ],
)
def test_texts_of_others_that_do_not_belong_together_are_one_line(
    tensors, notes, message, tmp_path
):
    file = tmp_path / "class-texts.safetensors"
    save_class_texts(class_texts(8), file)
    assert load_class_texts(file, CPU).lengths == class_texts(8).lengths
    with safe_open(file, "pt") as content:
        about = json.loads(content.metadata()["texts"])
    changed = {k: v for k, v in (load_file(file) | tensors).items() if v is not None}
    save_file(changed, file, {"texts": json.dumps(about | notes)})
    with pytest.raises(FusevadError, match=rf"class-texts\.safetensors: .*{message}") as error:
        load_class_texts(file, CPU)
    assert "\n" not in str(error.value)
