"""Flow and sound of real clips, one of which has no sound."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from fusevad.data.manifest import Video
from fusevad.embed.index import make_index, videos_without
from fusevad.embed.run import embed_shard
from fusevad.embed.streams.registry import parse_settings
from fusevad.files import sha256
from fusevad.video.decode import probe
from tests.made_up_tables import write_table
from tests.made_up_videos import CLIPS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIPS.is_dir(), reason="the real clips are not beside the repository"),
]
SETTINGS = {
    "flow": {"stream": "flow"},
    "audio": {
        "stream": "audio",
        "encoder": "small",
        "weights": "config/encoders/fusevad-small/audio.safetensors",
    },
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[str, Video]:
    found = {}
    for name in ("fi001", "fi075", "fi149"):
        path = CLIPS / "fight" / f"{name}.mp4"
        info = probe(path)
        found[name] = Video(
            name, path, "train", ("normal",), info.frames, info.fps, info.width, info.height,
            sha256(path), info.variable_rate,
        )  # fmt: skip
    return found


@pytest.fixture
def manifest(clips, tmp_path, root, monkeypatch):
    monkeypatch.chdir(root)
    rows = [
        (v.name, v.path, v.split, "normal", v.frames, v.fps, v.width, v.height, v.sha256)
        for v in clips.values()
    ]
    write_table(tmp_path, "manifest", rows)
    return tmp_path / "manifest.csv"


@pytest.mark.parametrize("stream", SETTINGS)
def test_real_clips_have_a_row_a_segment_and_are_told_apart(tmp_path, manifest, clips, stream):
    shard = tmp_path / "shard-0.safetensors"
    embed_shard(manifest, 0, 1, parse_settings(SETTINGS[stream]), shard)
    found = load_file(shard)
    assert {name: len(rows) for name, rows in found.items()} == {
        name: clip.segments for name, clip in clips.items()
    }
    assert np.abs(found["fi001"][0] - found["fi149"][0]).max() > 1e-3


def test_a_real_clip_without_sound_is_counted_and_one_with_it_has_it_throughout(tmp_path, manifest):
    shard = tmp_path / "shard-0.safetensors"
    embed_shard(manifest, 0, 1, parse_settings(SETTINGS["audio"]), shard)
    found = load_file(shard)
    assert found["fi001"].any(axis=2).all() and found["fi149"].any(axis=2).all()
    assert not found["fi075"].any()
    make_index(manifest, [shard], tmp_path / "index.csv")
    assert videos_without(tmp_path / "index.csv") == (1, 0, 3)
