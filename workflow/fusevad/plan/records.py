"""Records of how artifacts were made, written beside them, and checked before they are read."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import fusevad
from fusevad.errors import FusevadError
from fusevad.files import HASHES, folder_size, remove_abandoned, sha256, write_json
from fusevad.parsing import FORBID, from_text_or_file, parse
from fusevad.plan.lineage import record_path, settings_digest

# Packages whose versions can move numbers.
_PACKAGES = ("torch", "numpy", "opencv-python-headless", "av", "open_clip_torch")
# Levels of settings in a lineage: far more than any configuration has.
_DEEPEST = 50
# Files of `results/settings/`: `JOB.HASH.json`.
_SETTINGS_NAME = re.compile(r"\.([0-9a-f]{12})\.json$")
_AGAIN = "delete it and run the workflow again"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file's hash (SHA-256, hexadecimal) and size in bytes; a folder's table of hashes and size.

    Of a folder the files are not read: jobs that open one compare it with the manifest.
    """

    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path) -> "FileRecord":
        """The record of a file or folder as it is now."""
        return cls(_hash(path), _size(path))


def _hash(path: Path) -> str:
    return sha256(path / HASHES if path.is_dir() else path)


def _size(path: Path) -> int:
    return folder_size(path) if path.is_dir() else path.stat().st_size


@dataclass(frozen=True, slots=True)
class Record:
    """How a job made its outputs.

    Attributes:
        job: name in the plan.
        stage: the verb.
        lineage: stage, version, settings and sources, of the job's step and of all before it.
        inputs: hashes of the files that it read.
        outputs: the files and folders that it wrote.
        packages: versions.
    """

    __pydantic_config__ = FORBID

    job: str
    stage: str
    lineage: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, FileRecord]
    packages: dict[str, str]


@dataclass(slots=True)
class Assignment:
    """What a verb was told; with a settings file of the workflow also what to check and record.

    Attributes:
        settings: the verb's settings.
        name: of the job; empty where settings were given by hand, and nothing is recorded.
        stage: the verb.
        inputs: files, each with the record of the job that made it; None for sources.
        outputs: files and folders to record.
        lineage: what the record will say, and the records of the inputs must say.
    """

    settings: dict[str, Any]
    name: str = ""
    stage: str = ""
    inputs: dict[str, str | None] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    lineage: dict[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def recorded(settings: str | None) -> Iterator[Assignment]:
    """The job that `settings` describes; its inputs are checked before, its outputs recorded after.

    Args:
        settings: a file of `results/settings/`, or settings as text or in another file, or None.

    Raises:
        FusevadError: an input has no record, was changed since, or was made otherwise than the
            configuration says.
    """
    values = _read_settings(settings) if settings else {}
    if not {"job", "lineage"} <= set(values):
        yield Assignment(values)
        return
    values["name"] = values.pop("job")
    job = parse(Assignment, values, str(settings))
    hashes = {path: _checked(job, path, record) for path, record in job.inputs.items()}
    for folder in {Path(path).parent for path in job.outputs}:
        remove_abandoned(folder)
    record = Path(record_path(job.outputs[0]))
    record.unlink(missing_ok=True)
    yield job
    outputs = {path: FileRecord.of(Path(path)) for path in job.outputs}
    # Imported here, as `fusevad --help` has no use for it.
    from importlib.metadata import version

    packages = {name: version(name) for name in _PACKAGES} | {"fusevad": fusevad.__version__}
    write_record(Record(job.name, job.stage, job.lineage, hashes, outputs, packages), record)


def _read_settings(settings: str) -> dict[str, Any]:
    """Settings; a file of `results/settings/` is believed if its name is its content's hash."""
    name = _SETTINGS_NAME.search(settings)
    if name and Path(settings).is_file():
        if settings_digest(Path(settings).read_bytes()) != name[1]:
            raise FusevadError(
                f"{settings}: not the settings that its name is the hash of; run the workflow"
                " again, which writes it"
            )
        return from_text_or_file(settings)
    values = from_text_or_file(settings)
    if {"job", "lineage"} <= set(values):
        raise FusevadError(
            f"{settings}: settings of a job of the workflow, but not its file of results/settings;"
            " name that file"
        )
    return values


def _checked(job: Assignment, path: str, record: str | None) -> str:
    """Hash of an input, once its record agrees with what the job expects."""
    if not Path(path).exists():
        raise FusevadError(f"{path}: no such file; run the stage that makes it first")
    if Path(path).is_dir() and not Path(path, HASHES).is_file():
        raise FusevadError(f"{path}: without its {HASHES}; delete it and run the workflow again")
    found = _hash(Path(path))
    if record is None:
        return found
    again = f"delete {path} and run the workflow again"
    if not Path(record).is_file():
        raise FusevadError(f"{path}: no record of how it was made ({record}); {again}")
    try:
        made = read_record(Path(record))
    except FusevadError as error:
        raise FusevadError(f"{path}: {record}, its record, is damaged; {again}") from error
    expected = {step: job.lineage.get(step) for step in made.lineage}
    for difference in differences(made.lineage, expected):
        raise FusevadError(f"{path}: made otherwise than configured: {difference}; {again}")
    if path in made.outputs and made.outputs[path] != FileRecord(found, _size(Path(path))):
        raise FusevadError(f"{path}: changed since it was made (see {record}); {again}")
    return found


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        FusevadError: it is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FusevadError(f"{path}: missing or damaged record; {_AGAIN}") from error
    return parse_record(content, str(path))


def parse_record(content: bytes, source: str) -> Record:
    """The record that a file called `source` holds.

    Raises:
        FusevadError: it is damaged.
    """
    try:
        record = parse(Record, json.loads(content), source)
        deep = _is_deep(record.lineage, _DEEPEST)
    except (ValueError, RecursionError) as error:
        raise FusevadError(f"{source}: no JSON, so no record; {_AGAIN}") from error
    if deep:
        raise FusevadError(f"{source}: nested too deeply for a record; {_AGAIN}")
    return record


def _is_deep(value: Any, most: int) -> bool:
    """Whether a value is nested more than `most` levels deep."""
    if isinstance(value, Mapping | list):
        inner = value.values() if isinstance(value, Mapping) else value
        return most == 0 or any(_is_deep(each, most - 1) for each in inner)
    return False


def write_record(record: Record, path: Path) -> None:
    """Write a record, atomically."""
    write_json(asdict(record), path)


def differences(recorded: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """One text for each value that differs between two lineages, naming both."""
    left, right = dict(_leaves(recorded)), dict(_leaves(expected))
    return [
        f"{key}: {left.get(key, 'nothing')!r} recorded, {right.get(key, 'nothing')!r} configured"
        for key in dict.fromkeys([*left, *right])
        if left.get(key, "nothing") != right.get(key, "nothing")
    ]


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by path; lists are values."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}: {key}" if prefix else key)
    else:
        yield prefix, value
