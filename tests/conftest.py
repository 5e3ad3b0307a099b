"""Fixtures that several test files use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Top folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def docs() -> Path:
    """The folder `docs/`."""
    return ROOT / "docs"
