"""The page of own videos, made from the results of the command."""

import json
import shutil
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.deploy.opening import bundle_facts
from fusevad.deploy.results import code_here
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.report.explorer.own_videos import make_own_explorer
from fusevad.report.explorer.packing import unpack
from tests.made_up_bundles import MadeUpBundle, make_bundle_file, threshold
from tests.made_up_videos import write_video
from tests.report.explorer.conftest import read_script


@dataclass(frozen=True)
class Scored:
    model: Path
    out: Path
    said: str


@pytest.fixture(scope="module")
def made_up(tmp_path_factory) -> MadeUpBundle:
    return make_bundle_file(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def scored(made_up, tmp_path_factory) -> Scored:
    """Two videos scored by the command; read-only."""
    folder = tmp_path_factory.mktemp("scored")
    (folder / "videos").mkdir()
    for name in ("door", "yard"):
        write_video(folder / "videos" / f"{name}.mp4", frames=100)
    said = score(folder / "videos", made_up.file, folder / "out")
    return Scored(made_up.file, folder / "out", said)


def code(scored: Scored) -> dict[str, int]:
    return code_here(bundle_facts(scored.model))


def score(source: Path, model: Path, out: Path, *more: str) -> str:
    words = ["score", str(source), "--model", str(model), "--out", str(out), "--no-film", *more]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_page_has_the_scores_of_every_segment_and_no_annotations(scored):
    assert str(scored.out / "index.html") in scored.said
    page = scored.out / "page"
    videos = read_script(page / "data/0/videos.js")
    assert [video["name"] for video in videos] == ["door", "yard"]
    assert all(video["truth"] is None and video["film"] is None for video in videos)
    tables = [pd.read_parquet(scored.out / name / "segments.parquet") for name in ("door", "yard")]
    expected = pd.concat(tables)
    means = np.frombuffer(b64decode(read_script(page / "data/0/0/scores-mean.js")), "<f8")
    # A threshold may be any of them.
    assert means.tolist() == expected["score"].tolist()
    band = read_script(page / "data/0/0/video-1.js")
    np.testing.assert_allclose(unpack(band["low"]), tables[1]["lowest"], atol=1e-5)
    np.testing.assert_allclose(unpack(band["high"]), tables[1]["highest"], atol=1e-5)
    assert (tables[1]["lowest"] <= tables[1]["score"]).all()


def test_the_page_opens_at_the_threshold_of_the_newest_command(scored, tmp_path):
    """`door` was scored at the lowest rate, and its events stay those of it."""
    shutil.copytree(scored.out, tmp_path / "out")
    more = write_video(tmp_path / "zebra.mp4", frames=60)
    score(more, scored.model, tmp_path / "out", "--alarms-per-hour", "5")
    index = read_script(tmp_path / "out/page/data/index.js")
    assert index["threshold"] == 0.4  # of 5 an hour
    first, second = index["datasets"][0]["notes"]
    assert "certified for 5 false alarms an hour: 0.4000" in first
    assert second.startswith("Films and events.json of 2 of the 3 videos")
    assert "the threshold for 1 false" in second
    score(more, scored.model, tmp_path / "out")
    again = read_script(tmp_path / "out/page/data/index.js")
    assert (again["threshold"], len(again["datasets"][0]["notes"])) == (0.5, 1)


def test_the_page_shows_no_bound_of_a_threshold_that_is_only_estimated(scored, tmp_path):
    shutil.copytree(scored.out, tmp_path / "out")
    estimated = replace(threshold(0.5), certified=False)
    make_own_explorer(tmp_path / "out", sha256(scored.model), estimated, code(scored))
    index = read_script(tmp_path / "out/page/data/index.js")
    note = index["datasets"][0]["notes"][0]
    assert "only estimated for 1 false alarm an hour" in note and "at most" not in note


def test_results_of_another_model_are_not_on_the_page(scored, tmp_path):
    shutil.copytree(scored.out, tmp_path / "out")
    text = (tmp_path / "out/yard/events.json").read_text()
    hash_of_model = sha256(scored.model)
    (tmp_path / "out/yard/events.json").write_text(text.replace(hash_of_model, "0" * 64))
    make_own_explorer(tmp_path / "out", hash_of_model, threshold(0.5), code(scored))
    videos = read_script(tmp_path / "out/page/data/0/videos.js")
    assert [video["name"] for video in videos] == ["door"]


def test_results_of_older_code_are_named_and_not_on_the_page(scored, tmp_path):
    shutil.copytree(scored.out, tmp_path / "out")
    events = tmp_path / "out/yard/events.json"
    values = json.loads(events.read_text())
    values["made_with"]["code"]["score"] -= 1
    events.write_text(json.dumps(values))
    make_own_explorer(tmp_path / "out", sha256(scored.model), threshold(0.5), code(scored))
    videos = read_script(tmp_path / "out/page/data/0/videos.js")
    assert [video["name"] for video in videos] == ["door"]
    index = read_script(tmp_path / "out/page/data/index.js")
    assert "Left out: 1 video scored by another version" in index["datasets"][0]["notes"][1]


@pytest.mark.parametrize("text", ["{}", "[]", '{"made_with": 3}'])
def test_events_of_another_program_are_not_on_the_page(scored, tmp_path, text):
    shutil.copytree(scored.out, tmp_path / "out")
    (tmp_path / "out/yard/events.json").write_text(text)
    make_own_explorer(tmp_path / "out", sha256(scored.model), threshold(0.5), code(scored))
    videos = read_script(tmp_path / "out/page/data/0/videos.js")
    assert [video["name"] for video in videos] == ["door"]


@pytest.mark.parametrize("text", ['{"a": 1}\n{"a": 2}\n', "caf\xe9"])
def test_events_of_another_form_in_a_folder_of_others_are_left_alone(scored, tmp_path, text):
    shutil.copytree(scored.out, tmp_path / "out")
    others = tmp_path / "out/camera/events.json"
    others.parent.mkdir()
    others.write_text(text, encoding="latin-1")
    make_own_explorer(tmp_path / "out", sha256(scored.model), threshold(0.5), code(scored))
    videos = read_script(tmp_path / "out/page/data/0/videos.js")
    assert [video["name"] for video in videos] == ["door", "yard"]
    (tmp_path / "out/yard/events.json").write_text(text, encoding="latin-1")
    with pytest.raises(FusevadError, match=r"yard/events\.json: missing or damaged"):
        make_own_explorer(tmp_path / "out", sha256(scored.model), threshold(0.5), code(scored))


def test_a_damaged_table_of_a_video_that_was_scored_before_is_one_line(scored, tmp_path):
    shutil.copytree(scored.out, tmp_path / "out")
    table = tmp_path / "out/yard/segments.parquet"
    table.write_bytes(table.read_bytes()[:100])
    for _ in range(2):
        with pytest.raises(
            FusevadError, match=r"yard/segments\.parquet: missing or damaged; delete"
        ):
            make_own_explorer(tmp_path / "out", sha256(scored.model), threshold(0.5), code(scored))
        table.unlink(missing_ok=True)


def write_table(folder: Path, table: pd.DataFrame, **options: Any) -> None:
    """Write a table of segments in place of a video's, and its hash."""
    table.to_parquet(folder / "segments.parquet", index=False, **options)
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    lines = [line for line in lines if not line.endswith("segments.parquet")]
    lines.append(f"{sha256(folder / 'segments.parquet')}  segments.parquet")
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def without(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.drop(columns=name)


def with_values(name: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(**{name: value})


@pytest.mark.parametrize(
    "change",
    [
        without("score"),
        without("start_seconds"),
        with_values("score", 2.0),
        with_values("lowest", float("nan")),
        with_values("score", "0.5"),
        with_values("weight_rgb", True),
        with_values("segment", 0),
        with_values("end_seconds", 0.0),
        lambda table: table.head(0),
        lambda table: table.iloc[::-1],
        lambda table: pd.concat([table] * 1_000_000, ignore_index=True),
    ],
)
def test_a_table_of_others_is_one_line(scored, tmp_path, change):
    shutil.copytree(scored.out, tmp_path / "out")
    folder = tmp_path / "out/yard"
    write_table(folder, change(pd.read_parquet(folder / "segments.parquet")))
    with pytest.raises(FusevadError, match=r"yard/segments\.parquet: .*; delete"):
        make_own_explorer(tmp_path / "out", sha256(scored.model), threshold(0.5), code(scored))


@pytest.mark.parametrize("change", [("label", "lable"), ("rate", "rat"), ('"rules"', '"rule"')])
def test_facts_of_another_form_are_one_line(scored, tmp_path, change):
    shutil.copytree(scored.out, tmp_path / "out")
    file = tmp_path / "out/door/events.json"
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(FusevadError, match=r"door/events\.json: "):
        make_own_explorer(tmp_path / "out", sha256(scored.model), threshold(0.5), code(scored))


@pytest.mark.parametrize("place", ["page/thesis.txt", "index.html", "page/index.html", "page"])
def test_files_of_others_are_not_replaced_by_the_page(scored, tmp_path, place):
    shutil.copytree(scored.out, tmp_path / "out")
    if place == "page/thesis.txt":
        (tmp_path / "out" / place).write_text("mine")
    else:
        shutil.rmtree(tmp_path / "out/page")
        (tmp_path / "out" / place).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / place).write_text("mine")
    words = ["score", "none.mp4", "--model", str(scored.model), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, FusevadError)
    assert "not a page of fusevad score" in str(result.exception)
    assert (tmp_path / "out" / place).read_text() == "mine"


def test_an_earlier_page_is_replaced(scored, tmp_path):
    shutil.copytree(scored.out, tmp_path / "out")
    shutil.rmtree(tmp_path / "out/yard")
    make_own_explorer(tmp_path / "out", sha256(scored.model), threshold(0.5), code(scored))
    videos = read_script(tmp_path / "out/page/data/0/videos.js")
    assert [video["name"] for video in videos] == ["door"]


def test_a_folder_without_results_has_no_page(tmp_path):
    assert make_own_explorer(tmp_path, "0" * 64, threshold(0.5), {}) is None
    assert not list(tmp_path.iterdir())


def test_the_page_opens_in_a_browser_at_the_models_threshold(scored, open_page):
    page = open_page(scored.out / "index.html")
    assert page.title() == "Scores of 2 videos"
    assert page.locator("#threshold-value").text_content() == "0.500"
    assert "false alarm an hour" in (page.locator("#notes").text_content() or "")
    assert page.locator("th").all_text_contents()[:2] == ["Video", "Length"]
