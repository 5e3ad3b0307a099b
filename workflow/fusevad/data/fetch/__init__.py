"""Getting a data set: downloads that go on where they stopped, checked and safely unpacked."""

from fusevad.data.fetch.dataset import fetch
from fusevad.data.fetch.settings import FetchSettings

__all__ = ["FetchSettings", "fetch"]
