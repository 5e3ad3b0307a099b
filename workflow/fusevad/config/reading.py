"""Read the files of `config/` and check them against `config.forms`."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

from fusevad.config.forms import FORMS
from fusevad.config.names import check_name
from fusevad.errors import FusevadError
from fusevad.parsing import given, parse, read_mapping
from fusevad.printable import check_printable

_PRINTED = ("title", "label")


@cache
def read_named(folder: Path, kind: str, name: str) -> dict[str, Any]:
    """Read and check `config/{kind}/{name}.yaml`, once; callers must not change the result."""
    return check(read_unchecked(folder, kind, name), kind, str(folder / kind / f"{name}.yaml"))


def read_unchecked(folder: Path, kind: str, name: str) -> dict[str, Any]:
    """Read `config/{kind}/{name}.yaml`, which may lack keys that its form requires.

    Raises:
        FusevadError: there is no such file (the message names all files), or the name is invalid.
    """
    check_name(name, kind.removesuffix("s"), str(folder / kind))
    path = folder / kind / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (folder / kind).glob("*.yaml")))
        raise FusevadError(f"{path}: no such file; {kind} known: {known}")
    return read_mapping(path)


def check(values: Mapping[str, Any], kind: str, source: str) -> dict[str, Any]:
    """Check the content of a file of a kind (`config.forms.FORMS`); errors name `source`.

    Returns:
        The values, each with the type that the form gives it.
    """
    _check_printed(values, source)
    return given(parse(FORMS[kind], values, source), values)


def _check_printed(values: Any, source: str) -> None:
    """All titles and labels can be printed in tables.

    Raises:
        FusevadError: naming the key and the character.
    """
    if not isinstance(values, Mapping):
        return
    for key, value in values.items():
        if key in _PRINTED and isinstance(value, str):
            check_printable(value, f"{source}: {key}")
        else:
            _check_printed(value, f"{source}: {key}")


def filled(form: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Checked values with the form's defaults for keys that are not given."""
    defaults = {each.name: each.default for each in fields(form)}
    return {key: value for key, value in defaults.items() if value is not MISSING} | dict(values)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` laid on it, mapping by mapping."""
    result = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if nested else value
    return result
