"""Check which artifacts of the workspace fit the configuration, and why others do not.

Paths are relative to the working directory, which is the repository, as in the plan.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from fusevad.artifacts.trusted import in_results
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.hash_tables import folder_files, folder_sha256, folder_size
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import Record, differences, read_record


@dataclass(frozen=True, slots=True)
class Finding:
    """The files of a job in the workspace, and whether they fit.

    Attributes:
        job: the job.
        record: of how they were made; None if it is missing or unreadable.
        made_otherwise: lines on values or inputs that differ from the configuration.
        damaged: lines on files that differ from the record.
        missing: recorded outputs that are absent, which is allowed.
        hashes: of the files that exist.
    """

    job: Job
    record: Record | None
    made_otherwise: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether the existing files can be trusted."""
        return not self.made_otherwise and not self.damaged

    @property
    def whole(self) -> bool:
        """Whether all files exist and can be trusted."""
        return self.fits and not self.missing

    @property
    def reason(self) -> str:
        """The first reason why it does not fit, and how many more there are."""
        lines = [*self.made_otherwise, *self.damaged]
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        return f"{lines[0]}{more}" if lines else ""

    @property
    def files(self) -> list[str]:
        """Existing outputs and record."""
        recorded = self.record.outputs if self.record else {}
        paths = dict.fromkeys([*self.job.outputs, *recorded, self.job.record])
        return [path for path in paths if os.path.lexists(path)]


def lineage_differences(plan: Plan, job: Job, record: Record) -> list[str]:
    """One line for each value in which a record differs from the configuration."""
    if record.lineage == plan.lineage(job):
        return []
    return differences(record.lineage, plan.comparable(job))


def input_differences(
    plan: Plan, job: Job, record: Record, *known: Mapping[str, Record]
) -> list[str]:
    """One line for each input whose hash differs in the first of the `known` records that has it.

    Args:
        plan: of the configuration.
        job: the job that read the inputs.
        record: of this job.
        known: records of the jobs that made the inputs, by job name; the first that has one counts.
    """
    lines = []
    for path in job.inputs:
        maker = plan.producer(path)
        makers = [records[maker.name] for records in known if maker and maker.name in records]
        if not makers:
            continue
        here, found = makers[0].outputs.get(path), record.inputs.get(path)
        if here is None or here.sha256 != found:
            text = here.sha256[:12] if here else "not recorded"
            lines.append(f"{path}: {(found or 'nothing')[:12]} recorded as input, {text} here")
    return lines


def check(plan: Plan, jobs: Iterable[Job]) -> dict[str, Finding]:
    """The findings on `jobs`, in plan order.

    Jobs without any files are left out.
    """
    chosen = {job.name for job in jobs}
    ordered = [job for job in plan.jobs.values() if job.name in chosen]
    read = {job.name: found for job in ordered if (found := _read(plan, job))}
    hashes = _hash(
        path
        for found in read.values()
        if found.record
        for path, made in found.record.outputs.items()
        if _size(path) == made.size
    )
    findings: dict[str, Finding] = {}
    upstream: dict[str, Record | None] = {}
    for name, found in read.items():
        findings[name] = _judge(plan, found, hashes, findings, upstream)
    return findings


def _read(plan: Plan, job: Job) -> Finding | None:
    """The finding from a job's record alone; None if the job has no files."""
    if not os.path.lexists(job.record):
        there = [path for path in job.kept_outputs if os.path.lexists(path)]
        if not there:
            return None
        return Finding(job, None, (f"{there[0]}: no record of how it was made ({job.record})",))
    try:
        record = read_record(Path(job.record))
        check_record(plan, job, record)
    except FusevadError as error:
        return Finding(job, None, damaged=(str(error),))
    return Finding(job, record)


def check_record(plan: Plan, job: Job, record: Record) -> None:
    """Refuse a record that names files of others, or lacks outputs of its job.

    Files that do not fit are moved away: a foreign record must not name what is not its job's.

    Raises:
        FusevadError: it names files outside `results/` or its job's folders, or of another job,
            lacks outputs, or has settings that its job finds in no file.
    """
    folders = {str(PurePosixPath(path).parent) for path in job.outputs}
    for path in record.outputs:
        if not in_results(path):
            raise FusevadError(f"{job.record}: names {path}, outside results; delete the record")
        beside = str(PurePosixPath(path).parent) in folders and not os.path.isdir(path)
        if path not in job.outputs and (not beside or plan.producer(path) is not None):
            raise FusevadError(
                f"{job.record}: names {path}, which its job does not make; delete the record"
            )
    if set(record.found) - ({"learning_rate"} if job.reads.get("learning_rates") else set()):
        raise FusevadError(
            f"{job.record}: settings that its job takes from no file; delete the record"
        )
    for path in job.outputs:
        if path not in record.outputs:
            raise FusevadError(f"{job.record}: nothing about {path}; delete the record")


