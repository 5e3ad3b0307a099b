"""Captions as a stream: of rendered videos, and from tables."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from fusevad.data.manifest import Video
from fusevad.data.render.groundtruth import segment_captions
from fusevad.data.render.plan import plan
from fusevad.data.render.settings import RenderSettings
from fusevad.embed.run import embed_shard
from fusevad.embed.streams.registry import KINDS, parse_settings
from fusevad.embed.streams.settings import Given
from fusevad.embed.streams.text.embedder import CaptionTables, load_embedder
from fusevad.embed.streams.text.settings import TextSettings
from fusevad.encoders.clip import load_clip
from fusevad.encoders.open_clip_models import tokenizer
from fusevad.encoders.settings import EncoderSettings
from fusevad.errors import FusevadError
from fusevad.files import sha256
from tests.made_up_tables import write_table

CLIP = EncoderSettings(
    "fusevad-small",
    "config/encoders/fusevad-small/fusevad-small.json",
    "config/encoders/fusevad-small/clip.safetensors",
)
TOWER = {"name": CLIP.name, "model": CLIP.model, "pretrained": CLIP.pretrained}


@pytest.fixture(autouse=True)
def in_root(root, monkeypatch):
    monkeypatch.chdir(root)


def expected(texts: list[str]) -> np.ndarray:
    """One text after the other."""
    clip = load_clip(CLIP)
    with torch.inference_mode():
        rows = [clip.encode_text(tokenizer(CLIP.model)([text]))[0] for text in texts]
    return torch.stack(rows).numpy()


def manifest(folder, rows) -> None:
    write_table(
        folder,
        "manifest",
        [(n, folder / n, "train", "normal", f, 20.0, 320, 240, f"{k:064}") for k, (n, f) in rows],
    )


def test_rendered_videos_have_the_renderers_sentences(tmp_path):
    render = {"train_normal": 1, "train_per_class": 0, "test_normal": 0, "test_per_class": 0}
    given = Given("rendered", (0,), 16, TOWER | {"motion_cue_weights": "x"}, {}, {}, render)
    kind = KINDS["text"]
    assert kind.lacks(given) == ""
    assert kind.folder(given) == "fusevad-small.rendered"
    settings = parse_settings(kind.settings("text", given))
    (video,) = plan(RenderSettings(**render))
    manifest(tmp_path, [(0, (video.name, video.frames))])
    embed_shard(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "shard-0.safetensors")
    found = load_file(tmp_path / "shard-0.safetensors")[video.name]
    texts = segment_captions(video, RenderSettings(**render))
    np.testing.assert_allclose(found[:, 0], expected(texts), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,1,a\n" * 51, r"a\.csv: 51 captions, but the video has 50 frames"),
        (f"0,9,a\n9,20,{'b' * 2001}\n", r"a\.csv: row 2: a caption of more than 2000 characters"),
    ],
)
def test_captions_that_would_take_hours_or_gigabytes_are_one_line(tmp_path, rows, message):
    (tmp_path / "a.csv").write_text(f"start,end,caption\n{rows}")
    video = Video("a", tmp_path / "a", "train", ("normal",), 50, 20.0, 320, 240, "0" * 64)
    with pytest.raises(FusevadError, match=message):
        CaptionTables(tmp_path).of(video)


def test_a_segment_has_the_caption_that_covers_most_of_it_or_none(tmp_path):
    (tmp_path / "a.csv").write_text(
        "start,end,caption\n0,10,a man walks\n10,20,a man runs\n20,31,a man falls\n"
    )
    video = Video("a", tmp_path / "a", "train", ("normal",), 50, 20.0, 320, 240, "0" * 64)
    texts = CaptionTables(tmp_path).of(video)
    assert texts == ["a man walks", "a man falls", None, None]
    manifest(tmp_path, [(0, ("a", 50))])
    settings = TextSettings("text", CLIP, captions=str(tmp_path))
    embed_shard(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "shard-0.safetensors")
    found = load_file(tmp_path / "shard-0.safetensors")["a"][:, 0]
    np.testing.assert_allclose(found[:2], expected(texts[:2]), atol=2e-3, rtol=2e-3)
    assert not found[2:].any()


def test_a_table_without_captions_leaves_all_segments_without(tmp_path):
    (tmp_path / "a.csv").write_text("start,end,caption\n")
    video = Video("a", tmp_path / "a", "train", ("normal",), 20, 20.0, 320, 240, "0" * 64)
    assert CaptionTables(tmp_path).of(video) == [None, None]


@pytest.mark.parametrize("row", ["16,,a man falls", "16,32,", "32,16,a man falls", ",16,he runs"])
def test_a_row_without_a_caption_or_a_time_is_named(tmp_path, row):
    """One such row had taken all captions from its video."""
    (tmp_path / "a.csv").write_text(f"start,end,caption\n0,16,a man walks\n{row}\n")
    video = Video("a", tmp_path / "a", "train", ("normal",), 32, 20.0, 320, 240, "0" * 64)
    with pytest.raises(FusevadError, match=r"a\.csv: row 2: no caption, or no start"):
        CaptionTables(tmp_path).of(video)


def test_another_architecture_with_the_same_weights_is_another_encoder(tmp_path):
    values = json.loads(Path(CLIP.model).read_text()) | {"quick_gelu": True}
    (tmp_path / "other.json").write_text(json.dumps(values))
    other = replace(CLIP, model=str(tmp_path / "other.json"))
    one, two = (load_embedder(TextSettings("text", each)).provenance for each in (CLIP, other))
    assert one["model"] == sha256(Path(CLIP.model)) != two["model"]


def test_changed_captions_are_embedded_again(tmp_path):
    settings, shard = TextSettings("text", CLIP, captions=str(tmp_path)), tmp_path / "s.safetensors"
    manifest(tmp_path, [(0, ("a", 16))])
    found = []
    for text in ("a man walks", "a man runs"):
        (tmp_path / "a.csv").write_text(f"start,end,caption\n0,16,{text}\n")
        embed_shard(tmp_path / "manifest.csv", 0, 1, settings, shard)
        found.append(load_file(shard)["a"])
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_a_video_without_a_table_is_one_line(tmp_path):
    manifest(tmp_path, [(0, ("a", 16))])
    settings = TextSettings("text", CLIP, captions=str(tmp_path / "captions"))
    with pytest.raises(FusevadError, match=r"captions/a\.csv: no such file"):
        embed_shard(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "shard-0.safetensors")
    lacking = KINDS["text"].lacks(Given("ucf", (0,), 16, TOWER, {}, {}, None))
    assert "streams.text.captions: missing" in lacking
