"""`fusevad adopt`: Snakemake believes what fits the configuration, and nothing else."""

import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fusevad.artifacts import snakemake_memory
from fusevad.artifacts.adopt import adopt
from fusevad.errors import FusevadError
from fusevad.plan.lineage import Plan
from tests.counting import calls_of
from tests.made_up_plan import (
    DATA,
    EMBEDDINGS,
    SOURCE,
    VIDEOS,
    made_up_plan,
    make,
    named,
    remove,
    rerun,
    write,
)

RUN = f"{DATA}/runs/ours"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def shuffle_times() -> None:
    """Times as after `dvc pull`: all of the last minute, in any order; sources are the newest."""
    order = random.Random(0)
    for path in sorted(Path("results").rglob("*")):
        later = time.time() - order.uniform(1, 60)
        os.utime(path, (later, later))
    Path(SOURCE).touch()


def newest_before_oldest_after(plan: Plan) -> bool:
    """Whether every job's inputs and settings are as old as its outputs or older."""
    return all(
        Path(path).stat().st_mtime <= Path(output).stat().st_mtime
        for job in plan.jobs.values()
        for path in (*job.inputs, plan.settings_file(job))
        for output in job.outputs
        if Path(path).exists() and Path(output).exists()
    )


def test_artifacts_that_fit_get_times_in_stage_order_and_in_the_past():
    plan = made_up_plan()
    make(plan)
    shuffle_times()
    adopted = adopt(plan)
    assert not adopted.moved
    assert not adopted.incomplete
    assert {job.name for job in adopted.fitting} == set(plan.jobs)
    assert newest_before_oldest_after(plan)
    files = [path for path in Path("results").rglob("*") if path.is_file()]
    assert max(path.stat().st_mtime for path in files) <= time.time()


def test_marks_of_killed_jobs_go_where_their_files_fit():
    plan = made_up_plan()
    make(plan)
    unfit = f"{RUN}/history.csv"
    marks = {
        path: snakemake_memory.INCOMPLETE.joinpath(*snakemake_memory._parts(path))
        for job in plan.jobs.values()
        for path in job.outputs
    }
    for mark in marks.values():
        write(str(mark), '{"external_jobid": null}')
    write(unfit, "damaged")
    adopted = adopt(plan)
    kept = {path for job in plan.jobs.values() if job.name in adopted.moved for path in job.outputs}
    assert unfit in kept
    assert {path for path, mark in marks.items() if mark.exists()} == kept


@pytest.mark.slow
def test_snakemake_reruns_everything_before_and_nothing_after():
    plan = made_up_plan()
    make(plan)
    shuffle_times()
    assert rerun(plan) == set(plan.jobs)
    adopt(plan)
    assert rerun(plan) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "absent",
    [
        ["cues"],
        ["cues", "embed", "index"],
        ["render", "manifest", "cues", "embed", "index", "train"],
        ["render", "cues", "train"],
    ],
)
def test_absent_stages_are_not_made_for_those_after_them(absent):
    plan = made_up_plan()
    make(plan)
    remove(plan, *named(plan, *absent))
    shuffle_times()
    assert not adopt(plan).moved
    assert rerun(plan) == set()


@pytest.mark.slow
def test_with_runs_alone_the_table_alone_is_made():
    plan = made_up_plan()
    make(plan)
    remove(plan, *(name for name in plan.jobs if not name.startswith("evaluate")))
    shuffle_times()
    adopt(plan)
    assert rerun(plan) == {"report/table1"}


@pytest.mark.slow
def test_a_changed_parameter_of_training_reruns_training_and_later():
    make(made_up_plan(rate=0.001))
    shuffle_times()
    changed = made_up_plan(rate=0.002)
    adopted = adopt(changed)
    assert set(adopted.moved) == {"train/tiny/ours", "evaluate/tiny/ours", "report/table1"}
    assert adopted.moved["train/tiny/ours"] == (
        f"{RUN}/history.csv: train/tiny/ours: settings: lr: 0.001 recorded, 0.002 configured"
    )
    assert rerun(changed) == set(adopted.moved)


