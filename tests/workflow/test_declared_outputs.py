"""Every file that a later job reads is a declared output: with only those, all stages run."""

from pathlib import Path

import pytest

from tests.workflow_runs import TINY, copy_project, run

pytestmark = [pytest.mark.timeout(2400), pytest.mark.slow]

# In each step what was made before must do, as it does where jobs run on other machines.
STEPS = (
    "results/rendered-tiny/source/labels.csv",
    "results/rendered-tiny/manifest.csv",
    "results/rendered-tiny/cues/paper/shard-0.h5",
    "results/rendered-tiny/embeddings/fusevad-small.stride-16/rgb/index.csv",
    "results/rendered-tiny/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv",
    "results/tiny/rendered-tiny/runs/student-t/history.csv",
    "results/tiny/rendered-tiny/runs/student-t/seeds.csv",
    "results/tiny/rendered-tiny/studies/attention.csv",
    "results/tiny/figures/timelines-rendered-tiny.pdf",
    "results/tiny/figures/figure4-rendered-tiny.pdf",
)
DECLARED = """
from pathlib import Path
from fusevad.config.load import load_files
from fusevad.plan.stages import plan

made = plan(load_files([Path("config/tiny.yaml")]))
for job in made.jobs.values():
    print(*job.outputs, job.record, made.settings_file(job), sep="\\n")
"""


def declared(folder: Path) -> list[str]:
    """Outputs, records and settings of all jobs of the tiny configuration."""
    done = run(folder, "python", "-c", DECLARED)
    return done.stdout.splitlines()


def keep_only(folder: Path, kept: list[str]) -> list[str]:
    """Delete all other files of results; returns their paths."""
    deleted = []
    for path in sorted((folder / "results").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in kept or any(name.startswith(f"{each}/") for each in kept):
            continue
        path.unlink()
        deleted.append(name)
    return deleted


def test_each_stage_runs_with_the_declared_outputs_of_those_before_it(root, tmp_path):
    folder = copy_project(root, tmp_path / "project")
    dataset = folder / "config/datasets/rendered-tiny.yaml"
    dataset.write_text(dataset.read_text().replace("shards: 2", "shards: 1"))
    kept, deleted = declared(folder), []
    for target in STEPS:
        done = run(folder, "snakemake", "--cores", "2", target, *TINY)
        assert "Nothing to be done" not in done.stdout + done.stderr
        deleted += keep_only(folder, kept)
    # Notes for a resumed job, logs and the like did go.
    assert "results/rendered-tiny/source/render.json" in deleted
    # What was left is enough to be up to date, too.
    done = run(folder, "snakemake", "--dry-run", *STEPS, *TINY)
    assert "Nothing to be done" in done.stdout + done.stderr
