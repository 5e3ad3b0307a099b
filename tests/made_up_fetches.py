"""Data sets that are fetched in tests: files as in the configuration, and what was locked."""

import json

from fusevad.data.fetch.dataset import fetch
from fusevad.data.fetch.settings import FetchSettings
from fusevad.parsing import parse


def fetch_set(place, *files, existing=None, **section):
    """Fetch files given as in the configuration, within a folder; returns the data folder."""
    licence = {"text": "CC BY 4.0", "url": "https://example.org/licence"}
    values = {"licence": licence, "files": list(files), **section}
    settings = parse(FetchSettings, values, "set.yaml: fetch")
    folder = place / "data" / "set"
    fetch("set", settings, folder, place / "checksums" / "set.json", existing)
    return folder


def lock(place):
    """The checksums that `fetch_set` locked."""
    return json.loads((place / "checksums" / "set.json").read_text())


def from_git(url, revision):
    """A repository as in the configuration."""
    return {"name": "code", "sources": [{"git": {"url": url, "revision": revision}}]}


def one_line(raised):
    """The text of an error, which is one line."""
    text = str(raised.value)
    assert "\n" not in text
    return text
