"""Merge the records of two people: git's driver for `dvc.lock` and `.dvc/tracked.yaml`.

Both files are mappings of units, and two people who push different runs change different units,
though often on neighbouring lines, which git alone treats as a conflict.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc.utils.serialize import loads_yaml

from fusevad.artifacts.dvc_errors import one_line
from fusevad.artifacts.tracked import (
    lock_text,
    parse_records,
    parse_tracked,
    records_text,
    tracked_text,
)
from fusevad.errors import FusevadError
from fusevad.files import write_text
from fusevad.parsing import parse

_ABSENT = object()


def merge_records(base: Path, ours: Path, theirs: Path, name: str = "dvc.lock") -> None:
    """Write the units of both sides into `ours`.

    Args:
        base: the version before both changes; an empty file if there was none.
        ours: our side, which the result replaces.
        theirs: the other side.
        name: of the file in the repository.

    Raises:
        FusevadError: both sides changed the same units differently; for these, ours is kept.
    """
    conflicts: list[str] = []
    sides = [_parsed(records_text(path), name) for path in (base, ours, theirs)]
    if name.endswith(".lock"):
        stages = [side.get("stages") or {} for side in sides]
        merged: dict[str, Any] = _merged(*stages, conflicts, depth=1)
        text = lock_text(merged)
    else:
        text = tracked_text(_merged(*sides, conflicts, depth=2))
    write_text(text, ours)
    if conflicts:
        raise FusevadError(
            f"{name}: changed on both sides: {', '.join(conflicts)}; ours was kept, the rest is"
            f" merged: git add {name}, make these units again, then run 'fusevad push'"
        )


def _parsed(text: str, name: str) -> dict[str, Any]:
    if not name.endswith(".lock"):
        return parse_tracked(text)
    values = parse_records(text, name)
    parse(dict[str, dict[str, Any]], values.get("stages") or {}, name)
    # As DVC reads it: to PyYAML, 1e-06 is text.
    with one_line(name, "take it from git again"):
        return loads_yaml(text) if values else values


def _merged(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    conflicts: list[str],
    depth: int,
) -> dict[str, Any]:
    """Both sides' units, `depth` levels down; ours for `conflicts`, which are collected."""
    result = {}
    for key in sorted({*ours, *theirs}):
        values = [side.get(key, _ABSENT) for side in (base, ours, theirs)]
        if depth > 1:
            parts = [value if isinstance(value, Mapping) else {} for value in values]
            chosen: Any = _merged(*parts, conflicts, depth - 1)
        else:
            chosen = values[2] if values[1] == values[0] else values[1]
            if values[2] not in (values[0], chosen):
                conflicts.append(key)
        if chosen is not _ABSENT:
            result[key] = chosen
    return result
