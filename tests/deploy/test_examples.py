"""The examples, run as they stand beside a bundle and a video."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

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
    assert lines[6].startswith("at most 0.75 false alarms an hour above 0.500")


def test_the_cells_of_the_notebook_run_in_order(root, beside):
    """As a script: a kernel of Jupyter's is no part of the environment."""
    matplotlib.use("agg")
    notebook = json.loads((root / "examples/score_video.ipynb").read_text())
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            assert not cell["outputs"]
    assert len(names["table"]) == 13
    assert names["weights"] == ["weight_rgb", "weight_motion"]
