"""Merging what two people have recorded: git's driver for `dvc.lock` and `config/tracked.yaml`.

Both are mappings of units, and two people who push different runs change different units, though
often neighbouring lines, which git alone takes for a conflict.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc.utils.serialize import dumps_yaml, loads_yaml

from fusevad.artifacts.tracked import parse_records, tracked_text
from fusevad.errors import FusevadError
from fusevad.files import write_text

_ABSENT = object()


def merge_records(base: Path, ours: Path, theirs: Path, name: str = "dvc.lock") -> None:
    """Write into `ours` the units of both sides.

    Args:
        base: as it was before both changes; an empty file if there was none.
        ours: our side, which the result replaces.
        theirs: the other side.
        name: of the file in the repository.

    Raises:
        FusevadError: both sides changed the same unit, each otherwise; `ours` stays as it is.
    """
    sides = [_parsed(path.read_text(), name) for path in (base, ours, theirs)]
    if name.endswith(".lock"):
        stages = [side.get("stages") or {} for side in sides]
        merged: dict[str, Any] = _merged(*stages, name, depth=1)
        text = dumps_yaml({"schema": "2.0", "stages": merged})
    else:
        text = tracked_text(_merged(*sides, name, depth=2))
    write_text(text, ours)


def _parsed(text: str, name: str) -> dict[str, Any]:
    values = parse_records(text, name)
    # As DVC reads it: to PyYAML 1e-06 is a text.
    return loads_yaml(text) if values and name.endswith(".lock") else values


def _merged(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    name: str,
    depth: int,
) -> dict[str, Any]:
    result = {}
    for key in sorted({*ours, *theirs}):
        values = [side.get(key, _ABSENT) for side in (base, ours, theirs)]
        if depth > 1:
            parts = [value if isinstance(value, Mapping) else {} for value in values]
            chosen: Any = _merged(*parts, name, depth - 1)
        else:
            chosen = _chosen(*values, f"{name}: {key}")
        if chosen is not _ABSENT:
            result[key] = chosen
    return result


def _chosen(base: Any, ours: Any, theirs: Any, unit: str) -> Any:
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    raise FusevadError(
        f"{unit}: changed on both sides; take one side's file (git checkout --ours or --theirs),"
        " then run 'fusevad push'"
    )
