"""Motion cues that are counted while a video is decoded, against those that are stored."""

import numpy as np
import pytest

from fusevad.cues.decoded import DecodedCues
from fusevad.cues.reading import CueShards
from fusevad.cues.settings import CueSettings
from fusevad.cues.store import make_cues
from fusevad.data.manifest import read_manifest
from fusevad.errors import FusevadError
from fusevad.files import sha256
from tests.made_up_tables import write_table
from tests.made_up_videos import write_video

SETTINGS = CueSettings(windows=(8, 16), thresholds=(10, 25))


@pytest.fixture
def video(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=70)
    row = ("a", path, "test", "normal", 70, 20.0, 64, 48, sha256(path))
    write_table(tmp_path, "manifest", [row])
    return read_manifest(tmp_path / "manifest.csv")[0]


@pytest.mark.parametrize("definition", ["paper", "released"])
def test_they_are_the_ones_that_would_be_stored(video, tmp_path, definition):
    settings = CueSettings(definition, SETTINGS.windows, SETTINGS.thresholds)
    make_cues(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "cues.h5")
    stored = CueShards([tmp_path / "cues.h5"]).counts(video, 16, 25)
    counted = list(DecodedCues(settings).counts(video, 16, 25))
    assert len(counted) == 5 and any(count.any() for count in counted)
    for one, other in zip(counted, stored, strict=True):
        assert np.array_equal(one, other)


def test_a_video_that_changed_is_one_line(video):
    video.path.write_bytes(b"other")
    with pytest.raises(FusevadError, match="not the file that the manifest was made from"):
        list(DecodedCues(SETTINGS).counts(video, 16, 10))


def test_no_video_has_the_events_of_a_camera():
    with pytest.raises(FusevadError, match="can't be counted from videos"):
        DecodedCues(CueSettings("camera"))
