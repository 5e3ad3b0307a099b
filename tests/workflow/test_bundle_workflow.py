"""The bundle of a finished run: what it scores is what the workflow has scored."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusevad.deploy.detector import Detector
from tests.workflow_runs import TINY, run

pytestmark = [pytest.mark.timeout(2400), pytest.mark.slow]

RUN = Path("results/tiny/rendered-tiny/runs/student-t")
BUNDLE = Path("results/tiny/rendered-tiny/bundles/student-t.fusevad")
VIDEOS = Path("results/rendered-tiny/source/videos/test")


@pytest.fixture(scope="module")
def project(tiny_made, tmp_path_factory) -> Path:
    """A copy of the project with a bundle."""
    folder = shutil.copytree(tiny_made, tmp_path_factory.mktemp("bundle") / "project")
    run(folder, "snakemake", "--cores", "2", str(BUNDLE), *TINY)
    return folder


def test_scores_are_the_workflows_own(project):
    torch.set_num_threads(1)
    detector = Detector.load(project / BUNDLE)
    scores = pd.read_parquet(project / RUN / "scores.parquet")
    scores = scores[scores["protocol"] == "validation"]
    assert scores["seed"].nunique() == len(detector.about.seeds) == 2
    for name, own in scores.groupby("video"):
        table = detector.score(project / VIDEOS / f"{name}.mp4")
        by_seed = own.pivot(index="segment", columns="seed", values="score")
        assert np.abs(table["score"] - by_seed.mean(axis=1)).max() < 1e-6
        assert np.abs(table["spread"] - by_seed.std(axis=1)).max() < 1e-6
        frames = own.drop_duplicates("segment")
        assert table["start_frame"].tolist() == frames["start"].tolist()
        assert table["end_frame"].tolist() == frames["end"].tolist()
        for stream in ("rgb", "motion"):
            weights = own.groupby("segment")[f"weight_{stream}"].mean()
            assert np.abs(table[f"weight_{stream}"] - weights).max() < 1e-6


def test_the_command_alone_makes_the_same_bytes(project):
    command = ("fusevad", "bundle", str(RUN), "-o", "again.fusevad", *TINY)
    printed = run(project, *command).stdout
    assert (project / "again.fusevad").read_bytes() == (project / BUNDLE).read_bytes()
    assert "only estimated for 1 false alarm an hour" in printed


def test_a_bundle_moves_to_a_place_without_the_project(project, tmp_path):
    shutil.copy(project / BUNDLE, tmp_path / "model.fusevad")
    shutil.copytree(project / VIDEOS, tmp_path / "camera")
    command = ("fusevad", "score", "camera", "--model", "model.fusevad", "--out", "found")
    shutil.copytree(project / "workflow", tmp_path / "workflow")
    assert "videos: 6 scored" in run(tmp_path, *command).stdout
    assert len(list(tmp_path.glob("found/*/annotated.mp4"))) == 6


def test_what_training_did_not_record_is_not_bundled(project, tmp_path):
    folder = shutil.copytree(project, tmp_path / "project")
    weights = folder / RUN / "weights/seed-1-validation.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()  # a seed's file has a second name in the store
    weights.write_bytes(content)
    command = ("fusevad", "bundle", str(RUN), "-o", "bad.fusevad", *TINY)
    result = run(folder, *command, check=False)
    assert result.returncode == 1
    assert "seed-1-validation.safetensors: changed since it was made" in result.stderr
    assert not (folder / "bad.fusevad").exists()


def test_a_folder_that_is_no_run_is_one_line(project):
    result = run(project, "fusevad", "bundle", "results/x", "-o", "x.fusevad", *TINY, check=False)
    assert "results/x: no such folder; name that of a run" in result.stderr
