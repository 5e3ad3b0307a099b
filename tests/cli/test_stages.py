"""Stages called by hand: inputs that have a record are compared with it before they are read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.errors import FusevadError
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import recorded

MADE = {"train/x": "run/history.csv", "evaluate/x": "run/seeds.csv", "index/x": "rgb/index.csv"}


@pytest.fixture(autouse=True)
def _made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    jobs = [Job(name, name.partition("/")[0], {}, {}, (path,)) for name, path in MADE.items()]
    plan = Plan(jobs)
    for job in jobs:
        with recorded(plan.write_settings(job)):
            path = Path(job.outputs[0])
            path.parent.mkdir(exist_ok=True)
            path.write_text("as made\n")


def said(*words: str) -> str:
    error = CliRunner().invoke(app, words).exception
    return str(error) if isinstance(error, FusevadError) else ""


EVALUATE = ("evaluate", "run", "--manifest", "m.csv", "--intervals", "i.csv")
ALARMS = ("study-alarms", "run", "--manifest", "m.csv", "--stream", "rgb=rgb/index.csv")
REPORT = ("report", "table1", "a.tex", "a.csv", "--settings", json.dumps({"runs": ["run"]}))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("run/history.csv", EVALUATE),
        ("rgb/index.csv", (*ALARMS, "--settings", "{}", "out.csv")),
        ("run/seeds.csv", REPORT),
    ],
)
def test_an_input_that_changed_since_it_was_made_is_refused_however_it_is_named(changed, words):
    refusal = f"{changed}: changed since it was made"
    assert refusal not in said(*words)
    Path(changed).write_text("not so\n")
    assert refusal in said(*words)


def test_a_stage_may_write_its_own_outputs_anew_whatever_has_become_of_them():
    Path("run/seeds.csv").write_text("not so\n")
    assert "changed since" not in said(*EVALUATE)


def test_files_without_a_record_are_read_as_they_are():
    for record in Path("run").glob("*.provenance.json"):
        record.unlink()
    Path("run/history.csv").write_text("not so\n")
    assert "changed since" not in said(*EVALUATE)
