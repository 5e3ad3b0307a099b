"""The tables of methods and of alarms on two tiny data sets of one encoder, by real `snakemake`."""

import json
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
import yaml

from tests.workflow_runs import copy_project, copy_tiny_data, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

OVER = ("--configfile", "config/tiny.yaml", "two.yaml")
TARGETS = ("results/two/methods.tex", "results/two/leaderboard.json", "results/two/alarms.tex")
RUNS = "results/two/rendered-tiny/runs"
# The last also hears, by a stream that is embedded with other settings than pictures.
METHODS = ("concat", "mil", "avadclip")


@pytest.fixture(scope="module")
def finished(root, tiny_made, tmp_path_factory) -> Path:
    """A copy of the project with the table made, of three methods, and what it is made from."""
    folder = copy_project(root, tmp_path_factory.mktemp("methods"))
    copy_tiny_data(tiny_made, folder)
    for name, experiments in (("methods", [*METHODS]), ("alarms", ["concat"])):
        table = folder / f"config/tables/{name}.yaml"
        values = yaml.safe_load(table.read_text()) | {"experiments": experiments}
        table.write_text(yaml.safe_dump(values))
    tiny = yaml.safe_load((folder / "config/datasets/rendered-tiny.yaml").read_text())
    tiny["render"]["seed"] += 1
    other = folder / "config/datasets/rendered-other.yaml"
    other.write_text(yaml.safe_dump(tiny | {"title": "Other videos", "shards": 1}))
    (folder / "two.yaml").write_text("datasets: [rendered-tiny, rendered-other]\n")
    run(folder, "snakemake", "--cores", "2", *TARGETS, *OVER)
    return folder


def test_every_method_is_searched_run_and_tested_on_the_other_data_set(finished):
    table = pd.read_csv(finished / "results/two/methods.csv")
    moved = table[table.block == "transfer"]
    assert set(zip(moved.experiment, moved.trained_on, moved.dataset, strict=True)) == {
        (f"{method}.searched", source, target)
        for method in METHODS
        for source, target in (
            ("rendered-tiny", "rendered-other"),
            ("rendered-other", "rendered-tiny"),
        )
    }
    for method, own in (("concat", 1e-3), ("mil", 0.01)):
        rates = pd.read_csv(finished / RUNS / f"{method}.searched/learning-rates.csv")
        assert set(rates.learning_rate) == {own, 10 * own}
        (chosen,) = rates[rates.chosen].learning_rate.unique()
        rows = table[(table.experiment == f"{method}.searched") & (table.block == "measured")]
        assert chosen in set(rows.learning_rate)
        record = finished / RUNS / f"{method}.searched/history.provenance.json"
        assert json.loads(record.read_text())["found"] == {"learning_rate": chosen}


def test_alarms_on_the_other_data_set_have_thresholds_of_either(finished):
    table = pd.read_csv(finished / "results/two/alarms.csv")
    moved = table[table.block == "transfer"]
    assert set(zip(moved.trained_on, moved.dataset, strict=True)) == {
        ("rendered-tiny", "rendered-other"),
        ("rendered-other", "rendered-tiny"),
    }
    for _, own in moved.groupby("dataset"):
        assert {"held-out", "unseen", "unseen-estimate", "test"} <= set(own.threshold_from)
        # All normal training videos of the other data set are more than a tenth of one's own.
        hours = own.groupby("threshold_from").hours.mean()
        assert hours["unseen"] > hours["held-out"]


def test_the_leaderboard_fits_its_schema_and_speeds_name_the_machine(finished):
    board = json.loads((finished / TARGETS[1]).read_text())
    form = finished / "workflow/schemas/leaderboard.schema.json"
    jsonschema.validate(board, json.loads(form.read_text()))
    assert len(board["costs"]) == 2 * len(METHODS)
    assert all(cost["segments_per_second_with_encoder"] > 0 for cost in board["costs"])
    assert all(cost["machine"] for cost in board["costs"])


def test_a_second_run_does_nothing(finished):
    done = run(finished, "snakemake", "--cores", "2", *TARGETS, *OVER)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_speeds_that_are_measured_again_leave_the_numbers_the_same_bytes(finished):
    path = finished / "results/two/methods.csv"
    speed = finished / "results/two/rendered-tiny/studies/speed.csv"
    numbers, measured = path.read_bytes(), speed.read_bytes()
    again = ("--forcerun", "study_speed")
    run(finished, "snakemake", "--cores", "2", TARGETS[0], *again, *OVER)
    assert speed.read_bytes() != measured
    assert path.read_bytes() == numbers
