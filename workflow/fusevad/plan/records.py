"""Records of how artifacts were made, written beside them, and checked before they are read."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import fusevad
from fusevad import json_text
from fusevad.errors import FusevadError
from fusevad.files import read_limited, remove_abandoned, sha256, write_json
from fusevad.hash_tables import HASHES, folder_size
from fusevad.parsing import FORBID, parse
from fusevad.paths import stays_inside
from fusevad.plan.given_settings import read_settings
from fusevad.plan.job import record_path
from fusevad.plan.made import Made, commit, processor
from fusevad.plan.own_files import CONTENT

# Packages whose versions can change numbers.
_PACKAGES = ("torch", "numpy", "opencv-python-headless", "av", "open_clip_torch")
# Nesting allowed in a lineage's settings: far more than any configuration has.
_DEEPEST = 50
# Seconds by which clocks of a cluster's machines may differ; a job that is lost within is short.
_SKEW = 60
# How the keys of `differences` end that say what the user's own files hold.
_CONTENT = f": settings: {CONTENT}"
_AGAIN = "delete it and run the workflow again"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Hash (SHA-256, hexadecimal) and size in bytes of a file, or of a folder's table of hashes.

    The files of a folder are not read: jobs that open one compare it with the manifest.
    """

    sha256: str
    size: int

    def __post_init__(self) -> None:
        if not 0 <= self.size < 1 << 63:
            raise ValueError("a size that no file has")

    @classmethod
    def of(cls, path: Path) -> "FileRecord":
        """Make the record of a file or folder as it is now."""
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
        found: settings that it took from an input, such as a learning rate that a search chose.
        made: commit, machine and time of a training; None of other jobs, whose record is the same
            bytes when they run again, as DVC compares them.
    """

    __pydantic_config__ = FORBID

    job: str
    stage: str
    lineage: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, FileRecord]
    packages: dict[str, str]
    found: dict[str, Any] = field(default_factory=dict)
    made: Made | None = None


@dataclass(slots=True)
class Assignment:
    """A verb's settings, and, from a settings file of the workflow, what to check and record.

    Attributes:
        settings: the verb's settings.
        name: of the job; empty if settings were given by hand, and nothing is recorded.
        stage: the verb.
        inputs: files, each with the record of the job that made it; None for sources.
        outputs: files and folders to record.
        lineage: what the record will say, and what the inputs' records must agree with.
        found: settings that the verb took from an input; the record will say them.
    """

    settings: dict[str, Any]
    name: str = ""
    stage: str = ""
    inputs: dict[str, str | None] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    lineage: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    def check_content(self, content: str | None, place: Path | str) -> None:
        """Compare what the user's own files hold, once they are read, with what the plan saw.

        Args:
            content: as `own_files` computes it now.
            place: where the files are.

        Raises:
            FusevadError: they changed after the plan; the record would say what they held before.
        """
        own = next(reversed(self.lineage.values()), {})  # of the steps, the job's is the last
        planned = own.get("settings", {}).get(CONTENT) if _is_step(own) else None
        if planned is not None and content != planned:
            raise _changed(str(place))


@contextlib.contextmanager
def recorded(settings: str | None) -> Iterator[Assignment]:
    """Check the inputs of the job that `settings` describes; record its outputs afterwards.

    Args:
        settings: a file of `results/settings/`, or settings as text or in another file, or None.

    Raises:
        FusevadError: an input has no record, has changed since, or does not fit the
            configuration.
    """
    values = read_settings(settings) if settings else {}
    if not {"job", "lineage"} <= set(values):
        yield Assignment(values)
        return
    values["name"] = values.pop("job")
    job = parse(Assignment, values, str(settings))
    # A stranger can give a file the hash of its content, too.
    if not job.outputs or not all(map(stays_inside, job.outputs)):
        raise FusevadError(f"{settings}: outputs that are none, or outside this folder; delete it")
    _check_times([str(settings), *job.inputs])
    hashes = {path: _checked(job, path, record) for path, record in job.inputs.items()}
    _check_sources(job, hashes)
    for folder in {Path(path).parent for path in job.outputs}:
        remove_abandoned(folder)
    record = Path(record_path(job.outputs[0]))
    record.unlink(missing_ok=True)
    start = time.monotonic()
    yield job
    seconds = round(time.monotonic() - start, 1)
    made = Made(commit(), processor(), seconds) if job.stage == "train" else None
    outputs = {path: FileRecord.of(Path(path)) for path in job.outputs}
    # Imported here: `fusevad --help` does not need it.
    from importlib.metadata import version

    packages = {name: version(name) for name in _PACKAGES} | {"fusevad": fusevad.__version__}
    content = Record(job.name, job.stage, job.lineage, hashes, outputs, packages, job.found, made)
    write_record(content, record)


def _check_times(paths: Iterable[str]) -> None:
    """Look for inputs of the future, before hours of work.

    Snakemake removes outputs that are older than an input once their job has ended.
    """
    now = time.time()
    for path in paths:
        written = Path(path).stat().st_mtime if Path(path).exists() else 0
        if written > now + _SKEW:
            raise FusevadError(
                f"{path}: written in {written - now:.0f} s from now: has the clock gone back? Set"
                " it right, or run: find results -newermt now -exec touch {} +"
            )


def _checked(job: Assignment, path: str, record: str | None) -> str:
    """Return the hash of an input after checking its record."""
    if not Path(path).exists():
        raise FusevadError(f"{path}: no such file; run the stage that makes it first")
    if record is None:
        return _as_found(path).sha256
    again = f"delete {path} and run the workflow again"
    if not Path(record).is_file():
        raise FusevadError(f"{path}: no record of how it was made ({record}); {again}")
    try:
        made = read_record(Path(record))
    except FusevadError as error:
        raise FusevadError(f"{path}: its record {record} is damaged; {again}") from error
    if not made.lineage or path not in made.outputs:
        raise FusevadError(f"{path}: its record {record} is another file's; {again}")
    expected = {step: job.lineage.get(step) for step in made.lineage}
    for difference in differences(made.lineage, expected):
        raise FusevadError(f"{path}: made otherwise than configured: {difference}; {again}")
    return check_output(path, made.outputs[path], record)


def _check_sources(job: Assignment, hashes: Mapping[str, str]) -> None:
    """Files that no job makes are those of which the plan took hashes, maybe hours before."""
    own = next(reversed(job.lineage.values()), {})  # of the steps, the job's is the last
    planned = own.get("sources", {}) if _is_step(own) else {}
    for path, expected in planned.items():
        if expected is not None and hashes.get(path, expected) != expected:
            raise _changed(path)


def _changed(path: str) -> FusevadError:
    return FusevadError(f"{path}: changed since the workflow was planned; run the workflow again")


def check_output(path: str, noted: FileRecord, record: str) -> str:
    """Return the hash of an output after comparing it with what its record notes.

    Raises:
        FusevadError: it has changed since it was made.
    """
    found = _as_found(path)
    if found != noted:
        raise FusevadError(
            f"{path}: changed since it was made, so not as recorded in {record};"
            f" delete {path} and run the workflow again"
        )
    return found.sha256


def _as_found(path: str) -> FileRecord:
    """The record that a file or folder would have now."""
    if Path(path).is_dir() and not Path(path, HASHES).is_file():
        raise FusevadError(f"{path}: without its {HASHES}; delete it and run the workflow again")
    return FileRecord.of(Path(path))


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        FusevadError: it is damaged.
    """
    try:
        content = read_limited(path)
    except (OSError, ValueError) as error:
        raise FusevadError(f"{path}: missing or damaged record; {_AGAIN}") from error
    return parse_record(content, str(path))