def _size(path: str) -> int | None:
    """Size of a file, or of all files of a folder; None without one, -1 of a pipe or device."""
    try:
        if os.path.isdir(path):
            return folder_size(Path(path))
        found = os.stat(path)
        # Reading a pipe or a device might never end.
        return found.st_size if stat.S_ISREG(found.st_mode) else _NO_FILE
    except (FileNotFoundError, NotADirectoryError):
        return None


_NO_FILE = -1  # no recorded size

# By path, with what shows a later change: size, time and inode.
_HASHES: dict[str, tuple[tuple[int, int, int], str]] = {}


def _hash(paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files, each read once, in threads: hashing and reading release Python's lock."""
    names = list(paths)
    new = [name for name in names if _HASHES.get(name, (None,))[0] != _state(name)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(_hash_one, new)
        bar = tqdm(found, "checking", len(new), unit="file", disable=not new)
        for name, entry in zip(new, bar, strict=True):
            _HASHES[name] = entry
    return {name: _HASHES[name][1] for name in names}


def _hash_one(path: str) -> tuple[tuple[int, int, int], str]:
    whole = folder_sha256 if os.path.isdir(path) else sha256
    return _state(path), whole(Path(path))


def _state(path: str) -> tuple[int, int, int]:
    """Size, time and inode, which show that a file, or the last file of a folder, was replaced."""
    inside = [Path(path, name) for name in folder_files(Path(path))] if os.path.isdir(path) else []
    found = os.stat(path)
    newest = max(found.st_mtime_ns, *(file.stat().st_mtime_ns for file in inside), 0)
    return _size(path) or 0, newest, found.st_ino


def _judge(
    plan: Plan,
    found: Finding,
    hashes: Mapping[str, str],
    findings: Mapping[str, Finding],
    upstream: dict[str, Record | None],
) -> Finding:
    """Complete the finding; `findings` has all checked jobs upstream."""
    job, record = found.job, found.record
    if record is None:
        return found
    otherwise = [f"{job.outputs[0]}: {line}" for line in lineage_differences(plan, job, record)]
    if not otherwise:
        otherwise = [
            f"{job.outputs[0]}: made from another {line}"
            for line in _other_inputs(plan, job, record, findings, upstream)
        ]
    there = {path: hashes[path] for path in record.outputs if path in hashes}
    missing = [path for path in record.outputs if _size(path) is None]
    damaged = [
        f"{path}: {made.sha256[:12]} recorded, {there.get(path, f'{_size(path)} bytes')[:12]} found"
        for path, made in record.outputs.items()
        if path not in missing and _size(path) is not None and there.get(path) != made.sha256
    ]
    missing = [path for path in missing if path != job.videos]
    return Finding(job, record, tuple(otherwise), tuple(damaged), tuple(missing), there)


def _other_inputs(
    plan: Plan,
    job: Job,
    record: Record,
    findings: Mapping[str, Finding],
    upstream: dict[str, Record | None],
) -> list[str]:
    """Inputs that differ from those that were read, or do not fit themselves."""
    lines = []
    known = {}
    for other in plan.upstream(job):
        if other.name not in upstream:
            upstream[other.name] = _believed(plan, other, findings)
        made = upstream[other.name]
        if made is not None:
            known[other.name] = made
            finding = findings.get(other.name)
            if finding is not None and finding.made_otherwise:
                path = next(path for path in job.inputs if path in other.outputs)
                lines.append(f"{path}, which doesn't fit either: {finding.reason}")
    return input_differences(plan, job, record, known) or lines


def _believed(plan: Plan, job: Job, findings: Mapping[str, Finding]) -> Record | None:
    """The record of an upstream job, if some of its files exist and may fit the plan."""
    if job.name not in findings:
        return believed_records(plan, [job]).get(job.name)
    record = findings[job.name].record
    if record is None or not findings[job.name].hashes:
        return None
    return None if lineage_differences(plan, job, record) else record


def believed_records(plan: Plan, jobs: Iterable[Job]) -> dict[str, Record]:
    """Records that fit the configuration, of jobs with some files.

    The files themselves are not checked, and damaged records are skipped: `check` reports those.
    """
    found = {}
    for job in jobs:
        if not os.path.lexists(job.record) or not any(map(os.path.lexists, job.outputs)):
            continue
        with contextlib.suppress(FusevadError):
            record = read_record(Path(job.record))
            if not lineage_differences(plan, job, record):
                found[job.name] = record
    return found
