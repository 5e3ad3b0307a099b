"""Frame folders and event streams become videos without loss."""

import errno
import io
import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from fusevad.data.recorded import convert
from fusevad.data.recorded.convert import check_raw_video, event_counts, to_video
from fusevad.data.recorded.inventory import RawVideo
from fusevad.data.recorded.settings import EventSettings, FrameSettings, LayoutSettings
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.hash_tables import folder_files, listed_hashes
from fusevad.parsing import parse
from fusevad.video.decode import probe, read_frames


@pytest.fixture
def frames(tmp_path) -> RawVideo:
    random = np.random.default_rng(0)
    files = []
    for number in range(20):
        coarse = random.integers(0, 255, (12, 20, 3), dtype=np.uint8)
        files.append(tmp_path / f"{number:03d}.jpg")
        cv2.imwrite(str(files[-1]), cv2.resize(coarse, (160, 96)))
    return RawVideo("clip", tuple(files), "frames")


FRAMES = LayoutSettings(frames=FrameSettings("testing/frames", fps=24))


def test_images_become_a_video_without_loss(frames, tmp_path):
    video = to_video(frames, FRAMES, tmp_path / "out")
    assert (probe(video).frames, probe(video).fps) == (20, 24.0)
    with av.open(str(video)) as container:
        decoded = [frame.to_ndarray() for frame in container.decode(video=0)]
    for path, ours in zip(frames.files, decoded, strict=True):
        with av.open(str(path)) as container:
            image = next(container.decode(video=0))
        assert np.array_equal(ours, image.to_ndarray())
    assert len(list(read_frames(video, expected=20))) == 20


def test_a_video_of_images_is_made_once_and_again_when_they_change(frames, tmp_path):
    first = to_video(frames, FRAMES, tmp_path / "out").stat().st_mtime_ns

    def again(raw: RawVideo) -> Path:
        return to_video(raw, FRAMES, tmp_path / "out", {"clip.mkv"})

    assert again(frames).stat().st_mtime_ns == first
    fewer = RawVideo("clip", frames.files[:-1], "frames")
    assert probe(again(fewer)).frames == 19


@pytest.mark.parametrize("note", [None, b"", b"\xff 0123456789ab\n"])
def test_sources_are_read_again_only_where_size_or_time_changed(
    frames, tmp_path, monkeypatch, note
):
    read = []
    monkeypatch.setattr(convert, "sha256", lambda file: read.append(file) or sha256(file))

    def again() -> int:
        read.clear()
        return to_video(frames, FRAMES, tmp_path / "out", {"clip.mkv"}).stat().st_mtime_ns

    first = to_video(frames, FRAMES, tmp_path / "out").stat().st_mtime_ns
    assert again() == first and not read
    frames.files[0].touch()
    assert again() == first and read == list(frames.files)
    if note is not None:
        (tmp_path / "out/.sources").write_bytes(note)
    assert again() == first and bool(read) == (note is not None)
    assert again() == first and not read
    assert folder_files(tmp_path / "out") == ["clip.mkv"]


def test_a_video_that_another_version_of_the_code_made_is_made_again(frames, tmp_path, monkeypatch):
    def again() -> int:
        return to_video(frames, FRAMES, tmp_path / "out", {"clip.mkv"}).stat().st_mtime_ns

    first = to_video(frames, FRAMES, tmp_path / "out").stat().st_mtime_ns
    monkeypatch.setattr(convert, "_VERSION", convert._VERSION + 1)
    second = again()
    assert first != second == again()


@pytest.mark.parametrize("failing", ["stat", "open"])
@pytest.mark.parametrize(("number", "kind"), [(errno.EIO, FusevadError), (errno.ENFILE, OSError)])
def test_a_picture_that_cannot_be_read_is_its_video_s_alone_unless_no_file_can(
    frames, tmp_path, monkeypatch, failing, number, kind
):
    real = getattr(Path, failing)

    def fail(path: Path, *args, **more):
        if path == frames.files[3]:
            raise OSError(number, os.strerror(number))
        return real(path, *args, **more)

    monkeypatch.setattr(Path, failing, fail)
    with pytest.raises(kind) as caught:
        to_video(frames, FRAMES, tmp_path / "out")
    assert (str(frames.files[3]) in str(caught.value)) == (kind is FusevadError)


