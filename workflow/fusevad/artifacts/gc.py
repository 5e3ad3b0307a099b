"""Find files in `results/` that no configuration refers to."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fusevad.artifacts.seeds import unneeded_seeds
from fusevad.artifacts.trusted import linked_folder
from fusevad.artifacts.unfit import UNFIT
from fusevad.errors import FusevadError
from fusevad.files import remove_folder
from fusevad.paths import inside
from fusevad.plan.lineage import SETTINGS_FOLDER, Plan
from fusevad.plan.records import read_record

# Folders of a data set, with the depth of one unit in them: runs/EXPERIMENT,
# embeddings/ENCODER/STREAM.
_DEPTHS = {"cues": 1, "embeddings": 2, "encoders": 1, "runs": 1, "studies": 0}
# Folders of which other configurations have their own: results/NAME/DATASET/runs.
_OF_CONFIGURATIONS = ("runs", "studies")


@dataclass(frozen=True, slots=True)
class Unused:
    """A file or folder that nothing refers to, and its size in bytes."""

    path: str
    size: int


def unused(plans: Iterable[Plan]) -> list[Unused]:
    """Files and folders that no job of any plan makes or takes, largest first.

    A folder is listed if no job makes anything in it; in other folders, files that no job makes. If
    outputs have no record, it is unknown what belongs to them, and nothing of their folder is
    listed. Nor is anything behind a link: it may belong to others.
    """
    plans = list(plans)
    referred = _referred(plans)
    datasets = _of_datasets(referred, _unsure(plans))
    found = [*_settings(referred), *datasets, *unneeded_seeds(plans)]
    if Path(UNFIT).is_dir():
        found.append(UNFIT)
    once = dict.fromkeys(found)
    sized = [Unused(path, _size(Path(path))) for path in once if not linked_folder(path)]
    return sorted(sized, key=lambda each: (-each.size, each.path))


def listed(found: Iterable[Unused]) -> list[Unused]:
    """For readers: the many small settings files as a line for each folder, with their number."""
    shown: list[Unused] = []
    settings: dict[str, list[Unused]] = {}
    for each in found:
        if Path(each.path).is_relative_to(SETTINGS_FOLDER) and each.path.endswith(".json"):
            settings.setdefault(_settings_group(each.path), []).append(each)
        else:
            shown.append(each)
    for folder, files in settings.items():
        number = f"{len(files)} file" + "s" * (len(files) > 1)
        shown.append(Unused(f"{folder} ({number})", sum(file.size for file in files)))
    return shown


def _settings_group(path: str) -> str:
    """The folder of a stage, or of another configuration; else the folder of all settings."""
    first, *deeper = Path(path).relative_to(SETTINGS_FOLDER).parts
    return f"{SETTINGS_FOLDER}/{first}/" if deeper else f"{SETTINGS_FOLDER}/"


def delete(found: Iterable[Unused]) -> None:
    """Remove files and folders, and folders that become empty."""
    for each in found:
        path = Path(each.path)
        remove_folder(path)
        parent = path.parent
        while parent != Path("results") and not parent.is_symlink() and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent


def _referred(plans: Iterable[Plan]) -> set[str]:
    """All files of all jobs: outputs, what their records name, records and settings."""
    paths: set[str] = set()
    for plan in plans:
        for job in plan.jobs.values():
            paths.update((*job.outputs, job.record, plan.settings_file(job)))
            paths.update(_recorded(Path(job.record)))
    return paths


def _unsure(plans: Iterable[Plan]) -> set[str]:
    """Folders with outputs that have no record, or a damaged one."""
    return {
        str(parent)
        for plan in plans
        for job in plan.jobs.values()
        if not _recorded(Path(job.record))
        for path in job.outputs
        if os.path.lexists(path)
        for parent in Path(path).parents
    }


def _recorded(record: Path) -> list[str]:
    """Files that a record names; none if it is missing or damaged."""
    if not record.is_file():
        return []
    try:
        return list(read_record(record).outputs)
    except FusevadError:
        return []  # `adopt` reports it


def _settings(referred: set[str]) -> Iterator[str]:
    for path in sorted(inside(Path(SETTINGS_FOLDER))):
        if path.name.endswith(".json") and str(path) not in referred:
            yield str(path)


def _of_datasets(referred: set[str], unsure: set[str]) -> Iterator[str]:
    folders = {str(parent) for path in referred for parent in Path(path).parents}
    for kind, depth in _DEPTHS.items():
        places = ["*", "*/*"] if kind in _OF_CONFIGURATIONS else ["*"]
        patterns = ["/".join([place, kind, *["*"] * depth]) for place in places]
        for path in sorted(chain.from_iterable(map(Path("results").glob, patterns))):
            # Settings have folders of the names of stages, such as `cues`, but are no data set.
            if path.parts[1].startswith(".") or path.is_relative_to(SETTINGS_FOLDER):
                continue
            if str(path) not in folders and str(path) not in referred:
                yield str(path)
            elif path.is_dir() and str(path) not in unsure:
                yield from _leftovers(path, referred)


def _leftovers(folder: Path, referred: set[str]) -> Iterator[str]:
    """Files of former jobs; hidden files are progress of killed jobs."""
    for path in sorted(inside(folder)):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and str(path) not in referred:
            yield str(path)


def _size(path: Path) -> int:
    """Bytes of a file or of all files in a folder; links count as themselves.

    Folders too deep to `walk` count as themselves, too.
    """
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(inner.lstat().st_size for inner in inside(path))
