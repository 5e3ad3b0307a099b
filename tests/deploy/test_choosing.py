"""Which threshold of a bundle is used: for films, and for cameras, whose scores look back."""

from dataclasses import replace

import pytest

from fusevad.deploy.choosing import camera_threshold, film_threshold
from fusevad.deploy.contents import BundleFacts
from fusevad.errors import FusevadError
from tests.made_up_bundles import threshold

FILMS = (threshold(0.5), threshold(0.4, rate=5.0))
SHORT = replace(threshold(0.7), window=2)
LONG = (replace(threshold(0.8), window=4), replace(threshold(0.6, rate=5.0), window=4))


@pytest.fixture
def films(made_up) -> BundleFacts:
    return replace(made_up.about, thresholds=FILMS)


@pytest.fixture
def both(made_up) -> BundleFacts:
    return replace(made_up.about, thresholds=(*FILMS, SHORT, *LONG))


def test_the_lowest_rate_is_used_unless_another_is_named(films):
    assert film_threshold(films, None) == FILMS[0]
    assert film_threshold(films, 5) == FILMS[1]
    with pytest.raises(FusevadError, match="the model has thresholds for 1, 5"):
        film_threshold(films, 2)


def test_films_never_take_a_threshold_of_scores_that_look_back(both):
    assert film_threshold(both, None) == FILMS[0]
    assert film_threshold(both, 5) == FILMS[1]


def test_cameras_take_a_threshold_of_their_window(both):
    assert camera_threshold(both, None, 2) == SHORT
    assert camera_threshold(both, None, 4) == LONG[0]
    assert camera_threshold(both, 5, None) == LONG[1]
    with pytest.raises(FusevadError, match="the model has thresholds for 1;"):
        camera_threshold(both, 5, 2)


def test_cameras_take_a_threshold_of_films_where_none_fits(films, both):
    assert camera_threshold(films, None, None) == FILMS[0]
    assert camera_threshold(both, 5, 3) == FILMS[1]


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ((FILMS[1], FILMS[0]), "do not ascend"),
        ((FILMS[0], FILMS[0]), "do not ascend"),
        ((*LONG, *FILMS), "do not ascend"),
        ((*FILMS, *LONG, SHORT), "do not ascend"),
        (LONG, "no threshold for scores of films"),
    ],
)
def test_thresholds_of_a_bundle_ascend_and_films_have_one(made_up, thresholds, message):
    with pytest.raises(ValueError, match=message):
        replace(made_up.about, thresholds=thresholds)
