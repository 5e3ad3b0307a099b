"""`make bench`: its parts at small sizes, and what its report says of a target."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Motion cues", "Encoders", "Training", "Evaluation", "Planning")
# A file, as processes of its own are started from it.
SMALL = """
import sys
from pathlib import Path

import bench, cues, encoder, evaluate

bench.ROUNDS, bench.SIZES, bench.VIDEOS, bench.GRAPH_VIDEOS = 1, (1, 2), 24, (50, 100)
cues.SECONDS, encoder.MODEL["cpu"], encoder.MATRIX_SIZE["cpu"] = 4.0, "ViT-B-32", 512
evaluate.FRAMES, bench.EVALUATED = 200_000, (1, 2)

if __name__ == "__main__":
    for row in bench.PARTS[sys.argv[1]](Path(sys.argv[2])):
        print(row.value, *row.cells, sep="|")
"""


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_each_part_measures_something(part, tmp_path):
    (tmp_path / "small.py").write_text(SMALL)
    (tmp_path / "work").mkdir()
    found = subprocess.run(
        [sys.executable, str(tmp_path / "small.py"), part, str(tmp_path / "work")],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'benchmarks'}:{ROOT / 'workflow'}"},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    values = [float(line.split("|")[0]) for line in found.stdout.splitlines()]
    assert len(values) >= 2 and all(math.isfinite(value) for value in values)


@pytest.mark.parametrize(
    ("value", "targets", "cells"),
    [
        (1.5, {"most": 1.5}, ("at most 1.5", "yes")),
        (1.51, {"most": 1.5}, ("at most 1.5", "**no**")),
        (90.0, {"least": 90}, ("at least 90", "yes")),
        (89.9, {"least": 90}, ("at least 90", "**no**")),
        (5.0, {}, ("", "")),
    ],
)
def test_a_row_says_whether_its_target_is_met(value, targets, cells):
    import bench

    assert bench.Row("x", value, "measured", **targets).cells == ("x", "measured", *cells)


def test_growth_is_the_exponent_of_time_by_size():
    import bench

    row = bench.growth_row("x", [1.0, 2.0, 4.0], [3.0, 12.0, 48.0], 100)
    assert row.value == pytest.approx(2) and row.cells[3] == "**no**"


def test_the_highest_memory_is_the_command_s_own_and_not_its_parent_s(tmp_path):
    import peak

    large = b"x" * 300_000_000
    command = [sys.executable, "-c", "print('done'); raise SystemExit(3)"]
    status, seconds, mb = peak.run(command, tmp_path, dict(os.environ), tmp_path / "log")
    assert status == 3 and (tmp_path / "log").read_text() == "done\n"
    assert mb < 100 < len(large) / 1e6 and 0 < seconds < 60
