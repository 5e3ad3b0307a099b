"""A copy of the project with the tiny results, whose workflow runs, dies and is compared."""

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

from tests.faults.trial import PromiseBrokenError, promise
from tests.workflow_runs import TINY, copy_project, environment_in

DATA = Path("results/rendered-tiny")
HOME = Path("results/tiny")
RUN = HOME / "rendered-tiny/runs/student-t"
TABLE = HOME / "table1.tex"
# A job that reads trained weights.
STUDY = HOME / "rendered-tiny/studies/normal-scores/student-t.parquet"
# A job that reads scores.
FIGURE = HOME / "figures/timelines-rendered-tiny.pdf"
ALL = (str(TABLE), str(STUDY), str(FIGURE))
SECONDS = 900  # that a run of the whole may take
# Files whose bytes a fault must not change. Records of trainings say how long they took.
_COMPARED = (".csv", ".tex", ".html", ".parquet", ".safetensors", ".h5")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    said: str

    def lines(self, pattern: str) -> list[str]:
        """Lines for users that match."""
        return [line for line in self.said.splitlines() if re.search(pattern, line)]


@dataclass(frozen=True)
class Project:
    """A folder in which the workflow runs."""

    folder: Path

    def start(
        self, *command: str, as_installed: bool = False, **variables: str
    ) -> subprocess.Popen[str]:
        """Start a command, with `fusevad` and `snakemake` preloaded unless `as_installed`."""
        environment = environment_in(self.folder, as_installed) | variables
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=(self.folder / "said").open("w"),
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ended(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for a started command."""
        status = process.wait(SECONDS)
        return Ended(status, (self.folder / "said").read_text(errors="replace"))

    def run(self, *command: str, as_installed: bool = False, **variables: str) -> Ended:
        """Run a command to its end; see `start`."""
        return self.ended(self.start(*command, as_installed=as_installed, **variables))

    def make(self, target: Path, cores: int = 2) -> Ended:
        """Let Snakemake make a file."""
        return self.run("snakemake", "--cores", str(cores), str(target), *TINY)

    def make_well(self, target: Path) -> None:
        """Let Snakemake make a file, which must end well."""
        end = self.make(target)
        promise(end.status == 0, f"{target} could not be made: {end.said[-3000:]}")

    def processes(self) -> list[psutil.Process]:
        """All processes that work in the folder."""
        found = []
        for process in psutil.process_iter():
            try:  # a zombie has no folder
                if Path(process.cwd()) == self.folder:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def commands(self, started: subprocess.Popen[str]) -> list[psutil.Process]:
        """The preloaded commands that run, whose parent is not inside; the oldest first."""
        inside = {process.pid: process for process in self.processes()}
        found = []
        for process in inside.values():
            try:
                if process.ppid() not in inside and process.pid != started.pid:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return sorted(found, key=psutil.Process.create_time)

    def kill_all(self) -> None:
        """End everything that works in the folder, as a failure of power does."""
        while found := self.processes():
            for process in found:
                unless_gone(process.kill)
            psutil.wait_procs(found, timeout=5)

    def remove(self, *paths: Path) -> None:
        """Remove files or folders of the results, and the records of the files."""
        for path in paths:
            whole = self.folder / path
            if whole.is_dir():
                shutil.rmtree(whole)
            else:
                whole.unlink()
                whole.with_suffix(".provenance.json").unlink(missing_ok=True)

    def digests(self, below: Path = Path("results")) -> dict[Path, str]:
        """Hashes of all files that are compared."""
        return {
            path.relative_to(self.folder): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.folder / below).rglob("*"))
            if path.suffix in _COMPARED and path.is_file() and not _hidden(path, self.folder)
        }


def _commands(planned: str) -> dict[Path, str]:
    """Shell commands by output, in what a dry run of Snakemake prints."""
    pattern = r"^ +output: (.*)\n(?: .*\n)*Shell command: (.*)$"
    return {
        Path(output.partition(" (")[0]): command
        for outputs, command in re.findall(pattern, planned, re.MULTILINE)
        for output in outputs.split(", ")
    }


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """What a process has started, and so on; nothing of one that has ended."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def unless_gone(act: Callable[[], object]) -> None:
    """Act on a process that may have ended meanwhile."""
    try:
        act()
    except psutil.NoSuchProcess:
        return


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


@dataclass(frozen=True, eq=False)
class Reference:
    """The project whose run nothing disturbed; read-only.

    Attributes:
        project: the project.
        seconds: that its run took.
        commands: the shell command of each job, by each of its outputs.
        scratch: a place beside it for a copy.
    """

    project: Project
    seconds: float
    commands: Mapping[Path, str]
    scratch: Path

    @classmethod
    def made(cls, root: Path, folder: Path) -> "Reference":
        """Make Table 1 of the tiny data set in a copy of the project."""
        project = Project(copy_project(root, folder / "reference").resolve())
        planned = project.run("snakemake", "--dry-run", "--printshellcmds", *ALL, *TINY)
        start = time.monotonic()
        project.make_well(TABLE)
        seconds = time.monotonic() - start
        return cls(project, seconds, _commands(planned.said), folder / "scratch")

    def job(self, project: Project, output: Path, **variables: str) -> Ended:
        """Run the job that makes a file in a project, as Snakemake would."""
        return project.ended(self.start_job(project, output, **variables))

    def job_well(self, project: Project, output: Path, **variables: str) -> None:
        """Run the job that makes a file, which must end well."""
        end = self.job(project, output, **variables)
        promise(end.status == 0, f"{output} could not be made: {end.said[-3000:]}")

    def start_job(self, project: Project, output: Path, **variables: str) -> subprocess.Popen[str]:
        """Start the job that makes a file in a project."""
        command = f"set -euo pipefail; {self.commands[output]}"
        return project.start("bash", "-c", command, **variables)

    @cached_property
    def digests(self) -> dict[Path, str]:
        """Hashes of all its files that are compared."""
        return self.project.digests()

    def copy(self, folder: Path, *without: Path) -> Project:
        """A copy of the project and its results, without some of them."""
        shutil.copytree(self.project.folder, folder, symlinks=True, dirs_exist_ok=True)
        copy = Project(folder.resolve())
        copy.remove(*without)
        return copy

    def empty(self, folder: Path) -> Project:
        """A copy of the project without any results."""
        return Project(copy_project(self.project.folder, folder).resolve())

    def compare(self, project: Project, paths: Iterable[Path] | None = None) -> int:
        """Check that files, or all, have the bytes of this project; returns how many.

        Raises:
            PromiseBrokenError: one has other bytes, or is missing.
        """
        wanted = self.digests if paths is None else {path: self.digests[path] for path in paths}
        found = project.digests()
        other = [str(path) for path, digest in wanted.items() if found.get(path) != digest]
        promise(not other, f"not the bytes of the undisturbed run: {', '.join(other[:5])}")
        return len(wanted)

    def compare_what_is_there(self, project: Project) -> None:
        """Check that every file with a final name has the bytes of this project.

        Raises:
            PromiseBrokenError: one is half-written.
        """
        found = project.digests()
        other = [str(path) for path in found if found[path] != self.digests.get(path)]
        promise(not other, f"half-written under a final name: {', '.join(other[:5])}")


def one_line(end: Ended, pattern: str) -> str:
    """The line for users with which a command failed.

    Raises:
        PromiseBrokenError: it ended well, with a traceback, or without such a line.
    """
    promise(end.status != 0, "the command ended well")
    found = end.lines(rf"^fusevad: .*(?:{pattern})") or end.lines(pattern)
    if not found or "Traceback (most recent call last)" in end.said:
        raise PromiseBrokenError(f"no line of {pattern!r}, or a traceback: {end.said[-3000:]}")
    return found[0]


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something holds or the process ends; looks 500 times a second."""
    while process.poll() is None and not holds():
        time.sleep(0.002)
