"""The configuration: `config/*.yaml` read, checked against `workflow/schemas/`, and resolved.

Imports nothing heavy: the Snakefile reads it at every start.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from fusevad.ablations import Ablation, Experiment, expand
from fusevad.config_checks import SOURCE, check_references
from fusevad.errors import FusevadError
from fusevad.motion_cue import CAMERA, MotionCue
from fusevad.settings import read_mapping

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"

ORIGINS = ("render", "recorded", "splice")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file of `config/datasets/`; fields as in its schema, `key` is the file's name.

    Attributes:
        source: data set whose folder of raw data and hyperparameters this one shares: itself,
            or the one that it is `based_on`.
        origin: where its videos come from: `render`, `recorded` or `splice`.
        settings: the section of that name.
        fetch: what is downloaded; None for rendered videos.
    """

    key: str
    source: str
    title: str
    metrics: tuple[str, ...]
    crops: tuple[int, ...]
    frame_stride: int
    shards: int
    hyperparameters: str
    origin: str
    settings: dict[str, Any]
    fetch: dict[str, Any] | None


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
    data_root: dict[str, str]
    features: dict[str, dict[str, Any]]
    events: dict[str, Dataset]
    ablations: dict[str, Ablation]
    study_tables: dict[str, dict[str, Any]]
    studied: str
    studies: dict[str, Any]
    folder: Path

    def with_origin(self, origin: str) -> list[str]:
        """Keys of the data sets whose videos come from there."""
        return [key for key, dataset in self.datasets.items() if dataset.origin == origin]

    @property
    def without_videos(self) -> list[str]:
        """Data sets whose features stand in for their videos; those of 32 bins need the videos."""
        return [key for key, value in self.features.items() if value["layout"] != "c3d-txt"]

    @property
    def with_videos(self) -> list[str]:
        """Data sets whose videos are read."""
        return [key for key in self.datasets if key not in self.without_videos]

    @property
    def embedded(self) -> list[str]:
        """Data sets whose embeddings are extracted here."""
        return [key for key in self.datasets if key not in self.features]

    def runs(self, dataset: str, experiment: str) -> bool:
        """Whether a data set has what an experiment learns from; few have events of a camera."""
        cue = self.experiments[experiment].motion_cue
        imported = self.features.get(dataset, {}).get("streams", {})
        return cue.definition != CAMERA or dataset in self.events or cue.stream in imported

    def embedding_folder(self, dataset: str) -> str:
        """Encoder and frame stride, or the layout of imported features, as they stand in paths."""
        if dataset in self.features:
            return f"imported-{self.features[dataset]['layout']}"
        return f"{self.encoder}.stride-{self.datasets[dataset].frame_stride}"

    def train_settings(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of the stage `train`: the named set, its data set's part, the overrides."""
        name, values = self._hyperparameters(dataset, experiment)
        crops = self.datasets[dataset].crops
        wanted = values.get("test_crops", crops[:1])
        if not set(wanted) <= set(crops):
            raise FusevadError(
                f"hyperparameters '{name}': test_crops {list(wanted)} are not all among the crops"
                f" {list(crops)} of data set '{dataset}'; add them there or change test_crops"
            )
        # Training knows crops by their place in the embeddings.
        places = {"test_crops": [crops.index(crop) for crop in wanted]}
        return values | places | {"method": self.experiments[experiment].method}

    def _hyperparameters(self, dataset: str, experiment: str) -> tuple[str, dict[str, Any]]:
        """Name of the set that an experiment uses on a data set, and its values."""
        chosen = self.experiments[experiment]
        name = chosen.hyperparameters or self.hyperparameters
        name = name or self.datasets[dataset].hyperparameters
        named = read_named(self.folder, "hyperparameters", name)
        values = merge(
            named["all"], named.get("datasets", {}).get(self.datasets[dataset].source, {})
        )
        return name, merge(values, chosen.overrides)

    def possible(self, dataset: str) -> list[str]:
        """Experiments whose motion cues are made and whose test crops the data set has."""
        crops = set(self.datasets[dataset].crops)
        return [
            name
            for name, experiment in self.experiments.items()
            if self.makes(experiment.motion_cue)
            and self.runs(dataset, name)
            and set(self._hyperparameters(dataset, name)[1].get("test_crops", ())) <= crops
        ]

    def makes(self, cue: MotionCue) -> bool:
        """Whether a motion cue is among `cues`; those of a camera are as experiments name them."""
        if cue.definition == CAMERA:
            return True
        return cue.window in self.cues["windows"] and cue.threshold in self.cues["thresholds"]

    def is_base_value(self, experiment: Experiment, key: str, value: Any) -> bool:
        """Whether an experiment has this value of a dotted key anyway, on every data set."""
        head, _, tail = key.partition(".")
        if head == "motion_cue":
            return getattr(experiment.motion_cue, tail) == value
        for dataset in self.datasets:
            found = self.train_settings(dataset, experiment.name)
            for part in key.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            if found != value:
                return False
        return True


def load(values: Mapping[str, Any], folder: Path) -> Config:
    """Check and resolve a configuration.

    Args:
        values: content of `config.yaml`, with whatever was laid over it.
        folder: the folder `config/` with data sets, encoders, experiments, hyperparameters.

    Raises:
        FusevadError: one line with the file, the key and what is wrong.
    """
    read_named.cache_clear()
    check(values, "config", SOURCE)
    cue = MotionCue(**values["motion_cue"])
    config = Config(
        datasets={key: load_dataset(folder, key) for key in values["datasets"]},
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
        data_root=dict(values["data_root"]),
        features=dict(values["features"]),
        events={key: load_dataset(folder, name) for key, name in values["events"].items()},
        ablations={},
        study_tables={},
        studied=values["studied"],
        studies=values["studies"],
        folder=folder,
    )
    for path in sorted((folder / "tables").glob("*.yaml")):
        table = read_named(folder, "tables", path.stem)
        if "study" in table:
            config.study_tables[path.stem] = table
            continue
        config.ablations[path.stem] = expand(
            path.stem, table, config.experiments, config.is_base_value
        )
    check_references(config)
    return config


def load_files(configfiles: Iterable[Path], folder: Path = Path("config")) -> Config:
    """`config.yaml` of `folder` with other files laid over it in order, as Snakemake does."""
    values = read_mapping(folder / "config.yaml")
    for path in configfiles:
        values = merge(values, read_mapping(path))
    return load(values, folder)


@cache
def read_named(folder: Path, kind: str, name: str) -> dict[str, Any]:
    """Read and check `config/{kind}/{name}.yaml`, once; nobody changes what it returns."""
    values = _read(folder, kind, name)
    schema = kind.removesuffix("s") if kind != "hyperparameters" else kind
    check(values, schema, str(folder / kind / f"{name}.yaml"))
    return values


def _read(folder: Path, kind: str, name: str) -> dict[str, Any]:
    path = folder / kind / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (folder / kind).glob("*.yaml")))
        raise FusevadError(f"{path}: no such file; {kind} known: {known}")
    return read_mapping(path)