def test_two_conversions_have_the_same_bytes(frames, tmp_path):
    videos = [to_video(frames, FRAMES, tmp_path / folder) for folder in "ab"]
    assert videos[0].read_bytes() == videos[1].read_bytes()


def test_a_video_of_events_is_made_again_when_they_change_but_not_in_number(tmp_path):
    layout, out, sums = LayoutSettings(events=SENSOR), tmp_path / "out", []
    for column in (2, 5):
        path = write_events(tmp_path / "a.npz", [0], [column], [0])
        os.utime(path, (0, 0))  # as from an archive
        video = to_video(RawVideo("a", (path,), "events"), layout, out, set(listed_hashes(out)))
        with av.open(str(video)) as container:
            (frame,) = container.decode(video=0)
        sums.append(frame.to_ndarray(format="gray").sum(axis=0).tolist())
        assert listed_hashes(out) == {"a.mkv": sha256(video)}
    assert [row.index(1) for row in sums] == [2, 5]


def test_a_picture_whose_end_is_missing_is_named(frames, tmp_path):
    content = frames.files[3].read_bytes()
    frames.files[3].write_bytes(content[: len(content) // 2])
    with pytest.raises(FusevadError, match=r"003\.jpg: its end is missing"):
        to_video(frames, FRAMES, tmp_path / "out")


def test_an_image_of_another_size_or_format_is_named_and_leaves_no_video(frames, tmp_path):
    cv2.imwrite(str(frames.files[3]), np.zeros((96, 80, 3), np.uint8))
    with pytest.raises(FusevadError, match=r"003.jpg: 80x96 pixels"):
        to_video(frames, FRAMES, tmp_path / "out")
    frames.files[3].write_bytes(b"")
    with pytest.raises(FusevadError, match=r"003.jpg: not a JPEG image"):
        to_video(frames, FRAMES, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


SENSOR = EventSettings(frame_microseconds=1000, width=8, height=6)


def write_events(path: Path, times: list[int], columns: list[int], rows: list[int]) -> Path:
    np.savez(path, t=times, x=columns, y=rows, p=np.ones(len(times)))
    return path


@pytest.mark.parametrize("kind", ["int64", "uint16", "uint64"])
def test_events_are_counted_at_each_pixel_of_each_frame(tmp_path, kind):
    random = np.random.default_rng(1)
    times = np.sort(random.integers(0, 5000, 400))
    columns, lines = random.integers(0, 8, 400), random.integers(0, 6, 400)
    expected = np.zeros((5, 6, 8), int)
    np.add.at(expected, (times // 1000, lines, columns), 1)
    arrays = (array.astype(kind) for array in (times, columns, lines))
    path = write_events(tmp_path / "a.npz", *arrays)
    assert np.array_equal(np.stack(list(event_counts(path, SENSOR))), expected)


def test_an_event_stream_becomes_a_video_without_loss(tmp_path):
    # Three quiet frames, then one with 300 events at a pixel: more than a byte can tell.
    path = write_events(tmp_path / "a.npz", [0, *[3500] * 300], [1, *[2] * 300], [0, *[5] * 300])
    video = to_video(
        RawVideo("a", (path,), "events"), LayoutSettings(events=SENSOR), tmp_path / "out"
    )
    with av.open(str(video)) as container:
        decoded = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert np.array_equal(decoded, list(event_counts(path, SENSOR)))
    assert [int(image.sum()) for image in decoded] == [1, 0, 0, 255]
    assert probe(video).fps == 1000


@pytest.mark.parametrize(
    ("times", "columns", "message"),
    [
        ([], [], "empty or not in order"),
        ([5, 3], [0, 0], "empty or not in order"),
        (np.array([5, 3], np.uint64), [0, 0], "empty or not in order"),
        ([3, 5], [0], "not lists of one length"),
        ([[3, 5], [6, 7]], [[0, 0], [0, 0]], "not lists of one length"),
        ([3, 5], [0, 8], "events outside 8x6"),
        ([3, 5], [0, -1], "events outside 8x6"),
        ([-7, 5], [0, 0], "from -7 to 5 microseconds, not within a day"),
        ([3, 365 * 86_400_000_000], [0, 0], "not within a day"),
        ([3.0, np.nan], [0, 0], "fractions or NaN"),
        ([3, 5], [0, 1.5], "fractions or NaN"),
        (np.array([3, 5], "M8[us]"), [0, 0], "values of type datetime64"),
        ([False, True], [0, 0], "values of type bool"),
        ([3, 5], ["0", "1"], "values of type <U1"),
        (np.array([3, None]), [0, 0], "values of type object"),
    ],
)
def test_an_event_stream_that_makes_no_sense_is_named(tmp_path, times, columns, message):
    path = write_events(tmp_path / "a.npz", times, columns, np.zeros_like(times))
    with pytest.raises(FusevadError, match=message):
        list(event_counts(path, SENSOR))


def test_a_file_that_is_no_event_stream_is_named(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"not an archive")
    np.savez(tmp_path / "b.npz", t=[1], x=[1])
    (tmp_path / "c.npz").touch()
    with (tmp_path / "d.npz").open("wb") as file:
        np.save(file, [1])
    np.savez_compressed(tmp_path / "e.npz", t=np.arange(1000), x=[1] * 1000, y=[1] * 1000)
    content = bytearray((tmp_path / "e.npz").read_bytes())
    content[200:300] = b"\xff" * 100
    (tmp_path / "e.npz").write_bytes(content)
    for name in "abcde":
        with pytest.raises(FusevadError, match=f"{name}.npz: not an event stream"):
            list(event_counts(tmp_path / f"{name}.npz", SENSOR))


def picture(side: int, form: str) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (side, side)).save(stream, form)
    return stream.getvalue()


def claimed(width: int, height: int) -> bytes:
    """A small JPEG file whose header states another size."""
    content = bytearray(picture(16, "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(content)


def without_samples() -> bytes:
    """A JPEG file that Pillow opens, and whose size FFmpeg does not find: 0 samples a block."""
    content = bytearray(picture(16, "JPEG"))
    content[content.index(b"\xff\xc0") + 11] = 0
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        claimed(60_000, 60_000),
        claimed(12_000, 12_000),
        without_samples(),
        picture(16, "PNG"),
        picture(16, "EPS"),  # Pillow would start Ghostscript
    ],
    ids=["bomb", "more than 8K", "no samples", "PNG", "EPS"],
)
def test_frames_are_jpeg_files_of_at_most_8k(tmp_path, content):
    path = tmp_path / "001.jpg"
    path.write_bytes(content)
    raw = RawVideo("a", (path,), "frames")
    layout = LayoutSettings(frames=FrameSettings("frames", 25))
    for read in (
        lambda: check_raw_video(raw, layout),
        lambda: to_video(raw, layout, tmp_path / "out"),
    ):
        with pytest.raises(FusevadError, match=r"001\.jpg: ") as error:
            read()
        assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    ("form", "values"),
    [
        (FrameSettings, {"folder": "frames", "fps": 0}),
        (FrameSettings, {"folder": "frames", "fps": 1001}),
        (EventSettings, {"frame_microseconds": -5, "width": 8, "height": 6}),
        # Milliseconds: more pictures than the manifest takes, after days of conversion.
        (EventSettings, {"frame_microseconds": 33, "width": 8, "height": 6}),
        (EventSettings, {"frame_microseconds": 33333, "width": 0, "height": 6}),
    ],
)
def test_frames_without_size_or_duration_are_refused_before_any_conversion(form, values):
    with pytest.raises(FusevadError, match=r"(greater|less) than or equal to 1"):
        parse(form, values, "layout")


def test_a_folder_whose_name_is_a_pattern_has_its_own_pictures(tmp_path):
    """FFmpeg would look for `1/001.jpg` in place of `%d/001.jpg`."""
    for folder, side in (("%d", 32), ("1", 16)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "001.jpg").write_bytes(picture(side, "JPEG"))
    raw = RawVideo("a", (tmp_path / "%d" / "001.jpg",), "frames")
    video = to_video(raw, LayoutSettings(frames=FrameSettings("*", 25)), tmp_path / "out")
    assert probe(video).width == 32
