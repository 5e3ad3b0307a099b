"""The metrics that DVC shows and macros print."""

import json

import numpy as np
import pandas as pd
import pytest

from fusevad.errors import FusevadError
from fusevad.report.run_metrics import make_run_metrics
from tests.made_up_runs import (
    METHODS,
    METRICS,
    SEEDS,
    make_up,
)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("report") / "rendered", videos_on_disk=True)


def test_run_metrics_are_the_means_of_the_seeds_under_one_protocol(made_up, tmp_path):
    out = tmp_path / "metrics.json", tmp_path / "metrics.csv"
    make_run_metrics(made_up.rows, [made_up.dataset], "oracle", *out)
    found = json.loads(out[0].read_text())["rendered"]
    assert list(found) == sorted(METHODS)
    for row in made_up.rows:
        seeds = pd.read_csv(row.runs["rendered"] / "seeds.csv")
        for metric in METRICS:
            chosen = seeds[(seeds["protocol"] == "oracle") & (seeds["metric"] == metric)]
            assert found[row.name][metric] == round(np.mean(chosen["value"]), 4)
    table = pd.read_csv(out[1])
    assert len(table) == len(METHODS) * len(METRICS) * len(SEEDS)
    assert list(table) == ["dataset", "experiment", "metric", "seed", "value"]


def test_run_metrics_change_with_the_protocol_and_refuse_an_unknown_one(made_up, tmp_path):
    out = tmp_path / "metrics.json", tmp_path / "metrics.csv"
    arguments = (made_up.rows, [made_up.dataset])
    make_run_metrics(*arguments, "last", *out)
    last = json.loads(out[0].read_text())["rendered"]["concat"]["AUC"]
    make_run_metrics(*arguments, "oracle", *out)
    assert last < json.loads(out[0].read_text())["rendered"]["concat"]["AUC"]
    with pytest.raises(FusevadError, match="best"):
        make_run_metrics(*arguments, "best", *out)
