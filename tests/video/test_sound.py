"""The sound of a video, in time with its frames."""

import struct
from fractions import Fraction

import numpy as np
import pytest

from fusevad.errors import FusevadError
from fusevad.video.decode import frame_edges
from fusevad.video.sound import read_sound
from tests.made_up_sound import FPS, tone_at, write_sounding
from tests.made_up_videos import CLIPS, cut

RATE = 16000
FRAMES = 64  # four segments of 0.8 s
EDGES = [0.0, 0.8, 1.6, 2.4, 3.2]


def heard(path) -> list[tuple[float, float] | None]:
    """When the tone is on in each segment, in seconds from its start; None without sound."""
    found = []
    for samples in read_sound(path, EDGES, RATE):
        loud = np.flatnonzero(np.abs(samples) > 0.1) if samples is not None else ()
        found.append((loud[0] / RATE, loud[-1] / RATE) if len(loud) else None)
    return found


def present(path, edges=EDGES) -> list[bool]:
    return [samples is not None for samples in read_sound(path, edges, RATE)]


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.mkv", "pcm_s16le", 16000),
        ("a.mkv", "pcm_s16le", 8000),
        ("a.mkv", "pcm_s16le", 44100),
        ("a.mp4", "aac", 48000),
        ("a.mp4", "aac", 22050),
    ],
)
def test_a_tone_is_heard_in_its_segment_at_its_time_whatever_rate_and_codec(
    tmp_path, name, codec, rate
):
    samples = tone_at(3.2, rate, (1.8, 2.2))
    path = write_sounding(tmp_path / name, FRAMES, [samples], rate, codec)
    first, second, third, last = heard(path)
    assert first is second is last is None
    assert third == pytest.approx((0.2, 0.6), abs=0.02)
    assert present(path) == [True] * 4


def test_a_segment_has_as_many_samples_as_it_lasts(tmp_path):
    path = write_sounding(tmp_path / "a.mkv", FRAMES, [tone_at(3.2, RATE, (0, 3.2))])
    lengths = [len(samples) for samples in read_sound(path, [0, 0.8, 1.0, 3.2], RATE)]
    assert lengths == [12800, 3200, 35200]


def test_several_channels_are_mixed(tmp_path):
    silence, tone = np.zeros(int(3.2 * RATE), np.float32), tone_at(3.2, RATE, (0.9, 1.5))
    path = write_sounding(tmp_path / "a.mkv", FRAMES, [silence, tone])
    assert heard(path)[1] == pytest.approx((0.1, 0.7), abs=0.02)
    assert present(path) == [True] * 4


def test_sound_that_starts_late_and_ends_early_is_absent_before_and_after(tmp_path):
    samples = tone_at(1.0, RATE, (0.2, 0.6))
    path = write_sounding(tmp_path / "a.mkv", FRAMES, [samples], starts=0.9)
    assert present(path) == [False, True, False, False]
    assert heard(path)[1] == pytest.approx((0.3, 0.7), abs=0.02)


@pytest.mark.parametrize("first_frame", [0.5, 1.3])
def test_time_counts_from_the_first_frame_not_from_the_first_sound(tmp_path, first_frame):
    samples = tone_at(5, RATE, (first_frame + 0.9, first_frame + 1.5))
    path = write_sounding(tmp_path / "a.mkv", FRAMES, [samples], first_frame=first_frame)
    assert heard(path)[1] == pytest.approx((0.1, 0.7), abs=0.02)


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mp4"])
def test_a_last_segment_of_one_frame_has_sound_if_the_film_has_it_to_its_end(tmp_path, suffix):
    """FFmpeg dates the pictures of an AVI one late, and the sound would end before them."""
    codec = {"avi": "pcm_s16le", "mkv": "pcm_s16le", "mp4": "aac"}[suffix]
    frames = 65
    samples = tone_at(frames / FPS, 48000, (2.5, 2.7))
    path = write_sounding(
        tmp_path / f"a.{suffix}", frames, [samples], 48000, codec, clock=Fraction(1, FPS)
    )
    edges = frame_edges(path, frames)[[0, 16, 32, 48, 64, 65]]
    assert np.diff(edges)[-1] == pytest.approx(1 / FPS)
    assert present(path, edges) == [True] * 5
    loud = np.flatnonzero(np.abs(list(read_sound(path, edges, RATE))[3]) > 0.1) / RATE
    assert (loud[0], loud[-1]) == pytest.approx((0.1, 0.3), abs=0.02)


def test_silence_is_sound_and_no_sound_is_not(tmp_path):
    silent = write_sounding(tmp_path / "a.mkv", FRAMES, [np.zeros(int(3.2 * RATE), np.float32)])
    mute = write_sounding(tmp_path / "b.mkv", FRAMES)
    assert present(silent) == [True] * 4
    assert present(mute) == [False] * 4


