"""The source that each method, stage and stream owns, and changes to it without a new version.

Versions are raised by hand. So that nobody forgets, `sources.json` records each version with the
hash of its source. Imports nothing heavy: the Snakefile reads it at every start.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fusevad.embed.streams.registry import KINDS, kind_of
from fusevad.errors import FusevadError
from fusevad.files import write_text
from fusevad.models.registry import METHODS, Method
from fusevad.parsing import FORBID, parse
from fusevad.plan.lineage import Plan
from fusevad.plan.source_code import code_digest, digest, imported_methods
from fusevad.plan.stage import STAGES

PACKAGE = Path(__file__).resolve().parents[1]
RECORD = "plan/sources.json"
_OURS = "fusevad."
# Suffixes of source: of Python, and of pages.
_CODE = (".py", ".js", ".css", ".html")


@dataclass(frozen=True, slots=True)
class Owner:
    """A method, a stage or a kind of stream.

    Attributes:
        name: `method gating`, `stage train`, `stream rgb`.
        version: as in the registry, `stage` or the stream's settings.
        parts: its source: files of the package, or a class in a file, `FILE:CLASS`.
        declared: file of the package with its version.
    """

    name: str
    version: int
    parts: tuple[str, ...]
    declared: str


@dataclass(frozen=True, slots=True)
class Version:
    """A recorded version, and the hash of its source."""

    version: int
    source: str


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The content of `sources.json`.

    Attributes:
        versions: by owner.
        code: hash of each part's code, to name changed parts.
        bytes: hash of each file: the code of an unchanged file is not parsed.
    """

    __pydantic_config__ = FORBID

    versions: dict[str, Version] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    bytes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """An owner that differs from the record.

    Attributes:
        owner: its current state.
        parts: parts of its source that changed without a new version; empty if the version is new.
    """

    owner: Owner
    parts: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The problem and what to do."""
        name, version = self.owner.name, self.owner.version
        if not self.parts:
            return f"{name}: version {version} is not recorded; run 'fusevad versions --write'"
        short = name.partition(" ")[2]
        return (
            f"{name}: {', '.join(self.parts)} changed but version {version} did not, so results of"
            f" the old code pass for the new code's; raise it in {self.owner.declared}, or, if the"
            f" code computes the same, run 'fusevad versions --same {short}'"
        )


class Sources:
    """The source of a package's methods, stages and streams, and its record.

    Raises:
        FusevadError: the record is damaged, for example after an unfinished merge.
    """

    def __init__(self, package: Path = PACKAGE) -> None:
        self._package = package
        self._contents: dict[str, bytes] = {}
        self._codes: dict[str, str] = {}
        self._recorded = _read(package / RECORD)

    @cached_property
    def owners(self) -> dict[str, Owner]:
        """All methods, stages and kinds of streams, by name."""
        methods = [
            Owner(f"method {name}", each.version, self._of_method(each), "models/registry.py")
            for name, each in METHODS.items()
        ]
        stages = [
            Owner(f"stage {name}", each.version, self._files(each.source), "plan/stage.py")
            for name, each in STAGES.items()
        ]
        streams = [
            Owner(f"stream {name}", kind.version, self._files([folder]), f"{folder}/settings.py")
            for name, kind in KINDS.items()
            for folder in [f"embed/streams/{name}"]
        ]
        return {owner.name: owner for owner in (*methods, *stages, *streams)}

    def changes(self, names: Collection[str] | None = None) -> dict[str, Change]:
        """Differences from the record, for the owners `names` or for all."""
        owners = (each for each in self.owners.values() if names is None or each.name in names)
        return {owner.name: found for owner in owners if (found := self._change(owner))}

    def write(self, same: Iterable[str] = ()) -> list[str]:
        """Record the current state; return the owners whose version or source changed.

        Args:
            same: methods, stages and streams whose changed source computes the same.

        Raises:
            FusevadError: there is no such name, or the source of others changed without a new
                version.
        """
        vouched = {self._named(name) for name in same}
        changes = self.changes()
        for change in changes.values():
            if change.parts and change.owner.name not in vouched:
                raise FusevadError(change.line)
        # Nothing is taken over: git may have merged records of different clones.
        self._recorded = _Recorded()
        self._codes.clear()
        owners = self.owners.values()
        parts = sorted({part for owner in owners for part in owner.parts})
        recorded = _Recorded(
            {each.name: Version(each.version, self._source(each)) for each in owners},
            {part: self._code(part) for part in parts},
            {file: digest(self._content(file)) for file in sorted(map(_file, parts))},
        )
        write_text(_text(recorded), self._package / RECORD)
        self._recorded = recorded
        return list(changes)

    def _named(self, name: str) -> str:
        found = [each for each in self.owners if each.partition(" ")[2] == name]
        if not found:
            raise FusevadError(
                f"--same {name}: no method, stage or stream of that name; correct it"
            )
        return found[0]

    def _change(self, owner: Owner) -> Change | None:
        recorded = self._recorded.versions.get(owner.name)
        if recorded is None or recorded.version != owner.version:
            return Change(owner)
        if recorded.source == self._source(owner):
            return None
        code = self._recorded.code
        changed = tuple(part for part in owner.parts if self._code(part) != code.get(part))
        return Change(owner, changed or ("its files",))

    def _source(self, owner: Owner) -> str:
        return digest(repr([(part, self._code(part)) for part in owner.parts]).encode())

    def _code(self, part: str) -> str:
        if part not in self._codes:
            file, _, name = part.partition(":")
            content, recorded = self._content(file), self._recorded
            known = part in recorded.code and recorded.bytes.get(file) == digest(content)
            self._codes[part] = recorded.code[part] if known else code_digest(content, name)
        return self._codes[part]

    def _content(self, file: str) -> bytes:
        if file not in self._contents:
            self._contents[file] = (self._package / file).read_bytes()
        return self._contents[file]

    def _files(self, source: Iterable[str]) -> tuple[str, ...]:
        """All files: those given, and those in given folders."""
        found: set[str] = set()
        for each in source:
            place = self._package / each
            files = place.iterdir() if place.is_dir() else [place]
            found |= {
                file.relative_to(self._package).as_posix() for file in files if file.suffix in _CODE
            }
        return tuple(sorted(found))

    def _of_method(self, method: Method) -> tuple[str, ...]:
        """Its module, the modules of `models/` that it imports, and the classes of its settings.

        Code that all methods share belongs to the stage that trains them; other packages are not
        watched.
        """
        shared = {*self._files(STAGES["train"].source), "models/registry.py"}
        waiting = [_path(method.module)] if method.module.startswith(_OURS) else []
        found: set[str] = set()
        while waiting:
            file = waiting.pop()
            if file not in found | shared and not file.endswith("/settings.py"):
                found.add(file)
                waiting += imported_methods(self._content(file))
        kinds = (*method.model.__mro__, *method.loss.__mro__)
        classes = {
            f"{_path(kind.__module__)}:{kind.__name__}"
            for kind in kinds
            if kind.__module__.startswith(_OURS)
        }
        return (*sorted(found), *sorted(classes))


def owners_in(lineage: Mapping[str, Any]) -> set[str]:
    """Names of the owners whose source counts in a lineage."""
    found = {f"stage {step['stage']}" for step in lineage.values()}
    methods = (
        step["settings"]["method"]
        for step in lineage.values()
        if STAGES[step["stage"]].runs_method and "method" in step["settings"]
    )
    streams = (
        kind_of(step["settings"]["stream"]).name
        for step in lineage.values()
        if STAGES[step["stage"]].runs_stream and "stream" in step["settings"]
    )
    return found | {f"method {each}" for each in methods} | {f"stream {each}" for each in streams}


def changes_of(plan: Plan) -> dict[str, Change]:
    """Differences from the record in the source that a plan's jobs run."""
    used: set[str] = set()
    for job in plan.jobs.values():
        used |= owners_in(plan.lineage(job))
    return Sources().changes(used)


def _path(module: str) -> str:
    """The package's file of a module."""
    return "/".join(module.split(".")[1:]) + ".py"


def _file(part: str) -> str:
    return part.partition(":")[0]


def _read(file: Path) -> _Recorded:
    """The record; empty if there is no file, so that nothing counts as recorded."""
    if not file.is_file():
        return _Recorded()
    try:
        values = json.loads(file.read_bytes())
    except ValueError as error:
        raise FusevadError(
            f"{file}: not JSON; finish its merge or take it from git again"
        ) from error
    return parse(_Recorded, values, str(file))


def _text(recorded: _Recorded) -> str:
    """JSON with a line for each owner, part and file, so that git merges it well."""
    sections = [
        f'"{section}": {{\n'
        + ",\n".join(f'  "{key}": {json.dumps(value)}' for key, value in values.items())
        + "\n}"
        for section, values in asdict(recorded).items()
    ]
    return "{\n" + ",\n".join(sections) + "\n}\n"
