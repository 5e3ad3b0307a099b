"""Decoding: what good files give, and one clear line for each kind of bad file."""

import hashlib
import re

import av
import cv2
import numpy as np
import pytest
import torch
from av.video.reformatter import ColorRange, Colorspace

from fusevad.errors import FusevadError
from fusevad.video import pixels
from fusevad.video.decode import probe, read_frames, read_pictures, sampled_times, segment_count
from tests.made_up_videos import CLIPS, cut, error_of, write_video


def test_probe_counts_what_was_encoded(tmp_path):
    info = probe(write_video(tmp_path / "a.mp4", 37, (96, 64), fps=15))
    assert (info.frames, info.fps, info.width, info.height) == (37, 15.0, 96, 64)


def test_frames_have_the_fixed_size_and_their_own_memory(tmp_path):
    frames = list(read_frames(write_video(tmp_path / "a.mp4", 5)))
    assert len(frames) == 5
    assert all(frame.shape == (256, 340, 3) and frame.dtype == np.uint8 for frame in frames)
    assert not np.array_equal(frames[0], frames[4])
    assert not any(np.shares_memory(frames[0], other) for other in frames[1:])


def test_colours_survive_decoding(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        image = np.zeros((64, 64, 3), np.uint8)
        image[:, :32], image[:, 32:] = [200, 40, 60], [30, 50, 220]
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    (frame,) = read_frames(path)
    assert np.abs(frame[128, 60].astype(int) - [200, 40, 60]).max() <= 6
    assert np.abs(frame[128, 280].astype(int) - [30, 50, 220]).max() <= 6


def test_frames_agree_with_a_float_conversion_and_resize(tmp_path):
    path = write_video(tmp_path / "a.mp4", 3, (320, 240))
    with av.open(str(path)) as container:
        planes = [frame.to_ndarray() for frame in container.decode(video=0)]
    for frame, plane in zip(read_frames(path), planes, strict=True):
        chroma = plane[240:].reshape(2, 120, 160).astype(np.float32)
        y, u, v = (
            cv2.resize(channel, (340, 256), interpolation=cv2.INTER_LINEAR)
            for channel in (plane[:240].astype(np.float32), *chroma)
        )
        # ITU-R BT.601, limited range.
        luma = 255 / 219 * (y - 16)
        red = luma + 255 / 224 * 1.402 * (v - 128)
        green = luma - 255 / 224 * (0.344136 * (u - 128) + 0.714136 * (v - 128))
        blue = luma + 255 / 224 * 1.772 * (u - 128)
        expected = np.stack([red, green, blue], axis=2).clip(0, 255)
        # Away from the blocks' edges, where it matters how colour samples lie between pixels.
        assert np.quantile(np.abs(frame - expected), 0.6) < 0.75


@pytest.mark.parametrize(
    ("codec", "pixel_format", "matrix", "levels"),
    [
        ("libx264", "yuv420p", Colorspace.ITU709, ColorRange.MPEG),
        ("libx264", "yuv420p", Colorspace.ITU601, ColorRange.JPEG),
        ("libx264", "yuv444p", Colorspace.ITU709, ColorRange.JPEG),
        ("libx264", "yuv422p", Colorspace.ITU601, ColorRange.MPEG),
        ("libx264", "nv12", Colorspace.ITU709, ColorRange.MPEG),
        ("libx264", "yuv420p10le", Colorspace.ITU709, ColorRange.MPEG),
        ("mjpeg", "yuvj420p", Colorspace.ITU601, ColorRange.JPEG),
        ("ffv1", "bgr0", Colorspace.DEFAULT, ColorRange.UNSPECIFIED),
        ("ffv1", "gray", Colorspace.DEFAULT, ColorRange.UNSPECIFIED),
    ],
)
def test_formats_and_their_colour_tags_are_respected(tmp_path, codec, pixel_format, matrix, levels):
    colour = (110, 110, 110) if pixel_format == "gray" else (200, 40, 60)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, levels
        image = np.full((48, 64, 3), colour, np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
            format=pixel_format, dst_colorspace=matrix, dst_color_range=levels
        )
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (frame,) = read_frames(path)
    assert np.abs(frame.astype(int) - colour).max() <= 6


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((320, 240), (340, 256)),
        ((160, 120), (340, 256)),
        ((855, 481), (340, 256)),
        ((1920, 1080), (340, 256)),
        ((340, 256), (340, 256)),
        ((1, 3), (5, 7)),
    ],
)
def test_resizing_agrees_with_torchs_antialiased_interpolation(source, target):
    plane = np.random.default_rng(0).integers(0, 256, source[::-1], dtype=np.uint8)
    resized = pixels.resize(plane, target)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(plane)[None, None].double(), target[::-1], mode="bilinear", antialias=True
    )[0, 0]
    # Two roundings to 8 bits, and weights of 1/256.
    assert np.abs(resized - expected.numpy()).max() <= 2
    assert abs(float(resized.mean() - expected.mean())) <= 0.2


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_resizing_keeps_a_flat_field(level):
    for source in ((320, 240), (33, 500), (1, 1)):
        plane = np.full(source[::-1], level, np.uint8)
        assert (pixels.resize(plane, (340, 256)) == level).all()


