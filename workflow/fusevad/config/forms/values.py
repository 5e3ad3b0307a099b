"""What the forms of files are made of: fields of settings, and values that several have."""

import inspect
from collections.abc import Hashable
from dataclasses import MISSING, field, fields, make_dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from fusevad.cues.settings import CueSettings, MotionCue
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID, hints

T = TypeVar("T", bound=tuple[Hashable, ...])


def part(
    name: str,
    kind: type,
    *without: str,
    checked: bool = True,
    doc: str = "",
    **more: tuple[Any, Any],
) -> type:
    """Make a class with the fields of a stage's settings that people set.

    Args:
        name: of the new class.
        kind: the settings.
        without: fields that the workflow sets; files don't have them.
        checked: whether to keep the checks of `kind`, which see the defaults of missing fields.
        doc: describes the fields in `more`, as in a docstring.
        more: additional fields: type and default.
    """
    kept = [(f.name, hints(kind)[f.name], default_of(f)) for f in fields(kind)]
    kept = [each for each in kept if each[0] not in without]
    added = [(key, hint, field(default=default)) for key, (hint, default) in more.items()]
    names = {f.name: f.default for f in fields(kind) if f.name in without and f.default != MISSING}
    names |= {
        "__pydantic_config__": FORBID,
        "__doc__": f"{inspect.cleandoc(kind.__doc__ or '')}\n\n{doc}",
    }
    if checked and hasattr(kind, "__post_init__"):
        names["__post_init__"] = kind.__post_init__
    return make_dataclass(name, [*kept, *added], namespace=names, frozen=True, kw_only=True)


def default_of(found: Any) -> Any:
    """Make a field with the default of another, for `make_dataclass`."""
    return field(default=found.default, default_factory=found.default_factory)


def _each_once(values: T) -> T:
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is named twice")
    return values


Once = AfterValidator(_each_once)
Some = Field(min_length=1, json_schema_extra={"uniqueItems": True})
Names = Annotated[tuple[str, ...], Once, Some]
# Generators of random numbers take 64 bits, and training makes a number an epoch of a seed's.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Seeds = Annotated[tuple[Seed, ...], Once, Some]
_Metric = Literal["Video-AUC", "AUC", "AP", "Ano-AUC", "Ano-AP"]
Metrics = Annotated[tuple[_Metric, ...], Once, Some]
Crops = Annotated[tuple[Annotated[int, Field(ge=0, le=9)], ...], Once, Some]


def _countable(cue: MotionCue) -> MotionCue:
    try:
        CueSettings(cue.definition, (cue.window,), (cue.threshold,))
    except FusevadError as error:
        raise ValueError(str(error)) from error
    return cue


Cue = Annotated[MotionCue, AfterValidator(_countable)]
