"""Plans of data sets with many shards: work that grows with the shards is done once."""

import tracemalloc
from dataclasses import replace

import pytest

from fusevad.config.load import load_files
from fusevad.plan.jobs import Jobs
from fusevad.plan.lineage import Plan
from tests.counting import calls_of
from tests.made_up_plan import made_up_plan

SHARDS = 2000


@pytest.fixture
def in_root(root, monkeypatch):
    monkeypatch.chdir(root)


def test_a_shard_of_embeddings_asks_for_its_motion_cues_and_no_others(in_root):
    config = load_files([])
    many = replace(config.datasets["rendered"], shards=100_000)
    jobs = Jobs(replace(config, datasets={"rendered": many}))
    tracemalloc.start()
    try:
        found = jobs.cue_shard("rendered", "motion-T16-thr10", 99_999)
        _, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == ["results/rendered/cues/paper/shard-99999.h5"]
    assert highest < 1_000_000


def test_settings_of_another_run_of_the_same_shards_take_a_few_calls_a_shard():
    plan = made_up_plan(shards=SHARDS, runs=("first", "second"))
    first, second = (plan.jobs[f"train/tiny/{name}"] for name in ("first", "second"))
    plan.settings_file(first)
    assert calls_of(lambda: plan.lineage(second)) < SHARDS
    assert calls_of(lambda: plan.settings_file(second)) < 3 * SHARDS


def test_all_jobs_of_a_step_have_the_lineage_that_each_has_alone():
    plan = made_up_plan(shards=3)
    for job in plan.jobs.values():
        assert plan.lineage(job) == Plan(plan.jobs.values()).lineage(job), job.name
