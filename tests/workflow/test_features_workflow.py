"""The shipped configuration of downloaded features, on stand-ins, by the real `snakemake`."""

import numpy as np
import pandas as pd
import pytest
import yaml

from tests import stand_ins
from tests.workflow_runs import copy_project, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

# A test can afford two epochs of one seed on stand-ins of eight training videos.
SMALL = """
hyperparameters: {epochs: 2, batch_size: 4, crops_per_epoch: 1, validation_share: 0.5}
seeds: [0]
"""


def test_features_that_anyone_may_download_reach_table_1(root, tmp_path, monkeypatch):
    monkeypatch.setattr(stand_ins, "write_clip", lambda *_: None)
    project = copy_project(root, tmp_path / "project")
    stand_ins.make(project / "data", project / "config", ["ucf-crime"])
    random = np.random.default_rng(0)
    shapes = {video.name: ("train", 10, 32, 2048) for video in stand_ins.UCF_TRAIN} | {
        video.name: ("test", -(-video.frames // 16), 10, 2048) for video in stand_ins.UCF_TEST
    }
    for name, (part, *shape) in shapes.items():
        file = project / "data/ucf-crime/features/i3d-32" / part / f"{name}_i3d.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, np.abs(random.normal(size=shape)).astype(np.float32))
    (project / "small.yaml").write_text(SMALL)
    over = ("--configfile", "config/ucf-crime-i3d.yaml", "small.yaml")
    run(project, "snakemake", "--cores", "2", "results/small/table1.tex", *over)
    table = pd.read_csv(project / "results/small/table1.csv")
    measured = table[table.block == "measured"]
    wanted = yaml.safe_load((project / "config/ucf-crime-i3d.yaml").read_text())["table1"]
    assert set(measured.experiment) == set(wanted)
    assert measured["mean"].between(0, 100).all()
    manifest = pd.read_csv(project / "results/ucf-crime/manifest.csv")
    tests = manifest[manifest.split == "test"]
    assert dict(zip(tests.video, tests.frames, strict=True)) == {
        video.name: 16 * shapes[video.name][1] for video in stand_ins.UCF_TEST
    }
    imported_scores_are_a_row_of_table_1(project)


def imported_scores_are_a_row_of_table_1(project):
    """The scores of a run of ours, as if somebody else had given them: equal numbers, one set."""
    run_folder = project / "results/small/ucf-crime/runs/rtfm"
    scores = pd.read_parquet(run_folder / "scores.parquet").query("protocol == 'last'")
    (project / "theirs").mkdir()
    for name, own in scores.groupby("video"):
        np.save(project / "theirs" / f"{name}.npy", own.sort_values("segment").score.to_numpy())
    (project / "config/experiments/theirs.yaml").write_text(
        "theirs:\n  label: RTFM\n  imported: {scores: {ucf-crime: theirs}, form: per-segment}\n"
    )
    (project / "with-theirs.yaml").write_text("add: {table1: [theirs]}\n")
    over = ("--configfile", "config/ucf-crime-i3d.yaml", "small.yaml", "with-theirs.yaml")
    target = ("results/with-theirs/table1.tex", "results/with-theirs/classes.tex")
    planned = run(project, "snakemake", "--cores", "2", *target, *over)
    assert "rule import_scores" in planned.stdout + planned.stderr
    table = pd.read_csv(project / "results/with-theirs/table1.csv")
    own = table[(table.experiment == "rtfm") & (table.protocol == "last")]
    theirs = table[table.experiment == "theirs"]
    assert set(theirs.method) == {"RTFM (scores imported)"} and set(theirs.n) == {1}
    for protocol in ("last", "validation", "oracle"):
        same = theirs[theirs.protocol == protocol].set_index("metric")["mean"]
        assert np.allclose(same[own.metric], own["mean"])
    assert "Scores imported" in (project / "results/with-theirs/table1.tex").read_text()
