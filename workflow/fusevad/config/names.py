"""Names that become parts of paths: data sets, encoders, experiments, tables, configurations."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fusevad import yaml_text
from fusevad.errors import FusevadError
from fusevad.files import settings_hash

_DEFAULT = "config"  # config/config.yaml
# Folders of results/ that all configurations share.
_SHARED = ("benchmarks", "encoder", "encoders", "fetched", "figures", "logs", "settings")

_GIVEN = re.compile(r"[a-z0-9][a-z0-9.-]*")
# Sweeps add their short names and values, as in `student-t.lambda_r-0.5`.
_MADE = re.compile(r"[a-z0-9][A-Za-z0-9_.+-]*")


def check_name(name: str, kind: str, source: str) -> str:
    """Return the name if it can be a part of a path on any system.

    Raises:
        FusevadError: it has other characters; the message names `source`, where the name is from.
    """
    if not _GIVEN.fullmatch(name):
        raise FusevadError(
            f"{source}: {kind} {name!r}: a name has lower-case letters, digits, dots and dashes"
            " alone, and starts with a letter or digit; rename it"
        )
    return name


def check_swept(name: str, source: str) -> str:
    """Return the name of a swept experiment if it can be a part of a path.

    Raises:
        FusevadError: a value of the sweep is no word or number.
    """
    if not _MADE.fullmatch(name):
        raise FusevadError(
            f"{source}: experiment {name!r}: a sweep's values must be numbers or single words, as"
            " they are parts of names; correct the value"
        )
    return name


def configuration_name(
    files: Sequence[Path], over: Mapping[str, Any], named: str | None = None
) -> str:
    """The name of a configuration, a folder of `results/`; empty for the default one.

    Args:
        files: laid over `config/config.yaml`, in their order.
        over: values of `--config`. Unless they include `name`, they add digits to the name, so that
            a value tried out replaces no results.
        named: the configuration's key `name`, from any of its files.

    Raises:
        FusevadError: it is no text, can't name a folder, or is a folder that all configurations
            share.
    """
    name = named or (files[-1].stem if files else _DEFAULT)
    source = str(files[-1]) if files else "--config"
    if not isinstance(name, str):
        raise FusevadError(f"{source}: name: {name!r} is no word; correct it")
    if over and "name" not in over:
        name = f"{'over' if name == _DEFAULT else name}-{settings_hash(_typed(over))[:6]}"
    if name == _DEFAULT:
        return ""
    if name in _SHARED:
        raise FusevadError(
            f"{source}: configuration {name!r}: a folder of results/ that all configurations share;"
            " rename it, or give it a key `name`"
        )
    return check_name(name, "configuration", source)


def _typed(value: Any) -> Any:
    """Values of `--config` as YAML reads them: Snakemake leaves numbers as text."""
    if isinstance(value, Mapping):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_typed(inner) for inner in value]
    try:
        return yaml_text.load(value) if isinstance(value, str) else value
    except (yaml.YAMLError, ValueError):
        return value  # to Snakemake it is text, whose meaning is checked with its key
