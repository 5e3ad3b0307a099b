"""Weights that somebody has as files: OpenAI's need their activation, and programs are not run."""

import json
import shlex
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torch import nn

from fusevad.encoders.clip import load_clip, load_cue_tower, load_image_tower
from fusevad.encoders.event_clip import convert_event_clip
from fusevad.encoders.model_file import check_model_size
from fusevad.encoders.open_clip_models import create_model
from fusevad.encoders.settings import EncoderSettings
from fusevad.encoders.weights import check_shapes, read_state
from fusevad.errors import FusevadError
from tests.tiny_clip import CONFIGURATION, make_encoder, random_state

IMAGES = np.arange(2 * 32 * 32 * 3, dtype=np.uint8).reshape(2, 32, 32, 3)
OPENAI = {"input_resolution": 32, "context_length": 8, "vocab_size": 64}


def settings(folder: Path, weights: str, model: str = "minute.json") -> EncoderSettings:
    return EncoderSettings("minute", str(folder / model), str(folder / weights), None)


def save(folder: Path, name: str, **more: int) -> None:
    """Write random weights as OpenAI's own files have them, with what their models have beside."""
    extra = {key: torch.tensor(value) for key, value in more.items()}
    torch.save(random_state(folder, seed=0) | extra, folder / name)


def test_weights_with_openais_notes_get_its_activation(tmp_path: Path) -> None:
    save(tmp_path, "openai.pt", **OPENAI)
    save(tmp_path, "other.pt")
    quick = json.dumps(CONFIGURATION | {"quick_gelu": True})
    (tmp_path / "quick.json").write_text(quick)
    openai = load_image_tower(settings(tmp_path, "openai.pt")).embed(IMAGES)
    expected = load_image_tower(settings(tmp_path, "other.pt", "quick.json")).embed(IMAGES)
    other = load_image_tower(settings(tmp_path, "other.pt")).embed(IMAGES)
    np.testing.assert_array_equal(openai, expected)
    assert np.abs(openai - other).max() > 1e-4


def test_the_text_tower_loads_beside_openais_notes(tmp_path: Path) -> None:
    save(tmp_path, "openai.pt", **OPENAI)
    loaded = load_clip(settings(tmp_path, "openai.pt")).state_dict()
    expected = random_state(tmp_path, seed=0)
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)


@pytest.mark.parametrize("model", ["ViT-B-32", "ViT-L-14"])
def test_weights_of_16_bits_that_may_be_openais_are_one_line(tmp_path: Path, model: str) -> None:
    torch.save({"visual.proj": torch.randn(4, 4).half().float()}, tmp_path / "a.pt")
    with pytest.raises(FusevadError, match=rf"a\.pt: .*name the model {model}-quickgelu, else"):
        create_model(model, str(tmp_path / "a.pt"), text=False)
    assert f"{model}-quickgelu" in open_clip.list_models()


def test_weights_of_32_bits_are_not_openais(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"visual.proj": torch.randn(4, 4)}, tmp_path / "a.pt")
    asked = []

    def create(*_: object, force_quick_gelu: bool, **__: object) -> nn.Module:
        asked.append(force_quick_gelu)
        raise ValueError

    monkeypatch.setattr(open_clip, "create_model", create)
    for model, weights in (("ViT-B-32", str(tmp_path / "a.pt")), ("ViT-B-32", "openai")):
        with pytest.raises(FusevadError):
            create_model(model, weights, text=False)
    assert asked == [False, True]


class _Program(nn.Module):
    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, value in state.items():
            self.register_buffer(name.replace(".", "_"), value)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.slow
