"""Pictures stand upright: all display matrices and EXIF orientations, and a phone video."""

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from fusevad.data.recorded.convert import to_video
from fusevad.data.recorded.inventory import RawVideo
from fusevad.data.recorded.settings import FrameSettings, LayoutSettings
from fusevad.video.decode import probe, read_frames
from fusevad.video.orientation import UPRIGHT, orientation_of_matrix
from fusevad.video.shown import read_shown
from tests.made_up_videos import write_video

ODD_FILES = Path(__file__).parents[3] / "shared/data/odd-files"

# What (a, b, c, d) of a display matrix does to a picture: (p, q) moves to (a p + c q, b p + d q).
ORIENTATIONS: dict[tuple[int, int, int, int], Callable[[np.ndarray], np.ndarray]] = {
    (1, 0, 0, 1): lambda picture: picture,
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda picture: np.rot90(picture, 2),
    (0, 1, -1, 0): lambda picture: np.rot90(picture, -1),
    (0, -1, 1, 0): lambda picture: np.rot90(picture, 1),
    (0, 1, 1, 0): lambda picture: picture.swapaxes(0, 1),
    (0, -1, -1, 0): lambda picture: picture[::-1, ::-1].swapaxes(0, 1),
}


def with_matrix(path: Path, matrix: tuple[float, ...]) -> Path:
    """Write (a, b, c, d) into the track header of an mp4 file."""
    a, b, c, d = (round(value * 65536) for value in matrix)
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", ["mkv", "nut"])
def test_raw_pictures_that_are_stored_bottom_up_are_read_as_ffmpeg_turns_them(tmp_path, suffix):
    """A word beside them says so; then FFmpeg's lines begin at the end of its memory."""
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (3, 72, 64), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.extradata = b"BottomUp\0"
        for number, pixels in enumerate(noise):
            frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
    with av.open(str(path)) as container:
        planes = [frame.to_ndarray() for frame in container.decode(video=0)]
    for found, expected, stored in zip(read_shown(path), planes, noise, strict=True):
        np.testing.assert_array_equal(found.y, stored[47::-1])
        chroma = np.stack((found.cb, found.cr))
        np.testing.assert_array_equal(chroma, expected[48:].reshape(2, 24, 32))
    assert len(list(read_frames(path))) == 3


@pytest.mark.parametrize("matrix", ORIENTATIONS)
def test_every_display_matrix_is_applied_whole(tmp_path, matrix):
    path = write_video(tmp_path / "a.mp4", 4, (96, 64))
    stored = list(read_frames(path, (96, 64)))
    assert stored[0].std() > 20
    expected = [ORIENTATIONS[matrix](frame) for frame in stored]
    height, width = expected[0].shape[:2]

    with_matrix(path, matrix)

    info = probe(path)
    assert (info.width, info.height) == (width, height)
    for found, frame in zip(read_frames(path, (width, height)), expected, strict=True):
        # Colour planes are enlarged first across, then down, each time rounded to 8 bits.
        difference = np.abs(found.astype(int) - frame)
        assert difference.max() <= 3 and difference.mean() < 0.5


def test_a_matrix_that_only_scales_or_tilts_a_little_leaves_the_picture_alone():
    assert orientation_of_matrix(np.array([2, 0, 0, 0, 3, 0, 9, 9, 1])) == UPRIGHT
    assert orientation_of_matrix(np.array([99, 5, 0, -5, 99, 0, 0, 0, 1])) == UPRIGHT
    assert orientation_of_matrix(np.zeros(9)) == UPRIGHT


@pytest.mark.parametrize("exif", range(1, 9))
def test_frame_folders_follow_the_exif_orientation_of_their_images(tmp_path, exif):
    random = np.random.default_rng(exif)
    blocks = np.kron(random.integers(0, 256, (4, 6)), np.ones((16, 16))).astype(np.uint8)
    image = Image.fromarray(blocks).convert("RGB")
    tags = Image.Exif()
    tags[0x0112] = exif
    files = tuple(tmp_path / f"{number}.jpg" for number in range(3))
    for file in files:
        image.save(file, quality=95, exif=tags)
    layout = LayoutSettings(frames=FrameSettings(folder="*", fps=25, suffixes=(".jpg",)))

    path = to_video(RawVideo("a", files, "frames"), layout, tmp_path / "videos")

    with Image.open(files[0]) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    info = probe(path)
    assert (info.frames, info.width, info.height) == (3, *upright.size)
    for frame in read_frames(path, upright.size):
        assert np.abs(frame.astype(int) - np.asarray(upright)).mean() < 3


@pytest.mark.skipif(not ODD_FILES.is_dir(), reason="the odd files are not beside the repository")
def test_a_phone_video_is_upright():
    path = ODD_FILES / "rotation/video_90.mov"
    info = probe(path)
    assert (info.frames, info.width, info.height) == (3, 320, 568)
    frame = next(iter(read_frames(path, (320, 568)))).astype(float)
    quadrants = [
        part.mean(axis=(0, 1)) for half in np.split(frame, 2) for part in np.split(half, 2, 1)
    ]
    expected = [(116, 106, 97), (118, 108, 99), (84, 74, 67), (99, 87, 80)]
    assert np.abs(np.array(quadrants) - expected).max() <= 3
    flat = probe(ODD_FILES / "rotation/video_0.mov")
    assert (flat.width, flat.height) == (568, 320)
