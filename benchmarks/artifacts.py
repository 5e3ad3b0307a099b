"""Seconds that pulling, checking and pushing take with the number of files of the whole paper.

    python benchmarks/artifacts.py [--files 20000] [--grouping real|shards|files] [--folder FOLDER]

Makes a clone whose artifacts, of all jobs of `--configfile`, are made up (2 kB each) but fit: as
many as `--files`, most of them motion cues, of which there is a file a video. Pushes them to a
folder, clones by git, and runs the real commands, each in a process of its own. Prints a row for
each.

`--grouping` says what DVC keeps as one: `real`, the units of `dvc.yaml`; `shards`, folders of 64
files each; `files`, each file alone. The last two measure DVC alone, since the project has no such
units.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fusevad.artifacts.tracked import TRACKED, tracked_text
from tests.made_up_clone import clone, fill, git, plan_in

BINARIES = Path(sys.executable).parent
SHARD = 64


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--grouping", choices=("real", "shards", "files"), default="real")
    parser.add_argument("--configfile", type=Path, default=Path("config/paper.yaml"))
    parser.add_argument("--folder", type=Path, help="Where to work; else the system's.")
    chosen = parser.parse_args()
    base = Path(tempfile.mkdtemp(dir=chosen.folder))
    os.environ |= {
        "DVC_SITE_CACHE_DIR": str(base / "site"),
        "PATH": f"{BINARIES}:{os.environ['PATH']}",
    }
    try:
        if chosen.grouping == "real":
            measure_real(base, chosen.files, chosen.configfile)
        else:
            measure_dvc(base, chosen.files, 1 if chosen.grouping == "files" else SHARD)
    finally:
        shutil.rmtree(base)


def timed(text: str, action: Callable[[], object]) -> None:
    """Run `action`; print its wall time and the CPU time of this process and its children."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    action()
    wall, cpu = time.perf_counter() - wall, sum(os.times()[:4]) - cpu
    print(f"{text:48s} {wall:7.1f} s {cpu:7.1f} s CPU", flush=True)


def run(folder: Path, *command: str) -> str:
    """Run a command in a clone; returns what it prints at last."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def measure_real(base: Path, count: int, configfile: Path) -> None:
    """The project's own commands, on all artifacts of a configuration."""
    first, second = clone(base / "first", str(base / "remote")), base / "second"
    (first / TRACKED).write_text(tracked_text({}))
    plan = plan_in(first, configfile)
    listed = sum(len(job.outputs) + 1 for job in plan.jobs.values())
    shards = sum(job.stage in ("cues", "camera-cues") for job in plan.jobs.values())
    made = fill(first, plan, videos=max(0, count - listed) // shards)
    print(f"{made} files of {len(plan.jobs)} jobs")
    option = ("--configfile", str(configfile))
    timed("fusevad push, everything new", lambda: run(first, "fusevad", "push", *option))
    timed("fusevad push, nothing new", lambda: run(first, "fusevad", "push", *option))
    git(first, "add", ".")
    git(first, "commit", "--quiet", "-m", "made")
    git(base, "clone", "--quiet", str(first), str(second))
    shutil.copy(first / ".dvc/config.local", second / ".dvc/config.local")
    pull = ("fusevad", "pull", "results", *option)
    timed("fusevad pull of the tables", lambda: run(second, "fusevad", "pull", *option))
    timed("fusevad pull of everything", lambda: run(second, *pull))
    timed("fusevad pull, everything here: plan and check", lambda: run(second, *pull))
    timed("fusevad adopt", lambda: run(second, "fusevad", "adopt", *option))
    timed("dvc status, first", lambda: run(second, "dvc", "status"))
    timed("dvc status, warm", lambda: print(run(second, "dvc", "status").strip()[-80:]))


def measure_dvc(base: Path, count: int, together: int) -> None:
    """DVC's own commands, on folders of so many files or on files alone."""
    first = clone(base / "first", str(base / "remote"))
    (first / "dvc.yaml").unlink()
    outs = []
    for number in range(count):
        path = Path("results", f"{number // together:05d}", f"{number:05d}.h5")
        (first / path).parent.mkdir(parents=True, exist_ok=True)
        (first / path).write_text(f"{path} " * 100)
        if number % together == 0:
            outs.append(path if together == 1 else path.parent)
    stages = (f"  s{i}:\n    cmd: 'true'\n    outs: [{out}]\n" for i, out in enumerate(outs))
    (first / "dvc.yaml").write_text("stages:\n" + "".join(stages))
    print(f"{count} files in {len(outs)} units")
    timed("dvc commit", lambda: run(first, "dvc", "commit", "--force", "--quiet"))
    timed("dvc status, first", lambda: run(first, "dvc", "status"))
    timed("dvc status, warm", lambda: run(first, "dvc", "status"))


if __name__ == "__main__":
    main()
