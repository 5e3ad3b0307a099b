"""Parse mappings (YAML, JSON) into typed settings, with one clear line when they do not fit.

Pydantic and PyYAML are imported where they are needed: every start of the command imports this
module, and these two would take most of the time of `fusevad --help`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from fusevad import json_text
from fusevad.errors import FusevadError, message_of

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter

T = TypeVar("T")

FORBID: ConfigDict = {"extra": "forbid", "allow_inf_nan": False}
_LONG = 200  # characters of a wrong value or key in a message
_MOST_FAULTS = 10_000  # of which one is described; a file of another kind may have millions
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
# Pydantic names Python's types; people write YAML.
_SHAPES = {
    "tuple_type": "input should be a list, as in [0, 1]",
    "list_type": "input should be a list, as in [0, 1]",
    "dict_type": "input should be a mapping, as in {key: value}",
    "mapping_type": "input should be a mapping, as in {key: value}",
    "dataclass_type": "input should be a mapping, as in {key: value}",
}


def parse(kind: type[T], values: Any, source: str) -> T:
    """Make the dataclass `kind` from plain values; check nested dataclasses and types.

    Dataclasses that set `__pydantic_config__ = FORBID` reject unknown keys.

    Raises:
        FusevadError: naming `source`, the key and what is wrong with it.
    """
    from pydantic import ValidationError

    try:
        places = list(_booleans(values))
    except RecursionError as error:
        raise FusevadError(f"{source}: values nested without end; correct them") from error
    for place in places:
        found = _kinds_at(kind, place)[0]
        if (int in found or float in found) and bool not in found:
            raise FusevadError(f"{source}: {_dotted(place)}: true or false where a number belongs")
    try:
        return adapter(kind).validate_python(values)
    except FusevadError as error:
        raise FusevadError(f"{source}: {error}") from error
    except ValidationError as error:
        if error.error_count() > _MOST_FAULTS:  # each takes a kilobyte to describe
            raise FusevadError(
                f"{source}: {error.error_count()} wrong values, so no file of this kind; replace it"
            ) from None
        # An unknown key says more than the missing key in its place.
        first = max(error.errors(), key=lambda e: (e["type"] in _UNKNOWN, len(e["loc"])))
        raise FusevadError(f"{source}: {_explained(kind, first)}") from error


def check_once(name: str, values: Sequence[Hashable]) -> None:
    """Raise FusevadError if a value of a list is there twice."""
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise FusevadError(f"{name}: {twice[0]!r} is named twice; keep one")


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The message for an unknown key, with the nearest known key."""
    names = sorted(known)
    near = get_close_matches(key, names, 1, 0.5)
    return f"unknown; did you mean '{near[0]}'?" if near else f"unknown; known: {', '.join(names)}"


def given(parsed: Any, values: Any) -> Any:
    """The values of `parsed` that were given, not its defaults, as plain values of the right types.

    So `5e-4`, which some readers of YAML read as text, becomes the same number from any source.
    """
    if isinstance(values, Mapping):
        get = parsed.__getitem__ if isinstance(parsed, Mapping) else parsed.__getattribute__
        return {key: given(get(key), value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [given(*pair) for pair in zip(parsed, values, strict=True)]
    return parsed


@cache
def adapter(kind: type[T]) -> TypeAdapter[T]:
    """Pydantic's validator, cached: making it takes milliseconds, and records are many."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


@cache
def hints(kind: type) -> dict[str, Any]:
    """Types of the fields of a dataclass, by name."""
    found = get_type_hints(kind, include_extras=True)
    return {field.name: found[field.name] for field in fields(kind)}


def _explained(kind: Any, error: Any) -> str:
    """Key, fault and remedy of one error of pydantic's."""
    parents, above = _kinds_at(kind, error["loc"][:-1])
    if error["type"] in _UNKNOWN:
        key = error["loc"][-1]
        known = [name for each in parents if is_dataclass(each) for name in hints(each)]
        return f"{_dotted([*above, key])}: {unknown_key(str(key), known)}"
    key = _dotted(_kinds_at(kind, error["loc"])[1])
    if error["type"] == "missing":
        return f"{key}: missing; add it"
    message = error["msg"].removeprefix("Value error, ")
    value, what = error["input"], _SHAPES.get(error["type"], message)
    text = _shortened(repr(value))
    shown = f"{text}: " if isinstance(value, str | int | float | None) else ""
    return f"{key}: {shown}{what[0].lower()}{what[1:]}; correct the value"


def _kinds_at(kind: Any, place: Any) -> tuple[list[Any], list[Any]]:
    """Types allowed at a place of a value, and the place without pydantic's own words."""
    kinds, steps = _choices(kind), []
    for part in place:
        found = [each for one in kinds for inner in _inner(one, part) for each in _choices(inner)]
        if found:
            kinds = found
            steps.append(part)
    return kinds, steps


def _choices(kind: Any) -> list[Any]:
    """The types that a type allows: the members of a union, without annotations."""
    if get_origin(kind) is Annotated:
        return _choices(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [each for option in get_args(kind) for each in _choices(option)]
    return [kind]


def _inner(kind: Any, part: Any) -> list[Any]:
    """Type of the part of a value that has this name or number, if any."""
    arguments = [each for each in get_args(kind) if each is not ...]
    origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return [hints(kind)[part]] if part in hints(kind) else []
    if origin is tuple and isinstance(part, int):
        return [arguments[min(part, len(arguments) - 1)]]
    if origin is list and isinstance(part, int):
        return arguments
    if isinstance(origin, type) and issubclass(origin, Mapping) and arguments:
        return [arguments[1]]
    return []


def _booleans(values: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Places of all booleans in plain values."""
    if isinstance(values, bool):
        yield place
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield from _booleans(value, (*place, key))
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from _booleans(value, (*place, number))


def _dotted(place: Any) -> str:
    keys = ".".join(_shortened(str(part)) for part in place) or "top level"
    return keys if keys.isprintable() else ascii(keys)


def _shortened(text: str) -> str:
    return text if len(text) < _LONG else f"{text[:_LONG]}..."


def read_yaml(path: Path) -> Any:
    """Read a YAML file, or a JSON file by its suffix: YAML reads JSON's 1e-08 as text.

    Raises:
        FusevadError: the file is missing or is not what its name says.
    """
    import yaml

    from fusevad import yaml_text
    from fusevad.files import read_limited

    if not path.is_file():
        raise FusevadError(f"{path}: no such file; check the name in the configuration")
    try:
        text = read_limited(path).decode()
        return json_text.load(text) if path.suffix == ".json" else yaml_text.load(text)
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        line = message_of(error)
        raise FusevadError(
            f"{path}: not valid YAML or JSON ({line[:300]}); correct the file"
        ) from error


def read_noted(path: Path) -> Any:
    """Read a JSON file that the program wrote.

    Raises:
        FusevadError: the file is missing or damaged.
    """
    from fusevad.files import read_limited

    try:
        return json_text.load(read_limited(path))
    except (OSError, ValueError, RecursionError) as error:
        raise FusevadError(f"{path}: missing or damaged; delete it and run again") from error


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
        return json_text.load(value)
    except (ValueError, RecursionError) as error:
        raise FusevadError(f"--settings: not valid JSON ({error}); correct it") from error
