"""Push artifacts to DVC and its remote: complete units that fit the configuration."""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from fusevad.artifacts.adopt import refuse_while_running
from fusevad.artifacts.check import Finding, check
from fusevad.artifacts.gc import unused
from fusevad.artifacts.units import Unit, units_of
from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.paths import walk
from fusevad.plan.lineage import Job, Plan
from fusevad.plan.sources import Change, owners_in

if TYPE_CHECKING:
    from fusevad.artifacts.store import Store


@dataclass(frozen=True, slots=True)
class Push:
    """The result of a push.

    Attributes:
        new: units whose content is new to DVC, with their size in bytes.
        unchanged: number of complete units that DVC already had.
        sent: objects that the remote lacked.
        left: units that can't be recorded, with the reason.
        partial: incomplete units; if DVC has them, they stay.
    """

    new: dict[str, int]
    unchanged: int
    sent: int
    left: dict[str, str]
    partial: dict[str, str]


def push(
    plan: Plan,
    store: "Store",
    config: Config,
    configfiles: Iterable[Path] = (),
    changes: Mapping[str, Change] = MappingProxyType({}),
) -> Push:
    """Record and send all units that are complete and fit.

    Args:
        plan: of the configuration.
        store: DVC's cache and remote.
        config: the configuration.
        configfiles: those laid over `config/config.yaml`.
        changes: methods and stages whose source changed without a new version: it is unknown which
            source made their outputs.

    Raises:
        FusevadError: Snakemake is running, a pipe, a device or a folder too deep is in `results/`,
            the remote fails, or the disk is full.
    """
    refuse_while_running()
    _refuse_pipes()
    findings = check(plan, plan.jobs.values())
    strays = [each.path for each in unused([plan])]
    units = [unit for unit in units_of(plan) if any(job.name in findings for job in unit.jobs)]
    left = {unit.name: line for unit in units if (line := _unfit(unit, findings, strays, store))}
    left |= {
        unit.name: line
        for unit in units
        if unit.name not in left and (line := _of_changed_source(plan, unit, changes))
    }
    fitting = [unit for unit in units if unit.name not in left]
    partial = {unit.name: line for unit in fitting if (line := _lacking(unit, findings))}
    whole = [unit for unit in fitting if unit.name not in partial]
    changed = store.record(whole, config, configfiles) if whole else []
    sent = store.push(whole) if whole else 0
    new = {unit.name: _size(unit, findings) for unit in whole if unit.name in changed}
    return Push(new, len(whole) - len(new), sent, left, partial)


def _refuse_pipes() -> None:
    """Refuse what DVC would wait for: it opens every file of the folders that it records.

    It calls itself for each folder on the way, too.
    """
    for folder, _, names in walk("results"):
        for path in (os.path.join(folder, name) for name in names):
            if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
                raise FusevadError(f"{path}: a pipe, a device or a folder too deep; move it away")


def _unfit(unit: Unit, findings: Mapping[str, Finding], strays: list[str], store: "Store") -> str:
    """Why a unit must not be recorded; else empty."""
    for job in unit.jobs:
        if job.name in findings and not findings[job.name].fits:
            return f"{findings[job.name].reason}; run 'fusevad adopt', then the workflow"
    for path in strays:
        if unit.holds(path):
            return f"{path}: no job makes it; 'fusevad gc --delete' removes it"
    made = {path for job in unit.jobs for path in _files(job, findings)}
    for path in (path for out in unit.outs for path in store.files_in(out)):
        if path not in made:
            return f"{path}: no job makes it, and it would be sent; move it away"
    return ""


def _files(job: Job, findings: Mapping[str, Finding]) -> set[str]:
    """What a job makes, by plan and record, and the record."""
    record = findings[job.name].record if job.name in findings else None
    return {*job.outputs, job.record, *(record.outputs if record else ())}


def _of_changed_source(plan: Plan, unit: Unit, changes: Mapping[str, Change]) -> str:
    """The changed source that a unit, or something it depends on, was made by; else empty."""
    owners = {owner for job in unit.jobs for owner in owners_in(plan.lineage(job))}
    return next((change.line for name, change in changes.items() if name in owners), "")


def _lacking(unit: Unit, findings: Mapping[str, Finding]) -> str:
    """An example of the missing files of a unit; else empty."""
    for job in unit.jobs:
        missing = findings[job.name].missing if job.name in findings else job.kept_outputs
        if missing:
            return missing[0]
    return ""


def _size(unit: Unit, findings: Mapping[str, Finding]) -> int:
    """Bytes of a unit's recorded files."""
    records = (findings[job.name].record for job in unit.jobs)
    return sum(
        made.size
        for record in records
        if record
        for path, made in record.outputs.items()
        if unit.holds(path)
    )
