"""How fast the explorer is in a real browser, with 300 videos of 20 minutes or with a given page.

    python benchmarks/explorer.py [--page results/explorer/page/index.html]

Without `--page` it makes up 300 videos at 30 frames a second, with scores of seven methods and
ten seeds, two of them with weights of streams, and no films. Needs Chromium. Prints the bytes of
the page's data and, in milliseconds and as the median of a few tries, always until the result is
drawn: opening the page, a click on a video, a step of the threshold, a click on a column, another
seed, and a second method.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from fusevad.report.explorer import contents
from fusevad.report.explorer.page import write_page

VIDEOS, FRAMES, FPS = 300, 36_000, 30
SEEDS = tuple(range(10))
METHODS = ("image-only", "concat", "gating", "rtfm", "mil", "gaussian", "student-t")
WEIGHTED = METHODS[-2:]
EDGES = np.append(np.arange(0, FRAMES, 16), FRAMES) / FPS
# Runs `act`, waits until `done` holds and the result is drawn; returns milliseconds.
_TIMED = """async ([act, done]) => {
    const begin = performance.now(), finished = new Function(`return ${done}`);
    new Function(act)();
    while (!finished()) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - begin;
}"""
_CHOOSE = (
    "const e = document.getElementById('{0}'); e.value = '{1}'; e.dispatchEvent(new Event('{2}'));"
)
_READY = "Explorer.viewer.shown === Explorer.state.shown"
_ROW = "document.querySelectorAll('#rows tbody tr')[{}]"


def made_up(generator: np.random.Generator) -> contents.ShownDataset:
    """Every second video is normal, the others show two anomalies of 20 seconds."""
    truth: list[tuple[contents.Truth, ...]] = [
        tuple((f"class{k % 13}", float(at), float(at + 20)) for at in generator.uniform(0, 1150, 2))
        if k % 2
        else ()
        for k in range(VIDEOS)
    ]
    videos = [
        contents.ShownVideo(
            f"video_{k:03d}", EDGES, None, (f"class{k % 13}" if own else "normal",), own
        )
        for k, own in enumerate(truth)
    ]
    methods = (
        contents.ShownMethod(name, name, SEEDS, _scores(truth, name in WEIGHTED, generator))
        for name in METHODS
    )
    return contents.ShownDataset("made-up", "Made up", videos, methods)


def _scores(
    truth: list[tuple[contents.Truth, ...]], weighted: bool, generator: np.random.Generator
) -> Iterator[contents.VideoScores]:
    size = len(SEEDS), len(EDGES) - 1
    for intervals in truth:
        level = np.cumsum(generator.normal(size=size[1])) * 0.05
        level -= level.mean() + 1.5
        for _, start, end in intervals:
            level[(EDGES[:-1] < end) & (EDGES[1:] > start)] += 2
        scores = 1 / (1 + np.exp(-level - 0.4 * generator.normal(size=size)))
        weight = 0.5 + 0.01 * generator.normal(size=size)
        weights = {"image": weight, "motion cue": 1 - weight} if weighted else {}
        yield contents.VideoScores.of_seeds(SEEDS, scores, weights)


def opened(browser: Browser, index: Path) -> tuple[Page, float]:
    """The page, and the milliseconds until its first chart."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    begin = time.perf_counter()
    page.goto(index.resolve().as_uri())
    page.wait_for_selector(".playhead", state="attached", timeout=60_000)
    return page, 1000 * (time.perf_counter() - begin)


def measure(browser: Browser, index: Path, tries: int = 7) -> dict[str, float]:
    """Median milliseconds by what is done."""
    found: dict[str, list[float]] = {}

    def add(what: str, act: str, done: str = "true") -> None:
        found.setdefault(what, []).append(page.evaluate(_TIMED, [act, done]))

    for _ in range(3):
        page, loaded = opened(browser, index)
        found.setdefault("first chart", []).append(loaded)
    for k in range(tries):
        other = f"Explorer.viewer.video.number === Number({_ROW.format(k + 3)}.dataset.video)"
        add("another video", f"{_ROW.format(k + 3)}.click()", other)
        add("step of the threshold", _CHOOSE.format("threshold", 0.3 + 0.05 * k, "input"))
        add("sorting", "document.querySelector('#rows th button').click()")
    for seed in page.evaluate("Explorer.state.shown[0].method.seeds.slice(0, 5)"):
        chosen = f"Explorer.state.seed === '{seed}' && {_READY}"
        add("another seed", _CHOOSE.format("seed", seed, "change"), chosen)
    methods = page.evaluate("Explorer.state.dataset.methods.map((each) => each.key)")
    for method in methods[:4]:
        compared = f"Explorer.state.shown[1]?.method.key === '{method}' && {_READY}"
        add("second method", _CHOOSE.format("other", method, "change"), compared)
    return {what: statistics.median(times) for what, times in found.items()}


def main() -> None:
    """Make the page unless one is given, open it and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--page", type=Path, help="index.html of a page; else one is made up")
    given: Path | None = parser.parse_args().page
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        index = given or Path(folder, "page", "index.html")
        if not given:
            dataset = made_up(np.random.default_rng(0))
            write_page(contents.Page("Made up", [dataset]), index.parent)
        size = sum(file.stat().st_size for file in (index.parent / "data").rglob("*.js"))
        print(f"{'data':24}{size / 1e6:8.1f} MB")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for what, milliseconds in measure(browser, index).items():
            print(f"{what:24}{milliseconds:8.0f} ms")
        browser.close()


if __name__ == "__main__":
    main()
