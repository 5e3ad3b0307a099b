"""Stages called by hand: inputs must match their records, and outputs those of the settings."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.errors import FusevadError
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import recorded

MADE = {
    "index/x": "rgb/index.csv",
    "train/x": "run/history.csv",
    "evaluate/x": "run/seeds.csv",
    "study-alarms/x": "alarms/x.parquet",
    "train/y": "taught/history.csv",
    "bundle/x": "x.fusevad",
    "event-clip": "event-clip.safetensors",
}
READ = {
    "train/x": {"streams": MADE["index/x"]},
    "evaluate/x": {"run": MADE["train/x"]},
    "study-alarms/x": {"run": MADE["train/x"], "streams": MADE["index/x"]},
    "train/y": {"streams": MADE["index/x"], "teacher": "run/weights/seed-0.safetensors"},
    "bundle/x": {"run": MADE["train/x"]},
}


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch) -> dict[str, str]:
    """Outputs of some jobs, as recorded, in a folder of their own; files of settings by job."""
    monkeypatch.chdir(tmp_path)
    Path("run/weights").mkdir(parents=True)
    Path("run/weights/seed-0.safetensors").write_text("a source")
    jobs = [
        Job(name, name.partition("/")[0], {}, READ.get(name, {}), (path,))
        for name, path in MADE.items()
    ]
    plan = Plan(jobs)
    for job in jobs:
        with recorded(plan.write_settings(job)):
            path = Path(job.outputs[0])
            path.parent.mkdir(exist_ok=True)
            path.write_text("as made\n")
    return {job.name: str(plan.write_settings(job)) for job in jobs}


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


TRAIN = ("train", "--manifest", "m.csv", "--stream", "rgb=rgb/index.csv", "--settings")


@pytest.mark.parametrize("out", ["elsewhere", "rgb", ".", "run/history"])
def test_a_file_of_settings_goes_with_the_outputs_of_its_own_job_alone(settings, out):
    Path("run/history.csv").write_text("not so\n")
    record = Path("run/history.provenance.json").read_bytes()
    refusal = "settings of the job that writes run/history.csv, which this command does not"
    assert refusal in said(*TRAIN, settings["train/x"], out)
    assert Path("run/history.provenance.json").read_bytes() == record


def test_the_outputs_of_a_file_of_settings_may_be_named_in_any_way(settings, tmp_path):
    assert "method: missing" in said(*TRAIN, settings["train/x"], "run/../run")
    assert "method: missing" in said(*TRAIN, settings["train/x"], str(tmp_path / "run"))


@pytest.mark.parametrize(
    ("job", "words", "other"),
    [
        ("train/x", (*TRAIN[:4], "rgb=other.csv", "run"), "other.csv"),
        ("evaluate/x", ("evaluate", "run", "--manifest", "other.csv", *EVALUATE[4:]), "other.csv"),
        ("index/x", ("index", "rgb/index.csv", "run/history.csv", *TRAIN[1:3]), "run/history.csv"),
    ],
)
def test_a_file_of_settings_goes_with_the_inputs_of_its_own_job_alone(settings, job, words, other):
    """Its record would say that the outputs were made from the job's own inputs."""
    Path("other.csv").write_text("as made\n")
    refusal = f"{other}: not an input of the job that {settings[job]} describes"
    assert refusal in said(*words, "--settings", settings[job])
    assert refusal not in said(*(w.replace("other", "gone") for w in words), "--settings", "{}")


def test_a_run_folder_that_is_no_input_of_the_job_is_refused(settings):
    shutil.copytree("run", "copy")
    words = (*ALARMS[2:], MADE["study-alarms/x"], "--settings", settings["study-alarms/x"])
    assert "copy: not an input of the job" in said("study-alarms", "copy", *words)
    assert "not an input" not in said("study-alarms", "run", *words)


def test_a_file_that_is_called_like_a_word_of_the_command_is_not_read(settings):
    for word in ("validation", "0", "AUC"):
        Path(word).write_text("")
    words = ("evaluate", "run", "--main-metric", "AUC", *EVALUATE[2:])
    assert "not an input" not in said(*words, "--settings", settings["evaluate/x"])
    words = (*TRAIN[:-1], "run", "--seeds", "0", "--settings", settings["train/x"])
    assert "method: missing" in said(*words)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("bundle/x", ("bundle", "run", "-o", MADE["bundle/x"], "--sign", "mine")),
        ("event-clip", ("convert-event-clip", MADE["event-clip"], "--checkpoint", "mine")),
    ],
)
def test_a_key_and_a_download_by_hand_go_with_any_settings(settings, job, words):
    Path("mine").write_text("")
    error = said(*words, "--settings", settings[job])
    assert error.startswith("mine: ") and "not an input" not in error


def test_a_teachers_folder_may_have_its_inputs_at_any_depth(settings):
    words = (*TRAIN[:-1], "taught", "--teacher", "run", "--settings", settings["train/y"])
    assert "method: missing" in said(*words)


@pytest.mark.parametrize(
    ("words", "job"),
    [((*ALARMS, "o"), "index/x"), (EVALUATE, "train/x"), ((*TRAIN[:-1], "run"), "evaluate/x")],
)
def test_a_stage_takes_no_other_stages_settings(settings, words, job):
    """Else damaged weights, beside which an evaluation writes, would be recorded as trained so."""
    Path("run/history.csv").write_text("not so\n")
    records = {file: file.read_bytes() for file in Path("run").glob("*.provenance.json")}
    refusal = f"settings of stage {job.partition('/')[0]}, not {words[0]}"
    assert refusal in said(*words, "--settings", settings[job])
    assert {file: file.read_bytes() for file in Path("run").glob("*.provenance.json")} == records


@pytest.mark.parametrize("changed", [True, False])
def test_a_copied_folder_goes_with_the_records_that_were_copied_with_it(tmp_path, changed):
    shutil.copytree("rgb", "copy")
    if changed:
        Path("copy/index.csv").write_text("not so\n")
    words = [word.replace("rgb/index.csv", "copy/index.csv") for word in ALARMS]
    refused = "copy/index.csv: changed since" in said(*words, "--settings", "{}", "out.csv")
    assert refused == changed
