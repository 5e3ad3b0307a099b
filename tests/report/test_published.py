"""The numbers that papers printed."""

import pandas as pd
import pytest

from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.report.published import read_published, read_published_classes
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


def test_a_published_number_outside_percent_is_refused(tmp_path):
    table = pd.read_csv(PUBLISHED / "table01.csv")
    table.loc[3, "mean"] = 8414
    write_csv(table, tmp_path / "wrong.csv")
    with pytest.raises(FusevadError, match=r"wrong\.csv: mean must be a percentage"):
        read_published(tmp_path / "wrong.csv")
