"""surveillance-fight through the real `snakemake`, on the real clips where they are at hand."""

import pandas as pd
import pytest
import yaml

from tests.workflow_runs import copy_project, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

FEW = {"train_normal": 6, "train_fight": 6, "test_normal": 3, "test_fight": 3, "clips": [3, 4]}


def test_a_few_videos_of_real_clips_reach_table_1(root, tmp_path):
    clips = root.parent / "shared" / "data" / "surveillance-fight"
    if not clips.is_dir():
        pytest.skip("the real clips are not beside the repository")
    folder = copy_project(root, tmp_path / "project")
    file = folder / "config/datasets/surveillance-fight.yaml"
    values = yaml.safe_load(file.read_text())
    values["splice"] |= FEW | {"fights": [1, 2]}
    values |= {"shards": 1, "crops": [0], "hyperparameters": "few"}
    file.write_text(yaml.safe_dump(values))
    tiny = (folder / "config/hyperparameters/tiny.yaml").read_text()
    few = tiny.replace("all:\n", "all:\n  validation_share: 0.3\n")
    (folder / "config/hyperparameters/few.yaml").write_text(few)
    (folder / "mine.yaml").write_text(
        f"data_root: {{surveillance-fight: {clips.resolve()}}}\n"
        "seeds: [0, 1]\ntable1: [image-only, student-t]\n"
    )
    arguments = ("--configfile", "config/surveillance-fight.yaml", "mine.yaml")
    run(folder, "snakemake", "--cores", "2", "results/mine/table1.tex", *arguments)
    table = pd.read_csv(folder / "results/mine/table1.csv")
    measured = table[table.block == "measured"]
    assert set(measured.dataset) == {"surveillance-fight"}
    assert set(measured.experiment) == {"image-only", "student-t"}
    assert set(table[table.block == "ours"].experiment) == {"student-t.local"}
    sources = pd.read_csv(folder / "results/surveillance-fight/source/clips.csv")
    manifest = pd.read_csv(folder / "results/surveillance-fight/manifest.csv")
    split = sources.merge(manifest[["video", "split"]], on="video").groupby("source")["split"]
    assert split.nunique().max() == 1
    # Linked, never copied.
    assert (folder / "data/surveillance-fight").is_symlink()
