"""A result, and the records of all jobs behind it, found from its file alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.paths import stays_inside
from fusevad.plan.job import RECORDS, record_path
from fusevad.plan.records import Record, check_output, read_record

# What stands for a folder: a run's values, or what its training wrote.
_OF_A_RUN = ("seeds.csv", "history.csv")


@dataclass(frozen=True, slots=True)
class Ancestry:
    """A result and what is known of how it came about.

    Attributes:
        root: folder of the workflow, from which paths of records start.
        record: of the job that made the result.
        records: of that job and of the jobs before it whose records are there, by name of the job.
        produced: all outputs of these jobs.
    """

    root: Path
    record: Record
    records: dict[str, Record] = field(default_factory=dict)
    produced: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two results of one stage, and the names that jobs of B have in A.

    Attributes:
        renamed: parts of names: compared are `evaluate/rendered/gating` of A and
            `evaluate/rendered/student-t` of B, so B's `student-t` is A's `gating`.
    """

    a: Ancestry
    b: Ancestry
    renamed: Mapping[str, str]

    @classmethod
    def of(cls, a: Ancestry, b: Ancestry) -> "Pair":
        """Pair two results.

        Raises:
            FusevadError: other stages made them.
        """
        names = a.record.job.split("/"), b.record.job.split("/")
        if a.record.stage != b.record.stage or len(names[0]) != len(names[1]):
            raise FusevadError(
                f"{a.record.job} and {b.record.job}: results of different kinds; compare two tables"
                " of one kind, or two runs"
            )
        pairs = zip(*names, strict=True)
        return cls(a, b, {theirs: ours for ours, theirs in pairs if ours != theirs})

    def steps(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Lineages of both, by A's names."""
        return self.a.record.lineage, self._by_our_names(self.b.record.lineage)

    def records(self) -> list[tuple[str, Record, Record]]:
        """Jobs whose records both have, first those that come first."""
        theirs = self._by_our_names(self.b.records)
        both = [(job, ours, theirs[job]) for job, ours in self.a.records.items() if job in theirs]
        return both[::-1]

    def _by_our_names(self, theirs: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {name: self.name(name) for name in theirs}
        # A name that B has of its own, such as a teacher's, stays.
        return {
            name if renamed[name] in theirs else renamed[name]: value
            for name, value in theirs.items()
        }

    def name(self, theirs: str) -> str:
        """A name or path of B as A would have it."""
        return "/".join(self.renamed.get(part, part) for part in theirs.split("/"))


def ancestry_of(given: Path) -> Ancestry:
    """Follow a result back through the records beside it and beside its inputs.

    Args:
        given: any file of a table or figure, or the folder of a run.

    Raises:
        FusevadError: there is no such result, it has no record, a record is damaged, or one of the
            result's files or of the tables behind it is not as recorded.
    """
    path = _file(given)
    recorded = _recorded(path)
    if recorded is None:
        raise FusevadError(f"{given}: no record of how it was made; make it with snakemake")
    record, output = recorded
    found = Ancestry(Path(os.path.abspath(path)).parents[len(Path(output).parts) - 1], record)
    _follow(found)
    _check_files(found)
    return found


def check_recorded(path: Path) -> None:
    """Compare a result with the record beside it, before its numbers are used.

    A result that was made without the workflow has no record, and is not compared. A missing one is
    left to its reader.

    Raises:
        FusevadError: it has changed since it was made, or its record is damaged or another file's.
    """
    if not path.is_file():
        return
    recorded = _recorded(path)
    if recorded is not None:
        record, output = recorded
        check_output(str(path), record.outputs[output], str(_beside(path, record)))
    elif Path(own := record_path(str(path))).is_file():
        raise FusevadError(
            f"{path}: its record {own} is another file's; delete both and run the workflow again"
        )


def check_made_from(path: Path, source: Path) -> Record:
    """Check that a result is as its record says, and was made from a file as it is now.

    Returns:
        The record.

    Raises:
        FusevadError: it has no record, has changed since, or was made from another file.
    """
    check_recorded(path)
    recorded = _recorded(path)
    if recorded is None or sha256(source) not in recorded[0].inputs.values():
        raise FusevadError(
            f"{path}: not recorded as made from the {source} that is there; run the workflow again"
        )
    return recorded[0]


def check_input(path: Path, writes: str) -> None:
    """Compare a file, or the files of a folder such as a run's, with the records beside them.

    The folder may be a copy, in another place than the records say.

    Args:
        path: of a job that is called by hand.
        writes: its stage, whose own outputs in a folder are about to be written and not compared.

    Raises:
        FusevadError: a file has changed since it was made, or a record is damaged.
    """
    folder = path if path.is_dir() else path.parent
    for record in _records_in(folder):
        if path == folder and record.stage == writes:
            continue
        outputs = list(filter(stays_inside, record.outputs))
        for output in outputs:
            top = Path(outputs[0]).parent  # a record is beside its first output
            if not Path(output).is_relative_to(top):
                continue
            file = folder / Path(output).relative_to(top)
            if path in (folder, file) and file.exists():
                beside = folder / Path(record_path(outputs[0])).name
                check_output(str(file), record.outputs[output], str(beside))


def _recorded(path: Path) -> tuple[Record, str] | None:
    """The record beside a file that has it as an output, and the output's path, if there is one."""
    parts = Path(os.path.abspath(path)).parts
    for record in _records_in(path.parent):
        for output in filter(stays_inside, record.outputs):
            if parts[-len(Path(output).parts) :] == Path(output).parts:
                return record, output
    return None


def _beside(path: Path, record: Record) -> Path:
    """Where the record of an output is; others' records may name outputs that no job has."""
    first = next(filter(stays_inside, record.outputs))
    return path.with_name(Path(record_path(first)).name)


def _check_files(result: Ancestry) -> None:
    """Compare the files of a result, and the tables of the jobs before it, with their records.

    Embeddings and weights of the jobs before it, which may be large, are not read.
    """
    for record in result.records.values():
        for output, noted in record.outputs.items():
            path = result.root / output
            wanted = record is result.record or path.suffix == ".csv"
            if wanted and stays_inside(output) and (path.is_file() or path.is_dir()):
                check_output(str(path), noted, str(_beside(path, record)))


def _file(given: Path) -> Path:
    if not given.exists():
        raise FusevadError(f"{given}: no such result; name a table's file or a run's folder")
    if given.is_file():
        return given
    for name in _OF_A_RUN:
        if (given / name).is_file():
            return given / name
    raise FusevadError(f"{given}: a folder, but of no run; name a table's file or a run's folder")


def _records_in(folder: Path) -> list[Record]:
    return [read_record(path) for path in sorted(folder.glob(RECORDS))]


def _follow(found: Ancestry) -> None:
    """Add the records of the result's job and, folder by folder, of the jobs before it."""
    folders: dict[Path, list[Record]] = {}
    waiting = [found.record]
    while waiting:
        record = waiting.pop()
        if record.job in found.records:
            continue
        found.records[record.job] = record
        found.produced.update(record.outputs)
        for path in filter(stays_inside, record.inputs):
            folder = (found.root / path).parent
            if folder not in folders:
                folders[folder] = _records_in(folder)
            waiting += [each for each in folders[folder] if path in each.outputs]
