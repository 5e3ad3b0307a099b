"""`.dvc/tracked.yaml`, which lists the units of the stages in `dvc.yaml`, and `dvc.lock`."""

import os
import shlex
from collections.abc import Container, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from dvc.utils.serialize import dumps_yaml

from fusevad import yaml_text
from fusevad.artifacts.units import Unit
from fusevad.config.model import Config
from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.parsing import parse
from fusevad.plan.stage import SHARED_UNITS, UNITS

TRACKED = ".dvc/tracked.yaml"
HEAD = """\
# What DVC tracks: each line is a stage of dvc.yaml, `runs@rendered.student-t` and so on.
# `fusevad push` adds the units that it pushes, and drops those that nobody has pushed yet. A line
# may be removed by hand, with its part of dvc.lock.
"""
_MAIN = "config/config.yaml"
# Values of a unit that the commands of `dvc.yaml` have.
IN_COMMANDS = frozenset(
    {"configfile", "dataset", "encoder", "experiment", "files", "home", "name", "page"}
    | {"shards", "source", "stream", "weights"}
)


class _OneLineDumper(yaml.SafeDumper):
    """A text with a line break is in double quotes, where the break is `\\n`."""

    def represent_str(self, text: str) -> yaml.ScalarNode:
        """See `SafeDumper`."""
        node = super().represent_str(text)
        node.style = '"' if "\n" in text else node.style
        return node


_OneLineDumper.add_representer(str, _OneLineDumper.represent_str)


def read_records(path: Path) -> dict[str, Any]:
    """Content of `dvc.lock` or `.dvc/tracked.yaml`; empty if there is no such file.

    Raises:
        FusevadError: it is too large, or as `parse_records`.
    """
    return parse_records(records_text(path), str(path))


def records_text(path: Path) -> str:
    """Text of `dvc.lock` or `.dvc/tracked.yaml`; empty if there is no such file.

    Raises:
        FusevadError: it is too large, or not UTF-8.
    """
    if not os.path.lexists(path):
        return ""
    try:
        return read_limited(path).decode()
    except UnicodeDecodeError as error:
        raise FusevadError(f"{path}: not text in UTF-8; take it from git again") from error
    except ValueError as error:
        raise FusevadError(f"{path}: {error}; take it from git again") from error


def parse_records(text: str | bytes, source: str) -> dict[str, Any]:
    """The YAML mapping in a text, or in UTF-8 bytes.

    Raises:
        FusevadError: there is none, for example after an unfinished merge.
    """
    try:
        values = yaml_text.load_old(text) or {}
    except (yaml.YAMLError, ValueError) as error:
        values = str(error)
    if not isinstance(values, dict):
        raise FusevadError(
            f"{source}: not a YAML mapping; finish its merge or take it from git again"
        )
    return values


def parse_tracked(text: str) -> dict[str, dict[str, dict[str, Any]] | None]:
    """Entries of `.dvc/tracked.yaml`, by stage and key.

    Raises:
        FusevadError: it has another form, or a value that a shell would not take for plain words:
            `dvc repro` gives them to one, in the commands of `dvc.yaml`.
    """
    kind = dict[str, dict[str, dict[str, Any]] | None]
    stages = parse(kind, parse_records(text, TRACKED), TRACKED)
    entries = [(key, value) for units in stages.values() for key, value in (units or {}).items()]
    for key, values in entries:
        for name in IN_COMMANDS & values.keys():
            value = str(values[name])
            if not _are_words(value):
                raise FusevadError(
                    f"{TRACKED}: {key}: {name}: {value[:80]!r} is more than names of files,"
                    " and `dvc repro` would run it; take the file from git again"
                )
    return stages


def _are_words(text: str) -> bool:
    """Whether a text is words that no shell and no option parser takes for something else."""
    try:
        words = shlex.split(text)
    except ValueError:
        return False
    return shlex.join(words) == text and not any(word.startswith("-") for word in words)


def lock_text(stages: dict[str, Any]) -> str:
    """Text of `dvc.lock`, sorted, so that changes by two people rarely meet."""
    return dumps_yaml({"schema": "2.0", "stages": dict(sorted(stages.items()))})


def tracked_text(values: Mapping[str, Mapping[str, Any]]) -> str:
    """Text of `.dvc/tracked.yaml`: one line a unit, sorted, so that git merges it well."""
    lines = [HEAD.rstrip()]
    for stage in UNITS:
        units = values.get(stage) or {}
        lines.append("" if units else f"\n{stage}: {{}}")
        if units:
            lines.append(f"{stage}:")
        lines += [f"  {_scalar(key)}: {_flow(units[key])}" for key in sorted(units)]
    return "\n".join(lines) + "\n"


def _flow(entry: Mapping[str, Any]) -> str:
    return f"{{{', '.join(f'{_scalar(key)}: {_scalar(value)}' for key, value in entry.items())}}}"


def _scalar(value: Any) -> str:
    """A value on one line, quoted if it is a text that YAML takes for something else."""
    dumped = yaml.dump([value], Dumper=_OneLineDumper, default_flow_style=True, width=1e9)
    text = dumped.strip()[1:-1]
    # DVC reads YAML 1.2, to which 1e3 and 0o17 are numbers, too.
    return f"'{text}'" if text == value and text[:1].isdigit() else text


