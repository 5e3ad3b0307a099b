"""CONTRIBUTING's recipe "Add a method", followed to the letter in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

from tests.made_up_training import write_training_data


@pytest.fixture(scope="module")
def copy(root, tmp_path_factory) -> Path:
    """The project with what the recipe's code blocks say, each where its step says."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("workflow", "config"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    recipe = (root / "CONTRIBUTING.md").read_text().partition("## Add a method\n")[2]
    recipe = recipe.partition("\n## ")[0]
    blocks = re.findall(r"^   ```\w+\n(.*?)^   ```$", recipe, re.DOTALL | re.MULTILINE)
    source, line, entry = (textwrap.dedent(block) for block in blocks)
    (file,) = re.findall(r"`(workflow/fusevad/models/\w+\.py)`, with one class", recipe)
    (folder / file).write_text(source)
    registry = folder / "workflow/fusevad/models/registry.py"
    opening = "METHODS: dict[str, Method] = {\n"
    assert opening in registry.read_text()
    registry.write_text(registry.read_text().replace(opening, f"{opening}    {line}"))
    experiments = folder / "config/experiments/mine.yaml"
    experiments.write_text(entry)
    return folder


def run(copy: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(copy / "workflow")}
    result = subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_configuration_runs_the_new_experiment(copy):
    program = (
        "from fusevad.config.load import load_files; from fusevad.plan.jobs import Jobs\n"
        "jobs = Jobs(load_files([]))\n"
        "print(*jobs.streams('rendered', 'mean-fusion'), sorted(jobs.train('rendered',"
        " 'mean-fusion')['model']))"
    )
    said = run(copy, "-c", program)
    assert said.startswith("rgb motion [")
    assert "'nu'" not in said


def test_its_first_version_is_recorded(copy):
    fusevad = ("-c", "from fusevad.cli import main; main()")
    assert run(copy, *fusevad, "versions", "--write").startswith("recorded: method mean-fusion\n")
    assert "recorded: " not in run(copy, *fusevad, "versions", "--write")


@pytest.mark.slow
def test_the_new_method_is_trained_and_evaluated_by_the_verbs(copy, tmp_path):
    data = write_training_data(tmp_path / "data")
    fusevad = ("-c", "from fusevad.cli import main; main()")
    streams = [f"--stream={role}={index}" for role, index in data.streams.items()]
    settings = (
        '{"method": "mean-fusion", "model": {"heads": 2}, "epochs": 2, "batch_size": 8,'
        ' "learning_rate": 0.003, "crops_per_epoch": 1, "validation_share": 0.2}'
    )
    manifest = ("--manifest", str(data.manifest))
    out = str(tmp_path / "run")
    run(copy, *fusevad, "train", *manifest, *streams, "--settings", settings, out)
    intervals = str(data.manifest.with_name("intervals.csv"))
    run(copy, *fusevad, "evaluate", out, *manifest, "--intervals", intervals)
    seeds = pd.read_csv(tmp_path / "run" / "seeds.csv")
    assert seeds.query("metric == 'AUC'")["value"].between(0, 1).all()
    scores = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    assert not [column for column in scores if column.startswith("weight_")]


@pytest.mark.slow
def test_the_tests_that_the_recipe_names_cover_the_new_method(copy, root):
    shutil.copytree(root / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", copy)
    shutil.copytree(root / "docs", copy / "docs", ignore=shutil.ignore_patterns("images"))
    chosen = ["tests/models/test_models.py", "tests/plan/test_training_memory.py"]
    said = run(copy, "-m", "pytest", "-q", "-n", "0", "-k", "mean-fusion", *chosen)
    assert re.search(r"\d+ passed", said)
