"""What is really cut is refused; what only declares more than it shows is read whole."""

import shutil
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fusevad.video.complete import check_complete, chunk_count
from fusevad.video.decode import probe, read_frames
from tests.made_up_videos import cut, error_of, write_stamped, write_video

ODD_FILES = Path(__file__).parents[3] / "shared/data/odd-files"
needs_odd_files = pytest.mark.skipif(
    not ODD_FILES.is_dir(), reason="the odd files are not beside the repository"
)
MS = Fraction(1, 1000)


def levels(path: Path) -> list[int]:
    """Which gray of `write_stamped` each frame shows, 0 to 39."""
    return [round((float(frame[160:].mean()) - 20) / 5) for frame in read_frames(path)]


@pytest.fixture(
    scope="module",
    params=[
        (".mp4", {"movflags": "faststart"}),
        (".mp4", {"movflags": "frag_keyframe+empty_moov"}),
        (".mkv", {}),
        (".mkv", {"live": "1"}),
        (".webm", {}),
        (".avi", {}),
        (".flv", {}),
    ],
    ids=str,
)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of video, with sound where the container usually has it."""
    suffix, options = request.param
    path = tmp_path_factory.mktemp("whole") / f"a{suffix}"
    codec = {".avi": "mpeg4", ".webm": "libvpx"}.get(suffix, "libx264")
    sound = 8 if codec == "libx264" else 0
    write_stamped(path, range(200), Fraction(1, 25), codec=codec, sound_seconds=sound, **options)
    assert probe(path).frames == 200
    return path


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_is_cut_anywhere_is_refused(whole, tmp_path, share):
    message = error_of(cut(Path(shutil.copy(whole, tmp_path)), share))
    assert "truncated" in message or "decoding fails" in message


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".flv", ".ts"])
def test_sound_that_is_longer_than_the_pictures_is_no_truncation(tmp_path, suffix):
    path = write_stamped(tmp_path / f"a{suffix}", range(0, 4000, 40), MS, sound_seconds=9)
    info = probe(path)
    assert (info.frames, info.fps) == (100, pytest.approx(25))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".flv", ".ts"])
def test_pictures_that_start_late_are_no_truncation(tmp_path, suffix):
    stamps = range(16_000, 20_000, 40)
    info = probe(write_stamped(tmp_path / f"a{suffix}", stamps, MS, sound_seconds=20))
    assert (info.frames, info.fps) == (100, pytest.approx(25))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi", ".flv", ".ts", ".mov"])
@pytest.mark.parametrize("rate", [Fraction(1), Fraction(1, 2), Fraction(1, 10)])
def test_slow_videos_are_no_truncation(tmp_path, suffix, rate):
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    stamps = range(5) if suffix == ".avi" else range(0, int(5000 / rate), int(1000 / rate))
    clock = 1 / rate if suffix == ".avi" else MS
    path = write_stamped(tmp_path / f"a{suffix}", stamps, clock, rate, codec)
    info = probe(path)
    assert (info.frames, info.fps) == (5, pytest.approx(float(rate)))
    assert len(levels(path)) == 5


def append_empty_chunks(path: Path, count: int) -> None:
    """Add chunks without a picture to the end of an AVI file's list of media."""
    data = bytearray(path.read_bytes())
    riff, media = data.index(b"RIFF"), data.index(b"movi") - 8
    for place in (riff, media):
        (size,) = struct.unpack_from("<I", data, place + 4)
        struct.pack_into("<I", data, place + 4, size + 8 * count)
    end = media + 8 + struct.unpack_from("<I", data, media + 4)[0] - 8 * count
    data[end:end] = (b"00dc" + bytes(4)) * count
    path.write_bytes(data)


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg"])
def test_empty_avi_chunks_repeat_their_picture(tmp_path, codec):
    numbers = [0, 1, 5, 6, 20, 21, 22, 29]
    path = write_stamped(tmp_path / "a.avi", numbers, Fraction(1, 25), codec=codec)
    append_empty_chunks(path, 7)
    shown = [max(k for k, number in enumerate(numbers) if number <= time) for time in range(37)]
    info = probe(path)
    assert (info.frames, info.fps, info.variable_rate) == (37, 25, False)
    assert levels(path) == shown


@needs_odd_files
@pytest.mark.parametrize(
    ("file", "frames", "seconds"),
    [
        ("edit-list/made_trimmed.mp4", 50, 2.0),
        ("avi-null-frames/tree.avi", 444, 29.6),
        ("avi-null-frames/sample.avi", 98, 98 * 1001 / 24000),
        ("matroska/made_sound_longer.mkv", 100, 4.0),
        ("matroska/made_sound_longer.mp4", 100, 4.0),
        ("tracks/sample_fragmented.mp4", 30, 30 * 1001 / 30000),
        ("mjpeg/made_changing_format.avi", 20, 2.0),
    ],
)
def test_real_files_that_declare_other_than_they_show(file, frames, seconds):
    info = probe(ODD_FILES / file)
    assert info.frames == frames
    assert info.frames / info.fps == pytest.approx(seconds, rel=1e-3)
    assert len(list(read_frames(ODD_FILES / file, (34, 26), expected=frames))) == frames


