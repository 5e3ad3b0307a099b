"""Documents of AVadCLIP and PI-VAD on the tiny data set, by the real `snakemake`."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from fusevad.encoders.audio import SmallAudioTower
from tests.workflow_runs import copy_project, copy_tiny_data, run

# Whole runs of the workflow: a slow machine may need more than the usual ten minutes.
pytestmark = pytest.mark.timeout(2400)

OVER = ("--configfile", "config/tiny.yaml", "heard.yaml")
# The rows that a test can afford; other tables of the papers are removed.
ROWS = {
    "avadclip-3": ["vadclip", "avadclip"],
    "avadclip-5": ["avadclip"],
    "avadclip-6": ["avadclip.baseline", "avadclip"],
    "avadclip-8": ["avadclip-student", "avadclip"],
    "pivad-1": ["ur-dmu", "pi-vad-sound"],
    "pivad-3": ["pi-vad-true", "pi-vad"],
    "pivad-checks": ["pi-vad", "pi-vad.shuffled"],
}
LATEXMK = shutil.which("latexmk") is not None
DOCUMENTS = ("results/heard/avadclip-tables.pdf", "results/heard/pivad-tables.pdf")


def shorten_tables(folder: Path) -> None:
    """Leave some tables of both papers, with few rows."""
    for path in folder.glob("*.yaml"):
        values = yaml.safe_load(path.read_text())
        if path.stem in ROWS:
            path.write_text(yaml.safe_dump(values | {"experiments": ROWS[path.stem]}))
        elif "of" in values:
            path.unlink()


@pytest.fixture(scope="module")
def finished(root, tiny_made, tmp_path_factory) -> Path:
    """A copy of the project with the tables made; its audio tower has random weights."""
    folder = copy_project(root, tmp_path_factory.mktemp("papers"))
    copy_tiny_data(tiny_made, folder)
    shorten_tables(folder / "config/tables")
    torch.manual_seed(0)
    save_file(SmallAudioTower().state_dict(), folder / "tower.safetensors")
    audio = {"encoder": "small", "weights": "tower.safetensors"}
    tiny = yaml.safe_load((folder / "config/datasets/rendered-tiny.yaml").read_text())
    tiny["render"] |= {"seed": 12, "train_normal": 0, "train_per_class": 0}
    other = folder / "config/datasets/rendered-other.yaml"
    other.write_text(yaml.safe_dump(tiny | {"title": "Other videos", "shards": 1}))
    over = {"streams": {"audio": audio}, "only_tested": ["rendered-other"]}
    (folder / "heard.yaml").write_text(yaml.safe_dump(over))
    targets = DOCUMENTS if LATEXMK else [f"results/heard/{name}.tex" for name in ROWS]
    run(folder, "snakemake", "--cores", "2", *targets, *OVER)
    return folder


@pytest.mark.parametrize("table", sorted(ROWS))
def test_every_table_has_measured_rows_and_the_papers_numbers(finished, table):
    numbers = pd.read_csv(finished / f"results/heard/{table}.csv")
    measured = numbers[numbers.block == "measured"]
    assert set(measured.experiment) == set(ROWS[table])
    if table != "pivad-checks":
        assert numbers.block.eq("published").any()


def test_runs_are_tested_on_a_data_set_that_none_is_trained_on(finished):
    numbers = pd.read_csv(finished / "results/heard/avadclip-5.csv")
    moved = numbers[numbers.block == "transfer"]
    assert set(zip(moved.trained_on, moved.dataset, strict=True)) == {
        ("rendered-tiny", "rendered-other")
    }
    assert not (finished / "results/heard/rendered-other/runs").exists()


def test_events_are_measured_beside_frames(finished):
    numbers = pd.read_csv(finished / "results/heard/avadclip-6.csv")
    assert {"AUC", "AP", "mAP"} <= set(numbers[numbers.block == "measured"].metric)


def test_sound_changes_the_teachers_scores_and_a_student_reads_pictures_alone(finished):
    runs = finished / "results/heard/rendered-tiny/runs"
    scores = [
        pd.read_parquet(runs / name / "scores.parquet").score
        for name in ("avadclip", "avadclip.baseline")
    ]
    assert not scores[0].equals(scores[1])
    weights = load_file(runs / "avadclip-student/weights/seed-0-last.safetensors")
    assert not [name for name in weights if name.startswith("sound")]


@pytest.mark.skipif(not LATEXMK, reason="latexmk is not installed")
def test_each_paper_has_its_document(finished):
    for document in DOCUMENTS:
        assert (finished / document).read_bytes()[:5] == b"%PDF-"
