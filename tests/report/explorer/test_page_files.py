"""What the page consists of: its data, films, and the copies of others' files."""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from fusevad import files as files_module
from fusevad.errors import FusevadError
from fusevad.evaluate.settings import AlarmSettings
from fusevad.files import temporary_path
from fusevad.hash_tables import HASHES
from fusevad.report.explorer import page as module
from fusevad.report.explorer.contents import (
    Page,
    ShownDataset,
    ShownMethod,
    ShownVideo,
    VideoScores,
)
from fusevad.report.explorer.encoding import encode_film
from fusevad.report.explorer.films import film_size, make_films, read_films
from fusevad.report.explorer.packing import pack, pack_exactly, unpack
from fusevad.report.explorer.page import STATIC, is_page, write_page
from fusevad.report.explorer.runs import make_explorer
from fusevad.report.explorer.settings import FilmSettings
from tests.made_up_tables import write_table
from tests.made_up_videos import shown
from tests.report.explorer.conftest import read_script


def test_scores_keep_four_digits_and_missing_ones():
    values = np.append(np.random.default_rng(0).random(1000), [0, 1, np.nan])
    found = unpack(pack(values))
    assert np.nanmax(np.abs(found - values)) < 1e-5
    assert np.isnan(found[-1])
    assert found[-3:-1].tolist() == [0, 1]


def test_twenty_minutes_of_scores_take_six_kilobytes():
    assert len(pack(np.zeros(2250))) == 6000


def test_the_vendored_files_are_those_of_the_recorded_package():
    text = (STATIC / "vendor" / "README.md").read_text()
    recorded = dict(re.findall(r"`(uPlot\.[\w.]+)` \| sha256 (\w{64})", text))
    assert set(recorded) == {"uPlot.iife.min.js", "uPlot.min.css"}
    for name, digest in recorded.items():
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest


def test_no_file_of_the_page_asks_for_anything_outside_it():
    for file in STATIC.glob("*.*"):
        text = file.read_text()
        assert not re.search(r"https?://|\bfetch\(|XMLHttpRequest|type=.module", text), file.name


@pytest.mark.parametrize(("known", "classes"), [(True, None), (False, None), (False, "normal")])
def test_only_where_no_anomaly_is_possible_does_no_interval_mean_none(
    made_up, tmp_path, known, classes
):
    table = pd.read_csv(made_up.dataset.manifest)
    changed = table.assign(classes=classes or table["classes"])
    changed.to_csv(tmp_path / "manifest.csv", index=False)
    write_table(tmp_path, "intervals")
    dataset = replace(made_up.dataset, manifest=tmp_path / "manifest.csv")
    if not known:
        dataset = replace(dataset, intervals=tmp_path / "intervals.csv")
    rows = tuple(made_up.rows[:1])
    page = tmp_path / "page"
    make_explorer(rows, (dataset,), "last", AlarmSettings(), {}, {}, "", tmp_path / "i.html", page)
    truths = [video["truth"] for video in read_script(page / "data/0/videos.js")]
    if known:
        assert truths[0] == [] and all(len(own) == 1 for own in truths[1:6])
    else:
        assert truths == [[] if classes else None] * len(table)


def boxes(file: Path) -> list[bytes]:
    """Names of the boxes of an MP4 file, in order."""
    content, place, names = file.read_bytes(), 0, []
    while place < len(content):
        names.append(content[place + 4 : place + 8])
        place += int.from_bytes(content[place : place + 4], "big")
    return names


def test_films_are_what_browsers_play_and_seek_in(films, made_up):
    table = pd.read_csv(films)
    assert table["video"].tolist() == pd.read_csv(made_up.dataset.manifest)["video"].tolist()
    for row in table.itertuples():
        file = films.parent / row.film
        assert file.stat().st_size == row.bytes
        assert boxes(file).index(b"moov") < boxes(file).index(b"mdat")
        with av.open(file) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            frames = list(container.decode(stream))
        assert len(frames) == 90
        assert [frame.time for frame in frames] == pytest.approx(np.arange(90) / 15, abs=1e-4)
        keys = [frame.time for frame in frames if frame.key_frame]
        assert np.diff([*keys, 6.0]).max() <= 1.01


