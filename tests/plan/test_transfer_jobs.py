"""Tables of transfer in the plan, and data sets on which nothing is trained."""

from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs
from fusevad.plan.lineage import Plan
from fusevad.plan.stages import plan
from fusevad.plan.transfer_jobs import TransferTable

TABLE = "avadclip-5"


@pytest.fixture
def values(root, monkeypatch) -> dict:
    monkeypatch.chdir(root)
    return yaml.safe_load((root / "config" / "config.yaml").read_text())


def planned(values: dict, *datasets: str, **over) -> Plan:
    return plan(load(values | {"datasets": list(datasets)} | over, Path("config")))


def studies(whole: Plan) -> set[str]:
    return {name for name in whole.jobs if name.startswith("study-transfer/")}


def test_one_data_set_has_the_table_and_nothing_to_test_elsewhere(values):
    whole = planned(values, "rendered")
    assert studies(whole) == set()
    assert f"results/{TABLE}.tex" in whole.jobs["tables/avadclip"].reads["tables"]
    files = whole.jobs[f"report/{TABLE}"].reads["files"]
    assert "results/rendered/runs/avadclip/seeds.csv" in files


def test_two_data_sets_are_tested_on_each_other(values):
    whole = planned(values, "rendered", "surveillance-fight")
    job = whole.jobs[f"study-transfer/rendered/{TABLE}"]
    assert all("surveillance-fight/runs/avadclip/" in path for path in job.reads["weights"])
    assert all("/rendered/embeddings/" in path for path in job.reads["embeddings"])
    assert any("/audio/" in path for path in job.reads["streams"])
    assert f"study-transfer/surveillance-fight/{TABLE}" in whole.jobs


def test_a_data_set_that_is_only_tested_has_embeddings_and_no_run(values):
    whole = planned(values, "xd-violence", only_tested=["cctv-fights"], encoder="vit-b-16")
    assert studies(whole) == {f"study-transfer/cctv-fights/{TABLE}"}
    made = [name for name in whole.jobs if "cctv-fights" in name]
    assert {"fetch/cctv-fights", "labels/cctv-fights", "manifest/cctv-fights"} <= set(made)
    assert whole.jobs["labels/cctv-fights"].options["videos"]
    assert not [path for job in whole.jobs.values() for path in job.outputs
                if path.startswith("results/cctv-fights/runs")]  # fmt: skip
    assert "results/cctv-fights/skipped.csv" in whole.jobs[f"report/{TABLE}"].reads["files"]
    shown = whole.jobs["report/table1"].settings["datasets"]
    assert [dataset["key"] for dataset in shown] == ["xd-violence"]


def test_a_data_set_without_the_streams_has_a_dash_and_no_job(values):
    silent = {"streams": {}}
    whole = planned(values, "rendered", "surveillance-fight", **silent)
    assert studies(whole) & {f"study-transfer/rendered/{TABLE}"} == set()
    assert f"report/{TABLE}" not in whole.jobs


def test_runs_are_tested_on_data_sets_that_are_only_tested_by_tables_of_transfer_alone(values):
    jobs = Jobs(load(values | {"only_tested": ["rendered-tiny"]}, Path("config")))
    assert TransferTable(jobs, TABLE).transferred() == ["rendered-tiny"]
    assert studies(plan(jobs.config)) == {f"study-transfer/rendered-tiny/{TABLE}"}


def test_a_data_set_is_not_trained_on_and_only_tested(values):
    with pytest.raises(FusevadError, match="only_tested: 'rendered' is among `datasets`, too"):
        planned(values, "rendered", only_tested=["rendered"])
