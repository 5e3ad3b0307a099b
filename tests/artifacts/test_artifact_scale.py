"""Work for pulling, pushing and adopting grows as the number of files does, and no faster.

Calls are counted; benchmarks/artifacts.py measures the seconds for 20,000 files.
"""

from collections import Counter
from pathlib import Path

import pytest
from dvc.utils import strictyaml

from fusevad.artifacts import pull_plan
from fusevad.artifacts.adopt import adopt
from fusevad.artifacts.pull_plan import Known, plan_pull, target_jobs
from fusevad.artifacts.store import Store
from fusevad.plan.lineage import Plan
from fusevad.plan.records import read_record
from tests.made_up_plan import made_up_plan, make
from tests.made_up_store import CONFIGFILE, clone, configuration
from tests.made_up_store import make as make_unit

UNITS = (
    "data@rendered-tiny",
    "runs@rendered-tiny.student-t",
    "runs@rendered-tiny.gaussian",
    "tables@table1",
)


def counting(patch: pytest.MonkeyPatch, owner: object, name: str) -> list[tuple]:
    """Arguments of all calls from now on."""
    calls: list[tuple] = []
    original = getattr(owner, name)

    def counted(*arguments, **named):
        calls.append(arguments)
        return original(*arguments, **named)

    patch.setattr(owner, name, counted)
    return calls


def test_dvc_reads_its_files_once_however_many_units_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = clone(tmp_path / "first", str(tmp_path / "remote"))
    units = [make_unit(first, name) for name in UNITS]
    Store(first).record(units, configuration(), [CONFIGFILE])
    calls = counting(monkeypatch, strictyaml, "parse_yaml")
    assert Store(first).record(units, configuration(), [CONFIGFILE]) == []
    read = Counter(Path(path).name for _, path, *_ in calls)
    assert read == {"dvc.yaml": 1, "dvc.lock": 1}


def comparisons(patch: pytest.MonkeyPatch, runs: int) -> int:
    """How often a record is compared with others to plan a pull of all runs and their table."""
    plan = made_up_plan(runs=[f"run-{number}" for number in range(runs)])
    make(plan)
    known = {name: Known(here=read_record(Path(job.record))) for name, job in plan.jobs.items()}
    with patch.context() as inner:
        calls = counting(inner, pull_plan, "input_differences")
        plan_pull(plan, target_jobs(plan, ["results"]), known, {})
    return len(calls)


def test_planning_a_pull_compares_each_record_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few, many = (comparisons(monkeypatch, runs) for runs in (10, 80))
    assert many < 10 * few


def comparisons_for_inputs(patch: pytest.MonkeyPatch, runs: int) -> int:
    """As above, of runs whose inputs come along."""
    plan = made_up_plan(runs=[f"run-{number}" for number in range(runs)])
    make(plan)
    known = {name: Known(kept=read_record(Path(job.record))) for name, job in plan.jobs.items()}
    targets = [job for job in plan.jobs.values() if job.stage == "evaluate"]
    with patch.context() as inner:
        calls = counting(inner, pull_plan, "input_differences")
        pulled = plan_pull(plan, targets, known, {})
    assert len(pulled.fetch) == 2 * runs + 1
    return len(calls)


def test_inputs_that_come_along_are_compared_with_what_reads_them_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few, many = (comparisons_for_inputs(monkeypatch, runs) for runs in (10, 80))
    assert many < 10 * few


def test_settings_are_written_out_once_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(made_up_plan())
    adopt(made_up_plan())
    plan = made_up_plan()
    calls = counting(monkeypatch, Plan, "_settings_text")
    adopt(plan)
    assert len(calls) == len(plan.jobs)
