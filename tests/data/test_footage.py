"""The manifest's videos are read only as the files from which the manifest was made."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fusevad.data import footage as footage_module
from fusevad.data.footage import edges, open_footage
from fusevad.data.manifest import Video
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.video.decode import probe
from tests.made_up_videos import write_stamped, write_video

PACKAGE = Path(__file__).resolve().parents[2] / "workflow" / "fusevad"
STAMPS = [40 * k if k < 10 else 400 + 80 * (k - 10) for k in range(20)]
OTHERS = [80 * k if k < 10 else 800 + 40 * (k - 10) for k in range(20)]
CHANGED = r"a\.mkv: not the file that the manifest was made from; get it again, or"
# What decodes files; and who may, besides `data`, because no manifest names their videos.
READERS = ("decode", "reader", "sound", "containers")
NOT_FILES = {
    "FRAME_SIZE",
    "SEGMENT_FRAMES",
    "VideoInfo",
    "picture_of",
    "sampled_times",
    "segment_count",
}
OWN_VIDEOS = ("video", "data", "deploy", "bundled")


def imported(code: str) -> Iterator[str]:
    """Full names of what code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.fixture
def video(tmp_path) -> Video:
    path = write_stamped(tmp_path / "a.mkv", STAMPS, Fraction(1, 1000))
    info = probe(path)
    assert info.variable_rate
    return Video("a", path, "test", ("normal",), 20, info.fps, 64, 48, sha256(path), True)


def test_the_times_of_frames_are_those_that_the_file_has(video):
    np.testing.assert_allclose(edges(video)[:-1], np.array(STAMPS) / 1000, atol=1e-3)


def test_where_features_replace_the_videos_frames_have_no_times(video):
    unknown = replace(video, fps=0.0, variable_rate=False)
    for times in (edges, lambda each: open_footage(each).edges()):
        with pytest.raises(FusevadError, match=r"a\.mkv: its rate is 0 .* make the manifest"):
            times(unknown)


def test_a_changed_video_of_as_many_frames_has_no_times_and_no_pictures(video):
    write_stamped(video.path, OTHERS, Fraction(1, 1000))
    assert probe(video.path).frames == video.frames
    for read in (edges, open_footage):
        with pytest.raises(FusevadError, match=CHANGED):
            read(video)
    video.path.unlink()
    with pytest.raises(FusevadError, match=r"a\.mkv: no such video"):
        edges(video)


def test_the_times_of_an_even_rate_need_no_file(video):
    even = replace(video, path=Path("elsewhere.mp4"), fps=20.0, variable_rate=False)
    np.testing.assert_allclose(edges(even), np.arange(21) / 20)


def test_all_that_is_read_of_a_video_is_compared_once(video, monkeypatch):
    compared = []
    monkeypatch.setattr(
        footage_module, "sha256", lambda path: compared.append(path) or sha256(path)
    )
    footage = open_footage(video)
    assert len(footage.edges()) == 21
    assert len(list(footage.pictures())) == len(list(footage.frames())) == 20
    assert compared == [video.path]


def test_pictures_are_as_many_as_the_manifest_says(tmp_path):
    path = write_video(tmp_path / "a.mp4", 20)
    video = Video("a", path, "test", ("normal",), 21, 20.0, 64, 48, sha256(path))
    with pytest.raises(FusevadError, match="20 frames instead of the manifest's 21"):
        list(open_footage(video).frames())


def test_no_stage_opens_the_videos_of_a_manifest_in_another_way():
    wrong = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in OWN_VIDEOS
        for name in imported(path.read_text())
        if name.startswith(tuple(f"fusevad.video.{reader}" for reader in READERS))
        and name.rpartition(".")[2] not in NOT_FILES
    }
    assert not wrong


@pytest.mark.parametrize(
    "code",
    [
        "from fusevad.video.decode import read_frames",
        "from fusevad.video import decode",
        "import fusevad.video.decode",
    ],
)
def test_all_ways_of_importing_a_module_are_known(code):
    (name,) = imported(code)
    assert name.startswith("fusevad.video.decode")
