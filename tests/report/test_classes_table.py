"""The table of classes of made-up runs."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from fusevad.csv_tables import write_csv
from tests.made_up_runs import (
    CLASSES,
    METHODS,
    PROTOCOL_SHIFT,
    changed_run,
    make_up,
)
from tests.report.made_tables import classes, measured_line


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("report") / "rendered", videos_on_disk=True)


def test_the_caption_of_classes_counts_pairs_in_place_of_daggers(made_up, tmp_path):
    text, tidy = classes(tmp_path, made_up.dataset, made_up.rows)
    count = 21 * tidy.loc[tidy["block"] == "measured", "class"].nunique()
    assert f"Of all {count} pairs in the table, " in text
    assert "fusevad power classes lists them" in text
    assert "dagger" not in text


def test_the_class_table_has_a_row_a_class_with_its_number_of_videos(made_up, tmp_path):
    text, tidy = classes(tmp_path, made_up.dataset, made_up.rows)
    assert "Measured here" not in text, "all is measured here: no published number beside it"
    values = pd.read_csv(made_up.rows[0].runs["rendered"] / "classes.csv")
    fire = values.query("protocol == 'validation' and metric == 'AUC' and `class` == 'fire'")
    cell = measured_line(text, "fire (2)")[0]
    printed = [float(number) for number in re.findall(r"\d+\.\d+", cell)]
    assert printed == [
        round(100 * fire["value"].mean(), 2),
        round(100 * fire["value"].std(), 2),
    ]
    assert len(tidy) == len(METHODS) * len(CLASSES) * len(PROTOCOL_SHIFT)
    assert set(tidy["videos"]) == {2}


@pytest.mark.parametrize("key", ["ucf-crime", "ucf-crime.crops"])
def test_classes_of_a_data_set_of_the_paper_show_the_published_values(made_up, tmp_path, key):
    crime = replace(
        made_up.dataset,
        key=key,
        source="ucf-crime",
        intervals=tmp_path / "intervals.csv",
        manifest=tmp_path / "manifest.csv",
    )
    videos = pd.read_csv(made_up.dataset.manifest, dtype=str)
    arson = videos["classes"].where(videos["classes"] == "normal", "Arson")
    write_csv(videos.assign(classes=arson), crime.manifest)
    intervals = pd.read_csv(made_up.dataset.intervals).assign(**{"class": "Arson"})
    write_csv(intervals, crime.intervals)
    row = changed_run(
        made_up.rows[0], tmp_path, lambda t: t[t["class"] == "fire"].replace("fire", "Arson"),
        file="classes.csv",
    )  # fmt: skip
    rows = [replace(row, runs={key: row.runs["rendered"]})]
    text, tidy = classes(tmp_path, crime, rows)
    assert measured_line(text, "Arson (10)")[1:] == [
        r"\textit{65.49}",
        r"\textit{66.75}",
        r"\textit{72.68}",
    ]
    assert set(tidy.query("block == 'published'")["method"]) == {
        "Image only",
        "Motion cue only",
        "IEF-VAD",
    }
