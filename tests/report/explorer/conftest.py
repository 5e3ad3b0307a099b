"""A real browser, and the explorer of made-up runs to open in it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fusevad.cues.settings import CueSettings
from fusevad.cues.store import make_cues
from fusevad.evaluate.settings import AlarmSettings
from fusevad.report.explorer.films import make_films
from fusevad.report.explorer.runs import make_explorer
from fusevad.report.explorer.settings import FilmSettings
from tests.made_up_runs import MadeUp, make_up

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Of a small laptop: nothing may need to be scrolled sideways.
SIZE = {"width": 1280, "height": 800}
# The videos have six segments: with these rules some of them have events.
RULES = AlarmSettings(smoothing=1.0, shortest=1.0, gap=1.5)


def read_script(path: Path) -> Any:
    """What a script of the page hands to it: its second argument, as JSON."""
    text = path.read_text().removeprefix("Explorer.receive(").removesuffix(");\n")
    return json.loads(json.loads(f"[{text}]")[1])


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A headless Chromium. For a module: its loop of events must not run during other tests."""
    if CHROMIUM is None:
        pytest.skip("no Chromium (Debian: apt-get install chromium), so no page is opened")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Inside a container Chromium's own sandbox can't start.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Callable[..., "Page"]]:
    """Open a page from disk; the test fails if the page has complained by its end."""
    complaints: list[str] = []
    pages: list[Page] = []

    def open_one(index: Path, address: str = "", expected: str = ".playhead") -> "Page":
        page = browser.new_page(viewport=SIZE)
        pages.append(page)
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{index.as_uri()}{address}")
        page.wait_for_selector(expected, state="attached")
        return page

    yield open_one
    for page in pages:
        page.close()
    assert not complaints


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """Runs of a made-up data set with its videos."""
    return make_up(tmp_path_factory.mktemp("explorer"), videos_on_disk=True)


@pytest.fixture(scope="module")
def films(made_up: MadeUp, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of the films of the made-up data set."""
    folder, manifest = tmp_path_factory.mktemp("films"), made_up.dataset.manifest
    cues = folder / "shard-0.h5"
    make_cues(manifest, 0, 1, CueSettings(windows=(16,), thresholds=(10,)), cues)
    make_films(manifest, [cues], FilmSettings(16, 10), folder / "films.csv", workers=1)
    return folder / "films.csv"


@pytest.fixture(scope="module")
def explorer(made_up: MadeUp, films: Path) -> Path:
    """The page of the made-up runs."""
    out = films.parent / "explorer"
    make_explorer(
        tuple(made_up.rows),
        (made_up.dataset,),
        "validation",
        RULES,
        {made_up.dataset.key: films},
        {made_up.dataset.key: "Below: motion cue"},
        "student-t",
        out / "index.html",
        out / "page",
    )
    return out / "index.html"
