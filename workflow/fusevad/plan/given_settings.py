"""Settings that a verb is given: a file of `results/settings/`, another file, or text."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusevad.errors import FusevadError
from fusevad.parsing import from_text_or_file
from fusevad.plan.job import RECORDS
from fusevad.plan.lineage import settings_digest

# Files of `results/settings/`: `JOB.HASH.json`.
_SETTINGS_NAME = re.compile(r"\.([0-9a-f]{12})\.json$")


def is_settings_file(settings: str) -> bool:
    """Whether settings are a file of `results/settings/`, by its name."""
    return bool(_SETTINGS_NAME.search(settings)) and Path(settings).is_file()


def check_outputs(settings: str, verb: str, named: Sequence[str], written: Sequence[str]) -> None:
    """Compare the stage and outputs that a file of `results/settings/` has with a command's.

    Args:
        settings: the file.
        verb: of the command; it is the stage, but for `convert-event-clip` of stage `event-clip`.
        named: all that the command names; among it is the file's first output, beside which the
            record is written, or its folder.
        written: paths that the command writes to, files or folders.

    Raises:
        FusevadError: the command would write other files than the record says.
    """
    values = read_settings(settings)
    if "stage" in values and values["stage"] not in (verb, verb.removeprefix("convert-")):
        raise FusevadError(
            f"{settings}: settings of stage {values['stage']}, not {verb}; give that stage's, or"
            " other settings"
        )
    outputs = values.get("outputs")
    if not (isinstance(outputs, list) and all(isinstance(path, str) for path in outputs)):
        return  # `recorded` says what is wrong
    fits = all(_is_place_of(path, outputs) for path in written)
    if outputs and not (fits and any(_is_place_of(path, outputs[:1]) for path in named)):
        raise FusevadError(
            f"{settings}: settings of the job that writes {outputs[0]}, which this command does"
            " not; give the paths of that job, or other settings"
        )


def check_inputs(settings: str, given: Iterable[str]) -> None:
    """Compare what a command reads with the inputs that a file of `results/settings/` has.

    Args:
        settings: the file.
        given: all that the command reads; what are no files and no recorded folders is passed over.

    Raises:
        FusevadError: the record would say that the outputs were made from other files.
    """
    values = read_settings(settings)
    parts = (values.get(name) for name in ("inputs", "outputs"))
    # `recorded` says what is wrong with others.
    lists = (part for part in parts if isinstance(part, Mapping | list))
    known = [os.path.abspath(path) for part in lists for path in part if isinstance(path, str)]
    for place in given:
        recorded = os.path.isfile(place) or any(Path(place).glob(RECORDS))
        wanted = os.path.abspath(place)
        inside = os.path.join(wanted, "")
        if recorded and not any(path == wanted or path.startswith(inside) for path in known):
            raise FusevadError(
                f"{place}: not an input of the job that {settings} describes; give that job's, or"
                " other settings"
            )


def _is_place_of(place: str, paths: Iterable[str]) -> bool:
    """Whether a place is one of these paths, or the folder of one."""
    wanted = os.path.abspath(place)
    full = map(os.path.abspath, paths)
    return any(wanted in (path, os.path.dirname(path)) for path in full)


def read_settings(settings: str) -> dict[str, Any]:
    """Read settings; a file of `results/settings/` must have its content's hash in its name."""
    if is_settings_file(settings):
        if settings_digest(Path(settings).read_bytes()) != Path(settings).stem.split(".")[-1]:
            raise FusevadError(
                f"{settings}: its content does not have the hash in its name; run the workflow"
                " again, which rewrites it"
            )
        return from_text_or_file(settings)
    values = from_text_or_file(settings)
    if {"job", "lineage"} <= set(values):
        raise FusevadError(
            f"{settings}: settings of a workflow job, but not in results/settings;"
            " name the file there"
        )
    return values
