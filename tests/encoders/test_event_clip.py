"""The published motion-cue tower: its pickle becomes safetensors, or is refused."""

import json
import os
from collections import OrderedDict

import numpy as np
import open_clip
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from fusevad.encoders.clip import load_cue_tower
from fusevad.encoders.event_clip import convert_event_clip, download_event_clip
from fusevad.encoders.settings import EncoderSettings
from fusevad.errors import FusevadError

WIDTH, HEADS, LAYERS, PATCH, SIZE, DIM = 32, 2, 2, 16, 32, 24
CONFIGURATION = {
    "embed_dim": DIM,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": SIZE, "layers": LAYERS, "width": WIDTH, "head_width": WIDTH // HEADS,
        "patch_size": PATCH,
    },
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}  # fmt: skip


class Block(nn.Module):
    """A residual block of OpenAI's CLIP, with its names."""

    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            OrderedDict(c_fc=nn.Linear(WIDTH, 4 * WIDTH), c_proj=nn.Linear(4 * WIDTH, WIDTH))
        )

    def forward(self, x):
        normal = self.ln_1(x)
        x = x + self.attn(normal, normal, normal)[0]
        hidden = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))


class OpenAiTower(nn.Module):
    """The image tower of CLIP, written down from the paper, with the names of OpenAI's weights."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn((SIZE // PATCH) ** 2 + 1, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.proj = nn.Parameter(torch.randn(WIDTH, DIM) / 6)

    def forward(self, images):
        x = self.conv1(images).flatten(2).permute(2, 0, 1)  # patches x images x width
        first = self.class_embedding.expand(1, len(images), -1)
        x = torch.cat([first, x]) + self.positional_embedding[:, None]
        return self.ln_post(self.transformer.resblocks(self.ln_pre(x))[0]) @ self.proj


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "published.json"
    file.write_text(json.dumps(CONFIGURATION))
    return str(file)


@pytest.fixture
def tower():
    torch.manual_seed(0)
    tower = OpenAiTower().eval()
    for parameter in tower.parameters():  # the file keeps halves
        parameter.data = parameter.data.half().float()
    return tower


def save(state, file, **others):
    torch.save({"checkpoint": state} | others, file)
    return file


def checkpoint_of(tower, model, file):
    """Two CLIPs under `checkpoint`, as published: `encoder_q` and `encoder_k`, text included."""
    open_clip.add_model_config(model)
    text = {
        name: tensor
        for name, tensor in open_clip.create_model("published").state_dict().items()
        if not name.startswith("visual.")
    }
    visual = {f"visual.{name}": tensor for name, tensor in tower.state_dict().items()}
    state = {f"encoder_k.{name}": tensor for name, tensor in (text | visual).items()}
    wrong = {
        name.replace("encoder_k", "encoder_q"): torch.zeros_like(t) for name, t in state.items()
    }
    return save(wrong | state, file, epoch=7)


@pytest.mark.usefixtures("on_cpu")
def test_the_converted_tower_embeds_as_openais_does(model, tower, tmp_path):
    checkpoint = checkpoint_of(tower, model, tmp_path / "vitl.pt")
    convert_event_clip(checkpoint, model, tmp_path / "out/event-clip.safetensors")
    weights = str(tmp_path / "out/event-clip.safetensors")
    settings = EncoderSettings("x", model, "any", motion_cue_weights=weights)
    cues = np.random.default_rng(0).random((3, SIZE, SIZE), np.float32)
    with torch.no_grad():
        expected = tower(torch.from_numpy(cues)[:, None].repeat(1, 3, 1, 1))
    np.testing.assert_allclose(load_cue_tower(settings).embed(cues), expected, atol=1e-4)
    with safe_open(weights, "pt") as store:
        provenance = json.loads(store.metadata()["provenance"])
    assert len(provenance["source_sha256"]) == 64


def test_an_image_tower_without_text_converts_alike(model, tower, tmp_path):
    checkpoint_of(tower, model, tmp_path / "whole.pt")
    state = {f"encoder_k.{name}": tensor for name, tensor in tower.state_dict().items()}
    save(state, tmp_path / "alone.pt")
    tensors = []
    for name in ("whole", "alone"):
        convert_event_clip(tmp_path / f"{name}.pt", model, tmp_path / f"{name}.safetensors")
        tensors.append(load_file(tmp_path / f"{name}.safetensors"))
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(tensors[0][key], tensors[1][key]) for key in tensors[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.pop("encoder_k.visual.proj"), "no tensor visual.proj 32x24"),
        (lambda x: x.update({"encoder_k.visual.new": torch.zeros(2)}), "visual.new 2 is not in"),
        (lambda x: x.update({"encoder_k.head": torch.zeros(2)}), "head 2 is not in the model"),
        (
            lambda x: x.update({"encoder_k.visual.proj": torch.zeros(32, 25)}),
            "visual.proj is 32x25, but the model's is 32x24",
        ),
        (lambda x: x.clear(), "no tensor visual."),
    ],
)
def test_what_does_not_fit_is_named(model, tower, tmp_path, change, message):
    state = {f"encoder_k.visual.{name}": tensor for name, tensor in tower.state_dict().items()}
    change(state)
    with pytest.raises(FusevadError) as caught:
        convert_event_clip(save(state, tmp_path / "bad.pt"), model, tmp_path / "x.safetensors")
    assert message in str(caught.value) and str(tmp_path / "bad.pt") in str(caught.value)
    assert "\n" not in str(caught.value) and not (tmp_path / "x.safetensors").exists()


class Malice:
    """Runs a command when it is unpickled by a reader that allows it."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_pickle_that_would_run_code_is_refused_unrun(model, tmp_path):
    trace = tmp_path / "executed"
    file = save({"encoder_k.visual.proj": torch.zeros(1)}, tmp_path / "m.pt",
                surprise=Malice(f"touch {trace}"))  # fmt: skip
    with pytest.raises(FusevadError, match=r"m\.pt: refused") as caught:
        convert_event_clip(file, model, tmp_path / "x.safetensors")
    assert "\n" not in str(caught.value)
    assert not trace.exists() and not (tmp_path / "x.safetensors").exists()
    torch.load(file, weights_only=False)
    assert trace.exists()  # it was no empty threat


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nonsense"])
def test_damaged_checkpoints_are_named(model, tmp_path, content):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(FusevadError, match=r"bad\.pt: ") as caught:
        convert_event_clip(tmp_path / "bad.pt", model, tmp_path / "x.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{"other": {}}, [1, 2]])
def test_a_checkpoint_of_something_else_is_named(model, tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    for file, message in (("other.pt", "no tensors under 'checkpoint'"), ("no.pt", "no such")):
        with pytest.raises(FusevadError, match=message):
            convert_event_clip(tmp_path / file, model, tmp_path / "x.safetensors")


def test_no_checkpoint_is_published_for_other_models():
    with pytest.raises(FusevadError, match="ViT-B-16: no event-CLIP"):
        download_event_clip("ViT-B-16")
