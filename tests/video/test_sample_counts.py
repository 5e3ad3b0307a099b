"""MP4 files that declare more samples than they have are refused before FFmpeg makes room for them.

Each of these took 20 s and gigabytes, from a few kilobytes.
"""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from fusevad.video.decode import probe
from fusevad.video.sample_counts import check_sample_counts
from tests.made_up_videos import CLIPS, error_of, write_video

MANY = 40_000_000


def with_box(data: bytes, name: bytes, content: bytes, parents: tuple[bytes, ...]) -> bytes:
    """Replace the first box of a name, and correct the sizes of those around it."""
    changed = bytearray(data)
    start = data.index(name) - 4
    size = int.from_bytes(data[start : start + 4], "big")
    box = struct.pack(">I4s", len(content) + 8, name) + content
    for parent in parents:
        place = data.index(parent) - 4
        longer = int.from_bytes(data[place : place + 4], "big") + len(box) - size
        changed[place : place + 4] = longer.to_bytes(4, "big")
    changed[start : start + size] = box
    return bytes(changed)


def in_table(data: bytes, name: bytes, *numbers: int) -> bytes:
    content = struct.pack(f">{len(numbers) + 1}I", 0, *numbers)
    return with_box(data, name, content, (b"moov", b"trak", b"mdia", b"minf", b"stbl"))


def equal_sizes(data: bytes, size: int = 1) -> bytes:
    """One chunk of `MANY` samples of equal size."""
    data = in_table(data, b"stsz", size, MANY)
    data = in_table(data, b"stts", 1, MANY, 512)
    return in_table(data, b"stsc", 1, 1, MANY, 1)


def without_sizes(data: bytes) -> bytes:
    """A fragment of `MANY` samples that has neither sizes nor times for them."""
    return with_box(data, b"trun", struct.pack(">II", 0, MANY), (b"moof", b"traf"))


def many_edits(data: bytes) -> bytes:
    """An edit list that shows the whole video three thousand times."""
    edits = struct.pack(">IIHH", 5000, 0, 1, 0) * 3000
    content = struct.pack(">II", 0, 3000) + edits
    return with_box(data, b"elst", content, (b"moov", b"trak", b"edts"))


@pytest.mark.parametrize("spoil", [equal_sizes, lambda data: equal_sizes(data, 2**30), many_edits])
def test_more_samples_than_bytes_are_one_line(tmp_path: Path, spoil) -> None:
    path = write_video(tmp_path / "a.mp4", 100)
    path.write_bytes(spoil(path.read_bytes()))
    assert "pictures and samples of sound, more than its" in error_of(path)


def test_more_samples_in_a_fragment_than_bytes_are_one_line(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 30, movflags="frag_keyframe+empty_moov")
    path.write_bytes(without_sizes(path.read_bytes()))
    assert f"declares {MANY} pictures" in error_of(path)


@pytest.mark.parametrize(
    "around", [b"free", b"udta", b"stsd", b"ilst", b"tref", b"wave", b"sinf", b"schi"]
)
def test_a_table_is_found_where_ffmpeg_looks_for_it(tmp_path: Path, around: bytes) -> None:
    """A header that was set free, a box of user data, the end of a description."""
    box = struct.pack(">I4sIII", 20, b"stsz", 0, 1, MANY)
    outer = struct.pack(">I4s", len(box) + 8, around) + box
    path = tmp_path / "a.mp4"
    path.write_bytes(struct.pack(">I4s", len(outer) + 8, b"moov") + outer)
    assert "declares 40000000 pictures" in error_of(path)


def test_a_compressed_header_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(struct.pack(">I4sI4s", 16, b"moov", 8, b"cmov"))
    assert "a compressed header of QuickTime" in error_of(path)


def test_a_hole_in_a_file_is_not_taken_for_recorded_days(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100)
    path.write_bytes(equal_sizes(path.read_bytes()))
    with path.open("r+b") as file:
        file.truncate(1 << 33)  # takes no room on the disk
    assert "any recording (20000000)" in error_of(path)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_mulaw", "adpcm_ima_qt"])
def test_sound_with_several_samples_a_byte_is_read(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=8000, layout="mono")
        resampler = av.AudioResampler(sound.codec_context.format.name, "mono", 8000)
        for time in range(10):
            picture = np.full((48, 64, 3), 20 * time, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for start in range(0, 16000, 1024):
            block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), "s16", "mono")
            block.sample_rate, block.pts = 8000, start
            for frame in resampler.resample(block):
                container.mux(sound.encode(frame))
        container.mux(stream.encode())
        container.mux(sound.encode())
    assert probe(path).frames == 10


@pytest.mark.parametrize("content", [b"", b"\0", bytes(64), b"\0\0\0\1mdat", b"RIFF" * 20])
def test_what_is_no_mp4_passes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    check_sample_counts(path, "")


@pytest.mark.skipif(not CLIPS.is_dir(), reason="no real clips beside the repository")
def test_real_recordings_pass() -> None:
    clips = list(CLIPS.rglob("*.mp4"))
    assert clips
    for path in clips:
        check_sample_counts(path, "")
