"""Made-up artifacts that fit the real plan of a configuration, in clones of the project."""

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from fusevad.config.load import load_files
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import FileRecord, Record, write_record
from fusevad.plan.stages import plan as plan_of

from .made_up_store import clone, share

__all__ = ["clone", "command", "fill", "git", "plan_in", "share"]


def plan_in(folder: Path, *configfiles: Path | str) -> Plan:
    """The plan of a clone's configuration; reads its source files where they lie."""
    with contextlib.chdir(folder):
        plan = plan_of(load_files([Path(file) for file in configfiles]))
        for job in plan.jobs.values():
            plan.lineage(job)
    return plan


def fill(
    folder: Path,
    plan: Plan,
    jobs: Iterable[str] | None = None,
    videos: int = 2,
    text: str = "",
    contents: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Write what jobs (all, without any) would have made, with records; returns how many files.

    Args:
        folder: the clone.
        plan: its own.
        jobs: names.
        videos: of each shard of motion cues, which has a file for each.
        text: other content for another text.
        contents: of files that are to be read, by path.
    """
    with contextlib.chdir(folder):
        files = 0
        hashes: dict[str, FileRecord] = {}
        for name in plan.jobs if jobs is None else jobs:
            files += _do(plan, plan.jobs[name], videos, text, contents, hashes)
    return files


def _do(
    plan: Plan,
    job: Job,
    videos: int,
    text: str,
    contents: Mapping[str, str],
    hashes: dict[str, FileRecord],
) -> int:
    outputs = {}
    for path in (*job.outputs, *_unlisted(job, videos)):
        content = f"{path} {text} ".encode() * (2000 // len(path))
        content = contents[path].encode() if path in contents else content
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
        outputs[path] = FileRecord(hashlib.sha256(content).hexdigest(), len(content))
    hashes |= outputs
    for path in job.inputs:
        if path not in hashes and Path(path).is_file():
            hashes[path] = FileRecord.of(Path(path))
    inputs = {path: hashes[path].sha256 for path in job.inputs if path in hashes}
    record = Record(job.name, job.stage, plan.lineage(job), inputs, outputs, {})
    write_record(record, Path(job.record))
    return len(outputs) + 1


def _unlisted(job: Job, videos: int) -> list[str]:
    """Motion cues of each video, which Snakemake doesn't list."""
    if job.stage != "cues":
        return []
    shard = Path(job.outputs[0])
    return [str(shard.with_name(f"{shard.stem}-video-{number}.h5")) for number in range(videos)]


def command(
    folder: Path, *arguments: str, check: bool = True, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the real `fusevad` in a clone, after the Python statements `before`."""
    program = f"{before}\nfrom fusevad.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=folder, capture_output=True, text=True
    )
    if check and done.returncode:
        raise AssertionError(f"fusevad {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
    return done


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, as somebody."""
    names = {
        f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    subprocess.run(["git", *arguments], cwd=folder, check=True, env=os.environ | names)