@pytest.mark.parametrize("matrix", [1, 2, 9])
@pytest.mark.parametrize("full_range", [False, True])
def test_every_colour_agrees_with_the_exact_matrix(matrix, full_range):
    y, cb, cr = (
        np.ascontiguousarray(plane.reshape(53, -1), np.uint8)
        for plane in np.meshgrid(*[np.append(np.arange(0, 256, 5), [254])] * 3)
    )
    rgb = pixels.rgb_of_planes(y, cb, cr, pixels.colour_coefficients(matrix, full_range))
    kr, kb = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    luma = y / 255 if full_range else (y - 16.0) / 219
    blue, red = ((plane - 128.0) / (255 if full_range else 224) for plane in (cb, cr))
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    expected = (np.stack([r, g, b], axis=-1) * 255).clip(0, 255)
    assert np.abs(rgb - expected).max() <= 0.51


def test_pixels_are_the_same_on_every_machine():
    """Only integers are computed with, so that this digest holds for all processors.

    Whoever changes the pixels changes both: motion cues made before are then refused.
    """
    random = np.random.default_rng(0)
    planes = [
        pixels.resize(random.integers(0, 256, size, dtype=np.uint8), (340, 256))
        for size in ((240, 320), (120, 160), (1080, 1920))
    ]
    rgb = pixels.rgb_of_planes(*planes, pixels.colour_coefficients(2, False))
    assert (pixels.PIXELS_VERSION, hashlib.sha256(rgb.tobytes()).hexdigest()) == (
        2,
        "ba694103471cb67b71cf8752b4672b282b29f0aeb82cd895fd10bd3770840333",
    )


def test_gray_levels_are_those_of_the_rgb_frames(tmp_path):
    path = write_video(tmp_path / "a.mp4", 3, (320, 240))
    for picture, frame in zip(read_pictures(path), read_frames(path), strict=True):
        gray = frame.astype(np.int64) @ [2989, 5870, 1140]
        np.testing.assert_array_equal(picture.gray(), gray)
        np.testing.assert_array_equal(pixels.gray_of_rgb(frame), gray)


def test_decoding_twice_gives_the_same_frames(tmp_path):
    path = write_video(tmp_path / "a.mp4", 8)
    for first, second in zip(read_frames(path), read_frames(path), strict=True):
        np.testing.assert_array_equal(first, second)


def test_segments_cover_every_frame():
    assert [segment_count(frames) for frames in (1, 15, 16, 17, 32, 33)] == [1, 1, 1, 2, 2, 3]


