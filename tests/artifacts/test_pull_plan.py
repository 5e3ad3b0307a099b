"""What `fusevad pull` decides to fetch, before any data move: from records alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from fusevad.artifacts.pull_plan import Known, PullPlan, plan_pull, target_jobs, videos_needed
from fusevad.errors import FusevadError
from fusevad.plan.lineage import Plan
from fusevad.plan.records import read_record
from tests.counting import calls_of
from tests.made_up_plan import DATA, made_up_plan, make, named

TRAINING = {"train/tiny/ours", "evaluate/tiny/ours"}
EMBEDDINGS = {"embed/tiny/clip/rgb/0", "embed/tiny/clip/rgb/1", "index/tiny/clip/rgb"}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def kept_by(plan: Plan, *without: str) -> dict[str, Known]:
    """DVC keeps everything that a plan makes, but the jobs `without`."""
    make(plan)
    found = {name: Known(kept=read_record(Path(job.record))) for name, job in plan.jobs.items()}
    return found | dict.fromkeys(without, Known())


def pull_plan(plan: Plan, known: dict[str, Known], *targets: str) -> PullPlan:
    """The plan for targets; jobs unknown to `known` aren't kept."""
    everything = dict.fromkeys(plan.jobs, Known()) | known
    return plan_pull(plan, target_jobs(plan, targets), everything, {})


def test_a_table_comes_with_the_results_it_reads_and_nothing_larger():
    plan = made_up_plan()
    pulled = pull_plan(plan, kept_by(plan), "results/table1.tex")
    assert set(pulled.fetch) == {"report/table1", "evaluate/tiny/ours"}
    assert not pulled.remade


def test_without_targets_the_tables_are_meant():
    plan = made_up_plan()
    assert [job.name for job in target_jobs(plan, [])] == ["report/table1"]


def test_a_folder_means_all_that_is_made_in_it():
    plan = made_up_plan()
    assert {job.name for job in target_jobs(plan, [f"{DATA}/runs/ours/"])} == TRAINING


def test_an_unknown_target_is_an_error():
    with pytest.raises(FusevadError, match=r"results/table9\.tex: no job of the configuration"):
        target_jobs(made_up_plan(), ["results/table9.tex"])


def test_an_index_comes_with_its_shards_and_not_with_their_motion_cues():
    plan = made_up_plan()
    pulled = pull_plan(plan, kept_by(plan), f"{DATA}/embeddings/clip/rgb/index.csv")
    assert set(pulled.fetch) == EMBEDDINGS | {"manifest/tiny"}


def test_what_is_here_is_not_fetched():
    plan = made_up_plan()
    known = kept_by(plan)
    known["evaluate/tiny/ours"] = Known(here=known["evaluate/tiny/ours"].kept)
    pulled = pull_plan(plan, known, "results/table1.tex")
    assert set(pulled.fetch) == {"report/table1"}
    assert pulled.here == {"evaluate/tiny/ours"}


def test_a_changed_parameter_of_training_wants_what_training_reads():
    known = kept_by(made_up_plan(rate=0.001))
    pulled = pull_plan(made_up_plan(rate=0.002), known, "results/table1.tex")
    assert set(pulled.remade) == TRAINING | {"report/table1"}
    line = "train/tiny/ours: settings: lr: 0.001 recorded, 0.002 configured"
    assert pulled.remade["train/tiny/ours"] == line
    assert set(pulled.fetch) == EMBEDDINGS | {"manifest/tiny"}
    assert not videos_needed(made_up_plan(), pulled.remade)


def test_one_run_more_wants_the_other_results_and_what_training_reads():
    known = kept_by(made_up_plan())
    pulled = pull_plan(made_up_plan(runs=("ours", "theirs")), known, "results/table1.tex")
    assert set(pulled.remade) == {"train/tiny/theirs", "evaluate/tiny/theirs", "report/table1"}
    assert pulled.remade["train/tiny/theirs"] == "not tracked by DVC"
    assert set(pulled.fetch) == EMBEDDINGS | {"manifest/tiny", "evaluate/tiny/ours"}


def test_motion_cues_that_are_not_kept_need_the_videos():
    plan = made_up_plan(crops=10)
    known = kept_by(made_up_plan(crops=1), *named(plan, "cues"))
    pulled = pull_plan(plan, known, "results/table1.tex")
    assert set(pulled.fetch) == {"manifest/tiny"}
    assert [job.name for job in videos_needed(plan, pulled.remade)] == ["render/tiny"]


def test_what_was_made_from_another_manifest_than_the_one_here_is_remade():
    plan = made_up_plan()
    known = kept_by(plan)
    make(plan, ["manifest/tiny"], content="decoded here")
    here = read_record(Path(plan.jobs["manifest/tiny"].record))
    known["manifest/tiny"] = Known(here=here)
    chosen = target_jobs(plan, [f"{DATA}/runs/ours/history.csv"])
    pulled = plan_pull(plan, chosen, known, {"manifest/tiny": here})
    assert f"made from another {DATA}/manifest.csv" in pulled.remade["train/tiny/ours"]
    assert pulled.here == {"manifest/tiny"}
    assert not pulled.fetch


def test_an_index_one_of_whose_shards_is_not_kept_is_remade_and_the_other_shards_are_used():
    plan = made_up_plan(rate=0.002)
    known = kept_by(made_up_plan(rate=0.001), "embed/tiny/clip/rgb/1")
    pulled = pull_plan(plan, known, "results/table1.tex")
    assert {"index/tiny/clip/rgb", "embed/tiny/clip/rgb/1"} <= set(pulled.remade)
    assert set(pulled.fetch) == {"embed/tiny/clip/rgb/0", "manifest/tiny", "cues/tiny/paper/1"}


def test_records_are_asked_for_level_by_level():
    plan = made_up_plan(rate=0.002)
    every = kept_by(made_up_plan(rate=0.001))
    known: dict[str, Known] = {}
    asked = []
    while unknown := plan_pull(plan, target_jobs(plan, []), known, {}).unknown:
        asked.append({job.name for job in unknown})
        known |= {job.name: every[job.name] for job in unknown}
    assert asked[0] == {"report/table1"}
    assert asked[1] == {"evaluate/tiny/ours"}
    assert not set().union(*asked) & set(named(plan, "render", "cues"))


def test_the_work_of_planning_grows_no_faster_than_the_files():
    def calls(count):
        plan = made_up_plan(rate=0.002, shards=count)
        small = kept_by(made_up_plan(rate=0.001, shards=2))
        shards = {
            name: Known(kept=replace(small[f"{step}/0"].kept, job=name, lineage=plan.lineage(job)))
            for name, job in plan.jobs.items()
            if (step := job.step) != name
        }
        named = []

        def work():
            pulled = pull_plan(plan, small | shards, "results/table1.tex")
            named.extend([*pulled.remade, *pulled.fetch])

        found = calls_of(work)
        assert len(named) > count
        return found

    assert calls(1000) < 2.2 * calls(500)
