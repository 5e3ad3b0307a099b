"""Names that become parts of paths: data sets, encoders, experiments, tables, configurations."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fusevad import yaml_text
from fusevad.errors import FusevadError
from fusevad.files import settings_hash

_MAIN = Path("config/config.yaml")
_DEFAULT = _MAIN.stem
# Folders of results/ that all configurations share.
_SHARED = ("benchmarks", "encoder", "encoders", "fetched", "figures", "logs", "settings")
# Other folders of results/, of a configuration and of a data set: what lies in them is told apart
# by their names.
_FOLDERS = ("bundles", "cues", "embeddings", "explorer", "runs", "seeds", "source", "studies")

# Characters of a name: files add a suffix, and hidden ones more, to what a disk takes.
_LONGEST = 200
_GIVEN = re.compile(r"[a-z0-9][a-z0-9.-]*")
# Sweeps add their short names and values, as in `student-t.lambda_r-0.5`.
_MADE = re.compile(r"[a-z0-9][A-Za-z0-9_.+-]*")


def check_name(name: str, kind: str, source: str) -> str:
    """Return the name if it can be a part of a path on any system.

    Raises:
        FusevadError: it has other characters, or too many; the message names `source`, where the
            name is from.
    """
    _check_length(name, kind, source)
    if not _GIVEN.fullmatch(name):
        raise FusevadError(
            f"{source}: {kind} {name!r}: a name has lower-case letters, digits, dots and dashes"
            " alone, and starts with a letter or digit; rename it"
        )
    return name


def _check_length(name: str, kind: str, source: str) -> None:
    if len(name) > _LONGEST:
        raise FusevadError(
            f"{source}: {kind} {name[:40]!r}...: a name of {len(name)} characters; shorten it to"
            f" at most {_LONGEST}"
        )


def check_dataset_name(name: str, source: str) -> str:
    """Return the name if data sets can have it.

    Raises:
        FusevadError: as `check_name`, or other folders of `results/` have it.
    """
    if name in (*_SHARED, *_FOLDERS):
        raise FusevadError(
            f"{source}: data set {name!r}: results/ has other folders of that name; rename it"
        )
    return check_name(name, "data set", source)


def check_swept(name: str, source: str) -> str:
    """Return the name of a swept experiment if it can be a part of a path.

    Raises:
        FusevadError: a value of the sweep is no word or number, or is too long.
    """
    _check_length(name, "experiment", source)
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
        FusevadError: it is no text, can't name a folder, is a folder that all configurations
            share, or is the default's without being it.
    """
    source = str(files[-1]) if files else "--config"
    default = named is None and all(path.resolve() == _MAIN.resolve() for path in files)
    name: Any = named
    if named is None and "name" not in over:
        name = _DEFAULT if default else files[-1].stem
    if not isinstance(name, str) or not name:
        raise FusevadError(f"{source}: name: {name!r} is no word; correct it")
    if over and "name" not in over:
        name = f"{'over' if default else name}-{settings_hash(_typed(over))[:6]}"
    elif default:
        return ""
    if name in (*_SHARED, _DEFAULT):
        whose = "config/config.yaml alone" if name == _DEFAULT else "what configurations share"
        laid_last = named is None and name == _DEFAULT and files[-1].resolve() == _MAIN.resolve()
        advice = "name it first, or leave it out" if laid_last else "rename it"
        raise FusevadError(
            f"{source}: configuration {name!r}: the name of {whose}; {advice}, or give it a key"
            " `name`"
        )
    return check_name(name, "configuration", source)


def _typed(value: Any) -> Any:
    """Values of `--config` as YAML reads them: Snakemake leaves numbers as text."""
    if isinstance(value, Mapping):
        return {str(key): _typed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_typed(inner) for inner in value]
    try:
        return yaml_text.load(value) if isinstance(value, str) else value
    except (yaml.YAMLError, ValueError):
        return value  # to Snakemake it is text, whose meaning is checked with its key
