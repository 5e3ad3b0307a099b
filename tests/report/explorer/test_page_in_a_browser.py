"""The page in a real browser: what a reader sees and does."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fusevad.evaluate.alarms import Track, find_events, judge
from fusevad.evaluate.settings import AlarmSettings
from fusevad.evaluate.timed_videos import timed_videos, tracks
from fusevad.report.alarm_scores import test_scores as read_by_seed
from fusevad.report.explorer.contents import (
    Page,
    Results,
    ShownDataset,
    ShownMethod,
    ShownVideo,
    VideoScores,
)
from fusevad.report.explorer.packing import pack, unpack
from fusevad.report.explorer.page import write_page
from fusevad.report.explorer.runs import make_explorer
from fusevad.report.scored_videos import test_videos as read_truth
from tests.made_up_tables import write_table
from tests.report.explorer.conftest import RULES

pytestmark = pytest.mark.slow

_LOADED = "() => document.querySelector('video').readyState >= 2"
_COUNTS = re.compile(r"(\d+) of (\d+) events found.*?([\d.]+) false alarms an hour \((\d+) in")


def address(page) -> dict[str, str]:
    """The values in the address; it is written with a short delay."""
    page.wait_for_timeout(300)
    return {name: values[0] for name, values in parse_qs(page.url.partition("#")[2]).items()}


def set_threshold(page, value: float) -> str:
    """Move the slider; returns the numbers beside it."""
    page.evaluate(
        """value => { const slider = document.getElementById("threshold");
        slider.value = value; slider.dispatchEvent(new Event("input")); }""",
        value,
    )
    return page.inner_text("#counts")


def column(page, name: str) -> list[str]:
    return page.locator(f"#rows td.{name}").all_inner_texts()


def test_worst_misses_and_false_alarms_stand_first(explorer, open_page):
    page = open_page(explorer)
    errors = [int(text.split(" ")[0]) for text in column(page, "error")]
    assert errors == sorted(errors, reverse=True)
    assert len(errors) == 12
    assert page.inner_text("#video-title").startswith(column(page, "name")[0])


def test_without_intervals_events_are_counted_and_none_is_judged(made_up, tmp_path, open_page):
    write_table(tmp_path, "intervals")
    dataset = replace(made_up.dataset, intervals=tmp_path / "intervals.csv")
    index, rows = tmp_path / "index.html", tuple(made_up.rows[:2])
    make_explorer(rows, (dataset,), "last", RULES, {}, {}, "", index, tmp_path / "page")
    page = open_page(index)
    counts = set_threshold(page, 0.4)
    assert re.search(r"\d+ events?  ·  [\d.]+ alarms", counts), counts
    assert "found" not in counts and "false" not in counts
    assert not column(page, "error") and not column(page, "false")
    assert len(column(page, "events")) == 12
    assert "Image only" in page.inner_text("#metrics")


@pytest.mark.parametrize("name", ["name", "class", "peak", "found", "false"])
def test_the_table_is_sorted_by_the_column_that_is_clicked(explorer, open_page, name):
    page = open_page(explorer)
    head = page.locator(f"#rows th[data-column={name}]")
    head.locator("button").click()
    once = column(page, name)
    assert head.get_attribute("aria-sort") in ("ascending", "descending")
    head.locator("button").click()
    values = [text for text in column(page, name) if text]
    assert values == sorted(values) or values == sorted(values, reverse=True) or name == "found"
    assert once != column(page, name) or len(set(once)) == 1


def test_two_methods_are_sorted_by_where_they_differ_and_the_film_goes_there(explorer, open_page):
    page = open_page(explorer, "#method=gating&with=image-only")
    differ = [int(text.removesuffix(" %")) for text in column(page, "differ")]
    assert differ == sorted(differ, reverse=True)
    at = page.evaluate("Explorer.viewer.disagreements[0]")
    assert round(100 * at["apart"]) == differ[0]
    page.keyboard.press("ArrowRight")
    page.locator("#jumps button").first.click()
    assert page.evaluate("Explorer.viewer.time") == at["at"]


def test_methods_differ_by_ranks_and_not_by_the_scale_of_their_scores(tmp_path, open_page):
    """The second method's scores are the first one's, squeezed; but one segment is another."""
    edges, scores = np.arange(61.0), np.linspace(0, 1, 60)
    squeezed = 0.4 + scores / 10
    squeezed[10] = 0.9
    videos = [ShownVideo("one", edges)]
    methods = [
        ShownMethod(name, name, (), [VideoScores(values, values, values)])
        for name, values in (("first", scores), ("squeezed", squeezed))
    ]
    dataset = ShownDataset("own", "Own", videos, methods)
    write_page(Page("Own", [dataset], AlarmSettings(smoothing=0)), tmp_path / "page")
    page = open_page(tmp_path / "page" / "index.html", "#method=first&with=squeezed")
    found = page.evaluate("Explorer.viewer.disagreements")
    assert [each["at"] for each in found] == [10]
    # 49 of the 60 segments, and half of it and of the one on the other side, lie between.
    assert found[0]["apart"] == pytest.approx(49 / 60, abs=0.01)


def test_the_film_seeks_to_where_the_chart_is_clicked(explorer, open_page):
    page = open_page(explorer)
    page.wait_for_function(_LOADED)
    length = page.evaluate("document.querySelector('video').duration")
    assert length == pytest.approx(90 / 15, abs=0.1)
    chart = page.locator("#score-chart .u-over")
    width = chart.bounding_box()["width"]
    chart.click(position={"x": width * 0.75, "y": 50})
    page.wait_for_function("() => !document.querySelector('video').seeking")
    shown = page.evaluate("document.querySelector('video').currentTime")
    assert shown == pytest.approx(0.75 * 6, abs=0.05)
    assert float(address(page)["t"]) == pytest.approx(0.75 * 6, abs=0.1)
    playhead = page.evaluate(
        "document.querySelector('#score-chart .playhead').getBoundingClientRect().left"
    )
    assert playhead == pytest.approx(chart.bounding_box()["x"] + width * 0.75, abs=2)


def test_a_film_plays_and_the_time_follows(explorer, open_page):
    page = open_page(explorer)
    page.wait_for_function(_LOADED)
    page.keyboard.press("Space")
    page.wait_for_function("() => Explorer.viewer.time > 0.3")
    assert page.inner_text("#play") == "Pause"
    page.keyboard.press("j")
    page.wait_for_function("document.getElementById('play').textContent === 'Play'")
    assert page.evaluate("document.querySelector('video').paused")


@pytest.mark.parametrize(
    ("calm", "top", "threshold", "events"),
    [
        (0.99999, 0.999993, 0.999995, 0),
        (0.99999, 0.999997, 0.999995, 1),
        (1e-6, 6e-6, 5e-6, 1),
        (1e-6, 4e-6, 5e-6, 0),
    ],
)
def test_scores_near_0_and_1_are_on_their_own_side_of_the_threshold(
    tmp_path, open_page, calm, top, threshold, events
):
    """A detector may use a thousandth of the scale, and a threshold may be any of its scores."""
    scores = np.full(40, calm)
    scores[10:30] = top
    method = ShownMethod("one", "One", (), [VideoScores(scores, scores, scores)])
    dataset = ShownDataset("own", "Own", [ShownVideo("one", np.arange(41) / 2)], [method])
    rules = AlarmSettings(smoothing=0, release=1)
    write_page(Page("Own", [dataset], rules, threshold), tmp_path / "page")
    page = open_page(tmp_path / "page" / "index.html")
    assert page.inner_text("#counts").startswith(f"One\n{events} event")


def numbers_of_python(made_up, method: str, seed: int, threshold: float):
    """Found, all intervals, false alarms an hour, false alarms: of scores as the page has them."""
    dataset = made_up.dataset
    videos = timed_videos(dataset.manifest, dataset.intervals, "test")
    scores = read_by_seed(dataset.manifest.parent / "runs" / method, "validation")[seed]
    found, false_alarms, seconds, total = 0, 0, 0.0, 0
    for video, track in zip(videos, tracks(videos, scores), strict=True):
        rounded = Track(unpack(pack(track.scores)), track.edges)
        events = find_events(rounded, threshold, RULES)
        outcome = judge(events, video.intervals, track.seconds)
        found += int(np.isfinite(outcome.delays).sum())
        total += len(video.intervals)
        false_alarms += outcome.false_alarms
        seconds += outcome.normal_seconds
    return [found, total, round(false_alarms / seconds * 3600, 1), false_alarms]


@pytest.mark.parametrize("seed", [0, 7])
def test_the_slider_gives_the_numbers_that_python_computes(explorer, made_up, open_page, seed):
    page = open_page(explorer, f"#method=gating&seed={seed}")
    shown, expected = [], []
    for threshold in (0.2, 0.5, 0.7, 0.9):
        match = _COUNTS.search(set_threshold(page, threshold).replace("\n", " "))
        shown.append([int(match[1]), int(match[2]), float(match[3]), int(match[4])])
        expected.append(numbers_of_python(made_up, "gating", seed, threshold))
    assert shown == expected
    assert len({tuple(numbers) for numbers in shown}) > 2
    rows = sum(int(text.split("/")[0]) for text in column(page, "found") if text)
    assert rows == shown[-1][0]


def test_an_address_restores_what_it_names(explorer, open_page):
    wanted = "data=rendered&method=gating&with=concat&seed=4&threshold=0.62&video=test-007&t=3.2"
    page = open_page(explorer, f"#{wanted}")
    page.wait_for_function(_LOADED)
    assert page.inner_text("#video-title").startswith("test-007")
    chosen = {name: page.input_value(f"#{name}") for name in ("method", "other", "seed")}
    assert chosen == {"method": "gating", "other": "concat", "seed": "4"}
    assert page.inner_text("#threshold-value") == "0.620"
    left, width = page.evaluate(
        """() => { const chart = document.querySelector("#score-chart .u-over");
        const line = chart.querySelector(".playhead:not([hidden])").getBoundingClientRect();
        return [line.left - chart.getBoundingClientRect().left, chart.clientWidth]; }"""
    )
    assert left / width == pytest.approx(3.2 / 6, abs=0.01)
    assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(3.2, 0.01)
    assert address(page) == {name: values[0] for name, values in parse_qs(wanted).items()}
    assert page.url.partition("#")[0].endswith("/page/index.html")


def test_an_address_that_is_pasted_into_the_open_page_is_followed(explorer, open_page):
    page = open_page(explorer)
    page.evaluate("location.hash = '#method=concat&video=test-003&t=2'")
    page.wait_for_function(
        "document.getElementById('video-title').textContent.includes('test-003')"
    )
    assert page.input_value("#method") == "concat"


def test_a_video_that_is_not_there_is_said(explorer, open_page):
    page = open_page(explorer, "#video=nobody")
    assert "no video nobody" in page.inner_text("#message")


@pytest.mark.parametrize("address", ["", "#method=student-t&with=gating"])
def test_nothing_is_scrolled_sideways(explorer, open_page, address):
    page = open_page(explorer, address)
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide == [1280, 1280]
    inside, shown = page.evaluate(
        "(rows => [rows.scrollWidth, rows.clientWidth])(document.getElementById('rows'))"
    )
    assert inside <= shown


def test_errors_of_all_videos_add_up_to_what_the_auc_lacks(explorer, made_up, open_page):
    page = open_page(explorer, "#method=concat&seed=2")
    # The mean over anomalous moments of their misses, from the page's own ranks.
    lost = page.evaluate(
        """() => { let lost = 0, all = 0;
        Explorer.state.videos.forEach((video, k) => {
            const { series, ranks } = Explorer.state.shown[0], steps = series[k].steps;
            const inside = video.anomalous.reduce((sum, each) => sum + each, 0);
            if (inside) lost += inside * Explorer.errors(video, steps, ranks).miss;
            all += inside; });
        return lost / all; }"""
    )
    scores = read_by_seed(made_up.dataset.manifest.parent / "runs" / "concat", "validation")[2]
    labels, values = [], []
    for video in read_truth(made_up.dataset):
        own = scores[scores["video"] == video.name].sort_values("segment")
        labels.append(video.labels)
        values.append(np.repeat(own["score"], own["end"] - own["start"]))
    assert 1 - lost == pytest.approx(
        roc_auc_score(np.concatenate(labels), np.concatenate(values)), abs=1e-3
    )


def test_the_results_of_the_methods_are_those_of_the_runs(explorer, made_up, open_page):
    import pandas as pd

    page = open_page(explorer)
    runs = pd.read_csv(made_up.dataset.manifest.parent / "runs" / "gating" / "seeds.csv")
    own = runs[(runs["protocol"] == "validation") & (runs["metric"] == "AUC")]["value"] * 100
    line = page.locator("#metrics tr", has_text="Gating").inner_text()
    assert f"{own.mean():.1f} ± {own.std():.1f}" in line
    assert page.locator("#classes tbody tr").count() == 5


@pytest.mark.parametrize("name", ["__proto__", "constructor", "</script>"])
def test_a_class_may_be_called_like_a_part_of_the_language(name, tmp_path, open_page):
    scores = VideoScores(*[np.full(3, 0.5)] * 3)
    method = ShownMethod("m", "Method", (), [scores])
    results = Results({"m": {"AUC": {0: 0.5}}}, "AUC", {"m": {name: {0: 0.25}, "fire": {0: 0.75}}})
    video = ShownVideo("a", np.arange(4.0), classes=(name,), truth=((name, 0.0, 1.0),))
    dataset = ShownDataset("d", "Data", [video], [method], results=results)
    write_page(Page("Page", [dataset]), tmp_path / "page")
    page = open_page(tmp_path / "page/index.html")
    rows = page.locator("#classes tbody tr").all_inner_texts()
    assert [row.split() for row in rows] == sorted([[name, "25.0"], ["fire", "75.0"]])
    assert column(page, "class") == [name]


def test_the_keyboard_does_what_the_mouse_does(explorer, open_page):
    page = open_page(explorer)
    order = column(page, "name")
    page.keyboard.press("j")
    page.wait_for_function(
        f"document.getElementById('video-title').textContent.includes('{order[1]}')"
    )
    before = page.evaluate("Explorer.viewer.time")
    page.keyboard.press("ArrowLeft")
    assert before - page.evaluate("Explorer.viewer.time") == pytest.approx(16 / 15)
    page.keyboard.press("]")
    assert page.inner_text("#threshold-value") == "0.510"
    page.keyboard.press("m")
    page.wait_for_function("document.getElementById('method').value === 'image-only'")
    page.keyboard.press("?")
    assert page.locator("#help-text").is_visible()


def own_page(
    folder: Path, timed: bool = True, highest: float = 0.9, threshold: float = 0.5
) -> Path:
    """Two own videos without annotations: 60 segments of a second, one event in the first."""
    edges = np.arange(61.0)
    quiet, loud = np.full(60, 0.1), np.full(60, 0.1)
    loud[20:30] = highest
    videos = [ShownVideo(f"shop #{k} 100%", edges) for k in range(2)]
    scores = [
        VideoScores(each, each - 0.05, each + 0.05, {"image": each}) for each in (loud, quiet)
    ]
    dataset = ShownDataset(
        "own", "Own videos", videos, [ShownMethod("model", "Model", (), scores)], timed=timed
    )
    write_page(Page("Own videos", [dataset], AlarmSettings(smoothing=0), threshold), folder)
    return folder / "index.html"


def test_a_page_opens_at_the_threshold_of_its_model_between_two_steps_of_the_slider(
    tmp_path, open_page
):
    page = open_page(own_page(tmp_path / "page", highest=0.9997, threshold=0.99953))
    assert page.inner_text("#threshold-value") == "0.99953"
    assert column(page, "events") == ["1", "0"]
    page.keyboard.press("[")
    assert page.inner_text("#threshold-value") == "0.990"


def test_own_videos_without_annotations_have_events_and_alarms(tmp_path, open_page):
    page = open_page(own_page(tmp_path / "page"))
    assert page.inner_text("#counts dd") == "1 event  ·  1 alarm in 2:00 of video"
    assert column(page, "events") == ["1", "0"]
    assert not column(page, "error")
    assert page.inner_text(".no-film") == "No film of this video."
    assert page.locator("#lanes .bar").count() == 1
    page.locator("#lanes .bar").click()
    assert page.evaluate("Explorer.viewer.time") == 20


def two_datasets() -> list[ShownDataset]:
    """`large` of three videos, `small` of one."""
    flat = VideoScores(*[np.full(3, 0.5)] * 3)
    return [
        ShownDataset(
            key,
            key.title(),
            [ShownVideo(f"{key}-{k}", np.arange(4.0)) for k in range(count)],
            [ShownMethod("model", "Model", (), [flat] * count)],
        )
        for key, count in (("large", 3), ("small", 1))
    ]


def test_another_data_set_is_shown_from_its_first_video(tmp_path, open_page):
    write_page(Page("Two", two_datasets()), tmp_path / "page")
    page = open_page(tmp_path / "page" / "index.html", "#data=large&video=large-2")
    page.select_option("#dataset", "small")
    page.wait_for_function(
        "document.getElementById('video-title').textContent.startsWith('small-0')"
    )
    assert column(page, "name") == ["small-0"]
    assert address(page)["data"] == "small"


def test_another_data_set_is_shown_though_the_search_finds_none_of_its_videos(tmp_path, open_page):
    write_page(Page("Two", two_datasets()), tmp_path / "page")
    page = open_page(tmp_path / "page" / "index.html")
    page.fill("#search", "large")
    page.select_option("#dataset", "small")
    page.wait_for_function(
        "document.getElementById('video-title').textContent.startsWith('small-0')"
    )
    assert column(page, "name") == [] and page.locator("#message").is_hidden()


def test_a_drag_zooms_the_charts_and_what_is_under_them(explorer, open_page):
    page = open_page(explorer, "#method=student-t")
    before = page.locator("#lanes .bar.truth").bounding_box()["width"]
    box = page.locator("#score-chart .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    page.mouse.up()
    scales = "(chart => [chart.plot.scales.x.min, chart.plot.scales.x.max])"
    shown = page.evaluate(f"{scales}(Explorer.viewer.scores)")
    assert shown == pytest.approx([1.5, 4.5], abs=0.1)
    assert page.evaluate(f"{scales}(Explorer.viewer.weights)") == shown
    after = page.locator("#lanes .bar.truth").bounding_box()["width"]
    assert after > 1.3 * before


def test_a_video_is_named_in_the_address_whatever_its_name(tmp_path, open_page):
    index = own_page(tmp_path / "page")
    page = open_page(index)
    page.keyboard.press("j")
    page.wait_for_function("Explorer.state.number === 1")
    page.wait_for_timeout(300)  # the address is written with a short delay
    again = open_page(index, f"#{page.url.partition('#')[2]}")
    assert again.inner_text("#video-title").startswith("shop #1 100%")


def test_a_data_set_without_frame_rates_has_scores_but_no_alarms(tmp_path, open_page):
    page = open_page(own_page(tmp_path / "page", timed=False))
    assert page.locator("#alarms").is_hidden()
    assert page.inner_text("#video-title").endswith("60 frames")


def test_a_film_that_is_not_there_is_said_in_words(tmp_path, browser):
    edges = np.arange(3.0)
    video = ShownVideo("gone", edges, tmp_path / "gone.mp4")
    flat = VideoScores(*[np.full(2, 0.5)] * 3)
    method = ShownMethod("model", "Model", (), [flat])
    write_page(Page("Gone", [ShownDataset("own", "Own", [video], [method])]), tmp_path / "page")
    page = browser.new_page()
    page.goto((tmp_path / "page" / "index.html").as_uri())
    page.wait_for_selector(".no-film:not([hidden])")
    assert "cannot be played" in page.inner_text(".no-film")
    page.close()


def test_the_page_alone_says_where_its_data_are(tmp_path, explorer, browser):
    for file in (explorer.parent / "page").iterdir():
        if file.suffix in (".html", ".js", ".css"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    page = browser.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    page.wait_for_selector("#message:not([hidden])")
    page.close()
