"""Films of scored videos: pictures, timeline, times and sound."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.made_up_bundles import scored
from tests.made_up_sound import tone_at, write_sounding
from tests.made_up_videos import frames_of, with_one_time, write_stamped, write_video

ODD_FILES = Path(__file__).parents[3] / "shared/data/odd-files"


def test_pictures_too_wide_for_a_film_are_one_line(alarming, tmp_path):
    wide = tmp_path / "wide.y4m"
    frame = b"FRAME\n" + bytes(16000 * 2 * 3 // 2)
    wide.write_bytes(b"YUV4MPEG2 W16000 H2 F20:1 Ip A1:1 C420jpeg\n" + 2 * frame)
    bad, good = (scored(alarming, {"a": wide}, tmp_path, film=film)[0] for film in (True, False))
    assert "films have at most 8192 pixels a side; use --no-film" in bad.problem
    assert not good.problem


def test_a_film_keeps_the_pictures_and_shows_the_timeline_below(alarming, tmp_path):
    video = write_video(tmp_path / "wide.mp4", frames=200, size=(640, 128), crf="10")
    scored(alarming, {"a": video}, tmp_path / "out")
    film, source = frames_of(tmp_path / "out/a/annotated.mp4"), frames_of(video)
    assert len(film) == len(source) == 200
    assert film[0].width == 640 and film[0].height > 128 + 60
    events = json.loads((tmp_path / "out/a/events.json").read_text())["events"]
    inside = slice(8, 120), slice(8, 632)  # within the border of an alarm
    for number in (0, 100, 199):
        picture = film[number].to_ndarray(format="rgb24")
        expected = source[number].to_ndarray(format="rgb24").astype(int)
        assert np.abs(picture[inside] - expected[inside]).mean() < 6
        alarm = any(e["start_frame"] <= number < e["end_frame"] for e in events)
        orange = picture[0, 300].astype(int)
        assert (orange[0] > orange[2] + 100) == alarm
        # The white line at this moment.
        column = picture[175, :, :].astype(int).min(axis=1)
        assert abs(int(column.argmax()) - number * 640 / 200) < 4


def test_a_film_plays_in_browsers(alarming, video, tmp_path):
    scored(alarming, {"a": video}, tmp_path / "out")
    film = tmp_path / "out/a/annotated.mp4"
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        keys = [float(p.pts * p.time_base) for p in container.demux(stream) if p.is_keyframe]
    assert max(np.diff([*keys, 10.0])) <= 2.0 + 1 / 20
    content = film.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_times_of_a_film_are_those_of_the_video(alarming, tmp_path):
    stamps = [*range(0, 30), *range(40, 140, 10), 500]
    video = write_stamped(tmp_path / "a.mkv", stamps, Fraction(1, 25))
    scored(alarming, {"a": video}, tmp_path / "out")
    film = tmp_path / "out/a/annotated.mp4"
    assert [frame.time for frame in frames_of(film)] == pytest.approx([s / 25 for s in stamps])
    with av.open(str(film)) as container:
        assert container.duration / 1e6 > 500 / 25


def loud_times(film: Path) -> list[float]:
    """Seconds at which the pieces of a film's sound that are loud begin."""
    with av.open(str(film)) as container:
        return [
            frame.time
            for frame in container.decode(audio=0)
            if np.abs(frame.to_ndarray()).mean() > 0.1
        ]


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "pcm_s16le")])
def test_sound_is_in_time_with_the_pictures(alarming, tmp_path, suffix, codec):
    tone = tone_at(4.0, 16000, (1.0, 2.0))
    video = write_sounding(tmp_path / f"a{suffix}", 60, [tone], codec=codec)
    scored(alarming, {"a": video}, tmp_path / "out")
    film = tmp_path / "out/a/annotated.mp4"
    loud = loud_times(film)
    assert (min(loud), max(loud)) == pytest.approx((1.0, 2.0), abs=0.1)
    with av.open(str(film)) as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.name == "aac"
        assert 2.98 < sound.duration * sound.time_base < 3.1  # 60 pictures last three seconds


def test_aac_is_copied_to_the_byte(alarming, tmp_path):
    video = write_sounding(tmp_path / "a.mp4", 60, [tone_at(3.0, 16000, (1.0, 2.0))], codec="aac")
    scored(alarming, {"a": video}, tmp_path / "out")

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    film = packets(tmp_path / "out/a/annotated.mp4")
    assert len(film) > 40 and set(film) <= set(packets(video))


def flv_tags(content: bytes) -> list[bytes]:
    """The tags of an FLV file without its header; byte 0 is 8 for sound, 4 to 6 are the time."""
    tags, place = [], int.from_bytes(content[5:9], "big") + 4
    while place < len(content):
        end = place + 11 + int.from_bytes(content[place + 1 : place + 4], "big") + 4
        tags.append(content[place:end])
        place = end
    return tags