def parse_record(content: bytes, source: str) -> Record:
    """Parse the record in a file called `source`.

    Raises:
        FusevadError: it is damaged.
    """
    try:
        record = parse(Record, json_text.load(content), source)
        deep = _is_deep(record.lineage, _DEEPEST)
    except (ValueError, RecursionError) as error:
        raise FusevadError(f"{source}: not JSON, so not a record; {_AGAIN}") from error
    if deep:
        raise FusevadError(f"{source}: nested too deeply for a record; {_AGAIN}")
    if not all(map(_is_step, record.lineage.values())):
        raise FusevadError(f"{source}: a lineage of something else than steps; {_AGAIN}")
    return record


def _is_step(value: Any) -> bool:
    """Whether a value has the form of a step: mappings of settings and sources, if any."""
    parts = ("settings", "sources")
    return isinstance(value, Mapping) and all(isinstance(value.get(p, {}), Mapping) for p in parts)


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
    """One line for each value that differs between two lineages, with both values.

    What the user's own files hold is not compared where one of both knows nothing of it.
    """
    left, right = dict(_leaves(recorded)), dict(_leaves(expected))
    return [
        f"{key}: {left.get(key, 'nothing')!r} recorded, {right.get(key, 'nothing')!r} configured"
        for key in dict.fromkeys([*left, *right])
        if left.get(key, "nothing") != right.get(key, "nothing")
        and not (key.endswith(_CONTENT) and None in (left.get(key), right.get(key)))
    ]


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted key; a list counts as a value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}: {key}" if prefix else key)
    else:
        yield prefix, value
