"""Videos and imported shards: outputs of the jobs that make them, inputs of their readers."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fusevad.config.load import load_files
from fusevad.plan.lineage import Plan
from fusevad.plan.stages import plan


@pytest.fixture(scope="module")
def paper(root: Path) -> Plan:
    """The plan of the paper's data sets, one of which has its test videos as images."""
    return plan(load_files([root / "config/paper.yaml"], root / "config"))


@pytest.fixture(scope="module")
def rendered(root: Path) -> Plan:
    """The plan of the default configuration."""
    return plan(load_files([], root / "config"))


def test_every_job_that_opens_made_videos_has_their_folder_as_an_input(paper, rendered):
    for jobs in (paper, rendered):
        made = {job.videos for job in jobs.jobs.values() if job.videos}
        assert made
        for job in jobs.jobs.values():
            dataset = {path.split("/")[1] for path in job.inputs if path.endswith("/manifest.csv")}
            folders = {f"results/{key}/source/videos" for key in dataset} & made
            if job.reads_videos and folders:
                assert folders <= set(job.inputs), job.name
        assert all(job.videos in job.outputs for job in jobs.jobs.values() if job.videos)


def test_videos_of_the_user_are_no_output_and_converted_ones_are(paper):
    made = {name: job.videos for name, job in paper.jobs.items() if name.startswith("labels/")}
    assert made["labels/shanghaitech"] == "results/shanghaitech/source/videos"
    assert made["labels/ucf-crime"] == ""
    assert paper.jobs["manifest/ucf-crime"].reads["videos"] == []


def test_a_table_reads_the_index_of_each_stream_whose_gaps_its_footnotes_count(root, tmp_path):
    over = tmp_path / "heard.yaml"
    over.write_text("table1_ours: [avadclip]\n")
    jobs = plan(load_files([over], root / "config")).jobs
    named = {
        name: set(re.findall(r"[^\"]*/index\.csv", json.dumps(job.settings)))
        for name, job in jobs.items()
        if any(path.endswith(".tex") for path in job.outputs)
    }
    assert any("audio" in path for path in named["report/table1"])
    for name, indices in named.items():
        assert indices <= set(jobs[name].inputs), name


def test_a_table_reads_the_list_of_skipped_videos_that_its_settings_name(rendered, paper):
    without_notes = {"report/alarms", "report/leaks", "report/table6"}
    for jobs in (rendered, paper):
        for job in jobs.jobs.values():
            if job.outputs[0].endswith(".tex") and job.name not in without_notes:
                named = set(re.findall(r"[^\"]*/skipped\.csv", json.dumps(job.settings)))
                assert named <= set(job.inputs), job.name


def test_a_table_of_transfer_names_only_runs_that_a_job_makes(root, tmp_path):
    config = Path(shutil.copytree(root / "config", tmp_path / "config"))
    (config / "experiments/theirs.yaml").write_text(
        "crop-5: {label: Crop 5, method: mil, set: {test_crops: [5]}}\n"
    )
    (config / "tables/moved.yaml").write_text(
        "title: T\nstudy: transfer\nexperiments: [image-only, crop-5]\n"
    )
    (config / "datasets/one.yaml").write_text(
        (config / "datasets/rendered.yaml").read_text().replace("crops:", "crops: [0] #")
    )
    over = tmp_path / "over.yaml"
    over.write_text("datasets: [rendered, one]\n")
    job = plan(load_files([over], config)).jobs["report/moved"]
    rows = {row["name"]: row["runs"] for row in job.settings["experiments"]}
    assert set(rows["image-only"]) == {"rendered", "one"}
    named = {f"{run}/seeds.csv" for runs in rows.values() for run in runs.values()}
    assert named <= set(job.inputs)


def test_training_on_imported_features_reads_the_shards_that_the_import_declares(root, tmp_path):
    over = tmp_path / "imported.yaml"
    over.write_text(
        "datasets: [ucf-crime]\nfeatures: {ucf-crime: {folder: f, layout: released, crops: [0]}}\n"
    )
    jobs = plan(load_files([over], root / "config"))
    imported = [job for job in jobs.jobs.values() if job.stage == "import-features"]
    shards = {path for job in imported for path in job.outputs if path.endswith(".safetensors")}
    reads = jobs.jobs["train/ucf-crime/student-t"].reads["embeddings"]
    assert reads and set(reads) <= shards


def test_weights_that_the_claims_compare_are_inputs_of_their_job(rendered):
    """The exact claim computes with what training learned, in every seed."""
    read = set(rendered.jobs["report/claims"].inputs)
    trained = rendered.jobs["train/rendered/student-t"].outputs
    last = {path for path in trained if path.endswith("-last.safetensors")}
    assert last and last <= read
    others = {path for path in read if "/weights/" in path} - last
    assert not others


def test_the_study_of_attention_reads_the_weights_of_both_towers(rendered):
    towers = {f"config/encoders/fusevad-small/{name}" for name in ("clip", "motion-cue")}
    read = set(rendered.jobs["study-attention/rendered"].inputs)
    assert {f"{tower}.safetensors" for tower in towers} <= read


def test_studies_of_motion_cues_read_the_tower_that_embedded_them(root, tmp_path):
    over = tmp_path / "learned.yaml"
    over.write_text("encoder: vit-b-16\n")
    jobs = plan(load_files([over], root / "config")).jobs
    tower = jobs["align/rendered/vit-b-16"].outputs[0]
    for study in ("study-noise", "study-attention"):
        assert tower in jobs[f"{study}/rendered"].inputs
