"""Sound as a stream: in time with segments, and absent where a video has none."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from scipy.signal import stft

from fusevad.csv_tables import read_csv
from fusevad.embed.index import make_index, videos_without
from fusevad.embed.run import embed_shard
from fusevad.embed.store import EmbeddingStore
from fusevad.embed.streams.audio.settings import KIND, AudioSettings
from fusevad.embed.streams.flow.settings import FlowSettings
from fusevad.embed.streams.settings import Given
from fusevad.encoders.audio import (
    SmallAudioTower,
    Wav2Clip,
    _power,
    convert_wav2clip,
    load_audio_tower,
)
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.models.presence import present
from fusevad.report.footnotes import footnotes
from fusevad.report.runs import (
    TableDataset,
    TableRow,
)
from tests.made_up_sound import FPS, SIZE, tone_at, write_sounding
from tests.made_up_tables import write_table

RATE = 16000
FRAMES = 50  # four segments, the last of two frames


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> dict[str, str]:
    """Random weights of both towers."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name, tower in (("small", SmallAudioTower()), ("wav2clip", Wav2Clip())):
        save_file(tower.state_dict(), folder / f"{name}.safetensors")
    return {name: str(folder / f"{name}.safetensors") for name in ("small", "wav2clip")}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A manifest of a video with a tone, one whose sound starts late, and one without sound."""
    folder = tmp_path_factory.mktemp("videos")
    tone = tone_at(2.5, RATE, (0.9, 1.5))
    paths = {
        "tone": write_sounding(folder / "tone.mkv", FRAMES, [tone]),
        "late": write_sounding(folder / "late.mkv", FRAMES, [tone], starts=1.7),
        "mute": write_sounding(folder / "mute.mkv", FRAMES),
    }
    rows = [
        (name, path, "train", "normal", FRAMES, float(FPS), *SIZE, sha256(path))
        for name, path in paths.items()
    ]
    write_table(folder, "manifest", rows)
    return folder / "manifest.csv"


@pytest.mark.parametrize(("encoder", "dim"), [("small", 128), ("wav2clip", 512)])
def test_a_segment_has_the_sound_of_its_own_frames_or_zeros(
    tmp_path, weights, videos, encoder, dim
):
    settings = AudioSettings("audio", encoder, weights[encoder])
    embed_shard(videos, 0, 1, settings, tmp_path / "shard-0.safetensors")
    found = load_file(tmp_path / "shard-0.safetensors")
    assert {each.shape for each in found.values()} == {(4, 1, dim)}
    silence, tone, more_silence, _ = found["tone"][:, 0].astype(np.float32)
    assert np.abs(tone - silence).max() > 5 * np.abs(more_silence - silence).max()
    assert found["late"][:, 0].any(axis=1).tolist() == [False, False, True, True]
    assert not found["mute"].any()


def test_methods_see_which_segments_have_sound(tmp_path, weights, videos):
    settings = AudioSettings("audio", "small", weights["small"])
    shard = tmp_path / "shard-0.safetensors"
    embed_shard(videos, 0, 1, settings, shard)
    make_index(videos, [shard], tmp_path / "index.csv")
    store = EmbeddingStore(tmp_path / "index.csv", torch.device("cpu"))
    names = ("tone", "late", "mute")
    batch = torch.stack([store[name][:, 0].float() for name in names])
    seen = present(batch, torch.ones(3, 4, dtype=torch.bool))
    assert seen.tolist() == [[True] * 4, [False, False, True, True], [False] * 4]


def test_the_index_counts_segments_without_sound(tmp_path, weights, videos):
    settings = AudioSettings("audio", "small", weights["small"])
    embed_shard(videos, 0, 1, settings, tmp_path / "shard-0.safetensors")
    make_index(videos, [tmp_path / "shard-0.safetensors"], tmp_path / "index.csv")
    table = read_csv(tmp_path / "index.csv", ["absent"], ("video", "file", "sha256"))
    assert dict(zip(table["video"], table["absent"], strict=True)) == {
        "tone": 0, "late": 2, "mute": 4
    }  # fmt: skip
    assert videos_without(tmp_path / "index.csv") == (1, 1, 3)


def test_an_index_of_videos_that_all_have_the_stream_has_no_such_column(tmp_path, videos):
    embed_shard(videos, 0, 1, FlowSettings("flow"), tmp_path / "shard-0.safetensors")
    make_index(videos, [tmp_path / "shard-0.safetensors"], tmp_path / "index.csv")
    assert "absent" not in (tmp_path / "index.csv").read_text()
    assert videos_without(tmp_path / "index.csv") == (0, 0, 3)


def test_footnotes_of_tables_count_videos_without_sound(tmp_path, weights, videos):
    settings = AudioSettings("audio", "small", weights["small"])
    embed_shard(videos, 0, 1, settings, tmp_path / "shard-0.safetensors")
    make_index(videos, [tmp_path / "shard-0.safetensors"], tmp_path / "index.csv")
    (tmp_path / "skipped.csv").write_text("video,path,reason\n")
    paths = (videos, videos.with_name("intervals.csv"), tmp_path / "skipped.csv")
    dataset = TableDataset("clips", "Clips", ("AUC",), *paths, 1, 16)
    rows = [
        TableRow(name, name, {"clips": tmp_path}, partial=partial)
        for name, partial in (("a", {}), ("b", {"clips": {"audio": tmp_path / "index.csv"}}))
    ]
    values = pd.DataFrame({"protocol": [], "dataset": [], "experiment": [], "seed": []})
    notes = footnotes(rows, [dataset], values, "last", [])
    assert notes[-1] == "Clips: 1 of 3 videos have no sound, 1 have it in part."
    assert not any("sound" in note for note in footnotes(rows[:1], [dataset], values, "last", []))
    whole = (tmp_path / "index.csv").read_text().replace("absent", "other")
    (tmp_path / "index.csv").write_text(whole)
    notes = footnotes(rows, [dataset], values, "last", [])
    assert notes[-1] == "Clips: all 3 videos have sound."


def test_a_shard_is_resumed_with_videos_that_have_no_sound(tmp_path, weights, videos):
    settings = AudioSettings("audio", "small", weights["small"])
    shard = tmp_path / "shard-0.safetensors"
    embed_shard(videos, 0, 1, settings, shard)
    before = shard.read_bytes()
    embed_shard(videos, 0, 1, settings, shard)
    assert shard.read_bytes() == before


def test_sound_of_other_times_in_the_manifest_is_embedded_again(tmp_path, weights, videos):
    """As after a manifest that reads the rate of the same bytes otherwise."""
    settings = AudioSettings("audio", "small", weights["small"])
    table = read_csv(videos, ["fps"], text=("video",))
    table["fps"] = table["fps"] * 2
    table.to_csv(tmp_path / "manifest.csv", index=False)
    shards = [tmp_path / name / "shard-0.safetensors" for name in ("kept", "fresh")]
    embed_shard(videos, 0, 1, settings, shards[0])
    for shard in shards:
        embed_shard(tmp_path / "manifest.csv", 0, 1, settings, shard)
    assert shards[0].read_bytes() == shards[1].read_bytes()


def test_the_spectrogram_is_that_of_scipy():
    samples = np.random.default_rng(0).normal(0, 0.1, 5000)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    mirrored = np.pad(samples, 256, mode="reflect")
    *_, expected = stft(
        mirrored, window=window, nperseg=512, noverlap=512 - 353, boundary=None, padded=False
    )
    found = _power(torch.from_numpy(samples), 353).numpy()
    np.testing.assert_allclose(found, np.abs(expected * window.sum()) ** 2, rtol=1e-4, atol=1e-6)


def test_wav2clip_hears_no_loudness_but_the_small_tower_does(weights):
    sound = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, 16000))).float()
    changes = {}
    for name, file in weights.items():
        tower = load_audio_tower(name, file)
        quiet, loud = tower(sound), tower(3 * sound)
        changes[name] = float((quiet - loud).abs().max() / quiet.abs().max())
    assert changes["wav2clip"] < 1e-2 < changes["small"]


def test_the_published_checkpoint_becomes_safetensors_that_give_the_same(tmp_path):
    torch.manual_seed(1)
    tower = Wav2Clip().half().float().eval()
    others = {"audio_encoder.fc.weight": torch.zeros(1000, 512), "image.weight": torch.zeros(3)}
    torch.save({"state_dict": tower.state_dict() | others, "epoch": 3}, tmp_path / "w.ckpt")
    convert_wav2clip(tmp_path / "w.ckpt", tmp_path / "w.safetensors")
    sound = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (2, 9000))).float()
    converted = load_audio_tower("wav2clip", tmp_path / "w.safetensors")
    torch.testing.assert_close(converted(sound), tower(sound))


def test_another_checkpoint_and_missing_weights_are_one_line(tmp_path, videos):
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "other.ckpt")
    with pytest.raises(FusevadError, match=r"other\.ckpt: no tensor audio_encoder.*published"):
        convert_wav2clip(tmp_path / "other.ckpt", tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists()
    with pytest.raises(FusevadError, match="no weights of its tower; name them"):
        embed_shard(videos, 0, 1, AudioSettings("audio"), tmp_path / "shard.safetensors")


def test_the_plan_has_no_sound_without_weights():
    chosen = {"audio": {"encoder": "small", "weights": "small.safetensors"}}
    without, given = (
        Given("rendered", (0,), 16, {"name": "clip"}, {}, each, None) for each in ({}, chosen)
    )
    assert "streams.audio.weights: missing" in KIND.lacks(without)
    assert KIND.lacks(given) == ""
    assert KIND.weights("audio", given) == ["small.safetensors"]
    assert KIND.folder(given) == "small-audio"