def test_a_film_shows_the_motion_cue_under_the_picture(films, made_up):
    """The square of the made-up videos moves in frames 30 to 60."""
    with av.open(films.parent / pd.read_csv(films)["film"].iloc[1]) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert pictures[0].shape == (480, 320, 3)
    with av.open(made_up.dataset.manifest.parent / "test-001.mp4") as container:
        original = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(pictures[0][:240].astype(int) - original).mean() < 6
    still, moving = (pictures[k][240:].min() for k in (4, 40))
    assert still > 240
    assert moving < 180


def test_a_film_keeps_the_times_of_a_variable_rate(tmp_path):
    edges = np.cumsum([0, 0.04, 0.2, 0.04, 0.5, 0.1])
    pictures = (np.full((32, 48, 3), 40 * k, np.uint8) for k in range(5))
    encode_film(pictures, (48, 32), edges, tmp_path / "film.mp4")
    with av.open(tmp_path / "film.mp4") as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx(edges[:-1], abs=1e-4)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((320, 240), (320, 240)),
        ((1920, 1080), (320, 180)),
        ((1080, 1920), (180, 320)),
        ((7, 5), (8, 4)),
    ],
)
def test_films_are_small_and_even(size, expected):
    assert film_size(*size, 320) == expected


def page_of(scores: VideoScores, names=("a",)) -> Page:
    videos = [ShownVideo(name, np.arange(4.0)) for name in names]
    method = ShownMethod("m", "Method", (), [scores] * len(names))
    return Page("Page", [ShownDataset("d", "Data", videos, [method])])


def flat(segments: int) -> VideoScores:
    return VideoScores(*[np.full(segments, 0.5)] * 3)


def test_scores_that_do_not_fit_a_video_are_named(tmp_path):
    with pytest.raises(FusevadError, match="Method: 2 scores of video a, which has 3 segments"):
        write_page(page_of(flat(2)), tmp_path / "page")


@pytest.mark.parametrize(
    ("count", "message"), [(1, "no scores of video b"), (3, "more than the 2 videos of Data")]
)
def test_every_video_has_its_scores_and_no_scores_are_left(tmp_path, count, message):
    videos = [ShownVideo(name, np.arange(4.0)) for name in "ab"]
    method = ShownMethod("m", "Method", (), [flat(3)] * count)
    with pytest.raises(FusevadError, match=message):
        write_page(Page("Page", [ShownDataset("d", "Data", videos, [method])]), tmp_path / "page")


def test_pages_that_a_killed_process_of_the_same_number_left_are_in_nobodys_way(tmp_path):
    for name in ("page", "page.old"):
        left = temporary_path(tmp_path / name)
        left.mkdir()
        (left / "index.html").touch()
    for segments in (3, 2):  # the second page replaces the first
        scores = flat(segments)
        videos = [ShownVideo(name, np.arange(segments + 1.0)) for name in "ab"]
        method = ShownMethod("m", "Method", (), [scores, scores])
        write_page(Page("Page", [ShownDataset("d", "Data", videos, [method])]), tmp_path / "page")
    assert [each.name for each in tmp_path.iterdir()] == ["page"]


def test_a_page_that_fails_leaves_nothing_and_keeps_the_earlier_one(tmp_path):
    write_page(page_of(flat(3)), tmp_path / "page")
    before = (tmp_path / "page/SHA256SUMS").read_text()
    with pytest.raises(FusevadError):
        write_page(page_of(flat(2)), tmp_path / "page")
    assert [each.name for each in tmp_path.iterdir()] == ["page"]
    assert (tmp_path / "page/SHA256SUMS").read_text() == before


def test_videos_need_different_names(tmp_path):
    with pytest.raises(FusevadError, match="two videos are called a"):
        page_of(flat(3), names=("a", "b", "a"))


def test_a_page_replaces_an_earlier_one_and_lists_its_files(tmp_path):
    folder = tmp_path / "page"
    write_page(page_of(flat(3), names=("a", "b")), folder)
    write_page(page_of(flat(3)), folder)
    assert not (folder / "data" / "0" / "0" / "video-1.js").exists()
    command = ["sha256sum", "--check", "--quiet", HASHES]
    assert subprocess.run(command, cwd=folder, check=False).returncode == 0


