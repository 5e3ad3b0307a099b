"""An edited method of finished runs: planning and push name it, a new version runs it again."""

import subprocess
from pathlib import Path

import pytest

from tests.made_up_clone import fill, plan_in
from tests.workflow_runs import copy_dvc, copy_project, planned_jobs, run

TABLE = "results/few/table1.tex"
FEW = ("--configfile", "few.yaml")
PLAN = ("snakemake", "--dry-run", TABLE, *FEW)
GATING = "workflow/fusevad/models/gating.py"
CHANGED = "method gating: models/gating.py changed but version 1 did not"


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory) -> Path:
    """A clone with two finished runs and their table, made up, of which nothing is pushed."""
    folder = copy_project(root, tmp_path_factory.mktemp("changed") / "clone")
    copy_dvc(root, folder)
    (folder / "few.yaml").write_text(
        "{name: few, seeds: [0], table1: [image-only, gating], table1_ours: []}\n"
    )
    (folder / ".dvc/config").write_text(
        "[core]\n    analytics = false\n    remote = folder\n"
        f"['remote \"folder\"']\n    url = {folder.parent / 'remote'}\n"
    )
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    whole = plan_in(folder, FEW[1])
    table = whole.producer(TABLE)
    assert table is not None
    fill(folder, whole, [name for name in whole.jobs if name in whole.lineage(table)])
    shards = [name for name, job in whole.jobs.items() if job.step in whole.lineage(table)]
    fill(folder, whole, shards)
    run(folder, "fusevad", "adopt", *FEW)
    return folder


def planned(folder: Path) -> str:
    """What Snakemake says of the table; of a dry run, all of it goes to stdout."""
    return run(folder, *PLAN).stdout


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def test_an_edited_method_is_named_and_runs_again_with_a_new_version(folder):
    before = planned(folder)
    assert "Nothing to be done" in before
    assert "fusevad:" not in before

    edit(folder, GATING, "1 - gate})", "1.5 - gate})")
    after = planned(folder)
    assert "Nothing to be done" in after
    (line,) = [line for line in after.splitlines() if line.startswith("fusevad:")]
    assert line.startswith(f"fusevad: {CHANGED}")
    said = run(folder, "fusevad", "push", *FEW).stdout
    (left,) = [line for line in said.splitlines() if line.startswith("not pushed: ")]
    assert left.startswith(f"not pushed: runs@few.rendered.gating, tables@few.table1: {CHANGED}")
    assert "recorded: runs@few.rendered.image-only" in said

    lines = '"gating": Method("gating:GatingFusion", _BOTH'
    edit(folder, "workflow/fusevad/models/registry.py", lines, f"{lines}, version=2")
    said = run(folder, "fusevad", "versions", "--write").stdout
    assert said.startswith("recorded: method gating\n")
    after = planned(folder)
    assert planned_jobs(after) == {"train": 1, "evaluate": 1, "table1": 1, "total": 3}
    assert "fusevad:" not in after
    said = run(folder, "fusevad", "push", *FEW).stdout
    assert "not pushed: runs@few.rendered.gating: " in said
    assert "train/rendered/gating: method_version: 'nothing' recorded, 2 configured" in said
