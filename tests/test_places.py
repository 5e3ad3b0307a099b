"""Where people run it: folders with umlauts, homes and configurations that can't be written."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fusevad.artifacts.store import Store
from fusevad.errors import FusevadError
from tests.conftest import ROOT
from tests.made_up_store import CONFIGFILE, clone, configuration, make

BINARIES = Path(sys.executable).parent
PLAN = ("snakemake", "--dry-run", "results/rendered/manifest.csv")


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    lacking = ("LC_ALL", "LANG", "LC_CTYPE", "PYTHONUTF8", "PYTHONIOENCODING")
    inherited = {key: value for key, value in os.environ.items() if key not in lacking}
    return subprocess.run(
        [BINARIES / command[0], *command[1:]],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run needs of the project, in a folder with an umlaut."""
    target = tmp_path_factory.mktemp("größe") / "überwachung"
    target.mkdir()
    for name in ("config", "workflow", "profiles"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", target)
    return target


@pytest.mark.parametrize(
    "command", [("fusevad", "adopt", "--dry-run"), pytest.param(PLAN, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_a_path_with_an_umlaut_works_in_the_oldest_locale(
    folder: Path, command: tuple[str, ...], locale: str
) -> None:
    done = run(folder, *command, LC_ALL=locale)
    assert done.returncode == 0, done.stderr


def test_commands_need_no_home(folder: Path) -> None:
    done = run(folder, "fusevad", "adopt", "--dry-run", HOME="/proc/absent")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_snakemake_needs_a_cache_as_the_docs_say(folder: Path, tmp_path: Path) -> None:
    done = run(folder, *PLAN, HOME="/proc/absent", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_a_configuration_that_cannot_be_written_stops_a_push_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = clone(tmp_path / "first", str(tmp_path / "remote"))
    made = make(first, "runs@rendered-tiny.student-t")
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if target.parent.name == ".dvc":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    before = (first / ".dvc/tracked.yaml").read_bytes()
    with pytest.raises(FusevadError, match=r"tracked\.yaml: its file system is read-only") as said:
        Store(first).record([made], configuration(), [CONFIGFILE])
    assert "\n" not in str(said.value)
    assert (first / ".dvc/tracked.yaml").read_bytes() == before
    assert not (first / "dvc.lock").exists()
