"""Ablation tables: `config/tables/*.yaml`, whose rows are experiments, listed or from sweeps.

Imports nothing heavy: the Snakefile reads it at every start.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeVar

from fusevad.config.names import check_swept
from fusevad.config.paper import IEF_VAD
from fusevad.cues.settings import MotionCue
from fusevad.embed.streams.registry import stream_in_role
from fusevad.errors import FusevadError


@dataclass(frozen=True, slots=True)
class Experiment:
    """An entry of `config/experiments/` or a value of a sweep, with the motion cue resolved.

    Attributes:
        teacher: experiment whose run teaches this one, seed by seed.
        searched_for: experiment that this one is but for its learning rate, which a search chooses.
    """

    name: str
    label: str
    method: str
    hyperparameters: str | dict[str, Any] | None
    motion_cue: MotionCue
    overrides: dict[str, Any]
    teacher: str | None = None
    searched_for: str | None = None

    def stream(self, role: str) -> str:
        """Name of the stream for a role of its method."""
        return stream_in_role(role, self.motion_cue)


@dataclass(frozen=True, slots=True)
class ImportedExperiment:
    """An entry of `config/experiments/` with the scores of somebody else's detector.

    Attributes:
        scores: by data set, the folder with a file a video, or one file with all scores.
        order: by data set, the list of videos whose scores are in one file.
        settings: how they are read (`evaluate.imported.settings.ScoreSettings`).
    """

    name: str
    label: str
    scores: dict[str, str]
    order: dict[str, str]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AblationRow:
    """A row of an ablation table.

    Attributes:
        key: name of the row in the table and in the file of published numbers: `nu-4`.
        labels: content of the columns that name it, by heading.
        experiment: whose results the row shows.
    """

    key: str
    labels: dict[str, str]
    experiment: str


Entry = TypeVar("Entry", Experiment, Experiment | ImportedExperiment)


@dataclass(frozen=True, slots=True)
class Ablation:
    """A table of experiments.

    Attributes:
        title: caption.
        rows: in the order of the file.
        paper: data sets that the paper's table shows; data sets that are not the paper's are added.
        published: file of `config/published/` with the paper's numbers, if it has any.
        parameters: whether the numbers of parameters are shown.
        events: whether the mean average precision of events is shown.
        all_printed: whether numbers of methods and data sets that are not run are shown.
        of: short name of the paper whose table it is.
    """

    name: str
    title: str
    rows: tuple[AblationRow, ...]
    paper: tuple[str, ...]
    published: str | None
    parameters: bool
    events: bool
    all_printed: bool
    of: str


def expand(
    name: str,
    values: Mapping[str, Any],
    experiments: dict[str, Experiment],
    imported: Mapping[str, ImportedExperiment],
    is_base_value: Callable[[Experiment, str, Any], bool],
) -> Ablation:
    """Make the rows of a table; add the experiments of its sweeps to `experiments`.

    Args:
        name: of the table's file.
        values: its checked content (`forms.TableFile`).
        experiments: all experiments so far.
        imported: those with scores of others, which can be listed.
        is_base_value: whether an experiment has a value (of a dotted key) by default, on every
            configured data set; that row is then the experiment itself.

    Raises:
        FusevadError: an experiment does not exist, or two would have the same name.
    """
    if "experiments" in values:
        rows = _listed(name, values["experiments"], {**experiments, **imported})
    else:
        rows = _swept(name, values, experiments, is_base_value)
    paper = tuple(values.get("paper", ()))
    flags = {key: values.get(key, False) for key in ("parameters", "events", "all_printed")}
    of = values.get("of", IEF_VAD)
    return Ablation(name, values["title"], rows, paper, values.get("published"), **flags, of=of)


def with_searched_rates(
    name: str,
    names: Iterable[str],
    experiments: dict[str, Experiment],
    imported: Collection[str],
) -> list[str]:
    """Add the experiments of a table with learning rates that a search chooses.

    Returns:
        Their names; imported scores stay as they are, and so do experiments with a teacher, which
        has no runs with the seeds of the search.

    Raises:
        FusevadError: an experiment that does not exist.
    """
    made = []
    for each in names:
        if each in imported or _known(name, each, experiments).teacher is not None:
            made.append(each)
            continue
        searched = replace(experiments[each], name=f"{each}.searched", searched_for=each)
        if experiments.setdefault(searched.name, searched) != searched:
            raise FusevadError(
                f"config/experiments: experiment '{searched.name}': a name that"
                f" config/tables/{name}.yaml gives; rename it"
            )
        made.append(searched.name)
    return made


def _listed(
    table: str, names: Iterable[str], experiments: Mapping[str, Entry]
) -> tuple[AblationRow, ...]:
    labels = {name: _known(table, name, experiments).label for name in names}
    return tuple(AblationRow(name, {"Method": label}, name) for name, label in labels.items())


def _swept(
    name: str,
    values: Mapping[str, Any],
    experiments: dict[str, Experiment],
    is_base_value: Callable[[Experiment, str, Any], bool],
) -> tuple[AblationRow, ...]:
    base = _known(name, values["base"], experiments)
    sweeps = values["sweeps"]
    grid = values.get("grid", False)
    rows = []
    for point in _points(sweeps, grid):
        experiment = base
        changed = []
        for key, value in point.items():
            if not is_base_value(base, sweeps[key]["set"], value):
                experiment = _with(experiment, sweeps[key], value)
                changed.append(f"{key}-{_text(value)}")
        if changed:
            made = check_swept(f"{base.name}.{'-'.join(changed)}", f"config/tables/{name}.yaml")
            experiment = replace(experiment, name=made)
            known = experiments.setdefault(experiment.name, experiment)
            if replace(known, label=experiment.label) != experiment:
                raise FusevadError(
                    f"config/tables/{name}.yaml: another file has a different experiment"
                    f" '{known.name}'; give the sweep another short name"
                )
        texts = {key: _text(value) for key, value in point.items()}
        key = "-".join(f"{name}-{text}" for name, text in texts.items())
        if grid:
            labels = {sweeps[name]["label"]: text for name, text in texts.items()}
        else:
            ((parameter, text),) = texts.items()
            labels = {"Parameter": sweeps[parameter]["label"], "Value": text}
        rows.append(AblationRow(key, labels, experiment.name))
    return tuple(rows)


def _points(sweeps: Mapping[str, Any], grid: bool) -> list[dict[str, Any]]:
    """The values of each row: one sweep after the other, or all combinations."""
    if not grid:
        return [{key: value} for key, sweep in sweeps.items() for value in sweep["values"]]
    combinations = product(*(sweep["values"] for sweep in sweeps.values()))
    return [dict(zip(sweeps, point, strict=True)) for point in combinations]


def _with(experiment: Experiment, sweep: Mapping[str, Any], value: Any) -> Experiment:
    """The experiment with one value of a sweep; its dotted key may belong to the motion cue."""
    label = f"{experiment.label}, {sweep['label']} = {_text(value)}"
    head, _, tail = sweep["set"].partition(".")
    if head == "motion_cue":
        cue = replace(experiment.motion_cue, **{tail: value})
        return replace(experiment, label=label, motion_cue=cue)
    overrides = dict(experiment.overrides)
    overrides[head] = {**overrides.get(head, {}), tail: value} if tail else value
    return replace(experiment, label=label, overrides=overrides)


def _text(value: Any) -> str:
    """A value as in names and tables: 8, 0.5, 1e-06."""
    return (
        f"{value:g}"
        if isinstance(value, int | float) and not isinstance(value, bool)
        else str(value)
    )


def _known(table: str, name: str, experiments: Mapping[str, Entry]) -> Entry:
    if name not in experiments:
        raise FusevadError(
            f"config/tables/{table}.yaml: no experiment {name!r} in config/experiments; "
            "add it there or correct the table"
        )
    return experiments[name]
