"""The numbers that papers printed."""

from dataclasses import replace

import pandas as pd
import pytest

from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.report.published import read_published, read_published_classes, under_configured_keys
from tests.made_up_alarms import alarms_dataset
from tests.made_up_runs import (
    PUBLISHED,
)


def test_the_published_numbers_are_the_papers():
    table = read_published(PUBLISHED / "table01.csv").set_index(["method", "dataset", "metric"])
    assert table.loc[("IEF-VAD (Student-T)", "ucf-crime", "Ano-AUC"), "mean"] == 71.50
    assert table["std"].notna().sum() == 10
    classes = read_published_classes(PUBLISHED / "table07.csv")
    assert classes.groupby("dataset")["class"].nunique().to_dict() == {
        "ucf-crime": 13,
        "xd-violence": 6,
        "shanghaitech": 11,
        "msad": 11,
    }


def test_each_split_of_a_papers_videos_has_its_numbers_under_its_own_key(tmp_path):
    table = read_published(PUBLISHED / "table01.csv")
    rendered = alarms_dataset(tmp_path)
    splits = [replace(rendered, key=key, source="msad") for key in ("msad", "msad-released")]
    found = under_configured_keys(table, [*splits, rendered])
    own = table[table["dataset"] == "msad"].drop(columns="dataset").reset_index(drop=True)
    assert len(own) and set(found["dataset"]) == {"msad", "msad-released"}
    for _, part in found.groupby("dataset"):
        shown = part.drop(columns="dataset").reset_index(drop=True)
        pd.testing.assert_frame_equal(shown, own)


def test_a_published_number_outside_percent_is_refused(tmp_path):
    table = pd.read_csv(PUBLISHED / "table01.csv")
    table.loc[3, "mean"] = 8414
    write_csv(table, tmp_path / "wrong.csv")
    with pytest.raises(FusevadError, match=r"wrong\.csv: mean must be a percentage"):
        read_published(tmp_path / "wrong.csv")