def test_times_are_stored_exactly(tmp_path):
    edges = np.arange(4) * 16 / 29.97
    video = ShownVideo("a", edges)
    method = ShownMethod("m", "Method", (), [flat(3)])
    write_page(Page("Page", [ShownDataset("d", "Data", [video], [method])]), tmp_path / "page")
    (stored,) = read_script(tmp_path / "page/data/0/videos.js")
    assert stored["edges"] == pack_exactly(edges)


def test_two_pages_at_once_are_each_whole(tmp_path, monkeypatch):
    """The second begins while the first is being written."""
    folder, real = tmp_path / "page", module._write_data
    others = iter([page_of(flat(3), names=("b",))])

    def interrupted(*given: object) -> None:
        for other in others:
            with monkeypatch.context() as process:
                process.setattr(os, "getpid", os.getppid)
                write_page(other, folder)
        real(*given)

    monkeypatch.setattr(module, "_write_data", interrupted)
    write_page(page_of(flat(3)), folder)
    assert is_page(folder)
    assert [video["name"] for video in read_script(folder / "data/0/videos.js")] == ["a"]
    assert [each.name for each in tmp_path.iterdir()] == ["page"]


def test_a_page_is_whole_or_not_there_whenever_a_kill_comes(tmp_path, monkeypatch):
    folder = tmp_path / "page"
    write_page(page_of(flat(3), names=("b",)), folder)

    def killed(path: Path) -> None:
        if path.exists():  # the earlier page, once the new one is in its place
            raise KeyboardInterrupt

    monkeypatch.setattr(files_module, "remove_folder", killed)
    with pytest.raises(KeyboardInterrupt):
        write_page(page_of(flat(3)), folder)
    assert is_page(folder)
    assert [video["name"] for video in read_script(folder / "data/0/videos.js")] == ["a"]


def test_a_film_in_a_folder_whose_name_is_not_utf_8_is_named_by_its_bytes(tmp_path):
    film = tmp_path / "caf\udce9" / "annotated.mp4"
    video = ShownVideo("caf\udce9", np.arange(4.0), film=film)
    method = ShownMethod("m", "Method", (), [flat(3)])
    write_page(Page("Page", [ShownDataset("d", "Data", [video], [method])]), tmp_path / "page")
    (stored,) = read_script(tmp_path / "page/data/0/videos.js")
    assert (stored["film"], stored["name"]) == ("../caf%E9/annotated.mp4", "caf\\xe9")


def test_films_are_made_again_when_videos_have_another_order(films, made_up, tmp_path, monkeypatch):
    """Films are called by their place in the manifest."""
    manifest = made_up.dataset.manifest
    table = pd.read_csv(manifest)
    turned = manifest.with_name("turned.csv")
    table.iloc[::-1].to_csv(turned, index=False)
    folder = tmp_path / "films"
    shutil.copytree(films.parent, folder)
    cues = folder / "shard-0.h5"
    make_films(turned, [cues], FilmSettings(16, 10), folder / "films.csv", workers=1)
    before, after = (read_films(path / "films.csv") for path in (films.parent, folder))
    assert list(after) == list(before)[::-1]
    for name, film in before.items():
        assert shown(after[name]) == shown(film)


def test_films_are_made_again_when_the_frame_rate_was_corrected(films, made_up, tmp_path):
    """The files and their cues are the same."""
    corrected = made_up.dataset.manifest.with_name("corrected.csv")
    table = pd.read_csv(made_up.dataset.manifest)
    table.assign(fps=2 * table["fps"]).to_csv(corrected, index=False)
    folder = tmp_path / "films"
    shutil.copytree(films.parent, folder)
    out = folder / "films.csv"
    make_films(corrected, [folder / "shard-0.h5"], FilmSettings(16, 10), out, workers=1)
    lasting = [av.open(file).duration for file in read_films(out).values()]
    before = [av.open(file).duration for file in read_films(films).values()]
    assert lasting == pytest.approx([length / 2 for length in before], rel=0.02)