@pytest.mark.slow
def test_one_run_more_reruns_that_one_and_the_table():
    make(made_up_plan())
    shuffle_times()
    changed = made_up_plan(runs=("ours", "theirs"))
    adopt(changed)
    assert rerun(changed) == {"train/tiny/theirs", "evaluate/tiny/theirs", "report/table1"}


@pytest.mark.slow
def test_a_changed_source_file_reruns_what_reads_it():
    plan = made_up_plan()
    make(plan)
    write(SOURCE, "other numbers")
    changed = made_up_plan()
    (reason,) = adopt(changed).moved.values()
    assert f"sources: {SOURCE}" in reason
    assert rerun(changed) == {"report/table1"}


def test_what_does_not_fit_is_moved_and_not_lost():
    make(made_up_plan(rate=0.001))
    old = Path(RUN, "history.csv").read_text()
    adopt(made_up_plan(rate=0.002))
    assert Path("results/.unfit", RUN, "history.csv").read_text() == old
    assert not Path(RUN, "history.csv").exists()
    make(made_up_plan(rate=0.002))
    newer = Path(RUN, "history.csv").read_text()
    adopt(made_up_plan(rate=0.003))
    assert Path("results/.unfit", RUN, "history.csv").read_text() == old
    assert Path("results/.unfit", RUN, "history.csv.2").read_text() == newer


@pytest.mark.slow
def test_a_changed_byte_is_found_and_what_was_made_before_it_stays():
    plan = made_up_plan()
    make(plan)
    file = Path(RUN, "history.csv")
    file.write_text(file.read_text().replace("history", "histery"))
    moved = adopt(plan).moved
    assert list(moved) == ["train/tiny/ours"]
    assert f"{RUN}/history.csv: " in moved["train/tiny/ours"]
    assert rerun(plan) == set()


def test_artifacts_of_another_manifest_do_not_fit_nor_do_those_made_from_them():
    plan = made_up_plan()
    make(plan)
    make(plan, ["manifest/tiny"], content="decoded elsewhere")
    moved = adopt(plan).moved
    assert set(moved) == set(plan.jobs) - {"render/tiny", "manifest/tiny"}
    assert f"made from another {DATA}/manifest.csv" in moved["index/tiny/clip/rgb"]


def test_an_index_fits_without_its_shards_which_their_readers_ask_for_themselves():
    plan = made_up_plan()
    make(plan)
    Path(EMBEDDINGS, "shard-1.safetensors").unlink()
    assert not adopt(plan).moved


@pytest.mark.slow
def test_labels_fit_without_their_videos():
    plan = made_up_plan()
    make(plan)
    shutil.rmtree(VIDEOS)
    adopted = adopt(plan)
    assert not adopted.moved
    assert not adopted.incomplete
    assert rerun(plan) == set()


@pytest.mark.parametrize("damage", ["changed", "missing", "new"])
def test_a_folder_of_videos_that_is_not_as_recorded_is_moved_away_with_its_labels(damage):
    plan = made_up_plan()
    make(plan)
    if damage == "missing":
        Path(VIDEOS, "a.mp4").unlink()
    else:
        Path(VIDEOS, "a.mp4" if damage == "changed" else "b.mp4").write_text("x")
    adopted = adopt(plan)
    assert adopted.moved["render/tiny"].startswith(f"{VIDEOS}: ")
    assert not Path(VIDEOS).exists()


@pytest.mark.slow
def test_videos_get_the_time_by_which_snakemake_knows_a_folder():
    plan = made_up_plan()
    make(plan)
    stamp = Path(VIDEOS, ".snakemake_timestamp")
    stamp.touch()
    os.utime(stamp, (1, 1))
    adopt(plan)
    assert rerun(plan) == set()


