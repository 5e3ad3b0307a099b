"""The examples, run as they stand beside a bundle and a video."""

import base64
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from fusevad.deploy.detector import Detector
from tests.made_up_videos import write_video


@pytest.fixture
def beside(made_up, tmp_path, monkeypatch) -> Path:
    """A working directory with what the examples name."""
    shutil.copy(made_up.file, tmp_path / "model.fusevad")
    write_video(tmp_path / "video.mp4", frames=200)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_script_prints_the_highest_scores_and_events(root, beside):
    words = [sys.executable, str(root / "examples/score_video.py"), "model.fusevad", "video.mp4"]
    environment = os.environ | {"PYTHONPATH": str(root / "workflow")}
    result = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["start_seconds", "end_seconds", "score", "spread"]
    scores = [float(line.split()[2]) for line in lines[1:6]]
    assert scores == sorted(scores, reverse=True)
    assert lines[6].startswith("Threshold certified for 1 false alarm an hour: 0.5000; ")
    assert lines[6].endswith("so at most 0.75 new false events an hour (95 %).")
    assert lines[7].startswith("Calibrate it on your own camera")


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(find_spec, ("nbclient", "ipykernel"))), reason="needs make env EXTRAS=notebook"
)
def test_a_kernel_runs_the_notebook_and_shows_scores_and_chart(root, beside, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(root / "workflow"))
    monkeypatch.setenv("IPYTHONDIR", str(beside / "ipython"))
    notebook = nbformat.read(root / "examples/score_video.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(beside)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    head, chart, weights = (
        [each["data"] for each in cell.outputs if "data" in each][-1] for cell in cells
    )
    table = Detector.load("model.fusevad").score("video.mp4")
    with pd.option_context("display.max_columns", 20):  # as where there is no terminal
        assert head["text/plain"] == repr(table.head())
        assert weights["text/plain"] == repr(table[["weight_rgb", "weight_motion"]].describe())
    assert base64.b64decode(chart["image/png"]).startswith(b"\x89PNG")


def test_the_cells_of_the_notebook_run_in_order(root, beside):
    """As a script, which needs no kernel."""
    matplotlib.use("agg")
    notebook = json.loads((root / "examples/score_video.ipynb").read_text())
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            assert not cell["outputs"]
    assert len(names["table"]) == 13
    assert names["weights"] == ["weight_rgb", "weight_motion"]
