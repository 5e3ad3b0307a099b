"""The figure of alarms, from hand-made scores."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusevad.evaluate.timed_videos import timed_videos
from fusevad.files import sha256
from fusevad.report import alarms_figure
from fusevad.report.alarm_curves import found_curve
from fusevad.report.alarms_figure import make_alarms_figure
from fusevad.report.alarms_table import make_alarms_table
from fusevad.report.runs import TableRow
from tests.made_up_alarms import ALARMS, PLAIN, SEGMENTS, alarms_dataset, write_alarms

ROWS = ("Gating", "gating"), ("Concatenation", "concat")


@pytest.fixture
def folder(tmp_path):
    write_alarms(tmp_path)
    return tmp_path


def test_the_curve_rises_where_the_test_videos_false_alarms_let_it(folder):
    """Two false alarms, 0.9 and 0.8, are above the event's 0.75."""
    data = alarms_dataset(folder)
    videos = timed_videos(data.manifest, data.intervals, "test")
    hours = (3 * SEGMENTS - 80) / 3600
    rates = np.array([0.9, 1.99, 2.01, 9.99]) / hours
    curve = found_curve(folder, "validation", videos, PLAIN, rates)
    assert curve.share.tolist() == [0, 0, 0.5, 0.5]
    assert curve.low.tolist() == curve.high.tolist() == curve.share.tolist()


def test_among_thousands_of_scores_the_highest_are_all_tried(folder):
    """The same alarms as above, with another score for each calm segment."""
    file = folder / "scores.parquet"
    scores = pd.read_parquet(file)
    calm = scores["score"] == 0.1
    scores.loc[calm, "score"] = np.linspace(0.1, 0.4, calm.sum())
    scores.to_parquet(file, index=False)
    data = alarms_dataset(folder)
    videos = timed_videos(data.manifest, data.intervals, "test")
    hours = (3 * SEGMENTS - 80) / 3600
    rates = np.array([1.99, 2.01]) / hours
    assert found_curve(folder, "validation", videos, PLAIN, rates).share.tolist() == [0, 0.5]


@pytest.fixture
def drawn(folder, monkeypatch):
    """The figure of two methods, and the table whose thresholds it marks."""
    figures: list[Figure] = []
    save = alarms_figure.save_figure

    def keep(figure, out_pdf, out_png, caption):
        figures.append(figure)
        save(figure, out_pdf, out_png, caption)

    monkeypatch.setattr(alarms_figure, "save_figure", keep)
    rows = [TableRow(*row, {"rendered": folder}) for row in ROWS]
    datasets = [alarms_dataset(folder)]
    normals = {row.name: {"rendered": folder / "normal.parquet"} for row in rows}
    files = folder / "alarms.tex", folder / "alarms.csv"
    arguments = rows, datasets, normals, {}, {}, (), ALARMS, "validation"
    make_alarms_table("alarms", "Alarms", *arguments, *files)
    pictures = folder / "alarms.pdf", folder / "alarms.png"
    make_alarms_figure(rows, datasets, files[1], ALARMS, "validation", *pictures)
    assert all(file.stat().st_size for file in pictures)
    return figures[0], pd.read_csv(files[1]), pictures


def test_a_data_set_without_a_run_is_in_neither_table_nor_figure(folder, drawn):
    files = [folder / f"alarms.{form}" for form in ("tex", "csv", "png")]
    alone = [sha256(file) for file in files]
    rows = [TableRow(*row, {"rendered": folder}) for row in ROWS]
    datasets = [alarms_dataset(folder, "other"), alarms_dataset(folder)]
    normals = {row.name: {"rendered": folder / "normal.parquet"} for row in rows}
    arguments = rows, datasets, normals, {}, {}, (), ALARMS, "validation"
    make_alarms_table("alarms", "Alarms", *arguments, *files[:2])
    pictures = folder / "alarms.pdf", files[2]
    make_alarms_figure(rows, datasets, files[1], ALARMS, "validation", *pictures)
    assert [sha256(file) for file in files] == alone


def test_every_method_has_a_panel_with_its_curve_and_the_tables_thresholds(drawn):
    figure, table, _ = drawn
    assert [axis.get_title() for axis in figure.axes] == [label for label, _ in ROWS]
    shown = table[(table["experiment"] == "gating") & table["found"].notna()]
    for axis in figure.axes:
        assert axis.get_xscale() == "log"
        dashed = [line for line in axis.get_lines() if line.get_linestyle() == "--"]
        assert len(dashed) == 1, "the optimistic curve alone is dashed"
        marks = [line for line in axis.get_lines() if line.get_marker() == "o"]
        hollow = [mark for mark in marks if mark.get_markerfacecolor() == "white"]
        estimated = shown[shown["threshold_from"] == "held-out-estimate"]
        certified = shown[shown["threshold_from"] == "held-out"]
        assert len(hollow) == len(estimated) and len(marks) == len(hollow) + len(certified)
        places = sorted(mark.get_xdata()[0] for mark in marks if mark not in hollow)
        np.testing.assert_allclose(places, np.sort(certified["false_alarms"]))
        assert [text.get_text() for text in axis.texts] == ["5", "20"]


def test_an_interval_that_ends_at_the_mark_is_drawn_whatever_its_rounding(folder, drawn):
    _, table, pictures = drawn
    table["found_low"] = table["found"] + 1e-14
    table.to_csv(folder / "alarms.csv", index=False)
    rows = [TableRow(*row, {"rendered": folder}) for row in ROWS]
    arguments = rows, [alarms_dataset(folder)], folder / "alarms.csv", ALARMS, "validation"
    pictures[1].unlink()
    make_alarms_figure(*arguments, *pictures)
    assert pictures[1].stat().st_size


def test_the_caption_is_in_the_file_and_calls_the_dashed_curve_optimistic(drawn):
    picture = drawn[2][1].read_bytes()
    assert b"chosen on the test videos, which is optimistic" in picture
    assert b"certified for 1, 5, 20 false alarms an hour" in picture
