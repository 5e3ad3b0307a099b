"""The paper's configuration on stand-ins of its four data sets, by the real `snakemake`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file

from tests import stand_ins
from tests.workflow_runs import copy_project, planned_jobs, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

DATASETS = ("ucf-crime", "xd-violence", "shanghaitech", "msad")
PAPER = "config/paper.yaml"
# What a test can afford: the bundled encoder, two crops, two seeds, two epochs, two methods.
SMALL = """
encoder: fusevad-small
hyperparameters: few
seeds: [0, 1]
table1: [image-only, student-t]
table1_ours: []
"""


@pytest.fixture(scope="module")
def project(root, tmp_path_factory) -> Path:
    """A copy of the project with stand-ins of the data, as a user would have them in data/."""
    folder = copy_project(root, tmp_path_factory.mktemp("paper"))
    stand_ins.make(folder / "data", folder / "config", DATASETS)
    for dataset in DATASETS:
        file = folder / "config" / "datasets" / f"{dataset}.yaml"
        values = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump(values | {"shards": 1, "crops": [0, 5]}))
    sets = folder / "config" / "hyperparameters"
    # Of eight training videos, a tenth holds not both kinds.
    tiny = (sets / "tiny.yaml").read_text()
    (sets / "few.yaml").write_text(tiny.replace("all:\n", "all:\n  validation_share: 0.5\n"))
    (folder / "small.yaml").write_text(SMALL)
    return folder


def snakemake(folder: Path, *arguments: str, over: tuple[str, ...] = (PAPER, "small.yaml")) -> str:
    """Run the workflow; returns what it printed."""
    result = run(folder, "snakemake", "--cores", "2", *arguments, "--configfile", *over)
    return result.stdout + result.stderr


def test_the_papers_table_1_resolves(project):
    # As the documentation types it.
    result = run(project, "snakemake", "--configfile", PAPER, "-n", "results/paper/table1.tex")
    planned = planned_jobs(result.stdout)
    assert planned["fetch"] == planned["manifest"] == 4
    # The images of ShanghaiTech become videos.
    assert (planned["labels"], planned["convert_videos"]) == (3, 1)
    assert planned["train"] == planned["evaluate"] == 4 * 8  # seven rows of the paper and ours
    assert planned["event_clip"] == 1


def test_data_sets_known_by_their_features_have_no_timelines(project):
    (project / "some-features.yaml").write_text(
        "datasets: [ucf-crime, msad]\nfeatures: {ucf-crime: {layout: released, folder: anywhere}}\n"
    )
    over = (PAPER, "small.yaml", "some-features.yaml")
    planned = planned_jobs(snakemake(project, "-n", "all", over=over))
    assert planned["timelines"] == planned["cues"] == 1  # those of msad
    assert planned["import_features_ucf-crime"] == 2


@pytest.fixture(scope="module")
def finished(project) -> Path:
    """The project with Table 1 of the four stand-ins made."""
    snakemake(project, "results/small/table1.tex")
    return project


def test_all_four_data_sets_reach_table_1(finished):
    table = pd.read_csv(finished / "results/small/table1.csv")
    measured = table[(table.block == "measured") & (table.protocol == "validation")]
    assert set(measured.dataset) == set(DATASETS)
    assert measured.groupby("dataset").experiment.nunique().eq(2).all()
    assert set(measured[measured.dataset == "xd-violence"].metric) == {"AP"}
    published = table[table.block == "published"]
    assert set(published.dataset) == set(DATASETS)


def test_an_interval_past_the_end_is_clipped_and_said(finished):
    manifest = pd.read_csv(finished / "results/ucf-crime/manifest.csv").set_index("video")
    intervals = pd.read_csv(finished / "results/ucf-crime/intervals.csv")
    ends = intervals.groupby("video").end.max()
    assert ends["Fighting003_x264"] == manifest.frames["Fighting003_x264"] == 64
    assert "Fighting003_x264" in (finished / "results/ucf-crime/logs/manifest.log").read_text()


def test_a_released_split_stands_beside_the_official_one(finished):
    (finished / "config/datasets/xd-violence.released.yaml").write_text(
        "based_on: xd-violence\ntitle: XD-Violence (released split)\nrecorded: {split: released}\n"
    )
    (finished / "both.yaml").write_text("datasets: [xd-violence, xd-violence.released]\n")
    over = (PAPER, "small.yaml", "both.yaml")
    snakemake(finished, "results/both/leaks.tex", over=over)
    manifests = [
        pd.read_csv(finished / "results" / name / "manifest.csv").set_index("video").split
        for name in ("xd-violence", "xd-violence.released")
    ]
    moved = (
        manifests[0]
        .index[manifests[0].eq("test")]
        .intersection(manifests[1].index[manifests[1].eq("train")])
    )
    assert len(moved) > 0
    leaks = pd.read_csv(finished / "results/both/leaks.csv").set_index("quantity")
    assert leaks.videos["leaked"] == len(moved)
    on_all, on_common = (leaks.videos[f"official_{kind}"] for kind in ("all", "common"))
    assert (on_all.to_numpy() - on_common.to_numpy() == len(moved)).all()
    assert set(leaks.experiment["difference_common"]) == {"image-only", "student-t"}
    assert r"label\_B1-B2-0" in (finished / "results/both/leaks.tex").read_text()


def test_leaks_are_counted_without_training_anything(finished):
    over = ("--configfile", PAPER, "small.yaml")
    planned = planned_jobs(
        run(finished, "snakemake", "-nF", "results/small/leaks.tex", *over).stdout
    )
    assert planned == {"fetch": 4, "study_leaks": 4, "study_table": 1, "total": 9}


def test_verify_names_what_is_missing_and_fails(finished):
    fine = run(finished, "fusevad", "verify", "ucf-crime", "--workers", "2")
    assert "as expected" in fine.stdout
    leaks = run(finished, "fusevad", "verify", "xd-violence", "--split", "released", check=False)
    assert leaks.returncode == 1
    assert "label_B1-B2-0" in leaks.stderr


def test_a_tower_of_motion_cues_is_learned_where_none_is_published(finished):
    encoder = (finished / "config/encoders/fusevad-small.yaml").read_text()
    weights = "config/encoders/fusevad-small/motion-cue.safetensors"
    (finished / "config/encoders/aligned.yaml").write_text(
        encoder.replace(weights, "null")
        + "align: {seed: 0, epochs: 1, batch_size: 4, learning_rate: 1.0e-4, weight_decay: 0.1,"
        " segments_per_video: 2}\n"
    )
    (finished / "aligned.yaml").write_text("encoder: aligned\ndatasets: [msad]\n")
    over = (PAPER, "small.yaml", "aligned.yaml")
    target = "results/msad/embeddings/aligned.stride-1/motion-T16-thr10/index.csv"
    snakemake(finished, target, over=over)
    assert (finished / "results/msad/encoders/aligned/motion-cue.safetensors").is_file()


def test_events_of_a_camera_are_a_row_of_table_3(finished):
    streams = stand_ins.UCF_TRAIN + stand_ins.UCF_TEST
    stand_ins.event_streams(finished / "data/ucf-crime-dvs", streams)
    lists = finished / "data/ucf-crime-dvs/lists"
    lists.symlink_to(finished / "data/ucf-crime/lists")
    (finished / "camera.yaml").write_text(
        "datasets: [ucf-crime]\nevents: {ucf-crime: ucf-crime-dvs}\n"
    )
    with_events, without = (PAPER, "small.yaml", "camera.yaml"), (PAPER, "small.yaml")
    assert "camera_cues" not in planned_jobs(
        snakemake(finished, "-n", "results/small/table3.tex", over=without)
    )
    snakemake(finished, "results/camera/table3.tex", over=with_events)
    table = pd.read_csv(finished / "results/camera/table3.csv")
    measured = table[(table.block == "measured") & (table.protocol == "validation")]
    assert set(measured.row) == {"image-only", "student-t", "student-t.real-events"}
    folder = finished / "results/ucf-crime/embeddings"
    embeddings = [load_file(file) for file in sorted(folder.glob("*/motion*/shard-0.safetensors"))]
    assert len(embeddings) == 2
    name = "Abuse028_x264"
    assert embeddings[0][name].shape == embeddings[1][name].shape
    assert not np.array_equal(embeddings[0][name], embeddings[1][name])


def test_released_features_take_the_place_of_videos(finished, tmp_path):
    manifest = pd.read_csv(finished / "results/ucf-crime/manifest.csv")
    random = np.random.default_rng(0)
    for stream in ("rgb", "event_thr_10"):
        for video in manifest.itertuples():
            file = tmp_path / "features" / stream / video.classes
            file.mkdir(parents=True, exist_ok=True)
            for crop in range(10):
                rows = random.normal(size=(max(1, video.frames // 16), 768)).astype(np.float32)
                np.save(file / f"{video.video}__{crop}.npy", rows)
    shutil_free = copy_project(finished, tmp_path / "project")
    stand_ins.make(tmp_path / "videos", shutil_free / "config", ["ucf-crime"])
    (shutil_free / "data" / "ucf-crime").mkdir(parents=True)
    lists = shutil_free / "data" / "ucf-crime" / "lists"
    lists.symlink_to(tmp_path / "videos" / "ucf-crime" / "lists")
    (shutil_free / "features.yaml").write_text(
        SMALL
        + "datasets: [ucf-crime]\n"
        + f"features: {{ucf-crime: {{layout: released, folder: {tmp_path / 'features'}}}}}\n"
    )
    snakemake(shutil_free, "results/features/table1.tex", over=(PAPER, "features.yaml"))
    table = pd.read_csv(shutil_free / "results/features/table1.csv")
    assert set(table[table.block == "measured"].experiment) == {"image-only", "student-t"}
