"""Hyperparameters of methods: config/hyperparameters/*.yaml, and where other files change them."""

import inspect
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, Literal

from fusevad.config.forms.values import default_of, part
from fusevad.models.registry import METHODS
from fusevad.parsing import FORBID, hints
from fusevad.train.settings import TrainSettings


def _of_all_methods(section: Literal["model", "loss"]) -> type:
    """All fields that any method has in a section: a set of hyperparameters serves all methods."""
    kinds = dict.fromkeys(getattr(method, section) for method in METHODS.values())
    known: dict[str, Any] = {}
    for kind in kinds:
        for each in fields(kind):
            known.setdefault(each.name, (each.name, hints(kind)[each.name], default_of(each)))
    documented = dict.fromkeys(parent for kind in kinds for parent in kind.__mro__[:-1])
    text = "\n\n".join(inspect.cleandoc(each.__doc__ or "") for each in documented)
    names = {"__pydantic_config__": FORBID, "__doc__": text}
    return make_dataclass(
        section.capitalize(), known.values(), namespace=names, frozen=True, kw_only=True
    )


# A section may be missing, but is never null.
_SECTIONS = {section: (_of_all_methods(section), None) for section in ("model", "loss")}
_HYPERPARAMETERS = ("Hyperparameters", TrainSettings, "method", "model", "loss")
Hyperparameters = part(*_HYPERPARAMETERS, checked=False, **_SECTIONS)
HyperparameterChoice = part(
    "HyperparameterChoice",
    *_HYPERPARAMETERS[1:],
    checked=False,
    doc="base: name of the set that the other values change; else each data set's own.",
    base=(str, None),
    **_SECTIONS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparametersFile:
    """A named set of hyperparameters: config/hyperparameters/*.yaml.

    Attributes:
        source: where the values come from.
        all: values for all data sets (fusevad.train.settings.TrainSettings); a method ignores
            the keys of `model` and `loss` that it does not have.
        datasets: values that differ, by data set.
    """

    __pydantic_config__ = FORBID

    source: str
    all: Hyperparameters
    datasets: dict[str, Hyperparameters] = field(default_factory=dict)
