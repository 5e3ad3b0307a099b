"""A bundle for all tests of this folder."""

import pytest

from tests.made_up_bundles import MadeUpBundle, make_bundle_file


@pytest.fixture(scope="session")
def made_up(tmp_path_factory) -> MadeUpBundle:
    """A bundle of random weights; read-only."""
    return make_bundle_file(tmp_path_factory.mktemp("bundle"))
