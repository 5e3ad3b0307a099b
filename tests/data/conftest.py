"""Real clips beside the repository."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real(root: Path) -> Path:
    folder = root.parent / "shared/data/surveillance-fight"
    if not folder.is_dir():
        pytest.skip("the real clips are not beside the repository (../shared/data)")
    return folder
