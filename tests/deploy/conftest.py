"""Bundles for all tests of this folder."""

from pathlib import Path

import pytest

from fusevad.deploy.detector import Detector
from tests.made_up_bundles import MadeUpBundle, make_bundle_file, threshold
from tests.made_up_videos import write_video


@pytest.fixture(scope="session")
def made_up(tmp_path_factory) -> MadeUpBundle:
    """A bundle of random weights; read-only."""
    return make_bundle_file(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def alarming(made_up, tmp_path_factory) -> Path:
    """A bundle whose threshold is in the middle of the scores of its video."""
    folder = tmp_path_factory.mktemp("alarming")
    table = Detector.load(made_up.file).score(write_video(folder / "a.mp4", frames=200))
    middle = threshold(float(table["score"].median()))
    return made_up.changed(folder / "model.fusevad", thresholds=(middle,))


@pytest.fixture
def video(tmp_path) -> Path:
    """Ten seconds of video."""
    return write_video(tmp_path / "a.mp4", frames=200)
