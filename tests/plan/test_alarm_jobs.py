"""The table and the figure of alarms in the plan: which runs score which videos."""

from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load
from fusevad.plan.lineage import Plan
from fusevad.plan.stages import plan


@pytest.fixture
def values(root, monkeypatch) -> dict:
    monkeypatch.chdir(root)
    return yaml.safe_load((root / "config" / "config.yaml").read_text())


def planned(values: dict, *datasets: str) -> Plan:
    return plan(load(values | {"datasets": list(datasets)}, Path("config")))


def transferred(jobs: Plan) -> dict[str, str]:
    """Outputs of the jobs that score other data sets, by name."""
    found = (job for job in jobs.jobs.values() if "/transferred/" in job.outputs[0])
    return {job.name: job.outputs[0] for job in found}


def test_runs_score_each_others_videos_and_the_footage_of_the_tested(values):
    jobs = planned(values, "rendered", "surveillance-fight")
    on_rendered = "study-alarms/rendered/surveillance-fight/gating"
    on_fights = "study-alarms/surveillance-fight/rendered/gating"
    found = transferred(jobs)
    assert {on_fights + "/other", on_rendered + "/other", on_rendered + "/footage"} == {
        name for name in found if "/gating/" in name
    }
    job = jobs.jobs[on_fights + "/other"]
    assert "/rendered/runs/gating/" in job.reads["run"]
    assert all("results/surveillance-fight/" in path for path in job.reads["embeddings"])
    job = jobs.jobs[on_rendered + "/footage"]
    assert all("results/rendered-normal/" in path for path in job.reads["embeddings"])
    assert set(found.values()) <= set(jobs.jobs["report/alarms"].reads["files"])


def test_a_data_set_alone_is_scored_by_its_own_runs_only(values):
    assert not transferred(planned(values, "rendered"))


def test_the_figure_marks_the_thresholds_of_the_table(values):
    jobs = planned(values, "rendered")
    job = jobs.jobs["report/figures/alarms"]
    assert job.reads["table"] in jobs.jobs["report/alarms"].outputs
    assert job.outputs == ("results/figures/alarms.pdf", "results/figures/alarms.png")
