"""What changed between two results: settings, versions, sources, packages, data, machines."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fusevad.plan.ancestry import Pair
from fusevad.plan.records import Record
from fusevad.report.changed_data import content_lines, manifest_lines, number_lines

Records = Sequence[tuple[str, Record, Record]]  # of a job, in A and in B
_UNSET = "unset"
_NAMED, _SHOWN, _HASH = 3, 60, 12  # steps in a line, letters of a value, digits of a hash
_DIGEST = re.compile("([0-9a-f]{40}|[0-9a-f]{64})(-dirty)?")  # of a commit, of a content


@dataclass(slots=True)
class _Changes:
    """Changes of values; equal changes of several steps become one line."""

    steps: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, step: str, what: str) -> None:
        self.steps.setdefault((step.split("/")[0], what), []).append(step)

    def lines(self, every: Iterable[str]) -> Iterator[str]:
        """One line a change; `every` has all names, to say where all of a stage changed."""
        of_stage = Counter(name.split("/")[0] for name in every)
        for (stage, what), names in self.steps.items():
            everywhere = 1 < len(names) == of_stage[stage]
            where = f"{stage}, all {len(names)} jobs" if everywhere else _listed(names)
            yield f"{where}: {what}"


def diff_lines(pair: Pair) -> list[str]:
    """What changed between two results, then which numbers moved; values of A come first."""
    changes, numbers = change_lines(pair), list(number_lines(pair))
    if changes:
        changes += circumstance_lines(pair)
    return [*(changes or ["nothing differs in what makes them"]), *numbers]


def change_lines(pair: Pair) -> list[str]:
    """What differs in what makes two results; empty if nothing does.

    Settings, versions and sources are compared for all steps; packages and files only for jobs
    whose records are there, which a pulled table's may not be.
    """
    settings = [*_only(*pair.steps()), *_configured(*pair.steps())]
    records = pair.records()
    data = [*content_lines(pair), *manifest_lines(pair)]
    return [*settings, *_found(records), *_packages(records), *data, *_unexplained(records)]


def circumstance_lines(pair: Pair) -> Iterator[str]:
    """Commits and machines of trainings that differ: they need not change any number."""
    changes, records = _Changes(), pair.records()
    for job, ours, theirs in records:
        if ours.made and theirs.made:
            for key in ("commit", "machine"):
                old, new = getattr(ours.made, key), getattr(theirs.made, key)
                if old != new:
                    changes.add(job, f"{key} {_short(old)} -> {_short(new)}")
    yield from changes.lines(job for job, *_ in records)


def _only(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    for side, has, lacks in (("A", ours, theirs), ("B", theirs, ours)):
        names = [name for name in has if name not in lacks]
        if names:
            yield f"only in {side}: {_listed(names)}"


def _configured(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    changes = _Changes()
    for step in ours:
        if step in theirs:
            _compare(changes, step, _plain(ours[step]), _plain(theirs[step]))
    yield from changes.lines(step for step in ours if step in theirs)


def _plain(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step's values by key: settings by their own names, sources by their paths."""
    sources = {f"content of {path}": digest for path, digest in step.get("sources", {}).items()}
    others = {key: value for key, value in step.items() if key not in ("settings", "sources")}
    return others | sources | step.get("settings", {})


def _compare(
    changes: _Changes, step: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> None:
    for key, old, new in _differences(ours, theirs):
        changes.add(step, f"{key} {_shown(old)} -> {_shown(new)}")


def _differences(old: Any, new: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Values that differ, by dotted key; entries of lists by their names if they have any."""
    old, new = _by_name(old), _by_name(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for part in dict.fromkeys([*old, *new]):
            inner = f"{key}.{part}" if key else str(part)
            yield from _differences(old.get(part, _UNSET), new.get(part, _UNSET), inner)
    elif old != new and not all(_says_where(each) for each in (old, new)):
        yield key, old, new


def _by_name(value: Any) -> Any:
    if isinstance(value, list) and value and all(map(_name, value)):
        return {_name(each): each for each in value}
    return value


def _name(value: Any) -> str:
    name = value.get("name") or value.get("key") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else ""


def _says_where(value: Any) -> bool:
    """Whether a value only names a result, whose content is compared itself, or is none."""
    return value == _UNSET or (isinstance(value, str) and value.startswith("results/"))


def _found(records: Records) -> Iterator[str]:
    changes = _Changes()
    for job, ours, theirs in records:
        _compare(changes, job, ours.found, theirs.found)
    yield from changes.lines(job for job, *_ in records)


def _packages(records: Records) -> Iterator[str]:
    jobs: dict[str, int] = {}
    for _, ours, theirs in records:
        for name in dict.fromkeys([*ours.packages, *theirs.packages]):
            old, new = (each.packages.get(name, "none") for each in (ours, theirs))
            if old != new:
                line = f"{name} {old} -> {new}"
                jobs[line] = jobs.get(line, 0) + 1
    for line, count in jobs.items():
        yield line if count == len(records) else f"{line} (in {count} of {len(records)} jobs)"


def _unexplained(records: Records) -> Iterator[str]:
    """Jobs that made other bytes of the same inputs, settings and packages."""
    changes = _Changes()
    for job, ours, theirs in records:
        if _causes(ours) == _causes(theirs) and _digests(ours) != _digests(theirs):
            changes.add(job, "other bytes of the same inputs, settings and packages")
    yield from changes.lines(job for job, *_ in records)


def _causes(record: Record) -> tuple[Any, ...]:
    own = record.lineage.get(record.job)
    return record.job, own, list(record.inputs.values()), record.packages, record.found


def _digests(record: Record) -> list[str]:
    return [each.sha256 for each in record.outputs.values()]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _shown(value: Any) -> str:
    """A value on a few letters: hashes cut, and consecutive numbers as a range."""
    if isinstance(value, str):
        return _short(value)
    whole = isinstance(value, list) and all(type(each) is int for each in value)
    if whole and len(value) > 1 and value == list(range(value[0], value[-1] + 1)):
        return f"{value[0]}-{value[-1]}"
    if isinstance(value, Mapping):
        return "given"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _short(text: str) -> str:
    found = _DIGEST.fullmatch(text)
    return f"{found[1][:_HASH]}{found[2] or ''}" if found else text
