"""The times of frames, from which alarms an hour are counted."""

from fractions import Fraction

import pytest

from fusevad.errors import FusevadError
from fusevad.evaluate.timed_videos import timed_videos
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
