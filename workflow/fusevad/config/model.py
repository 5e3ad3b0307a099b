"""The resolved configuration: data sets, experiments, seeds, tables."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fusevad.config.datasets import Dataset
from fusevad.config.reading import merge, read_named
from fusevad.config.tables import Ablation, Experiment, ImportedExperiment
from fusevad.cues.settings import CAMERA, MotionCue
from fusevad.embed.imported.settings import LAYOUTS
from fusevad.embed.streams.registry import is_made, kind_of
from fusevad.embed.streams.settings import Given
from fusevad.errors import FusevadError
from fusevad.models.registry import check_own, find, own, read_in_training
from fusevad.models.settings import MethodSettings
from fusevad.parsing import parse
from fusevad.train.settings import train_settings


def _kind(stream: str) -> str:
    return kind_of(stream).name


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that is run; every name in it exists."""

    datasets: dict[str, Dataset]
    experiments: dict[str, Experiment]
    imported: dict[str, ImportedExperiment]
    encoder: str
    encoder_settings: dict[str, Any]
    seeds: tuple[int, ...]
    protocol: str
    cues: dict[str, Any]
    on_bad_video: str
    table1: tuple[str, ...]
    table1_ours: tuple[str, ...]
    radar: tuple[str, ...]
    timelines: str
    hyperparameters: str | dict[str, Any] | None
    data_root: dict[str, str]
    features: dict[str, dict[str, Any]]
    events: dict[str, Dataset]
    footage: dict[str, Dataset]
    only_tested: dict[str, Dataset]
    chosen: dict[str, dict[str, Any]]
    ablations: dict[str, Ablation]
    study_tables: dict[str, dict[str, Any]]
    studies: dict[str, Any]
    learning_rates: dict[str, Any]
    folder: Path
    name: str = ""
    # The plan asks often; a loaded configuration doesn't change.
    _possible: dict[str, list[str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _folders: dict[tuple[str, str], str] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def home(self) -> str:
        """Folder of runs, tables, figures and pages: `results`, or its own unless the default."""
        return f"results/{self.name}" if self.name else "results"

    @property
    def every(self) -> dict[str, Dataset]:
        """All data sets with videos or embeddings: those tested on, and normal footage."""
        return self.tested | {each.key: each for each in self.footage.values()}

    @property
    def tested(self) -> dict[str, Dataset]:
        """Those of the tables, and those on which runs on others are tested alone."""
        return self.datasets | self.only_tested

    @property
    def frame_level(self) -> bool:
        """Whether frames are judged on all data sets."""
        return all(each.frame_level for each in self.datasets.values())

    @property
    def study_experiment(self) -> str:
        """The experiment whose finished runs the studies use."""
        return self.studies["experiment"]

    def crops(self, dataset: str) -> tuple[int, ...]:
        """Numbers of the crops in a data set's embeddings, in order."""
        named = self.features.get(dataset, {}).get("crops")
        return tuple(named) if named else self.every[dataset].crops

    def with_origin(self, origin: str) -> list[str]:
        """Keys of the data sets whose videos have this origin."""
        return [key for key, dataset in self.every.items() if dataset.origin == origin]

    @property
    def without_videos(self) -> list[str]:
        """Data sets with features in place of videos; some layouts still need the videos."""
        return [
            key
            for key, value in self.features.items()
            if not (value.get("videos") or LAYOUTS[value["layout"]].needs_videos)
        ]

    @property
    def with_videos(self) -> list[str]:
        """Data sets whose videos are read."""
        return [key for key in self.datasets if key not in self.without_videos]

    @property
    def embedded(self) -> list[str]:
        """Data sets whose embeddings are extracted here."""
        return [key for key in self.datasets if key not in self.features]

    def runs(self, dataset: str, experiment: str) -> bool:
        """Whether a data set has what an experiment learns from, or its imported scores.

        Few data sets have events of a camera, and imported features may lack a text tower.
        """
        if experiment in self.imported:
            return dataset in self.imported[experiment].scores
        if self.lacking_streams(dataset, experiment):
            return False
        if self.text_tower(dataset) is None and self.reads_texts(dataset, experiment):
            return False
        return self.has_cue(dataset, experiment)

    def has_cue(self, dataset: str, experiment: str) -> bool:
        """Whether a data set has what an experiment's motion cue is made from."""
        cue = self.experiments[experiment].motion_cue
        imported = self.features.get(dataset, {}).get("streams", {})
        return cue.definition != CAMERA or dataset in self.events or cue.stream in imported

    def lacking_streams(self, dataset: str, experiment: str) -> list[str]:
        """Streams that an experiment reads and that a data set has not."""
        if experiment in self.imported:
            return []
        read = self.streams(experiment).values()
        return [stream for stream in read if not self.has_stream(dataset, stream)]

    def has_stream(self, dataset: str, stream: str) -> bool:
        """Whether a stream of a data set is made from its videos, or imported.

        Imported features have the kinds of streams of their layout, and those that are named.
        """
        if dataset not in self.features:
            return is_made(stream) and not kind_of(stream).lacks(self.given(dataset))
        if stream in self.features[dataset].get("streams", {}):
            return True
        layout = LAYOUTS[self.features[dataset]["layout"]]
        return is_made(stream) and kind_of(stream).name in map(_kind, layout.streams)

    def streams(self, experiment: str) -> dict[str, str]:
        """Names of the streams that training reads, by role: the method's, and its teacher's."""
        chosen = self.experiments[experiment]
        teacher = self.experiments[chosen.teacher] if chosen.teacher else None
        roles = read_in_training(chosen.method, teacher.method if teacher else None)
        own_roles = find(chosen.method).roles
        return {
            role: (chosen if role in own_roles or teacher is None else teacher).stream(role)
            for role in roles
        }

    def text_tower(self, dataset: str) -> str | None:
        """Name of the encoder whose text tower fits a data set's embeddings; None if unknown."""
        if dataset in self.features:
            return self.features[dataset].get("text_tower")
        return self.encoder

    def text_tower_settings(self, dataset: str) -> dict[str, Any]:
        """The settings of that encoder."""
        name = self.text_tower(dataset)
        if name == self.encoder:
            return self.encoder_settings
        return read_named(self.folder, "encoders", name)

    def reads_texts(self, dataset: str, experiment: str) -> bool:
        """Whether an experiment learns texts of the classes, as its architecture's settings say."""
        method = self.experiments[experiment].method
        model = find(method).model
        if model.reads_texts is MethodSettings.reads_texts:  # whatever the settings
            return False
        values = self._hyperparameters(dataset, experiment)[1].get("model", {})
        source = f"experiment '{experiment}': model"
        return parse(model, own(method, "model", values), source).reads_texts

    def embedding_folder(self, dataset: str, stream: str) -> str:
        """Folder of a stream's embeddings: the layout of imported features, or as its kind says."""
        if dataset in self.features:
            return f"imported-{self.features[dataset]['layout']}"
        if (dataset, stream) not in self._folders:
            self._folders[dataset, stream] = kind_of(stream).folder(self.given(dataset))
        return self._folders[dataset, stream]

    def given(self, dataset: str) -> Given:
        """What the streams of a data set can depend on."""
        chosen = self.every[dataset]
        encoder = {"name": self.encoder} | self.encoder_settings
        encoder.pop("align", None)
        learns = encoder["motion_cue_weights"] is None
        if learns:
            encoder["motion_cue_weights"] = self.learned_tower(dataset)
        render = chosen.settings if chosen.origin == "render" else None
        certified = self._certified(dataset)
        return Given(
            dataset,
            chosen.crops,
            chosen.frame_stride,
            encoder,
            self.cues,
            self.chosen,
            render,
            chosen.added_crops,
            tower_of=certified if learns and certified != dataset else None,
        )

    def learned_tower(self, dataset: str) -> str:
        """The motion-cue tower that is trained on a data set, for an encoder without one.

        Footage has that of the data set whose detectors score it.
        """
        return f"results/{self._certified(dataset)}/encoders/{self.encoder}/motion-cue.safetensors"

    def _certified(self, dataset: str) -> str:
        """Of footage, the data set whose alarms it certifies; of all others, themselves."""
        return next((key for key, each in self.footage.items() if each.key == dataset), dataset)

    def scored_crops(self, dataset: str, experiment: str) -> tuple[int, ...]:
        """Numbers of the crops of a data set whose scores an experiment averages.

        Raises:
            FusevadError: its embeddings lack one.
        """
        name, values = self._hyperparameters(dataset, experiment)
        crops = self.crops(dataset)
        wanted = tuple(values.get("test_crops", crops[:1]))
        if not set(wanted) <= set(crops):
            raise FusevadError(
                f"hyperparameters '{name}': test_crops {list(wanted)} are not all among the crops"
                f" {list(crops)} of data set '{dataset}'; add them to its `crops`, or to the"
                " `crops` of imported `features`, or change test_crops"
            )
        return wanted

    def train_settings(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of the stage `train`: the named set, its data set's part, the overrides.

        A method takes only its own keys of a set's sections `model` and `loss`.
        """
        chosen = self.experiments[experiment]
        _, values = self._hyperparameters(dataset, experiment)
        # Training numbers crops by their place in the embeddings.
        crops = self.crops(dataset)
        scored = self.scored_crops(dataset, experiment)
        places = {"test_crops": [crops.index(crop) for crop in scored]}
        sections = {
            section: own(chosen.method, section, values[section])
            for section in ("model", "loss")
            if section in values
        }
        return values | sections | places | {"method": chosen.method}

    def _hyperparameters(self, dataset: str, experiment: str) -> tuple[str, dict[str, Any]]:
        """Name and values of the set that an experiment uses on a data set."""
        chosen = self.experiments[experiment]
        wanted = chosen.hyperparameters or self.hyperparameters or {}
        changed = {"base": wanted} if isinstance(wanted, str) else dict(wanted)
        name = changed.pop("base", self.every[dataset].hyperparameters)
        named = read_named(self.folder, "hyperparameters", name)
        for over in (named.get("datasets", {}).get(self.every[dataset].source, {}), changed):
            named = named | {"all": merge(named["all"], over)}
        for section in ("model", "loss"):
            overrides = chosen.overrides.get(section, {})
            check_own(chosen.method, section, overrides, f"experiment '{experiment}': set")
        return name, merge(named["all"], chosen.overrides)

    def possible(self, dataset: str) -> list[str]:
        """Experiments whose motion cues are counted, and whose crops and data the data set has."""
        if dataset not in self._possible:
            self._possible[dataset] = [
                name
                for name, experiment in self.experiments.items()
                if self.makes(experiment.motion_cue)
                and self.runs(dataset, name)
                and self._has_crops(dataset, name)
            ]
        return self._possible[dataset]

    def _has_crops(self, dataset: str, experiment: str) -> bool:
        """Whether a data set has the crops to score; footage has its data set's, not its own."""
        wanted = self._hyperparameters(dataset, experiment)[1].get("test_crops", ())
        return dataset not in self.tested or set(wanted) <= set(self.crops(dataset))

    def makes(self, cue: MotionCue) -> bool:
        """Whether a motion cue is among `cues`; camera cues follow from experiments."""
        if cue.definition == CAMERA:
            return True
        return cue.window in self.cues["windows"] and cue.threshold in self.cues["thresholds"]

    def is_base_value(self, experiment: Experiment, key: str, value: Any) -> bool:
        """Whether an experiment has this value of a dotted key by default, on every data set."""
        head, _, tail = key.partition(".")
        if head == "motion_cue":
            return getattr(experiment.motion_cue, tail) == value
        for dataset in self.datasets:
            values = self.train_settings(dataset, experiment.name)
            # With the method's defaults for what the file of hyperparameters leaves out.
            found: Any = asdict(train_settings(values, f"experiment '{experiment.name}'"))
            for part in key.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            if found != value:
                return False
        return True
