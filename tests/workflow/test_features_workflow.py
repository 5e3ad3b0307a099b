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
