"""Which threshold of a bundle is used: for recordings, and for cameras, whose scores look back."""

from dataclasses import replace

import pytest

from fusevad.deploy.choosing import camera_threshold, recording_threshold
from fusevad.deploy.contents import BundleFacts
from fusevad.errors import FusevadError
from tests.made_up_bundles import threshold

RECORDINGS = (threshold(0.5), threshold(0.4, rate=5.0))
SHORT = replace(threshold(0.7), window=2)
LONG = (replace(threshold(0.8), window=4), replace(threshold(0.6, rate=5.0), window=4))


@pytest.fixture
def recordings(made_up) -> BundleFacts:
    return replace(made_up.about, thresholds=RECORDINGS)


@pytest.fixture
def both(made_up) -> BundleFacts:
    return replace(made_up.about, thresholds=(*RECORDINGS, SHORT, *LONG))


def test_the_lowest_rate_is_used_unless_another_is_named(recordings):
    assert recording_threshold(recordings, None) == RECORDINGS[0]
    assert recording_threshold(recordings, 5) == RECORDINGS[1]
    with pytest.raises(FusevadError, match="the model has thresholds for 1, 5"):
        recording_threshold(recordings, 2)


def test_recordings_never_take_a_threshold_of_scores_that_look_back(both):
    assert recording_threshold(both, None) == RECORDINGS[0]
    assert recording_threshold(both, 5) == RECORDINGS[1]


def test_cameras_take_a_threshold_of_their_window(both):
    assert camera_threshold(both, None, 2) == SHORT
    assert camera_threshold(both, None, 4) == LONG[0]
    assert camera_threshold(both, 5, None) == LONG[1]
    with pytest.raises(FusevadError, match="the model has thresholds for 1;"):
        camera_threshold(both, 5, 2)


def test_cameras_take_a_threshold_of_recordings_where_none_fits(recordings, both):
    assert camera_threshold(recordings, None, None) == RECORDINGS[0]
    assert camera_threshold(both, 5, 3) == RECORDINGS[1]


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ((RECORDINGS[1], RECORDINGS[0]), "do not ascend"),
        ((RECORDINGS[0], RECORDINGS[0]), "do not ascend"),
        ((*LONG, *RECORDINGS), "do not ascend"),
        ((*RECORDINGS, *LONG, SHORT), "do not ascend"),
        (LONG, "no threshold for scores of recordings"),
    ],
)
def test_thresholds_of_a_bundle_ascend_and_recordings_have_one(made_up, thresholds, message):
    with pytest.raises(ValueError, match=message):
        replace(made_up.about, thresholds=thresholds)
