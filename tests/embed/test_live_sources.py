"""Pictures that come one by one give the images that a whole file gives."""

import numpy as np
import pytest

from fusevad.cues.decoded import DecodedCues
from fusevad.cues.settings import CueSettings
from fusevad.data.manifest import Video
from fusevad.embed.image_sources import CueSource, FrameSource, LiveSource
from fusevad.files import sha256
from fusevad.video.decode import read_pictures
from tests.made_up_videos import write_video

FRAMES = 16 * 5 + 7
CUES = CueSettings(windows=(4, 16, 64), thresholds=(10,))


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Video:
    path = write_video(tmp_path_factory.mktemp("live") / "a.mp4", FRAMES)
    return Video("a", path, "test", (), FRAMES, 20.0, 64, 48, sha256(path))


def cue_source(window: int) -> CueSource:
    return CueSource((0, 5), 64, DecodedCues(CUES), window, 10, CUES)


SOURCES = {
    "every frame": FrameSource((0, 3), 64, 1),
    "every fifth": FrameSource((0, 3), 64, 5),
    "one a segment": FrameSource((0,), 224, 16),
    **{f"cue of {window}": cue_source(window) for window in CUES.windows},
}


@pytest.mark.parametrize("name", SOURCES)
def test_live_segments_are_those_of_the_file(video, name):
    source = SOURCES[name]
    assert isinstance(source, LiveSource)
    live = list(source.segments(read_pictures(video.path)))
    chunks = list(source.chunks(video))
    of_image = np.repeat(np.concatenate([c.segments for c in chunks]), len(source.crops))
    images = np.concatenate([c.images for c in chunks])
    assert len(live) == video.segments
    for segment, found in enumerate(live):
        np.testing.assert_array_equal(found, images[of_image == segment])


@pytest.mark.parametrize(
    ("name", "frames"), [("every frame", 16), ("cue of 16", 16), ("cue of 64", 40)]
)
def test_a_segment_comes_with_the_last_frame_that_it_needs(video, name, frames):
    taken = 0

    def pictures():
        nonlocal taken
        for picture in read_pictures(video.path):
            taken += 1
            yield picture

    next(SOURCES[name].segments(pictures()))
    assert taken == frames


def test_a_video_without_pictures_has_no_segments():
    assert [list(source.segments([])) for source in SOURCES.values()] == [[]] * len(SOURCES)
