"""From mappings (YAML, JSON) to typed settings, with one clear line when they do not fit."""

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from fusevad.errors import FusevadError

T = TypeVar("T")

FORBID = ConfigDict(extra="forbid")

# The one in C where PyYAML brings it: Snakemake reads the configuration at every start.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(kind: type[T], values: Any, source: str) -> T:
    """Make the dataclass `kind` from plain values; nested dataclasses and types are checked.

    Dataclasses that set `__pydantic_config__ = FORBID` reject unknown keys.

    Raises:
        FusevadError: naming `source`, the key and what is wrong with it.
    """
    try:
        return _adapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "settings"
        raise FusevadError(f"{source}: {key}: {first['msg']}; correct the value") from error


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Making one takes milliseconds, and records are read by the thousand."""
    return TypeAdapter(kind)


def read_yaml(path: Path) -> Any:
    """Read a YAML file, or a JSON file named so: to YAML JSON's 1e-08 is a text.

    Raises:
        FusevadError: the file is missing or is not what its name says.
    """
    if not path.is_file():
        raise FusevadError(f"{path}: no such file; check the name in the configuration")
    try:
        text = path.read_text()
        return json.loads(text) if path.suffix == ".json" else yaml.load(text, _LOADER)
    except (yaml.YAMLError, ValueError) as error:
        line = " ".join(str(error).split())
        raise FusevadError(f"{path}: not valid YAML or JSON ({line}); correct the file") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML (or JSON) file of keys and values; an empty file has none.

    Raises:
        FusevadError: the file is missing, is no YAML, or holds something else.
    """
    values = read_yaml(path)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise FusevadError(f"{path}: not keys and values; correct the file")
    return values


def from_text_or_file(value: str) -> dict[str, Any]:
    """Settings given on the command line: inline JSON, or the path of a YAML or JSON file.

    Raises:
        FusevadError: as `read_mapping`, or the text is no JSON.
    """
    if not value.lstrip().startswith("{"):
        return read_mapping(Path(value))
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise FusevadError(f"--settings: not valid JSON ({error}); correct it") from error
