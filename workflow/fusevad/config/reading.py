"""Files of `config/`, read and checked against `workflow/schemas/`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from fusevad.config.names import check_name
from fusevad.errors import FusevadError
from fusevad.parsing import read_mapping
from fusevad.printable import check_printable

_PRINTED = ("title", "label")
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


@cache
def read_named(folder: Path, kind: str, name: str) -> dict[str, Any]:
    """Read and check `config/{kind}/{name}.yaml`, once; nobody changes what it returns."""
    values = read_unchecked(folder, kind, name)
    schema = kind.removesuffix("s") if kind != "hyperparameters" else kind
    check(values, schema, str(folder / kind / f"{name}.yaml"))
    return values


def read_unchecked(folder: Path, kind: str, name: str) -> dict[str, Any]:
    """Read `config/{kind}/{name}.yaml`, which may be less than its schema asks for.

    Raises:
        FusevadError: there is no such file, naming all that there are, or none can have this name.
    """
    check_name(name, kind.removesuffix("s"), str(folder / kind))
    path = folder / kind / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (folder / kind).glob("*.yaml")))
        raise FusevadError(f"{path}: no such file; {kind} known: {known}")
    return read_mapping(path)


def check(values: Any, schema: str, source: str) -> None:
    """Validate against `workflow/schemas/{schema}.schema.yaml`; errors name `source`."""
    error = best_match(_validator(schema).iter_errors(values))
    if error is not None:
        key = ".".join(str(part) for part in error.absolute_path) or "top level"
        raise FusevadError(f"{source}: {key}: {error.message}; correct the file")
    _check_printed(values, source)


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


@cache
def _validator(schema: str) -> Draft202012Validator:
    resources = [
        (path.name, Resource.from_contents(read_mapping(path)))
        for path in SCHEMAS.glob("*.schema.yaml")
    ]
    registry: Registry = Registry().with_resources(resources)
    return Draft202012Validator({"$ref": f"{schema}.schema.yaml"}, registry=registry)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` laid on it, mapping by mapping."""
    result = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if nested else value
    return result
