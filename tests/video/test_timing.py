"""Rates and times come from time stamps, whatever the container states."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fusevad.errors import FusevadError
from fusevad.video.decode import frame_edges, probe
from fusevad.video.timing import timing_of
from tests.made_up_videos import write_stamped, write_video

ODD_FILES = Path(__file__).parents[3] / "shared/data/odd-files"
MS = Fraction(1, 1000)
NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize("suffix", [".mkv", ".flv"])
def test_a_stated_rate_of_1000_is_not_believed(tmp_path, suffix):
    path = write_stamped(tmp_path / f"a{suffix}", range(0, 4000, 40), MS, Fraction(1000))
    info = probe(path)
    assert (info.frames, info.variable_rate) == (100, False)
    assert info.fps == pytest.approx(25)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".flv", ".ts"])
def test_a_variable_rate_is_noticed_and_its_times_are_those_of_the_stamps(tmp_path, suffix):
    random = np.random.default_rng(1)
    stamps = np.cumsum(random.integers(20, 400, 60))
    path = write_stamped(tmp_path / f"a{suffix}", stamps.tolist(), MS)
    info = probe(path)
    assert (info.frames, info.variable_rate) == (60, True)
    edges = frame_edges(path, info.frames)
    assert edges.shape == (61,)
    np.testing.assert_allclose(edges[:-1], (stamps - stamps[0]) / 1000, atol=0.002)
    assert info.fps == pytest.approx(60 / edges[-1])


def test_alternating_long_and_short_frames_are_a_variable_rate(tmp_path):
    stamps = np.cumsum([0] + [40, 80] * 20)
    assert probe(write_stamped(tmp_path / "a.mkv", stamps.tolist(), MS)).variable_rate


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi", ".flv", ".ts"])
@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(15), Fraction(24000, 1001)])
def test_a_constant_rate_is_that_of_the_encoder(tmp_path, suffix, rate):
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    path = write_video(tmp_path / f"a{suffix}", 90, fps=rate, codec=codec)
    info = probe(path)
    assert not info.variable_rate
    assert info.fps == pytest.approx(float(rate), rel=1e-3)
    np.testing.assert_allclose(frame_edges(path, 90), np.arange(91) / float(rate), atol=0.01)


def test_the_last_frame_of_an_mp4_file_lasts_as_long_as_the_file_says():
    timing = timing_of([0, 1, 3], last=5.0, clock=0.001, rates=[])
    assert (timing.variable, timing.edges.tolist()) == (True, [0, 1, 3, 8])
    assert timing.fps == pytest.approx(3 / 8)
    unknown = timing_of([0, 1, 2, 9], last=0, clock=0.001, rates=[Fraction(1)])
    assert unknown.edges.tolist() == [0, 1, 2, 9, 10]


def test_a_jump_back_where_recordings_were_joined_is_one_frame():
    stamps = [5.0, 5.04, 5.08, 0.0, 0.04, 0.08]
    timing = timing_of(stamps, last=0, clock=1 / 90000, rates=[Fraction(25)])
    assert (timing.fps, timing.variable) == (25, False)


@pytest.mark.parametrize("wrong", [60.0, 0.22, 0.0, -60.0])
def test_a_time_stamp_that_is_alone_in_being_wrong_moves_no_other_frame(wrong):
    stamps = np.arange(10) / 25
    stamps[4] = wrong
    timing = timing_of(stamps.tolist(), last=0, clock=1 / 90000, rates=[Fraction(25)])
    assert (timing.fps, timing.variable) == (25, False)


def test_a_single_frame_has_the_rate_of_its_length():
    assert timing_of([3.0], last=0.5, clock=0.001, rates=[Fraction(25)]).fps == 2
    assert timing_of([3.0], last=0, clock=0.001, rates=[Fraction(25)]).fps == 25
    assert timing_of([3.0], last=0, clock=0.001, rates=[]) is None


@pytest.mark.skipif(not ODD_FILES.is_dir(), reason="the odd files are not beside the repository")
def test_real_files_with_odd_rates():
    for file in ("sample.mkv", "sample.mp4"):
        info = probe(ODD_FILES / "frame-rate" / file)
        assert (info.frames, info.variable_rate) == (30, False)
        assert info.fps == pytest.approx(29.97, abs=0.025)
    gap = probe(ODD_FILES / "frame-rate/made_vfr_gap.mkv")
    assert (gap.frames, gap.variable_rate) == (100, True)
    assert gap.frames / gap.fps == pytest.approx(9.9, abs=0.03)
    edges = frame_edges(ODD_FILES / "frame-rate/made_vfr_gap.mkv", 100)
    np.testing.assert_allclose(edges[[0, 1, 98, 99]], [0, 0.04, 3.92, 9.88], atol=1e-9)


@pytest.mark.parametrize(("last", "fits"), [(500, True), (700, False), (10**9, False)])
def test_frames_that_last_for_hours_are_one_line(tmp_path, last, fits):
    stamps = [*range(20), last]
    path = write_stamped(tmp_path / "a.mkv", stamps, Fraction(1), codec="mpeg4")
    if fits:
        assert probe(path).frames == 21
    else:
        with pytest.raises(FusevadError, match=r"a\.mkv: its time stamps say that 16 frames last"):
            probe(path)


@pytest.mark.parametrize(("rate", "fits"), [(1000, True), (1001, False), (10**9, False)])
def test_more_pictures_a_second_than_a_camera_takes_are_one_line(tmp_path, rate, fits):
    path = tmp_path / "a.y4m"
    picture = b"FRAME\n" + bytes(64 * 48 * 3 // 2)
    path.write_bytes(f"YUV4MPEG2 W64 H48 F{rate}:1 Ip A1:1 C420jpeg\n".encode() + 5 * picture)
    if fits:
        assert probe(path).fps == rate
    else:
        with pytest.raises(FusevadError, match=r"a\.y4m: .* cameras record at most 1000"):
            probe(path)
