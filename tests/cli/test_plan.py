"""`fusevad plan`: its table, its JSON, and what they say of assumptions."""

import json

import pytest
from typer.testing import CliRunner

from fusevad.cli import app

PAPER = ("--configfile", "config/paper.yaml")


@pytest.fixture
def in_root(root, monkeypatch):
    monkeypatch.chdir(root)


def said(*words: str) -> str:
    result = CliRunner().invoke(app, ["plan", *words, *PAPER])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_table_has_a_row_a_stage_then_the_same_for_more_data(in_root):
    lines = said("--times", "10").splitlines()
    first, more = lines.index(""), lines.index("10 times the data, in shards as large as now")
    assert lines[0].split()[:2] == ["stage", "jobs"]
    rows = {line.split()[0]: line.split() for line in lines[1:first]}
    larger = {
        line.split()[0]: line.split() for line in lines[more + 2 :] if line and line[0] != " "
    }
    # As docs/reproduce.md says of `snakemake -n`.
    assert rows["total"][1] == "326"
    # 32 + 32 + 8 + 8 shards.
    assert rows["cues"][1] == "80" and larger["cues"][1] == "800"
    assert larger["train"][1] == rows["train"][1] == "32"
    assert any(line.startswith("ucf-crime: 1900 videos, 13.74 M frames, by") for line in lines)
    assert "rate of report: not measured" in lines


def test_json_has_numbers_in_place_of_texts(in_root):
    found = json.loads(said("--json", "--times", "2"))
    assert [each["times"] for each in found["plans"]] == [1, 2]
    first, second = ({stage["stage"]: stage for stage in each["stages"]} for each in found["plans"])
    assert second["cues"]["core_hours"] == pytest.approx(2 * first["cues"]["core_hours"])
    assert found["datasets"]["ucf-crime"]["frames"] == 13_741_393


def test_a_target_that_nothing_makes_is_refused(in_root):
    result = CliRunner().invoke(app, ["plan", "results/none.tex", *PAPER])
    assert "results/none.tex: no job of this configuration makes it" in str(result.exception)


def test_a_target_of_data_alone_needs_no_training(in_root):
    lines = said("results/ucf-crime/manifest.csv", "--times", "1").splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["fetch", "labels", "manifest", "total"]