def test_missing_file_is_named(tmp_path):
    assert "no such video" in error_of(tmp_path / "none.mp4")


def test_folder_is_no_video(tmp_path):
    assert "folder or device" in error_of(tmp_path)


def test_text_is_no_video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("not a video " * 100)
    assert "not a readable video" in error_of(path)


def test_empty_file_is_no_video(tmp_path):
    path = tmp_path / "a.mp4"
    path.touch()
    assert "not a readable video" in error_of(path)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert "no video stream" in error_of(path)


def test_video_without_frames_is_named(tmp_path):
    path = tmp_path / "a.y4m"
    path.write_text("YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n")
    assert "no frames" in error_of(path)


def test_unknown_codec_is_named(tmp_path):
    path = write_video(tmp_path / "a.mp4", 10)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"xyz1").replace(b"avcC", b"xyzC"))
    assert "codec" in error_of(path)


def test_truncated_video_without_its_index_is_named(tmp_path):
    assert "cut short" in error_of(cut(write_video(tmp_path / "a.mp4", 100), 0.7))


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_video_with_its_index_first_is_named(tmp_path, share):
    path = write_video(tmp_path / "a.mp4", 200, movflags="faststart")
    assert probe(path).frames == 200
    message = error_of(cut(path, share))
    assert "truncated" in message or "decoding fails" in message


def test_truncated_matroska_is_named(tmp_path):
    path = write_video(tmp_path / "a.mkv", 200)
    assert probe(path).frames == 200
    message = error_of(cut(path, 0.5))
    assert "truncated" in message or "decoding fails" in message


def test_pictures_that_ffmpeg_guesses_are_said(tmp_path, capsys):
    folder = tmp_path / "\x1b[31mred"
    folder.mkdir()
    path = write_video(folder / "a.mp4", 40)
    good = list(read_frames(path))
    assert probe(path).frames == 40 and not capsys.readouterr().err
    with av.open(str(path)) as container:
        first = next(container.demux(video=0))
        place = first.pos + first.size * 3 // 4
    content = bytearray(path.read_bytes())
    content[place] ^= 0x55
    path.write_bytes(content)
    assert any(not np.array_equal(*pair) for pair in zip(good, read_frames(path), strict=True))
    assert probe(path).frames == 40
    said, shown = capsys.readouterr().err, re.escape(rf"{tmp_path}/\x1b[31mred/a.mp4")
    assert re.fullmatch(rf"warning: {shown}: \d+ of 40 frames are damaged, .*\n", said)


def test_avi_and_mpeg4_decode_too(tmp_path):
    assert probe(write_video(tmp_path / "a.avi", 20, codec="mpeg4")).frames == 20


def test_a_stride_samples_each_segment_alike(tmp_path):
    path = write_video(tmp_path / "a.mp4", 40)
    frames = list(read_frames(path))
    times = sampled_times(40, 6)
    assert times == [0, 6, 12, 16, 22, 28, 32, 38]
    sampled = list(read_frames(path, stride=6, expected=40))
    np.testing.assert_array_equal(sampled, [frames[time] for time in times])


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("expected", [9, 11])
def test_other_number_of_frames_than_the_manifest_is_an_error(tmp_path, expected, stride):
    path = write_video(tmp_path / "a.mp4", 10)
    with pytest.raises(FusevadError, match="the manifest's"):
        list(read_frames(path, expected=expected, stride=stride))
    assert len(list(read_frames(path, expected=10))) == 10


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the real clips are not beside the repository")
@pytest.mark.parametrize("clip", ["fight/fi001.mp4", "fight/fi002.mp4", "noFight/nofi001.mp4"])
def test_real_clips_decode(clip):
    info = probe(CLIPS / clip)
    frames = list(read_frames(CLIPS / clip, expected=info.frames))
    assert 20 <= len(frames) <= 142
    assert frames[0].std() > 5  # a picture, not a flat field
