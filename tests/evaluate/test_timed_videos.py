"""The times of frames, from which alarms an hour are counted."""

from fractions import Fraction

import numpy as np
import pytest

from fusevad.errors import FusevadError
from fusevad.evaluate.timed_videos import timed_videos, twins
from fusevad.files import sha256
from fusevad.video.decode import probe
from tests.made_up_tables import write_table
from tests.made_up_videos import write_stamped


def test_a_video_that_changed_has_no_times(tmp_path):
    stamps = [40 * k if k < 10 else 400 + 80 * (k - 10) for k in range(20)]
    path = write_stamped(tmp_path / "a.mkv", stamps, Fraction(1, 1000))
    row = ("a", path, "test", "fight", 20, probe(path).fps, 64, 48, sha256(path), True)
    write_table(tmp_path, "manifest", [row])
    write_table(tmp_path, "intervals", [("a", "fight", 12, 14)])
    files = tmp_path / "manifest.csv", tmp_path / "intervals.csv"
    ((span,),) = (video.intervals for video in timed_videos(*files))
    assert span == pytest.approx((0.56, 0.72))
    write_stamped(path, [10 * stamp for stamp in stamps], Fraction(1, 1000))
    with pytest.raises(FusevadError, match=r"a\.mkv: not the file that the manifest was made from"):
        timed_videos(*files)


def test_copies_whose_scores_were_rounded_otherwise_are_known():
    """Groups of another size are summed in another order."""
    scores = np.random.default_rng(0).random((30, 5))
    rounded = scores[7] + 1.8e-7 * np.array([1, -1, 0, 1, -1])
    videos = {f"v{k}": own for k, own in enumerate(scores)}
    assert twins(videos) is None
    assert set(twins(videos | {"copy": rounded}) or ()) == {"v7", "copy"}
    assert twins(videos | {"part": scores[7][:4]}) is None


def test_quiet_parts_of_a_loud_video_tell_pictures_apart():
    quiet = np.append(1e-4 * np.random.default_rng(1).random(200), 0.9)
    assert set(twins({"a": quiet, "b": quiet.copy()}) or ()) == {"a", "b"}


@pytest.mark.parametrize("levels", [(0.31, 0.31), (0.31, 0.33), (0.0, 0.0)])
def test_scenes_without_motion_are_no_copies_though_padding_lifts_their_last_window(levels):
    still = np.repeat(levels, [512, 188]) * (1 + 1e-7 * np.arange(700))
    assert twins({"mon": still, "tue": still.copy()}) is None


def test_scenes_without_motion_are_no_copies_though_scores_rise_until_a_window_is_full():
    rising = np.minimum(np.arange(700) / 128, 1.0)
    assert twins({"mon": rising, "tue": rising.copy()}) is None