def test_a_part_of_a_job_stays_and_is_named():
    plan = made_up_plan()
    make(plan)
    Path(RUN, "weights/seed-0.safetensors").unlink()
    adopted = adopt(plan)
    missing = f"{RUN}/weights/seed-0.safetensors: missing"
    assert adopted.incomplete == {"train/tiny/ours": missing}
    assert not adopted.moved


@pytest.mark.parametrize("damage", [None, "no JSON", '{"job": 1}'])
def test_without_a_record_nothing_is_believed(damage):
    plan = made_up_plan()
    make(plan)
    record = Path(plan.jobs["report/table1"].record)
    record.unlink() if damage is None else record.write_text(damage)
    assert list(adopt(plan).moved) == ["report/table1"]
    assert Path("results/.unfit/results/table1.csv").is_file()


def test_a_record_cannot_name_files_outside_results():
    plan = made_up_plan()
    make(plan)
    record = Path(plan.jobs["report/table1"].record)
    record.write_text(record.read_text().replace("results/table1.csv", "results/../precious"))
    write("precious", "not to be moved")
    assert "outside results" in adopt(plan).moved["report/table1"]
    assert Path("precious").is_file()


def test_a_record_cannot_name_the_record_of_another_job():
    plan = made_up_plan()
    make(plan)
    record, other = (
        Path(plan.jobs[f"{stage}/tiny/ours"].record) for stage in ("train", "evaluate")
    )
    values = json.loads(record.read_text())
    values["outputs"][str(other)] = {"sha256": "0", "size": 1}
    record.write_text(json.dumps(values))
    assert "does not make" in adopt(plan, [plan.jobs["train/tiny/ours"]]).moved["train/tiny/ours"]
    assert other.is_file()


def test_a_second_adopt_changes_no_time():
    plan = made_up_plan()
    make(plan)
    shuffle_times()
    adopt(plan)
    before = {path: path.stat().st_mtime_ns for path in Path("results").rglob("*")}
    adopt(plan)
    assert {path: path.stat().st_mtime_ns for path in Path("results").rglob("*")} == before


@pytest.mark.slow
def test_notes_of_a_run_with_other_settings_do_not_count_for_what_is_here_now():
    later = {"train/tiny/ours", "evaluate/tiny/ours", "report/table1"}
    plan, changed = made_up_plan(rate=0.001), made_up_plan(rate=0.002)
    write(SOURCE, "the paper's numbers")
    # Snakemake makes everything with other settings, and remembers that.
    each = f"case $f in {VIDEOS}) mkdir -p $f;; *) touch $f;; esac"
    command = f"for f in {{output}}; do {each}; done"
    rerun(changed, command, dry=False)
    make(plan)
    shuffle_times()
    adopt(plan)
    assert rerun(plan, command) == set()
    assert rerun(changed, command) == later


def test_results_copied_into_results_are_named_with_the_command_that_helps():
    plan = made_up_plan()
    make(plan)
    Path("results/settings").mkdir()
    Path("results/settings/table1.json").write_text("{}")
    Path("results").rename("theirs")
    # Every start of Snakemake writes settings, in a fresh clone, too.
    shutil.copytree("theirs/settings", "results/settings")
    subprocess.run(["cp", "-r", "theirs", "results/results"], check=True)
    with pytest.raises(FusevadError, match=r"results/results: .*move it up: (.*)") as refused:
        adopt(plan)
    subprocess.run(str(refused.value).rpartition("move it up: ")[2], shell=True, check=True)
    assert not Path("results/results").exists()
    assert {job.name for job in adopt(plan).fitting} == set(plan.jobs)


def test_adopting_waits_for_snakemake():
    write(".snakemake/locks/0.input.lock", "")
    with pytest.raises(FusevadError, match="--unlock"):
        adopt(made_up_plan())


@pytest.mark.slow
def test_the_work_grows_no_faster_than_the_files():
    def calls(shards):
        plan = made_up_plan(shards=shards)
        make(plan)
        shuffle_times()
        moved = []
        count = calls_of(lambda: moved.extend(adopt(plan).moved))
        assert not moved
        return count

    assert calls(400) < 2.2 * calls(200)
