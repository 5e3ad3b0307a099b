"""Motion cues against a slow float64 implementation."""

import numpy as np
import pytest

from fusevad.cues.count import cue_counts, normalise
from fusevad.cues.settings import CueSettings
from fusevad.errors import FusevadError
from fusevad.video.crops import crop_images
from fusevad.video.decode import read_frames, read_pictures
from tests.made_up_cues import all_counts
from tests.made_up_videos import CLIPS, write_video

WINDOWS = (4, 8, 16, 32, 64)
THRESHOLDS = (10, 25)


def slow_counts(frames, definition, window, threshold):
    """The spec read aloud in float64: (segments, height, width)."""
    gray = [np.asarray(f, np.float64) @ np.array([0.2989, 0.5870, 0.1140]) for f in frames]
    result = []
    for start in range(0, len(gray), 16):
        first, end = start + 8 - window // 2, start + 8 + window // 2
        count = np.zeros(gray[0].shape, int)
        for t in range(first, end):
            leading_edge = t == first and definition == "released"
            if 1 <= t < len(gray) and not leading_edge:
                count += np.abs(gray[t] - gray[t - 1]) > threshold
        result.append(count)
    return np.stack(result)


def random_frames(count, seed=0, height=20, width=30):
    """Frames with many differences around the thresholds."""
    random = np.random.default_rng(seed)
    first = random.integers(60, 190, (height, width, 3))
    steps = random.integers(-28, 29, (count, height, width, 3))
    return list((first + steps).astype(np.uint8))


@pytest.mark.parametrize("definition", ["paper", "released"])
@pytest.mark.parametrize("frames", [1, 2, 3, 15, 16, 17, 40, 64, 101, 160])
def test_counts_agree_with_the_slow_implementation_on_random_video(definition, frames):
    video = random_frames(frames)
    fast = all_counts(video, definition)
    assert len(fast) == len(WINDOWS) * len(THRESHOLDS)
    for window in WINDOWS:
        for threshold in THRESHOLDS:
            slow = slow_counts(video, definition, window, threshold)
            np.testing.assert_array_equal(fast[f"T{window}-thr{threshold}"], slow)
    if frames >= 40:
        assert fast["T16-thr25"].any() and (fast["T16-thr10"] > fast["T16-thr25"]).any()


def test_counts_agree_with_float_gray_levels_on_coded_video(tmp_path):
    video = list(read_frames(write_video(tmp_path / "a.mp4", 70, (320, 240))))
    fast = all_counts(video)
    different = pixels = 0
    for window in (16, 64):
        for threshold in THRESHOLDS:
            slow = slow_counts(video, "paper", window, threshold)
            different += (fast[f"T{window}-thr{threshold}"] != slow).sum()
            pixels += slow.size
    assert different / pixels <= 1e-6


@pytest.mark.parametrize("definition", ["paper", "released"])
def test_counts_of_decoded_pictures_are_those_of_their_rgb_frames(tmp_path, definition):
    path = write_video(tmp_path / "a.mp4", 40)
    pictures = all_counts(read_pictures(path), definition)
    for name, counts in all_counts(read_frames(path), definition).items():
        np.testing.assert_array_equal(pictures[name], counts)
    assert pictures["T16-thr25"].any()


def test_a_coded_video_of_one_frame_gives_zero_cues(tmp_path):
    counts = all_counts(read_pictures(write_video(tmp_path / "a.mp4", 1)))
    assert all(count.shape == (1, 256, 340) and not count.any() for count in counts.values())


def test_crops_of_counts_land_in_the_encoders_batch():
    counts = np.random.default_rng(0).integers(0, 65, (256, 340), dtype=np.uint8)
    batch = np.zeros((2, 10, 224, 224), np.uint8)
    crop_images(counts, tuple(range(10)), 224, out=batch[1])
    assert not batch[0].any()
    corners = [counts[16:240, 58:282], counts[:224, :224], counts[:224, -224:]]
    corners += [counts[-224:, :224], counts[-224:, -224:]]
    for crop, corner in enumerate(corners):
        np.testing.assert_array_equal(batch[1, crop], corner)
        np.testing.assert_array_equal(batch[1, crop + 5], corner[:, ::-1])


def test_no_long_video_loses_its_counts():
    """Running totals wrap at 256; a window's count must not."""
    video = [np.full((2, 2, 3), 200 * (t % 2), np.uint8) for t in range(1000)]
    counts = all_counts(video)
    assert (counts["T64-thr25"][2:-3] == 64).all()
    assert (counts["T16-thr10"][1:-1] == 16).all()
    assert (all_counts(video, "released")["T64-thr25"][2:-3] == 63).all()


