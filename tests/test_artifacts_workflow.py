"""Two clones and a remote: what one made, the other pulls, and Snakemake has nothing left to do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .workflow_runs import copy_project, planned_jobs, run

pytestmark = pytest.mark.timeout(2400)
TINY = ("--configfile", "config/tiny.yaml")
TABLE = "results/table1.tex"
NAME = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, env=os.environ | NAME
    )


def _planned(folder: Path, target: str = TABLE) -> dict[str, int]:
    return planned_jobs(run(folder, "snakemake", "--dry-run", target, *TINY).stdout)


@pytest.fixture(scope="module")
def first(root, tmp_path_factory) -> Path:
    """A clone that has made Table 1 and pushed it to a folder."""
    base = tmp_path_factory.mktemp("clones")
    folder = copy_project(root, base / "first")
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(root / name, folder)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text(
        f"[core]\n    analytics = false\n    remote = folder\n"
        f"['remote \"folder\"']\n    url = {base / 'remote'}\n"
    )
    _git(folder, "init", "--quiet")
    run(folder, "snakemake", "--cores", "2", TABLE, *TINY)
    run(folder, "fusevad", "push", *TINY)
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "-m", "made")
    return folder


@pytest.fixture
def second(first, tmp_path) -> Path:
    """A fresh clone of the first one's commit, without any results."""
    _git(tmp_path, "clone", "--quiet", str(first), "second")
    return tmp_path / "second"


def test_a_clone_pulls_the_table_and_has_nothing_to_do(first, second):
    run(second, "fusevad", "pull", TABLE, *TINY)
    assert (second / TABLE).read_bytes() == (first / TABLE).read_bytes()
    assert (second / "results/rendered-tiny/runs/student-t/seeds.csv").is_file()
    assert not (second / "results/rendered-tiny/cues").exists()
    assert _planned(second) == {}


def test_without_its_table_a_clone_makes_that_alone_and_it_is_the_same(first, second):
    run(second, "fusevad", "pull", TABLE, *TINY)
    (second / TABLE).unlink()
    assert _planned(second) == {"table1": 1, "total": 1}
    run(second, "snakemake", "--cores", "2", TABLE, *TINY)
    assert (second / TABLE).read_bytes() == (first / TABLE).read_bytes()


def test_plain_dvc_pull_and_adopt_do_the_same(second):
    run(second, "dvc", "pull")
    run(second, "fusevad", "adopt", *TINY)
    assert _planned(second) == {}


def test_a_changed_parameter_of_training_reruns_training_and_later_alone(second):
    run(second, "dvc", "pull")
    run(second, "fusevad", "adopt", *TINY)
    path = second / "config/hyperparameters/tiny.yaml"
    path.write_text(path.read_text().replace("1.0e-3", "2.0e-3"))
    assert _planned(second) == {"train": 7, "evaluate": 7, "table1": 1, "total": 15}


def test_one_experiment_more_is_trained_from_pulled_embeddings(second):
    (second / "config/experiments/more.yaml").write_text(
        "student-t.nu-3: {label: nu 3, method: student-t, set: {model: {nu: 3}}}\n"
    )
    target = "results/rendered-tiny/runs/student-t.nu-3/seeds.csv"
    run(second, "fusevad", "pull", target, *TINY)
    assert _planned(second, target) == {"train": 1, "evaluate": 1, "total": 2}
    run(second, "snakemake", "--cores", "2", target, *TINY)


def test_changed_motion_cues_need_videos_and_it_says_how_to_get_them(second):
    path = second / "config/tiny.yaml"
    path.write_text(path.read_text().replace("windows: [8, 16]", "windows: [4, 8, 16]"))
    result = run(second, "fusevad", "pull", TABLE, *TINY)
    output = result.stdout + result.stderr
    assert "the videos of rendered-tiny are needed" in output
    assert "snakemake --cores all" in output
