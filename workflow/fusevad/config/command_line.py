"""`--configfile A B` and `--config key=value` on a command line, as Snakemake reads them.

Both options take all words up to the next option, and of two such options Snakemake silently drops
the first: that is refused, for `snakemake` and `fusevad` alike.
"""

import re
import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from fusevad import yaml_text
from fusevad.errors import FusevadError, message_of
from fusevad.parsing import read_mapping

_OPTIONS = {
    "--configfile": "--configfile",
    "--configfiles": "--configfile",
    "--config": "--config",
    "-C": "--config",
}
# Argparse also takes -Ckey=value, and -nC for -n -C: after options of Snakemake that take no value.
_SHORT = re.compile(r"-([aDfFhklnpStv]*)C=?(.*)", re.DOTALL)
# What argparse takes for a value although it begins with a dash, as no option is called so.
_VALUE = re.compile(r"-|-\d+|-\d*\.\d+|-[^=]*\s.*", re.DOTALL)
_SUFFIXES = (".yaml", ".yml", ".json")
_MAIN = Path("config/config.yaml")
# With this key a file is a template to Snakemake, which runs the Python in its keys and values.
_PROGRAM = "__use_yte__"


def values_of(words: Sequence[str]) -> tuple[dict[str, list[list[str]]], list[str]]:
    """Split a command line.

    Returns:
        For `--configfile` and `--config`, the values of each occurrence, and all other words in
        order.

    Raises:
        FusevadError: a value looks like an option.
    """
    found: dict[str, list[list[str]]] = {"--configfile": [], "--config": []}
    others: list[str] = []
    taking: list[str] | None = None
    for word in words:
        name, equals, value = word.partition("=")
        if short := _SHORT.fullmatch(word):
            others += [f"-{short[1]}"] if short[1] else []
            name, equals, value = "-C", short[2], short[2]
        if taking is not None and _VALUE.fullmatch(word):
            raise FusevadError(f"{word!r}: begins with a dash and is no option; rename the file")
        if word.startswith("-") and name in _OPTIONS:
            taking = [value] if equals else []
            found[_OPTIONS[name]].append(taking)
            taking = None if equals else taking
        elif taking is None or word.startswith("-"):
            taking = None
            others.append(word)
        else:
            taking.append(word)
    return found, others


def check_command_line(words: Sequence[str]) -> None:
    """Refuse words that Snakemake would misread, and files that it reads too leniently.

    Raises:
        FusevadError: an option is given twice, a word after `--config` is no pair, a target stands
            where configurations belong, or a configuration, also config/config.yaml, has a key
            twice or holds a program; or the path of this folder has braces, on which Snakemake
            fails.
    """
    here = str(Path.cwd())
    if "{" in here or "}" in here:
        raise FusevadError(f"{here}: has braces, which are wildcards to Snakemake; rename it")
    found, _ = values_of(words)
    for option, times in found.items():
        if len(times) > 1:
            files = " ".join(value for values in times for value in values)
            raise FusevadError(
                f"{option} is given twice, and only the last would count; write {option} {files}"
            )
    for values in found["--config"]:
        overrides(values)
    for values in found["--configfile"]:
        for value in values:
            _check_configuration(value)
        if not values:
            raise FusevadError("--configfile: name at least one file after it")
    if _MAIN.is_file():
        _check_content(_MAIN)


def stop_if_refused() -> None:
    """End the process with one line if `check_command_line` refuses its command line.

    `profiles/default` calls it: Snakemake reads configurations before the Snakefile.
    """
    try:
        check_command_line(sys.argv[1:])
    except FusevadError as error:
        sys.exit(f"fusevad: {error}")


def _check_configuration(value: str) -> None:
    if Path(value).suffix not in _SUFFIXES or Path(value).parts[:1] == ("results",):
        raise FusevadError(
            f"--configfile {value}: takes all following words for configurations; name targets"
            " first and --configfile with its files last"
        )
    _check_content(Path(value))


def _check_content(file: Path) -> None:
    if _PROGRAM in read_mapping(file):
        raise FusevadError(
            f"{file}: with {_PROGRAM} Snakemake would run what is written in it; remove the key"
        )


def overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """Values of `--config key=value ...`.

    Raises:
        FusevadError: a word is no pair, or its value is no YAML.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if equals and "." in key:
            outer, *inner = key.split(".")
            nested = reduce(lambda value, part: f"{{{part}: {value}}}", reversed(inner), text)
            raise FusevadError(f"--config {pair}: a key has no dots; write '{outer}={nested}'")
        if not equals or not key.isidentifier():
            raise FusevadError(
                f"--config {pair}: not key=value; write --config last, as in 'seeds=[0,1]'"
            )
        if key in found:
            raise FusevadError(f"--config {pair}: {key} is given twice; keep one")
        try:
            found[key] = yaml_text.load(text)
        except (yaml.YAMLError, ValueError) as error:
            line = message_of(error)
            raise FusevadError(f"--config {pair}: not valid YAML ({line}); correct it") from error
    return found