def test_windows_of_other_lengths_work_as_well():
    video = random_frames(90)
    fast = all_counts(video, windows=(2, 6, 26), thresholds=(0, 7, 12))
    for window in (2, 6, 26):
        for threshold in (0, 7, 12):
            slow = slow_counts(video, "paper", window, threshold)
            np.testing.assert_array_equal(fast[f"T{window}-thr{threshold}"], slow)


def step(before, after):
    """Sixteen frames whose colours change once, in the middle."""
    return [np.asarray(before, np.uint8)] * 8 + [np.asarray(after, np.uint8)] * 8


def test_a_difference_counts_when_it_is_above_the_threshold():
    # The weights sum to 0.9999: a step of 100 levels is one of 99.99 gray levels.
    video = step([[[0, 0, 0]]], [[[100, 100, 100]]])
    assert all_counts(video, thresholds=(99,))["T8-thr99"].item() == 1
    assert all_counts(video, thresholds=(100,))["T8-thr100"].item() == 0


def test_a_difference_of_exactly_the_threshold_does_not_count():
    # Only tens of red levels can end in the five zeros of 100000.
    tens, levels = np.arange(-250, 251, 10), np.arange(-250, 251)
    red, green, blue = np.meshgrid(tens, levels, levels, indexing="ij")
    exact = np.stack([red, green, blue], -1)[2989 * red + 5870 * green + 1140 * blue == 100_000]
    assert len(exact) > 40
    before = np.maximum(0, -exact)[None]
    assert not all_counts(step(before, before + exact))["T16-thr10"].any()
    assert all_counts(step(before, before + exact + [0, 0, 1]))["T16-thr10"].all()


@pytest.mark.parametrize("definition", ["paper", "released"])
@pytest.mark.parametrize("frames", [1, 5, 16, 50])
def test_static_video_gives_zero_cues(definition, frames):
    video = random_frames(1) * frames
    settings = CueSettings(definition=definition)
    for name, counts in all_counts(video, definition).items():
        cue = normalise(counts, int(name[1:].split("-")[0]), settings)
        assert len(cue) == -(-frames // 16)
        assert cue.dtype == np.float32 and not cue.any() and not np.isnan(cue).any()


def test_no_frames_give_no_segments():
    assert list(cue_counts([], CueSettings())) == []


def test_normalisation_is_a_constant_of_the_definition():
    counts = np.array([[0, 1, 15, 16, 31]], np.uint8)
    paper, released = CueSettings("paper"), CueSettings("released")
    np.testing.assert_allclose(normalise(counts, 32, paper)[0], [0, 1 / 32, 15 / 32, 0.5, 31 / 32])
    np.testing.assert_allclose(normalise(counts, 32, released)[0], [0, 1 / 16, 15 / 16, 1, 1])
    # Sixteen frames have fifteen differences: the clamp is idle.
    np.testing.assert_allclose(normalise(counts[:, :3], 16, released)[0], [0, 1 / 15, 1])
    clamped = CueSettings("released", clamp=10)
    np.testing.assert_allclose(normalise(counts[:, :3], 16, clamped)[0], [0, 0.1, 1])


def test_a_cue_does_not_depend_on_its_neighbours_beyond_the_window():
    video = random_frames(96)
    other = random_frames(96, seed=5)
    mixed = other[:32] + video[32:64] + other[64:]
    whole, part = all_counts(video)["T16-thr10"], all_counts(mixed)["T16-thr10"]
    np.testing.assert_array_equal(whole[3], part[3])
    assert (whole[1] != part[1]).any()


@pytest.mark.parametrize(
    "wrong",
    [{"windows": ()}, {"windows": (5,)}, {"windows": (128,)}, {"thresholds": ()},
     {"thresholds": (300,)}, {"clamp": 0}, {"definition": "other"}],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(FusevadError, match="motion cues"):
        CueSettings(**wrong)


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the real clips are not beside the repository")
@pytest.mark.parametrize("clip", ["fight/fi001.mp4", "noFight/nofi001.mp4"])
def test_real_clips_agree_with_float_gray_levels(clip):
    video = list(read_frames(CLIPS / clip))
    counts = all_counts(video)
    slow = slow_counts(video, "paper", 16, 10)
    assert (counts["T16-thr10"] != slow).mean() <= 1e-6
    assert 0 < (slow > 0).mean() < 1
