"""People's own videos: from a folder with video-level labels to Table 1, with the real programs."""

import pandas as pd
import pytest

from tests.made_up_videos import write_video
from tests.workflow_runs import copy_project, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

TINY = """\
name: shop
hyperparameters: tiny
seeds: [0, 1]
table1: [image-only, student-t]
table1_ours: []
radar: [image-only, student-t]
cues: {windows: [16], thresholds: [10]}
"""


def test_a_folder_of_videos_reaches_every_target_of_the_default_without_intervals(root, tmp_path):
    folder = copy_project(root, tmp_path / "project")
    for camera in range(6):
        for kind in ("normal", "anomalous/fire"):
            place = folder / "videos" / kind / f"cam{camera}"
            place.mkdir(parents=True)
            write_video(place / "1.mp4", frames=40, seed=camera)
    (folder / "tiny-shop.yaml").write_text(TINY)
    run(folder, "fusevad", "init-dataset", "videos", "--name", "shop")
    over = ("--configfile", "config/shop.yaml", "tiny-shop.yaml")
    run(folder, "snakemake", "--cores", "2", *over)
    table = pd.read_csv(folder / "results/shop/table1.csv")
    measured = table[table.block == "measured"]
    assert set(measured.metric) == {"Video-AUC"}
    assert set(measured.protocol) == {"last", "validation"}
    assert measured["mean"].between(0, 100).all()
    histories = folder / "results/shop/shop/runs/image-only/history.csv"
    last = pd.read_csv(histories).groupby("seed")["validation_auc"].last()
    row = measured[(measured.experiment == "image-only") & (measured.protocol == "last")]
    assert row["mean"].item() == pytest.approx(100 * last.mean())
    manifest = pd.read_csv(folder / "results/shop/manifest.csv")
    cameras = manifest.video.str.extract(r"(cam\d)")[0]
    assert manifest.groupby(cameras)["split"].nunique().max() == 1
    assert not (folder / "results/shop/classes.tex").exists()
