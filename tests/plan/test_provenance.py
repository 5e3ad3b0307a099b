"""Records: what a verb writes beside its outputs, and what it refuses to read."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fusevad.errors import FusevadError
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan, settings_digest
from fusevad.plan.records import differences, read_record, recorded


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("source.csv").write_text("a\n")


def _jobs(rate: float = 0.1) -> tuple[Plan, Job, Job]:
    first = Job("embed/x", "embed", {"rate": rate}, {"source": "source.csv"}, ("out/one.csv",))
    second = Job("train/x", "train", {}, {"one": "out/one.csv"}, ("out/two.csv",))
    return Plan([first, second]), first, second


def _run(plan: Plan, job: Job) -> None:
    with recorded(plan.write_settings(job)):
        for path in job.outputs:
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_text(job.name)


def test_a_record_names_settings_inputs_outputs_and_packages():
    plan, first, second = _jobs()
    _run(plan, first)
    _run(plan, second)
    record = read_record(Path(second.record))
    digest = hashlib.sha256(b"embed/x").hexdigest()
    assert record.inputs == {"out/one.csv": digest}
    assert record.outputs["out/two.csv"].size == len("train/x")
    assert record.lineage["embed/x"]["settings"] == {"rate": 0.1}
    assert record.lineage["embed/x"]["sources"] == {
        "source.csv": hashlib.sha256(b"a\n").hexdigest()
    }
    assert "torch" in record.packages


def test_only_a_training_records_where_and_how_long_it_ran():
    plan, first, second = _jobs()
    _run(plan, first)
    _run(plan, second)
    assert read_record(Path(first.record)).made is None
    record = read_record(Path(second.record))
    assert record.made.machine
    assert record.made.seconds < 60
    assert re.fullmatch(r"([0-9a-f]{40}(-dirty)?)?", record.made.commit)


@pytest.mark.parametrize("rate", [1e-8, 1e22, -0.5, 3])
def test_what_is_recorded_is_what_the_plan_expects_whatever_the_number(rate):
    plan, first, _ = _jobs(rate)
    _run(plan, first)
    assert read_record(Path(first.record)).lineage == plan.lineage(first)


def test_a_source_that_changes_between_the_plan_and_its_job_is_refused():
    """Otherwise the new file's results would be recorded, and later accepted, as the old one's."""
    plan, first, _ = _jobs()
    settings = plan.write_settings(first)
    Path("source.csv").write_text("b\n")
    with (
        pytest.raises(FusevadError, match=r"source\.csv: changed since the workflow was planned"),
        recorded(settings),
    ):
        pytest.fail("the job began")
    assert not Path(first.record).exists()


def test_an_input_made_with_other_settings_is_refused_and_both_values_named():
    plan, first, _ = _jobs(rate=0.1)
    _run(plan, first)
    changed, _, second = _jobs(rate=0.2)
    with pytest.raises(FusevadError, match=r"one\.csv.*rate: 0\.1 recorded, 0\.2 configured"):
        _run(changed, second)
    assert not Path("out/two.csv").exists()


@pytest.mark.parametrize(
    "other",
    [
        {"outputs": {}},
        {"lineage": {}},
        {"job": "zzz", "lineage": {}, "outputs": {}},
    ],
)
def test_a_record_that_does_not_speak_of_the_input_vouches_for_nothing(other):
    plan, first, second = _jobs()
    _run(plan, first)
    record = Path(first.record)
    record.write_text(json.dumps(json.loads(record.read_text()) | other))
    with pytest.raises(FusevadError, match=r"one\.csv: its record .* is another file's"):
        _run(plan, second)


def test_an_input_that_was_changed_since_is_refused():
    plan, first, second = _jobs()
    _run(plan, first)
    Path("out/one.csv").write_text("by hand")
    with pytest.raises(FusevadError, match=r"one\.csv: changed since it was made"):
        _run(plan, second)


@pytest.mark.parametrize("outputs", [[], ["../victim.csv"], ["/tmp/victim.csv"], ["out/../../v"]])
def test_settings_with_outputs_elsewhere_are_refused_before_anything_is_removed(tmp_path, outputs):
    victim = Path("../victim.provenance.json")
    victim.write_text("precious")
    plan, first, _ = _jobs()
    values = json.loads(Path(plan.write_settings(first)).read_text()) | {"outputs": outputs}
    content = json.dumps(values).encode()
    crafted = Path(f"x.{settings_digest(content)}.json")
    crafted.write_bytes(content)
    with pytest.raises(FusevadError, match="outputs that are none"), recorded(str(crafted)):
        pass
    assert victim.read_text() == "precious"


def test_an_input_without_a_record_is_refused():
    plan, first, second = _jobs()
    _run(plan, first)
    Path(first.record).unlink()
    with pytest.raises(FusevadError, match=r"one\.csv: no record"):
        _run(plan, second)


def test_a_damaged_record_is_one_clear_line():
    plan, first, second = _jobs()
    _run(plan, first)
    Path(first.record).write_text('{"job": ')
    with pytest.raises(FusevadError, match=r"provenance\.json is damaged; delete out"):
        _run(plan, second)


@pytest.mark.parametrize("damage", ["", "{", '{"job": 1}', "[]"])
def test_after_a_damaged_record_one_deletion_is_enough(damage):
    """Of the file that the message names; deleted, Snakemake runs its job again."""
    plan, first, second = _jobs()
    _run(plan, first)
    Path(first.record).write_text(damage)
    with pytest.raises(FusevadError, match=r"; delete (\S+) and run the workflow again$") as found:
        _run(plan, second)
    deleted = re.search(r"delete (\S+) and", str(found.value))[1]
    assert deleted in first.outputs
    Path(deleted).unlink()
    _run(plan, first)
    _run(plan, second)


@pytest.mark.parametrize(
    "change", [lambda x: "", lambda x: x.replace("0.1", "0.7"), lambda x: "{}"]
)
def test_a_settings_file_that_is_not_what_its_name_says_is_refused_and_mended(change):
    plan, first, _ = _jobs()
    file = Path(plan.write_settings(first))
    whole, before = file.read_text(), file.stat().st_mtime_ns
    file.write_text(change(whole))
    os.utime(file, ns=(before, before))
    with pytest.raises(FusevadError, match=r"its content does not have the hash in its name"):
        _run_as_told(file)
    _run(plan, first)  # writes the settings as Snakemake does at every start
    assert file.read_text() == whole and file.stat().st_mtime_ns == before


@pytest.mark.parametrize("late", ["out/one.csv", "settings"])
def test_an_input_of_the_future_is_refused_before_the_work(late):
    plan, first, second = _jobs()
    _run(plan, first)
    path = Path(plan.write_settings(second)) if late == "settings" else Path(late)
    os.utime(path, (time.time() + 3600,) * 2)
    with pytest.raises(FusevadError, match=r"written in 3\d{3} s from now: .*, or run: find"):
        _run(plan, second)
    assert not Path("out/two.csv").exists()
    os.utime(path, (time.time() + 30,) * 2)  # clocks of two machines
    _run(plan, second)


def test_a_copy_of_a_settings_file_is_not_recorded_as_the_workflows():
    plan, first, _ = _jobs()
    copy = Path("mine.json")
    copy.write_bytes(Path(plan.write_settings(first)).read_bytes())
    with pytest.raises(FusevadError, match=r"mine\.json: settings of a workflow job"):
        _run_as_told(copy)


def test_what_killed_jobs_left_is_removed_when_the_job_starts_again():
    plan, first, _ = _jobs()
    writer = subprocess.run(
        [sys.executable, "-c", _KILLED_WRITER, "out/one.csv"], capture_output=True, text=True
    )
    assert writer.returncode == -signal.SIGKILL
    (left,) = Path("out").iterdir()
    other = Path("out") / left.name.replace(str(_process_of(left)), "1")  # runs: not ours
    other.touch()
    _run(plan, first)
    assert not left.exists() and other.exists()


_KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from fusevad.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _process_of(temporary: Path) -> int:
    return int(re.search(r"-(\d+)\.tmp", temporary.name)[1])


def _run_as_told(settings: Path) -> None:
    with recorded(str(settings)):
        pytest.fail("the job must not start")


def test_a_failed_job_leaves_no_record():
    plan, first, _ = _jobs()
    _run(plan, first)
    with pytest.raises(ZeroDivisionError), recorded(plan.write_settings(first)):
        raise ZeroDivisionError
    assert not Path(first.record).exists()


def test_settings_by_hand_are_used_and_not_recorded():
    with recorded(json.dumps({"rate": 0.3})) as job:
        assert job.settings == {"rate": 0.3}
    assert not list(Path().rglob("*.provenance.json"))


def test_differences_name_steps_that_only_one_side_has():
    lines = differences({"a": {"x": 1}}, {"a": {"x": 1}, "b": {"y": [1, 2]}})
    assert lines == ["b: y: 'nothing' recorded, [1, 2] configured"]