@needs_odd_files
@pytest.mark.parametrize(
    "file",
    [
        "edit-list/made_trimmed.mp4",
        "avi-null-frames/tree.avi",
        "avi-null-frames/sample.avi",
        "matroska/made_sound_longer.mkv",
        "tracks/sample_fragmented.mp4",
        "frame-rate/sample.mkv",
    ],
)
def test_real_files_that_are_cut_are_refused(tmp_path, file):
    path = tmp_path / Path(file).name
    path.write_bytes((ODD_FILES / file).read_bytes())
    message = error_of(cut(path, 0.6))
    assert "truncated" in message or "cut short" in message


@needs_odd_files
def test_a_damaged_picture_never_ends_the_video_in_silence():
    assert "decoding fails after 28 frames" in error_of(ODD_FILES / "damaged/corrupted.mp4")


@needs_odd_files
def test_a_picture_format_that_changes_keeps_its_colours():
    frames = list(read_frames(ODD_FILES / "mjpeg/made_changing_format.avi"))
    for frame in frames[:19]:
        assert np.abs(frame.astype(int) - (200, 40, 60)).max() <= 4
    assert np.abs(frames[19].astype(int) - 110).max() <= 4


def test_a_file_with_bytes_after_its_end_is_whole(tmp_path):
    for suffix in (".mp4", ".mkv", ".avi"):
        path = write_video(tmp_path / f"a{suffix}", 20, codec="mpeg4")
        path.write_bytes(path.read_bytes() + b"\0" * 4096)
        assert probe(path).frames == 20


def test_a_hole_of_gigabytes_at_the_end_of_an_avi_file_is_not_walked_through(tmp_path):
    path = write_video(tmp_path / "a.avi", 20, codec="mpeg4")
    frames = probe(path).frames
    with path.open("r+b") as file:
        file.truncate(100 << 30)  # takes no room on the disk; 13 billion empty chunks
    assert chunk_count(path, 0) == frames


# Demuxer: suffix, codec, pixels, size and rate of a file of that kind.
_KINDS = {
    "gif": (".gif", "gif", "rgb8", (64, 48)),
    "yuv4mpegpipe": (".y4m", "wrapped_avframe", "yuv420p", (64, 48)),
    "dv": (".dv", "dvvideo", "yuv420p", (720, 576)),
    "mjpeg": (".mjpeg", "mjpeg", "yuvj420p", (64, 48)),
    "ivf": (".ivf", "libvpx", "yuv420p", (64, 48)),
    "ogg": (".ogg", "libvpx", "yuv420p", (64, 48)),
    "asf": (".asf", "wmv2", "yuv420p", (64, 48)),
    "rm": (".rm", "rv10", "yuv420p", (128, 96)),
    "mxf": (".mxf", "mpeg2video", "yuv420p", (64, 48)),
    "obu": (".obu", "libsvtav1", "yuv420p", (64, 64)),
}


def write_noise(folder: Path, kind: str) -> Path:
    """Ten pictures of noise in a container that FFmpeg reads by this demuxer."""
    suffix, codec, pixels, size = _KINDS[kind]
    path, random = folder / f"a{suffix}", np.random.default_rng(0)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25)
        (stream.width, stream.height), stream.pix_fmt = size, pixels
        for _ in range(10):
            noise = random.integers(0, 256, (size[1], size[0], 3), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(noise, "rgb24")))
        file.mux(stream.encode())
    with av.open(str(path)) as file:
        assert file.format.name == kind
    assert probe(path).frames == 10
    return path


@pytest.fixture(scope="module", params=_KINDS)
def other_container(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A video of each kind."""
    return write_noise(tmp_path_factory.mktemp("kinds"), request.param)


@pytest.mark.parametrize("share", [0.35, 0.62, 0.87])
def test_other_containers_that_are_cut_within_a_picture_are_refused(
    other_container, tmp_path, share
):
    message = error_of(cut(Path(shutil.copy(other_container, tmp_path)), share))
    assert "truncated" in message or "decoding fails" in message or "cut short" in message


def test_a_gif_without_its_last_byte_is_refused(tmp_path):
    path = write_noise(tmp_path, "gif")
    path.write_bytes(path.read_bytes()[:-1])
    assert "truncated" in error_of(path)


@pytest.mark.parametrize("suffix", [".flv", ".ivf"])
def test_a_hole_of_gigabytes_at_the_end_of_other_files_is_not_walked_through(tmp_path, suffix):
    codec = {".flv": "flv1", ".ivf": "libvpx"}[suffix]
    path = write_video(tmp_path / f"a{suffix}", 20, codec=codec)
    with path.open("r+b") as file, av.open(str(path)) as container:
        file.truncate(100 << 30)  # takes no room on the disk
        check_complete(path, container.streams.video[0])
