"""A folder of made-up scores for tests of the import."""

import pytest

from tests.made_up_scores import Given


@pytest.fixture
def given(tmp_path) -> Given:
    return Given(tmp_path)