def test_a_long_segment_is_cut_from_many_pieces(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE).astype(np.float32)
    path = write_sounding(tmp_path / "a.mkv", FRAMES, [samples])
    (found,) = read_sound(path, [0, 3], RATE)
    np.testing.assert_allclose(found, samples, atol=1e-4)


def test_sound_of_joined_recordings_goes_on_as_their_pictures_do(tmp_path):
    samples = tone_at(1.6, 48000, (0.9, 1.1))
    once = write_sounding(tmp_path / "a.ts", FRAMES // 2, [samples], 48000, "mp2")
    joined = tmp_path / "b.ts"
    joined.write_bytes(2 * once.read_bytes())
    assert present(joined) == [True] * 4
    for found in heard(joined)[1::2]:
        assert found == pytest.approx((0.1, 0.3), abs=0.06)  # a packet of sound is 24 ms


def test_sound_after_a_join_is_early_by_what_the_sound_before_it_is_shorter(tmp_path):
    samples = tone_at(1.2, 48000, (0.9, 1.1))
    once = write_sounding(tmp_path / "a.ts", FRAMES // 2, [samples], 48000, "mp2")
    joined = tmp_path / "b.ts"
    joined.write_bytes(2 * once.read_bytes())
    first, second = heard(joined)[1:3]
    assert first == pytest.approx((0.1, 0.3), abs=0.06)
    assert second == pytest.approx((0.9 - 0.4, 1.1 - 0.4), abs=0.06)


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (32000, 2), (32000, 1)])
def test_sound_goes_on_where_its_rate_or_its_number_of_channels_changes(tmp_path, rate, channels):
    """As in broadcasts, and in joined recordings of two cameras."""
    stereo = 2 * [tone_at(1.6, 48000, (0.9, 1.1))]
    write_sounding(tmp_path / "a.ts", FRAMES // 2, stereo, 48000, "mp2")
    other = channels * [tone_at(1.6, rate, (0.9, 1.1))]
    write_sounding(tmp_path / "b.ts", FRAMES // 2, other, rate, "mp2")
    joined = tmp_path / "c.ts"
    for names in ("ab", "ba"):
        joined.write_bytes(b"".join((tmp_path / f"{name}.ts").read_bytes() for name in names))
        assert present(joined) == [True] * 4
        for found in heard(joined)[1::2]:
            assert found == pytest.approx((0.1, 0.3), abs=0.06)


@pytest.mark.parametrize("wrong", [60_000, -900])
def test_a_packet_that_is_alone_in_its_time_moves_no_other_sound(tmp_path, wrong):
    samples = tone_at(3.2, 44100, (1.8, 2.2))
    path = write_sounding(tmp_path / "a.flv", FRAMES, [samples], 44100)
    content, place, packets = bytearray(path.read_bytes()), 13, 0
    while place < len(content):
        packets += content[place] == 8  # sound
        if content[place] == 8 and packets == 50:
            time = int.from_bytes(content[place + 4 : place + 7], "big")
            content[place + 4 : place + 7] = (time + wrong).to_bytes(3, "big")
        place += 15 + int.from_bytes(content[place + 1 : place + 4], "big")
    path.write_bytes(content)
    assert present(path) == [True] * 4
    assert heard(path)[2] == pytest.approx((0.2, 0.6), abs=0.02)


def test_a_file_that_is_no_video_is_one_line(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(FusevadError, match=r"a\.mp4: not a"):
        list(read_sound(tmp_path / "a.mp4", EDGES, RATE))


def test_sound_that_is_cut_off_is_absent_from_there_on(tmp_path):
    samples = tone_at(3.2, RATE, (0, 3.2))
    path = cut(write_sounding(tmp_path / "a.mkv", FRAMES, [samples]), 0.6)
    parts = present(path)
    assert parts == sorted(parts, reverse=True)
    assert (parts[0], parts[-1]) == (True, False)


@pytest.mark.skipif(not CLIPS.is_dir(), reason="needs ../shared/data/surveillance-fight")
def test_real_clips_have_sound_for_all_their_length_or_none():
    for path in sorted(CLIPS.rglob("*.mp4"))[:12]:
        parts = present(path, [0, 0.5, 1.0, 1.5])
        assert len(parts) == 3 and len(set(parts)) == 1


def test_sound_that_would_be_gigabytes_at_another_rate_is_refused(tmp_path):
    # Matroska says the rate as a number: a packet of 2 kB lasts 17 minutes at 1 sample a second.
    path = write_sounding(tmp_path / "a.mkv", FRAMES, [tone_at(3.2, RATE, (0, 1))])
    rate, one = (b"\xb5\x88" + struct.pack(">d", number) for number in (RATE, 1))
    assert path.read_bytes().count(rate) == 1
    path.write_bytes(path.read_bytes().replace(rate, one))
    with pytest.raises(FusevadError, match="lasts 1024 seconds at 1 samples a second"):
        list(read_sound(path, EDGES, RATE))
