"""What the jobs of the table of all methods read and are told."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from fusevad.config.protocols import TEACHING
from fusevad.plan.jobs import Jobs

STUDY = "methods"
SPEED, TRANSFER = "speed", "transfer"


@dataclass(frozen=True, slots=True)
class MethodJobs:
    """Paths and settings of the table of all methods, and of what is measured for it alone."""

    jobs: Jobs

    @property
    def tables(self) -> list[str]:
        """Names of the tables of that kind: one, or none."""
        known = self.jobs.config.study_tables.items()
        return [name for name, values in known if values["study"] == STUDY]

    def experiments(self, dataset: str) -> list[str]:
        """Rows that have a run on a data set."""
        config = self.jobs.config
        rows = [name for table in self.tables for name in config.study_tables[table]["experiments"]]
        possible = set(config.possible(dataset))
        return [name for name in rows if name in possible]

    def imported(self, dataset: str) -> list[str]:
        """Rows with imported scores of a data set."""
        config = self.jobs.config
        rows = [name for table in self.tables for name in config.study_tables[table]["experiments"]]
        return [name for name in rows if name in config.imported and config.runs(dataset, name)]

    def file(self, dataset: str, study: str) -> str:
        """What a study of a data set makes."""
        return f"{self.jobs.config.home}/{dataset}/studies/{study}.csv"

    def streams(self, dataset: str) -> dict[str, str]:
        """Index of each stream that a row reads, by the name of the stream."""
        config = self.jobs.config
        return {
            config.streams(name)[role]: index
            for name in self.experiments(dataset)
            for role, index in self.jobs.streams(dataset, name).items()
        }

    def stream_options(self, dataset: str) -> list[str]:
        """Options of the verbs that read them."""
        indices = self.streams(dataset).items()
        return [word for name, path in indices for word in ("--stream", f"{name}={path}")]

    def measured(self, dataset: str, experiment: str) -> dict[str, Any]:
        """A run as `studies.settings.MeasuredRun`."""
        streams = self.jobs.config.streams(experiment)
        run = self.jobs.run(dataset, experiment)
        texts = next(iter(self.jobs.texts(dataset, experiment)), None)
        values = {"experiment": experiment, "run": run, "streams": streams, "texts": texts}
        teacher = self.jobs.config.experiments[experiment].teacher
        return values | ({"teacher": self.jobs.run(dataset, teacher)} if teacher else {})

    def texts(self, dataset: str) -> list[str]:
        """Texts of classes that rows learn with."""
        files = (self.jobs.texts(dataset, name) for name in self.experiments(dataset))
        return list(dict.fromkeys(file for each in files for file in each))

    def speed(self, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad study-speed`."""
        embedded = self.streams(dataset) if dataset in self.jobs.config.embedded else {}
        return {
            "runs": [self.measured(dataset, name) for name in self.experiments(dataset)],
            "seed": self.jobs.config.seeds[0],
            "embed": {name: self.jobs.embed(dataset, name) for name in embedded},
        }

    def encoder_files(self, dataset: str) -> list[str]:
        """Weights of the encoder, whose speed is measured with the detector's."""
        if dataset not in self.jobs.config.embedded:
            return []
        weights = (self.jobs.encoder_weights(dataset, each) for each in self.streams(dataset))
        return list(dict.fromkeys(chain.from_iterable(weights)))

    def first_weights(self, dataset: str) -> list[str]:
        """Of every row, the weights of the first seed, which are counted and measured."""
        seed = self.jobs.config.seeds[0]
        runs = [self.jobs.run(dataset, name) for name in self.experiments(dataset)]
        return [f"{run}/weights/seed-{seed}-last.safetensors" for run in runs]

    def first_teachers(self, dataset: str) -> list[str]:
        """Of every row with a teacher, the teacher's weights of the first seed."""
        seed, config = self.jobs.config.seeds[0], self.jobs.config
        teachers = [config.experiments[name].teacher for name in self.experiments(dataset)]
        runs = [self.jobs.run(dataset, name) for name in dict.fromkeys(filter(None, teachers))]
        return [f"{run}/weights/seed-{seed}-{TEACHING}.safetensors" for run in runs]

    def transfers(self, target: str) -> list[dict[str, Any]]:
        """Runs on other data sets whose embeddings are of the same encoder."""
        return [
            self.measured(key, name) | {"dataset": key}
            for key in self.jobs.config.datasets
            for name in self.experiments(key)
            if name in self.experiments(target) and self.jobs.same_encoders(key, target, name)
        ]

    def transferred(self) -> list[str]:
        """Data sets on which runs on others are tested."""
        return [key for key in self.jobs.config.datasets if self.transfers(key)]

    def transferred_weights(self, target: str) -> list[str]:
        """All weights of the runs that are tested on a data set."""
        return [
            file
            for run in self.transfers(target)
            for file in self.jobs.weights(run["dataset"], run["experiment"])
        ]

    def transferred_histories(self, target: str) -> list[str]:
        """Of those runs, the files that list their seeds."""
        return [f"{run['run']}/history.csv" for run in self.transfers(target)]

    def table(self, name: str) -> dict[str, Any]:
        """Settings of `fusevad report methods`."""
        config = self.jobs.config
        return {
            "title": config.study_tables[name]["title"],
            "experiments": [self._row(each) for each in config.study_tables[name]["experiments"]],
            "datasets": [self.jobs.table_dataset(key) for key in config.datasets],
            "protocol": config.protocol,
            "published": self.published,
            "seeds": config.seeds,
            "speeds": {key: self.file(key, SPEED) for key in config.datasets},
            "transfers": {key: self.file(key, TRANSFER) for key in self.transferred()},
        }

    def leaderboard(self) -> dict[str, Any]:
        """Settings of `fusevad leaderboard`."""
        config = self.jobs.config
        return {
            "configuration": config.name or "config",
            "datasets": {key: dataset.title for key, dataset in config.datasets.items()},
            "speeds": {key: self.file(key, SPEED) for key in config.datasets},
        }

    def _row(self, experiment: str) -> dict[str, Any]:
        runs = {
            key: self.jobs.run(key, experiment)
            for key in self.jobs.config.datasets
            if experiment in (*self.experiments(key), *self.imported(key))
        }
        return self.jobs.row(experiment) | {"runs": runs}

    @property
    def published(self) -> str:
        """Numbers that papers printed."""
        return "config/published/table01.csv"

    def table_files(self) -> list[str]:
        """What the table reads, but for the published numbers."""
        return list(self._table_files())

    def _table_files(self) -> Iterator[str]:
        for key in self.jobs.config.datasets:
            for name in self.experiments(key):
                yield f"{self.jobs.run(key, name)}/seeds.csv"
            for name in self.imported(key):
                yield f"{self.jobs.run(key, name)}/seeds.csv"
            yield from self.first_weights(key)
            yield self.file(key, SPEED)
            yield f"results/{key}/skipped.csv"
        for key in self.transferred():
            yield self.file(key, TRANSFER)