def with_units(
    text: str,
    units: Iterable[Unit],
    recorded: Container[str],
    config: Config,
    configfiles: Iterable[Path],
) -> str:
    """The text of `.dvc/tracked.yaml` with units added.

    Other units stay if they are `recorded`, by name: for unrecorded ones, such as the default data
    set's where another one is used, `dvc pull` would find nothing and fail.
    """
    values = {
        stage: {key: each for key, each in (entries or {}).items() if f"{stage}@{key}" in recorded}
        for stage, entries in parse_tracked(text).items()
    }
    for unit in units:
        entries = values.get(unit.stage) or {}
        values[unit.stage] = entries | {unit.key: entry(unit, config, configfiles)}
    return tracked_text(values)


def entry(unit: Unit, config: Config, configfiles: Iterable[Path]) -> dict[str, str]:
    """What `dvc.yaml` needs to know about a unit.

    Args:
        unit: the unit.
        config: the configuration of its plan.
        configfiles: those laid over `config/config.yaml`.
    """
    of = unit.jobs[0].step.split("/")[1:]  # `rendered`, `student-t`
    known = unit.stage == "fetched" or (of and of[0] in config.every)
    dataset = of[0] if known else next(iter(config.datasets))
    source = dataset if unit.stage == "fetched" else config.every[dataset].source
    # DVC takes one parameter file for each place; a file that is named twice is read once.
    files = [str(file) for file in configfiles] or [_MAIN]
    values = {"dataset": dataset, "source": source}
    values |= _of_stage(unit, config, dataset, of)
    # The commands of dvc.yaml are run by a shell.
    configured = shlex.join(files)
    laid_over = files[-1] if files[-1] != _MAIN else f"config/datasets/{dataset}.yaml"
    return values | {"configfile": configured, "laid_over": laid_over}


def _of_stage(unit: Unit, config: Config, dataset: str, of: list[str]) -> dict[str, str]:
    if unit.stage == "cues":
        files = (file for job in unit.jobs for file in job.outputs)
        return {"definition": of[1], "shards": " ".join(files)}
    if unit.stage == "encoders":
        folder = PurePosixPath(unit.outs[0]).parent.name
        encoder = config.encoder if folder == "encoders" else folder
        return {"encoder": encoder, "weights": unit.outs[0].removesuffix(".safetensors")}
    if unit.stage == "embeddings":
        cues = next((file for file in unit.jobs[0].inputs if "/cues/" in file), None)
        reads = str(Path(cues).parent) if cues else f"results/{dataset}/manifest.csv"
        return {"encoder": of[1], "stream": of[2], "config": config.encoder, "reads": reads}
    if unit.stage in SHARED_UNITS:
        return {}
    values = {"home": config.home}
    if unit.stage == "runs":
        return values | _run(unit, config, dataset, of[1])
    if unit.stage == "studies":
        files = (job.outputs[0] for job in unit.jobs)
        return values | {"experiment": config.study_experiment, "files": " ".join(files)}
    if unit.stage == "pages":
        return values | {"page": unit.outs[0], "record": unit.outs[1]}
    return values | {"name": str(PurePosixPath(unit.outs[0]).with_suffix(""))}


def _run(unit: Unit, config: Config, dataset: str, name: str) -> dict[str, str]:
    if name in config.imported:
        return _imported_run(config, dataset, name)
    experiment = config.experiments[name]
    chosen = experiment.hyperparameters or config.hyperparameters or {}
    if not isinstance(chosen, str):  # keys and values that change a set
        chosen = chosen.get("base", config.datasets[dataset].hyperparameters)
    indices = [file for job in unit.jobs for file in job.inputs if file.endswith("/index.csv")]
    streams = sorted({str(Path(file).parent) for file in indices}) or [
        f"{config.home}/{dataset}/runs"
    ]
    defined = _definition(config, name)
    named = name in read_records(Path(defined)) and "." not in name
    return {
        "experiment": name,
        "hyperparameters": chosen,
        "defined": defined if named else _MAIN,
        "key": name if named else "seeds",
        "whole": f"config/hyperparameters/{chosen}.yaml" if named else defined,
        "first": streams[0],
        "second": streams[-1],
    }


def _imported_run(config: Config, dataset: str, name: str) -> dict[str, str]:
    """A run of imported scores, which no hyperparameters and no embeddings change."""
    defined, manifest = _definition(config, name), f"results/{dataset}/manifest.csv"
    return {
        "experiment": name,
        "hyperparameters": config.datasets[dataset].hyperparameters,
        "defined": defined,
        "key": name,
        "whole": defined,
        "first": manifest,
        "second": manifest,
    }


def _definition(config: Config, name: str) -> str:
    """The file that defines an experiment, or the table whose sweep does."""
    for path in sorted((config.folder / "experiments").glob("*.yaml")):
        if name in read_records(path):
            return str(path)
    tables = {key: [row.experiment for row in t.rows] for key, t in config.ablations.items()}
    tables |= {key: t.get("experiments", ()) for key, t in config.study_tables.items()}
    makers = (key for key, names in tables.items() if name in names)
    return f"config/tables/{next(makers)}.yaml"
