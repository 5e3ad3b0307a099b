"""A clone of the project with made-up artifacts of a few units, and DVC remotes for it."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from fusevad.artifacts.store import Store
from fusevad.artifacts.units import Unit, units_of
from fusevad.config.load import load
from fusevad.config.model import Config
from fusevad.config.reading import merge
from fusevad.parsing import read_yaml
from fusevad.plan.stages import plan

from .workflow_runs import copy_dvc

ROOT = Path(__file__).resolve().parent.parent
CONFIGFILE = Path("config/tiny.yaml")
RUN = "results/rendered-tiny/runs/student-t"
CUES = "results/rendered-tiny/cues/paper"
MANIFEST = "results/rendered-tiny/manifest.csv"


def clone(folder: Path, remote: str, **options: str) -> Path:
    """The tracked files that DVC needs, in a git repository whose default remote is `remote`."""
    shutil.copytree(ROOT / "config", folder / "config")
    copy_dvc(ROOT, folder)
    lines = ["[core]", "remote = test", "['remote \"test\"']", f"url = {remote}"]
    lines += [f"{key} = {value}" for key, value in options.items()]
    (folder / ".dvc/config.local").write_text("\n".join(lines) + "\n")
    (folder / ".dvc/config").chmod(0o644)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def share(source: Path, target: Path) -> None:
    """What git would carry from one clone to another."""
    for name in ("dvc.lock", ".dvc/tracked.yaml"):
        shutil.copy(source / name, target / name)


def configuration(folder: Path = ROOT) -> Config:
    values = merge(read_yaml(folder / "config/config.yaml"), read_yaml(folder / CONFIGFILE))
    return load(values, folder / "config")


@cache
def units() -> dict[str, Unit]:
    """The units of the tiny configuration, by name; planned once, as none of them changes."""
    return {unit.name: unit for unit in units_of(plan(configuration()))}


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def make(folder: Path, name: str, text: str = "made up") -> Unit:
    """Write every file of a unit's jobs that DVC keeps, each with a content of its own."""
    made = units()[name]
    for job in made.jobs:
        for path in (*job.kept_outputs, job.record):
            write(folder, path, f"{text} {path}")
    return made


def published(folder: Path, remote: str, *names: str, **options: str) -> Path:
    """A clone that has made, recorded and pushed the named units."""
    first = clone(folder, remote, **options)
    store = Store(first)
    made = [make(first, name) for name in names]
    store.record(made, configuration(), [CONFIGFILE])
    store.push(made)
    return first


def workspace(folder: Path) -> dict[str, str]:
    files = (path for path in (folder / "results").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}
