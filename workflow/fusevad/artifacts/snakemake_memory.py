"""Remove what Snakemake remembers of former files of the same name.

A run with other settings leaves metadata about its outputs. If these are then replaced by pulled
files, Snakemake would compare the metadata with the configuration, and run jobs whose outputs fit.
A killed run leaves a mark for each output of its unfinished jobs, which Snakemake would delete.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path

from fusevad.paths import LONGEST_NAME, inside
from fusevad.plan.lineage import SETTINGS_FOLDER

METADATA = Path(".snakemake/metadata")
INCOMPLETE = Path(".snakemake/incomplete")


def forget_other_settings(settings: Mapping[str, Iterable[str]]) -> None:
    """Remove metadata and settings files for settings other than those of the outputs.

    Without its settings file, a configuration that is chosen again later writes a new one, which is
    newer than these outputs: so Snakemake sees that they do not belong to that configuration.

    Args:
        settings: the outputs of jobs, by the job's settings file.
    """
    for file, outputs in settings.items():
        for path in outputs:
            _forget(path, file)
    current = {_job(file): file for file in settings}
    found = [path for path in inside(Path(SETTINGS_FOLDER)) if path.name.endswith(".json")]
    for other in found:
        if current.get(_job(str(other)), str(other)) != str(other):
            other.unlink()


def forget_unfinished(outputs: Iterable[str]) -> None:
    """Remove the marks by which Snakemake takes outputs for those of a killed job."""
    for path in outputs:
        INCOMPLETE.joinpath(*_parts(path)).unlink(missing_ok=True)


def _job(settings_file: str) -> str:
    """The part before the hash in the name of a settings file."""
    return settings_file.rsplit(".", 2)[0]


def _forget(path: str, settings_file: str) -> None:
    note = METADATA.joinpath(*_parts(path))
    try:
        inputs = json.loads(note.read_text()).get("input") or []
    except FileNotFoundError:
        return
    except (ValueError, AttributeError, RecursionError):  # damaged
        inputs = []
    if settings_file not in inputs:
        note.unlink()


def _parts(path: str) -> list[str]:
    """Snakemake's path of a note: the output's path in base 64, in folders if it is too long."""
    text = urlsafe_b64encode(path.encode()).decode()
    size = LONGEST_NAME - 1
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    return [*(f"@{part}" for part in parts[:-1]), parts[-1]]
