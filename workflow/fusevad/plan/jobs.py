"""Inputs and settings of each job of the workflow, from the configuration.

Settings have everything that the job's result depends on; `stages` builds the plan from them.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from fusevad.config.model import Config
from fusevad.config.paper import PAPER_DATASETS
from fusevad.config.protocols import KEPT_PROTOCOLS, TEACHING
from fusevad.config.streams import CAMERA, MotionCue
from fusevad.data.recorded.settings import LayoutSettings
from fusevad.parsing import parse
from fusevad.plan.memory import seed_memory_mb
from fusevad.train.settings import SEARCHED, train_settings

# The paper's numbers by class.
PUBLISHED_CLASSES = "config/published/table07.csv"
# The one motion cue of the embeddings released with IEF-VAD.
RELEASED_STREAM = MotionCue("released", 16, 10).stream


@dataclass(frozen=True, slots=True)
class Jobs:
    """Paths and settings of all jobs of a configuration."""

    config: Config

    @staticmethod
    def one_of(names: Iterable[str]) -> str:
        """Regular expression that matches only the given names; without names, nothing."""
        return "|".join(sorted({re.escape(name) for name in names})) or "(?!)"

    def origin(self, dataset: str) -> dict[str, Any]:
        """Settings of the verb that makes the data set: `fusevad render`, `labels` or `splice`."""
        return self.config.datasets[dataset].settings

    @staticmethod
    def source_tables(dataset: str) -> dict[str, str]:
        """Labels and intervals, as the data set's publisher gives them or as rendered."""
        folder = f"results/{dataset}/source"
        return {name: f"{folder}/{name}.csv" for name in ("labels", "intervals")}

    def makes_videos(self, dataset: str) -> bool:
        """Whether a job makes a data set's videos; else they are the user's, or there are none."""
        chosen = self.config.datasets[dataset]
        if chosen.origin != "recorded":
            return True
        layout = parse(LayoutSettings, chosen.settings["layout"], f"{dataset}: layout")
        return dataset in self.config.with_videos and layout.converts

    def videos(self, dataset: str) -> list[str]:
        """The folder of the videos that a job makes; none if the videos are the user's."""
        return [f"results/{dataset}/source/videos"] if self.makes_videos(dataset) else []

    @staticmethod
    def manifest(dataset: str) -> str:
        """The manifest of a data set's videos."""
        return f"results/{dataset}/manifest.csv"

    @staticmethod
    def intervals(dataset: str) -> str:
        """The table of a data set's anomalies."""
        return f"results/{dataset}/intervals.csv"

    def made(self, name: str) -> str:
        """Path of a table, figure or page."""
        return f"{self.config.home}/{name}"

    def run(self, dataset: str, experiment: str) -> str:
        """The folder of a run."""
        return f"{self.config.home}/{dataset}/runs/{experiment}"

    @property
    def fetched(self) -> dict[str, dict[str, Any]]:
        """The downloads, by the data set that owns the raw data."""
        read = (*self.config.datasets.values(), *self.config.events.values())
        return {each.source: each.fetch for each in read if each.fetch}

    def fetch(self, source: str) -> dict[str, Any]:
        """Settings of `fusevad fetch`: archives (of videos) only if videos are needed."""
        # Features are fetched by hand.
        settings = {key: value for key, value in self.fetched[source].items() if key != "features"}
        read = [self.config.datasets[key] for key in self.config.with_videos]
        if any(each.source == source for each in (*read, *self.config.events.values())):
            return settings
        files = [file for file in settings["files"] if not file.get("unpack")]
        return settings | {"files": files}

    def existing(self, source: str) -> list[str]:
        """Option of `fusevad fetch` for data that the user already has."""
        folder = self.config.data_root.get(source)
        return ["--data-root", folder] if folder else []

    def imported(self, dataset: str) -> list[str]:
        """Option of `fusevad manifest` for features that the user already has."""
        features = self.config.features.get(dataset)
        return ["--features", features["folder"]] if features else []

    def data_folder(self, dataset: str) -> str:
        """Folder of a fetched data set's raw data."""
        return f"data/{self.config.datasets[dataset].source}"

    def cues(self, definition: str) -> dict[str, Any]:
        """Settings of `fusevad cues`."""
        names = ("windows", "thresholds") if definition == "paper" else tuple(self.config.cues)
        return {"definition": definition} | {n: self.config.cues[n] for n in names}

    def camera_cues(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad camera-cues`: all cues that experiments name, in one reading."""
        cues = [each.motion_cue for each in self.config.experiments.values()]
        cues = [cue for cue in cues if cue.definition == CAMERA]
        settings = {
            "definition": CAMERA,
            "windows": sorted({cue.window for cue in cues}),
            "thresholds": sorted({cue.threshold for cue in cues}),
        }
        return {"cues": settings, "layout": self.config.events[dataset].settings["layout"]}

    def event_streams(self, dataset: str) -> str:
        """Folder of the event streams of a data set's videos."""
        return f"data/{self.config.events[dataset].source}"

    def embed(self, dataset: str, stream: str) -> dict[str, Any]:
        """Settings of `fusevad embed`."""
        values: dict[str, Any] = {
            "stream": stream,
            "crops": self.config.datasets[dataset].crops,
            "encoder": self.encoder(dataset),
        }
        if stream == "rgb":
            values["frame_stride"] = self.config.datasets[dataset].frame_stride
        else:
            cue = MotionCue.from_stream(stream)
            values["cues"] = {
                "definition": cue.definition,
                "windows": [cue.window],
                "thresholds": [cue.threshold],
            }
            if cue.definition == "released":
                values["cues"]["clamp"] = self.config.cues["clamp"]
        return values

    def train(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of `fusevad train`; a searched learning rate is known when the search ran."""
        values = self.config.train_settings(dataset, experiment)
        if experiment in self.searched:
            values |= {"learning_rate": SEARCHED}
        return values

    def imported_scores(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of `fusevad import-scores`."""
        chosen = self.config.imported[experiment]
        order = {"order": chosen.order[dataset]} if dataset in chosen.order else {}
        return chosen.settings | order

    @property
    def searched(self) -> list[str]:
        """Experiments whose learning rate a search chooses."""
        known = self.config.experiments.items()
        return [name for name, experiment in known if experiment.searched_for]

    def search(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of `fusevad search`: several learning rates, around the method's own."""
        training = self.config.train_settings(dataset, experiment)
        own = train_settings(training, f"experiment '{experiment}'").learning_rate
        factors = self.config.learning_rates["factors"]
        # As people write them: 0.001 times 10 is 0.01.
        return training | {"learning_rate": [float(f"{own * factor:.6g}") for factor in factors]}

    def learning_rates(self, dataset: str, experiment: str) -> list[str]:
        """What the search for an experiment found; none where its learning rate is given."""
        searched = experiment in self.searched
        return [f"{self.run(dataset, experiment)}/learning-rates.csv"] if searched else []

    def learning_rates_option(self, dataset: str, experiment: str) -> list[str]:
        """Option of `fusevad train` for a learning rate that a search chose."""
        return [
            word
            for file in self.learning_rates(dataset, experiment)
            for word in ("--learning-rates", file)
        ]

    def seed_store(self, dataset: str, experiment: str) -> str:
        """Folder of finished seeds, which an experiment shares with the one that it varies."""
        name = self.config.experiments[experiment].searched_for or experiment
        return f"results/{dataset}/seeds/{name}"

    def train_memory(self, dataset: str, experiment: str, workers: int) -> int:
        """MB that a training job requests: one process a seed, at most `workers` at a time."""
        values = self.config.train_settings(dataset, experiment)
        settings = train_settings(values, f"experiment '{experiment}'")
        return min(workers, len(self.config.seeds)) * seed_memory_mb(settings)

    def encoder(self, dataset: str) -> dict[str, Any]:
        """The encoder's settings; a trained motion-cue tower is stored with its data set."""
        values = {"name": self.config.encoder} | self.config.encoder_settings
        values.pop("align", None)
        if values["motion_cue_weights"] is None:
            tower = f"results/{dataset}/encoders/{self.config.encoder}/motion-cue.safetensors"
            values["motion_cue_weights"] = tower
        return values

    def align(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad align`."""
        values = {
            "encoder": self.encoder(dataset) | {"motion_cue_weights": None},
            "crops": self.config.datasets[dataset].crops,
            "cues": self.cues("paper"),
        }
        return values | self.config.encoder_settings["align"]

    def encoder_weights(self, dataset: str, stream: str) -> list[str]:
        """Files that an embedding job of `stream` needs; none for downloaded weights."""
        key = "pretrained" if stream == "rgb" else "motion_cue_weights"
        values = [self.encoder(dataset).get(name) for name in ("model", key)]
        return [value for value in values if value and value.endswith((".json", ".safetensors"))]

    def class_texts(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad class-texts`: the encoder whose text tower reads the names."""
        values = self.config.text_tower_settings(dataset)
        kept = {key: values.get(key) for key in ("model", "pretrained")}
        return {"name": self.config.text_tower(dataset)} | kept

    def class_texts_file(self, dataset: str) -> str:
        """Texts of a data set's classes."""
        encoder = self.config.text_tower(dataset)
        return f"results/{dataset}/encoders/{encoder}/class-texts.safetensors"

    def localise(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad localise`; see `evaluate.settings`."""
        return {"normal_events": self.config.datasets[dataset].source != "ucf-crime"}

    def texts(self, dataset: str, experiment: str) -> list[str]:
        """The texts of classes that an experiment learns with; none for most."""
        reads = self.config.reads_texts(dataset, experiment)
        return [self.class_texts_file(dataset)] if reads else []

    def texts_option(self, dataset: str, experiment: str) -> list[str]:
        """Option of `fusevad train` for the texts of classes."""
        return [word for file in self.texts(dataset, experiment) for word in ("--texts", file)]

    def past_end(self, dataset: str) -> str:
        """How to treat intervals past the end of a video: published annotations often have some."""
        return "clip" if self.config.datasets[dataset].origin == "recorded" else "stop"

    def features(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad import-features`."""
        values = self.config.features[dataset]
        others = ("folder", "videos", "text_tower")
        kept = {key: value for key, value in values.items() if key not in others}
        return {"crops": self.config.crops(dataset)} | kept

    def cue_shards(self, dataset: str, definition: str) -> list[str]:
        """All shards of a definition's motion cues."""
        shards = range(self.config.datasets[dataset].shards)
        return [f"results/{dataset}/cues/{definition}/shard-{shard}.h5" for shard in shards]

    def cue_shard(self, dataset: str, stream: str, shard: str) -> list[str]:
        """The shard of motion cues that an embedding shard needs; none for RGB."""
        if stream == "rgb":
            return []
        return [self.cue_shards(dataset, MotionCue.from_stream(stream).definition)[int(shard)]]

    def shard_files(self, dataset: str, encoder: str, stream: str) -> list[str]:
        """All shards of the embeddings of a stream."""
        folder = f"results/{dataset}/embeddings/{encoder}/{stream}"
        count = self.config.datasets[dataset].shards
        return [f"{folder}/shard-{shard}.safetensors" for shard in range(count)]

    def index(self, dataset: str, stream: str) -> str:
        """Index of the embeddings of a stream."""
        folder = self.config.embedding_folder(dataset)
        return f"results/{dataset}/embeddings/{folder}/{stream}/index.csv"

    def streams(self, dataset: str, experiment: str) -> dict[str, str]:
        """Index of the embeddings of each stream that training reads, by role."""
        imported = self.config.features.get(dataset, {})
        released = imported.get("layout") == "released"
        found = {}
        for role, stream in self.config.streams(experiment).items():
            if released and role == "motion" and stream not in imported.get("streams", {}):
                stream = RELEASED_STREAM
            found[role] = self.index(dataset, stream)
        return found

    def embeddings(self, dataset: str, indices: Iterable[str]) -> list[str]:
        """The shards that indices list."""
        count = self.config.datasets[dataset].shards
        folders = [index.removesuffix("/index.csv") for index in indices]
        return [
            f"{folder}/shard-{shard}.safetensors" for folder in folders for shard in range(count)
        ]

    def weights(self, dataset: str, experiment: str) -> list[str]:
        """All weights that training keeps of a run."""
        folder = f"{self.run(dataset, experiment)}/weights"
        return [
            f"{folder}/seed-{seed}-{protocol}.safetensors"
            for seed in self.config.seeds
            for protocol in KEPT_PROTOCOLS
        ]

    def stream_options(self, dataset: str, experiment: str) -> list[str]:
        """Options that name a run's streams, for the verbs that read embeddings."""
        indices = self.streams(dataset, experiment).items()
        return [word for role, path in indices for word in ("--stream", f"{role}={path}")]

    def teacher_weights(self, dataset: str, experiment: str) -> list[str]:
        """The weights of an experiment's teacher, of every seed."""
        teacher = self.config.experiments[experiment].teacher
        if teacher is None:
            return []
        folder = f"{self.run(dataset, teacher)}/weights"
        return [f"{folder}/seed-{seed}-{TEACHING}.safetensors" for seed in self.config.seeds]

    def teacher_option(self, dataset: str, experiment: str) -> list[str]:
        """Option of `fusevad train` for the teacher's run."""
        teacher = self.config.experiments[experiment].teacher
        return ["--teacher", self.run(dataset, teacher)] if teacher else []

    def run_files(self, experiments: tuple[str, ...], name: str) -> list[str]:
        """The file `name` of the runs of `experiments` on all data sets."""
        return [
            f"{self.run(dataset, experiment)}/{name}"
            for dataset in self.config.datasets
            for experiment in experiments
            if experiment not in self.config.imported or self.config.runs(dataset, experiment)
        ]

    def dataset_files(self, name: str) -> list[str]:
        """The file `name` (manifest.csv, ...) of all data sets."""
        return [f"results/{dataset}/{name}" for dataset in self.config.datasets]

    def report(self, experiments: tuple[str, ...], published: str | None = None) -> dict[str, Any]:
        """Settings of `fusevad report` for tables (with `published` numbers) and figures."""
        values = {
            "experiments": [self.row(name) for name in experiments],
            "datasets": [self.table_dataset(key) for key in self.config.datasets],
            "protocol": self.config.protocol,
        }
        if published:
            values |= {"published": published, "seeds": self.config.seeds}
        return values

    def ablation_datasets(self, table: str) -> list[str]:
        """Data sets of a table: the paper's that it shows, and all that are not the paper's."""
        return self.shown(self.config.ablations[table].paper)

    def shown(self, paper: Iterable[str]) -> list[str]:
        """The paper's data sets in `paper` (all, if it is empty), and all other data sets."""
        wanted = set(paper) or set(PAPER_DATASETS)
        datasets = self.config.datasets.items()
        return [key for key, d in datasets if d.source in wanted or d.source not in PAPER_DATASETS]

    def ablation_experiments(self, table: str) -> list[str]:
        """Experiments in a table of experiments, each once."""
        return list(dict.fromkeys(row.experiment for row in self.config.ablations[table].rows))

    def runs_of(self, table: str, dataset: str) -> set[str]:
        """Experiments in a table of experiments that run on a data set or have scores of it."""
        names = self.ablation_experiments(table)
        return {name for name in names if self.config.runs(dataset, name)}

    def trained_of(self, table: str, dataset: str) -> set[str]:
        """Those of them that are trained."""
        return self.runs_of(table, dataset) - set(self.config.imported)

    def ablation_files(self, table: str) -> list[str]:
        """The runs that a table of experiments shows, and what its footnotes need."""
        keys = self.ablation_datasets(table)
        weights = f"weights/seed-{self.config.seeds[0]}-last.safetensors"
        counted = self.config.ablations[table].parameters
        runs = [
            f"{self.run(key, name)}/{file}"
            for key in keys
            for name in self.ablation_experiments(table)
            if name in self.runs_of(table, key)
            for file in ("seeds.csv", weights)
            if file != weights or (counted and name in self.trained_of(table, key))
        ]
        return runs + [f"results/{key}/skipped.csv" for key in keys]

    def ablation(self, table: str) -> dict[str, Any]:
        """Settings of `fusevad report ablation`."""
        chosen = self.config.ablations[table]
        rows = [
            {"key": row.key, "labels": row.labels, "run": self.row(row.experiment)}
            for row in chosen.rows
        ]
        return {
            "name": table,
            "title": chosen.title,
            "rows": rows,
            "datasets": [self.table_dataset(key) for key in self.ablation_datasets(table)],
            "protocol": self.config.protocol,
            "published": next(iter(self.published(table)), None),
            "seeds": self.config.seeds,
            "parameters": chosen.parameters,
        }

    def published(self, table: str) -> list[str]:
        """The file of the paper's numbers for a table of experiments, if there is one."""
        name = self.config.ablations[table].published
        return [f"config/published/{name}"] if name else []

    def timelines(self, dataset: str, experiment: str) -> dict[str, Any]:
        """Settings of `fusevad report timelines`."""
        cue = self.config.experiments[experiment].motion_cue
        return {
            "experiment": self.row(experiment),
            "dataset": self.table_dataset(dataset),
            "protocol": self.config.protocol,
            "cues": self.cue_shards(dataset, cue.definition),
            "window": cue.window,
            "threshold": cue.threshold,
        }

    def cues_of(self, dataset: str, experiment: str) -> list[str]:
        """All shards of the motion cues that an experiment's stream was embedded from."""
        return self.cue_shards(dataset, self.config.experiments[experiment].motion_cue.definition)

    @staticmethod
    def cue_options(shards: Iterable[str]) -> list[str]:
        """Command-line options that name shards of motion cues."""
        return [word for shard in shards for word in ("--cues", shard)]

    def row(self, experiment: str) -> dict[str, Any]:
        """An experiment in the report's form (`report.runs.TableRow`)."""
        runs = {
            key: self.run(key, experiment)
            for key in self.config.datasets
            if self.config.runs(key, experiment)
        }
        if experiment in self.config.imported:
            label = f"{self.config.imported[experiment].label} (scores imported)"
            return {"label": label, "name": experiment, "runs": runs, "imported": True}
        label = self.config.experiments[experiment].label
        return {"label": label, "name": experiment, "runs": runs}

    def table_dataset(self, key: str) -> dict[str, Any]:
        """A data set in the report's form (`report.runs.TableDataset`)."""
        dataset = self.config.datasets[key]
        values = asdict(dataset)
        files = {name: f"results/{key}/{name}.csv" for name in ("manifest", "intervals", "skipped")}
        kept = {
            name: values[name] for name in ("key", "source", "title", "metrics", "frame_stride")
        }
        held = self.config.crops(key)
        scored = {
            held[place]
            for name in self.config.table1
            if name not in self.config.imported
            for place in self.config.train_settings(key, name)["test_crops"]
        }
        crops: dict[str, Any] = {"crops": len(held), "scored_crops": sorted(scored)}
        if key in self.config.features:
            crops["features"] = self.config.features[key]["layout"]
        return kept | files | crops | {"class_metric": dataset.metrics[0]}