def test_copied_sound_goes_on_after_a_join_as_the_pictures_do(alarming, tmp_path):
    once = write_sounding(
        tmp_path / "once.flv", 60, [tone_at(3.0, 16000, (1.0, 2.0))], codec="aac"
    ).read_bytes()
    (tmp_path / "a.flv").write_bytes(once + b"".join(flv_tags(once)))
    scored(alarming, {"a": tmp_path / "a.flv"}, tmp_path / "out")
    loud = loud_times(tmp_path / "out/a/annotated.mp4")
    for start in (0, 3):
        part = [time for time in loud if start <= time < start + 3]
        assert (min(part), max(part)) == pytest.approx((start + 1.0, start + 2.0), abs=0.15)


@pytest.mark.parametrize("wrong", [0, 2700, 100_000])
def test_a_packet_of_copied_sound_at_a_wrong_time_silences_no_other(alarming, tmp_path, wrong):
    path = tmp_path / "a.flv"
    content = write_sounding(path, 60, [tone_at(3.0, 16000, (1.0, 2.0))], codec="aac").read_bytes()
    tags = flv_tags(content)
    sound = [number for number, tag in enumerate(tags) if tag[0] == 8]
    chosen = sound[20]
    tags[chosen] = tags[chosen][:4] + wrong.to_bytes(3, "big") + tags[chosen][7:]
    path.write_bytes(content[: content.index(tags[0])] + b"".join(tags))
    scored(alarming, {"a": path}, tmp_path / "out")
    loud = loud_times(tmp_path / "out/a/annotated.mp4")
    assert (min(loud), max(loud)) == pytest.approx((1.0, 2.0), abs=0.1)
    assert len(loud) * 1024 / 16000 == pytest.approx(1.0, abs=0.15)


def test_pixels_that_are_not_square_stay_so(alarming, tmp_path):
    video = tmp_path / "a.mp4"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    scored(alarming, {"a": video}, tmp_path / "out")
    with av.open(str(tmp_path / "out/a/annotated.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 11)


ODD = {
    "rotation/video_90.mov": (3, (480, 568)),
    "edit-list/made_trimmed.mp4": (50, (480, 120)),
    "frame-rate/made_vfr_gap.mkv": (100, (480, 120)),
    "avi-null-frames/tree.avi": (444, (480, 240)),
    "mjpeg/made_changing_format.avi": (20, (480, 48)),
    "tracks/sample_fragmented.mp4": (30, (1080, 720)),
}


@pytest.mark.skipif(not ODD_FILES.is_dir(), reason="the odd files are not beside the repository")
@pytest.mark.parametrize("name", ODD)
def test_odd_files_come_out_right(alarming, tmp_path, name):
    (outcome,) = scored(alarming, {"a": ODD_FILES / name}, tmp_path / "out")
    assert not outcome.problem
    frames, (width, height) = ODD[name]
    film = frames_of(tmp_path / "out/a/annotated.mp4")
    assert len(film) == frames
    assert film[0].width == width
    assert film[0].height > height


@pytest.mark.parametrize(
    ("size", "codec", "pixels"),
    [
        ((65, 49), "ffv1", "yuv420p10le"),
        ((71, 47), "ffv1", "yuv444p"),
        ((66, 49), "mjpeg", "yuvj422p"),
    ],
)
def test_other_kinds_of_pixels_and_odd_sizes_come_out_right(
    alarming, tmp_path, size, codec, pixels
):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        picture = np.full((*size[::-1], 3), (200, 40, 60), np.uint8)
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (outcome,) = scored(alarming, {"a": path}, tmp_path / "out")
    assert not outcome.problem
    shown = frames_of(tmp_path / "out/a/annotated.mp4")[10].to_ndarray(format="rgb24")
    assert np.abs(shown[20, 240].astype(int) - (200, 40, 60)).max() < 20


@pytest.mark.parametrize("sound", [0, 1, 5])
def test_a_film_of_pictures_and_sounds_of_one_time_is_written(alarming, tmp_path, sound):
    """Matroska allows it; two pictures of one time are a step of the film's clock apart."""
    film = with_one_time(tmp_path / "a.mkv", picture=10, sound=sound)
    (outcome,) = scored(alarming, {"a": film}, tmp_path / "out")
    assert not outcome.problem
    times = [frame.time for frame in frames_of(tmp_path / "out/a/annotated.mp4")]
    stamps = [k - (k == 10) for k in range(200)]
    assert times == pytest.approx([stamp / 25 for stamp in stamps], abs=1e-3)