def check(values: Any, schema: str, source: str) -> None:
    """Validate against `workflow/schemas/{schema}.schema.yaml`; errors name `source`."""
    error = best_match(_validator(schema).iter_errors(values))
    if error is not None:
        key = ".".join(str(part) for part in error.absolute_path) or "top level"
        raise FusevadError(f"{source}: {key}: {error.message}; correct the file")


@cache
def _validator(schema: str) -> Draft202012Validator:
    resources = [
        (path.name, Resource.from_contents(read_mapping(path)))
        for path in SCHEMAS.glob("*.schema.yaml")
    ]
    registry: Registry = Registry().with_resources(resources)
    return Draft202012Validator({"$ref": f"{schema}.schema.yaml"}, registry=registry)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` laid on it, mapping by mapping."""
    result = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if nested else value
    return result


def load_dataset(folder: Path, key: str) -> Dataset:
    """Read `config/datasets/{key}.yaml`, laid over the one that it is `based_on`."""
    values = _read(folder, "datasets", key)
    source = values.pop("based_on", key)
    if source != key:
        values = merge(_read(folder, "datasets", source), values)
    check(values, "dataset", str(folder / "datasets" / f"{key}.yaml"))
    origin = next(name for name in ORIGINS if name in values)
    settings = values.pop(origin)
    values |= {name: tuple(values[name]) for name in ("metrics", "crops")}
    fetch = values.pop("fetch", None)
    return Dataset(key=key, source=source, origin=origin, settings=settings, fetch=fetch, **values)


def _experiments(folder: Path, default_cue: MotionCue) -> dict[str, Experiment]:
    result: dict[str, Experiment] = {}
    for path in sorted((folder / "experiments").glob("*.yaml")):
        entries = read_mapping(path)
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
