"""The configuration: `config/*.yaml` read, checked against `workflow/schemas/`, and resolved.

Imports nothing heavy: the Snakefile reads it at every start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from fusevad.errors import FusevadError
from fusevad.motion_cue import MotionCue
from fusevad.settings import read_yaml

_SOURCE = "configuration (config/config.yaml and what is laid over it)"
SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file of `config/datasets/`; fields as in its schema, `key` is the file's name."""

    key: str
    title: str
    metrics: tuple[str, ...]
    crops: tuple[int, ...]
    frame_stride: int
    shards: int
    hyperparameters: str
    render: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Experiment:
    """An entry of `config/experiments/`, with the motion cue resolved."""

    name: str
    label: str
    method: str
    hyperparameters: str | None
    motion_cue: MotionCue
    overrides: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that is run, checked: every name in it exists."""

    datasets: dict[str, Dataset]
    experiments: dict[str, Experiment]
    encoder: str
    encoder_settings: dict[str, Any]
    seeds: tuple[int, ...]
    protocol: str
    cues: dict[str, Any]
    on_bad_video: str
    table1: tuple[str, ...]
    radar: tuple[str, ...]
    timelines: str
    hyperparameters: str | None
    folder: Path

    def embedding_folder(self, dataset: str) -> str:
        """Encoder and frame stride, as they stand in the path of embeddings."""
        return f"{self.encoder}.stride-{self.datasets[dataset].frame_stride}"

    def train_settings(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of the stage `train`: the named set, its data set's part, the overrides."""
        chosen = self.experiments[experiment]
        name = chosen.hyperparameters or self.hyperparameters
        name = name or self.datasets[dataset].hyperparameters
        named = read_named(self.folder, "hyperparameters", name)
        values = merge(named["all"], named.get("datasets", {}).get(dataset, {}))
        values = merge(values, chosen.overrides)
        crops = self.datasets[dataset].crops
        wanted = values.get("test_crops", crops[:1])
        if not set(wanted) <= set(crops):
            raise FusevadError(
                f"hyperparameters '{name}': test_crops {list(wanted)} are not all among the crops"
                f" {list(crops)} of data set '{dataset}'; add them there or change test_crops"
            )
        # Training knows crops by their place in the embeddings.
        places = {"test_crops": [crops.index(crop) for crop in wanted]}
        return values | places | {"method": chosen.method}


def load(values: Mapping[str, Any], folder: Path) -> Config:
    """Check and resolve a configuration.

    Args:
        values: content of `config.yaml`, with whatever was laid over it.
        folder: the folder `config/` with data sets, encoders, experiments, hyperparameters.

    Raises:
        FusevadError: one line with the file, the key and what is wrong.
    """
    check(values, "config", _SOURCE)
    cue = MotionCue(**values["motion_cue"])
    config = Config(
        datasets={key: _dataset(folder, key) for key in values["datasets"]},
        experiments=_experiments(folder, cue),
        encoder=values["encoder"],
        encoder_settings=read_named(folder, "encoders", values["encoder"]),
        seeds=tuple(values["seeds"]),
        protocol=values["protocol"],
        cues=dict(values["cues"]),
        on_bad_video=values["on_bad_video"],
        table1=tuple(values["table1"]),
        radar=tuple(values["radar"]),
        timelines=values["timelines"],
        hyperparameters=values.get("hyperparameters"),
        folder=folder,
    )
    _check_references(config)
    return config


def read_named(folder: Path, kind: str, name: str) -> dict[str, Any]:
    """Read and check `config/{kind}/{name}.yaml`."""
    path = folder / kind / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (folder / kind).glob("*.yaml")))
        raise FusevadError(f"{path}: no such file; {kind} known: {known}")
    values = read_yaml(path)
    check(values, kind.removesuffix("s") if kind != "hyperparameters" else kind, str(path))
    return values


def check(values: Any, schema: str, source: str) -> None:
    """Validate against `workflow/schemas/{schema}.schema.yaml`; errors name `source`."""
    resources = [
        (path.name, Resource.from_contents(read_yaml(path)))
        for path in SCHEMAS.glob("*.schema.yaml")
    ]
    registry: Registry = Registry().with_resources(resources)
    validator = Draft202012Validator({"$ref": f"{schema}.schema.yaml"}, registry=registry)
    error = best_match(validator.iter_errors(values))
    if error is not None:
        key = ".".join(str(part) for part in error.absolute_path) or "top level"
        raise FusevadError(f"{source}: {key}: {error.message}; correct the file")


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` laid on it, mapping by mapping."""
    result = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if nested else value
    return result


def _dataset(folder: Path, key: str) -> Dataset:
    values = read_named(folder, "datasets", key)
    lists = {name: tuple(values[name]) for name in ("metrics", "crops")}
    return Dataset(key=key, **(values | lists))


def _experiments(folder: Path, default_cue: MotionCue) -> dict[str, Experiment]:
    result: dict[str, Experiment] = {}
    for path in sorted((folder / "experiments").glob("*.yaml")):
        entries = read_yaml(path) or {}
        check(entries, "experiments", str(path))
        for name, entry in entries.items():
            if name in result:
                raise FusevadError(f"{path}: experiment '{name}' is named twice; rename one")
            cue = MotionCue(**entry["motion_cue"]) if "motion_cue" in entry else default_cue
            result[name] = Experiment(
                name,
                entry["label"],
                entry["method"],
                entry.get("hyperparameters"),
                cue,
                entry.get("set", {}),
            )
    return result


def _check_references(config: Config) -> None:
    named = {"table1": config.table1, "radar": config.radar, "timelines": (config.timelines,)}
    for key, names in named.items():
        for name in names:
            if name not in config.experiments:
                raise FusevadError(
                    f"{_SOURCE}: {key}: no experiment '{name}' in {config.folder / 'experiments'}; "
                    "add it there or remove it here"
                )
    used = {name for names in named.values() for name in names}
    for name in used:
        cue = config.experiments[name].motion_cue
        made = cue.window in config.cues["windows"] and cue.threshold in config.cues["thresholds"]
        if not made:
            raise FusevadError(
                f"{_SOURCE}: experiment '{name}' needs motion cues {cue.stream}, which `cues` does "
                "not make; add its window and threshold there"
            )
    for dataset in config.datasets:
        for name in used:
            config.train_settings(dataset, name)
