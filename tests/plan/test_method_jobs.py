"""The table of all methods in the plan: which runs are tested on which other data sets."""

from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load
from fusevad.plan.jobs import Jobs
from fusevad.plan.method_jobs import MethodJobs
from fusevad.plan.stages import plan


@pytest.fixture
def values(root, monkeypatch) -> dict:
    monkeypatch.chdir(root)
    return yaml.safe_load((root / "config" / "config.yaml").read_text())


def methods(values: dict, *datasets: str, **over) -> MethodJobs:
    return MethodJobs(Jobs(load(values | {"datasets": list(datasets)} | over, Path("config"))))


def sources(jobs: MethodJobs, target: str) -> set[str]:
    return {run["dataset"] for run in jobs.transfers(target)}


def test_two_data_sets_of_one_encoder_are_tested_on_each_other(values):
    jobs = methods(values, "rendered", "surveillance-fight")
    assert sources(jobs, "rendered") == {"surveillance-fight"}
    assert sources(jobs, "surveillance-fight") == {"rendered"}
    on_both = set(jobs.experiments("surveillance-fight"))
    rows = [name for name in jobs.experiments("rendered") if name in on_both]
    assert {"image-only.searched", "vadclip.searched"} <= set(rows)
    assert [run["experiment"] for run in jobs.transfers("rendered")] == rows
    whole = plan(jobs.jobs.config)
    job = whole.jobs["study-transfer/rendered"]
    assert all("surveillance-fight/runs" in path for path in job.reads["weights"])
    assert all("/rendered/embeddings/" in path for path in job.reads["embeddings"])


def test_one_data_set_is_tested_on_no_other(values):
    jobs = methods(values, "rendered")
    assert jobs.transferred() == []
    assert not [name for name in plan(jobs.jobs.config).jobs if "transfer" in name]


def test_two_splits_of_the_same_videos_are_not_tested_on_each_other(values):
    jobs = methods(values, "rendered", "rendered-tiny", hyperparameters="rendered")
    assert sources(jobs, "rendered") == {"rendered-tiny"}  # other videos, rendered anew
    found = jobs.jobs.config.datasets
    datasets = load(values | {"datasets": ["ucf-crime"]}, Path("config")).datasets
    found |= {"ucf-crime": datasets["ucf-crime"], "ucf-released": datasets["ucf-crime"]}
    assert "ucf-released" not in sources(jobs, "ucf-crime")
    assert sources(jobs, "ucf-crime") >= {"rendered"}


def test_a_tower_that_each_data_set_learns_is_no_common_encoder(values):
    jobs = methods(values, "rendered", "surveillance-fight", encoder="vit-b-32")
    assert jobs.jobs.config.encoder_settings["motion_cue_weights"] is None
    assert {"image-only.searched"} <= {run["experiment"] for run in jobs.transfers("rendered")}
    assert not any("motion" in run["streams"] for run in jobs.transfers("rendered"))
