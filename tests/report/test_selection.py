"""What choosing on the test set adds, from made-up runs whose protocols differ by two points."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fusevad.errors import FusevadError
from fusevad.report.runs import read_measurements
from fusevad.report.selection import make_selection
from fusevad.report.statistics import mean_interval
from tests.made_up_runs import METHODS, SEEDS, changed_run, make_up

AGAINST = ("validation", "last")


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("selection") / "rendered")


def selection(made_up, folder, rows=None):
    files = folder / "selection.tex", folder / "selection.csv"
    dataset = replace(made_up.dataset, metrics=("AP", "AUC"))
    make_selection("selection", "Title", rows or made_up.rows, [dataset], list(SEEDS), *files)
    return files[0].read_text(), pd.read_csv(files[1])


def by_seed(made_up, experiment):
    values = read_measurements(made_up.rows, [made_up.dataset])
    own = values[(values["experiment"] == experiment) & (values["metric"] == "AP")]
    return own.pivot(index="seed", columns="protocol", values="value")


def test_each_method_has_its_mean_difference_and_corrected_p_value(made_up, tmp_path):
    _, table = selection(made_up, tmp_path)
    assert len(table) == 2 * (len(METHODS) + 1)
    cells = table.set_index(["experiment", "against"])
    raw = []
    for row in made_up.rows:
        seeds = by_seed(made_up, row.name)
        for honest in AGAINST:
            cell = cells.loc[(row.name, honest)]
            expected = 100 * (seeds["oracle"] - seeds[honest])
            assert cell["difference"] == pytest.approx(expected.mean())
            assert cell["oracle"] - cell["honest"] == pytest.approx(expected.mean())
            assert cell["low"] < expected.mean() < cell["high"]
            raw.append(stats.ttest_rel(seeds["oracle"], seeds[honest]).pvalue)
    assert table["metric"].eq("AP").all()
    # Holm: the smallest of all p-values is multiplied by their number.
    assert table["p"].min() <= len(table) * min(raw)


def test_the_last_row_averages_over_the_methods_seed_by_seed(made_up, tmp_path):
    text, table = selection(made_up, tmp_path)
    average = table[table["experiment"].isna() & (table["against"] == "last")].iloc[0]
    seeds = sum(by_seed(made_up, name) for name in METHODS) / len(METHODS)
    assert average["difference"] == pytest.approx(100 * (seeds["oracle"] - seeds["last"]).mean())
    (line,) = [x for x in text.splitlines() if x.startswith("All methods, averaged")]
    assert f"{average['difference']:.2f} {{[}}" in line


def test_a_seed_that_one_method_lacks_is_not_averaged(made_up, tmp_path):
    short = changed_run(made_up.rows[0], tmp_path, lambda table: table[table["seed"] > 2])
    text, table = selection(made_up, tmp_path, rows=[short, *made_up.rows[1:]])
    numbers = table[table["against"] == "last"].set_index("method")["n"]
    assert (numbers["Image only"], numbers["Gating"], numbers.iloc[-1]) == (7, 10, 7)
    assert "seeds 0, 1, 2 missing" in text


def test_runs_without_a_protocol_are_an_error(made_up, tmp_path):
    row = changed_run(made_up.rows[0], tmp_path, lambda t: t[t["protocol"] != "oracle"])
    with pytest.raises(FusevadError, match="protocol oracle"):
        selection(made_up, tmp_path, rows=[row])


def test_the_interval_of_a_mean_is_scipys_bootstrap():
    values = np.random.default_rng(3).normal(size=10)
    found = mean_interval(values, resamples=999, seed=5)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=999, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    assert (found.low, found.high) == (expected.low, expected.high)
    assert found.value == pytest.approx(values.mean())
