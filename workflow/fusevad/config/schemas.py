"""JSON schemas of the files in `config/`, for editors, made from the classes that check them."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, get_args

from fusevad.config.forms import FORMS
from fusevad.parsing import adapter, hints

# The entry of a field in a docstring: names, and a text that goes on in lines with more indent.
_ENTRY = re.compile(r"(?P<indent> *)(?P<names>\w+(?:, \w+)*): (?P<text>.*)")


def schemas() -> dict[str, str]:
    """Content of `workflow/schemas/{name}.schema.json` for the files in `config/`, by name."""
    made = {}
    for name, form in FORMS.items():
        values = described_schema(form)
        # A file may be laid over another one, which has the keys that it lacks.
        values.pop("required", None)
        made[name] = schema_text(values)
    return made


def described_schema(form: Any) -> dict[str, Any]:
    """The JSON schema of a dataclass, each key described as its docstring does."""
    schema = adapter(form).json_schema()
    described = {each.__name__: _descriptions(each) for each in _classes(form, set())}
    for title, part in [(schema.get("title"), schema), *schema.get("$defs", {}).items()]:
        if "description" in part:
            part["description"] = part["description"].split("\n\n")[0]
        for key, value in part.get("properties", {}).items():
            if text := described.get(str(title), {}).get(key):
                value["description"] = text
    return schema


def schema_text(schema: Mapping[str, Any]) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _classes(kind: Any, seen: set[Any]) -> Iterator[type]:
    """The dataclasses that a type contains."""
    if isinstance(kind, type) and is_dataclass(kind) and kind not in seen:
        seen.add(kind)
        yield kind
        for inner in hints(kind).values():
            yield from _classes(inner, seen)
    for inner in get_args(kind):
        yield from _classes(inner, seen)


def _descriptions(kind: type) -> dict[str, str]:
    """Descriptions of the fields of a dataclass, from its docstring."""
    found: dict[str, str] = {}
    names: list[str] = []
    indent = 0
    for line in inspect.cleandoc(kind.__doc__ or "").splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry and set(entry["names"].split(", ")) <= set(hints(kind)):
            names, indent = entry["names"].split(", "), len(entry["indent"])
            found |= dict.fromkeys(names, entry["text"])
        elif names and len(line) - len(line.lstrip()) > indent:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
        else:
            names = []
    return found