def test_a_torchscript_archive_is_not_run_and_its_advice_works(tmp_path: Path) -> None:
    random_state(tmp_path, seed=0)
    program = torch.jit.script(_Program({"a.b": torch.ones(2), "input_resolution": torch.ones(1)}))
    torch.jit.save(program, str(tmp_path / "openai.pt"))
    with pytest.raises(FusevadError, match="a TorchScript archive") as caught:
        load_image_tower(settings(tmp_path, "openai.pt"))
    command = shlex.split(str(caught.value).partition("its weights: ")[2])[:3]
    assert command[:2] == ["python", "-c"]
    subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True)
    assert torch.load(tmp_path / "weights.pt").keys() == {"a_b", "input_resolution"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vision_cfg": {"layers": 10**9}}, r"vision_cfg\.layers.*1000"),
        ({"vision_cfg": {"layers": [1000] * 4, "width": 2**20}}, "more than 20,000,000,000 param"),
        ({"vision_cfg": {"width": 10**9}}, r"vision_cfg\.width"),
        ({"vision_cfg": {"patch_size": 0}}, r"vision_cfg\.patch_size"),
        ({"text_cfg": {"vocab_size": 10**9}}, r"text_cfg\.vocab_size"),
        ({"embed_dim": 10**9}, "embed_dim"),
        ({"vision_cfg": "x"}, "vision_cfg"),
    ],
)
@pytest.mark.parametrize("name", ["huge.json", "open_clip_config.json"])
def test_a_model_of_more_parameters_than_any_is_not_built(tmp_path, name, change, message):
    file = tmp_path / name
    model = {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {}} | change
    file.write_text(json.dumps({"model_cfg": model} if name.startswith("open_clip") else model))
    with pytest.raises(FusevadError, match=rf"{name}: .*{message}") as error:
        create_model(str(file), None, text=False)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 60_000}, "parameters, more than"),
        ({"timm_model_name": "vit_giant_patch14_224", "image_size": 4096}, "parameters, more than"),
        ({"head_width": 64}, "no head fits"),
        ({"layers": [1, 1, 1, 1], "head_width": 2048}, "no head fits"),
    ],
)
def test_a_model_of_far_more_parameters_than_its_weights_takes_no_memory(tmp_path, change, message):
    weights = make_encoder(tmp_path).pretrained
    file = tmp_path / "huge.json"
    vision = CONFIGURATION["vision_cfg"] | change
    file.write_text(json.dumps(CONFIGURATION | {"vision_cfg": vision}))
    with pytest.raises(FusevadError, match=rf"huge\.json: .*{message}"):
        create_model(str(file), weights, text=False)


@pytest.mark.parametrize("text", ["null", "[]", '"x"', "[" * 100_000, ""])
def test_a_model_configuration_that_is_none_is_one_line(tmp_path, text):
    file = tmp_path / "none.json"
    file.write_text(text)
    with pytest.raises(FusevadError, match=r"none\.json: not"):
        create_model(str(file), None, text=False)


def test_every_published_model_may_be_built():
    for name in open_clip.list_models():
        check_model_size(open_clip.get_model_config(name), Path(name))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**10),  # forty gigabytes, if it were made whole
        torch.eye(3).to_sparse(),
        torch.zeros(3, device="meta"),
        torch.zeros(3, dtype=torch.complex64),
    ],
    ids=["repeated", "sparse", "without values", "complex"],
)
def test_a_tensor_that_has_not_all_its_values_in_the_file_is_one_line(tmp_path, tensor):
    torch.save({"visual.proj": tensor}, tmp_path / "a.pt")
    with pytest.raises(FusevadError, match=r"a\.pt: tensor visual\.proj .* not all its values"):
        read_state(tmp_path / "a.pt")
    torch.save({"checkpoint": {"encoder_k.visual.proj": tensor}}, tmp_path / "b.pt")
    with pytest.raises(FusevadError, match=r"b\.pt: tensor encoder_k\.visual\.proj"):
        convert_event_clip(tmp_path / "b.pt", "RN50", tmp_path / "out.safetensors")


def test_a_pickle_whose_tensors_are_compressed_is_not_unpacked(tmp_path):
    torch.save({"a": torch.zeros(1 << 20)}, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as stored,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as compressed,
    ):
        for each in stored.infolist():
            compressed.writestr(each.filename, stored.read(each.filename))
    assert read_state(tmp_path / "a.pt")["a"].shape == (1 << 20,)
    with pytest.raises(FusevadError, match=r"b\.pt: unreadable weights \(compressed"):
        read_state(tmp_path / "b.pt")


@pytest.mark.parametrize("key", ["pretrained", "motion_cue_weights"])
def test_weights_that_the_plan_takes_for_a_tag_are_not_read(tmp_path, monkeypatch, key):
    """Their content would count in no lineage."""
    monkeypatch.chdir(tmp_path)
    save(Path(), "openai")
    load = load_cue_tower if key == "motion_cue_weights" else load_image_tower
    with pytest.raises(FusevadError, match=r"openai: .*write \./openai"):
        load(replace(make_encoder(Path()), **{key: "openai"}))


def test_a_text_is_no_file_of_weights(tmp_path):
    """Read as a pickle, its letters take items from an empty list."""
    (tmp_path / "a.pt").write_text("root:x:0:0:root:/root:/bin/bash\n")
    with pytest.raises(FusevadError, match=r"a\.pt: unreadable weights"):
        read_state(tmp_path / "a.pt")


def test_weights_of_whole_numbers_are_not_a_models(tmp_path):
    state = {"a": torch.zeros(3)}
    with pytest.raises(FusevadError, match=r"a\.pt: tensor a of type torch\.int64"):
        check_shapes(tmp_path / "a.pt", {"a": torch.zeros(3, dtype=torch.int64)}, state)
