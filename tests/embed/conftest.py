"""A tiny encoder and three short videos with motion cues, for tests that embed."""

import pytest

from fusevad.cues.settings import CueSettings
from fusevad.cues.store import make_cues
from fusevad.files import sha256
from tests.made_up_embeddings import VIDEOS
from tests.made_up_tables import write_table
from tests.made_up_videos import write_video
from tests.tiny_clip import make_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with a manifest of three short videos, and their motion cues."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for name, frames in VIDEOS.items():
        path = write_video(folder / f"{name}.mp4", frames, (160, 120), seed=frames)
        rows.append((name, path, "train", "normal", frames, 20.0, 160, 120, sha256(path)))
    write_table(folder, "manifest", rows)
    make_cues(folder / "manifest.csv", 0, 1, CueSettings(), folder / "cues/shard-0.h5")
    return folder
