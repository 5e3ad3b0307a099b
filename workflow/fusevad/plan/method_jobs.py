"""What the jobs of the table of all methods read and are told."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from fusevad.config.protocols import TEACHING
from fusevad.plan.transfer_jobs import TransferJobs

STUDY = "methods"
SPEED, TRANSFER = "speed", "transfer"


@dataclass(frozen=True, slots=True)
class MethodJobs(TransferJobs):
    """Paths and settings of the table of all methods, and of what is measured for it alone."""

    @property
    def tables(self) -> list[str]:
        """Names of the tables of that kind: one, or none."""
        known = self.jobs.config.study_tables.items()
        return [name for name, values in known if values["study"] == STUDY]

    def imported(self, dataset: str) -> list[str]:
        """Rows with imported scores of a data set."""
        config = self.jobs.config
        rows = [name for table in self.tables for name in config.study_tables[table]["experiments"]]
        return [name for name in rows if name in config.imported and config.runs(dataset, name)]

    def compared(self, dataset: str) -> list[str]:
        """See `TransferJobs.compared`."""
        return [*self.experiments(dataset), *self.imported(dataset)]

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

    def table(self, name: str) -> dict[str, Any]:
        """Settings of `fusevad report methods`."""
        config = self.jobs.config
        return {
            "title": config.study_tables[name]["title"],
            "experiments": [self.row(each) for each in config.study_tables[name]["experiments"]],
            "datasets": [
                self.jobs.table_dataset(key, config.study_tables[name]["experiments"])
                for key in config.datasets
            ],
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

    @property
    def published(self) -> str:
        """Numbers that papers printed."""
        return "config/published/table01.csv"

    def table_files(self) -> list[str]:
        """What the table reads, but for the published numbers."""
        return list(self._table_files())

    def _table_files(self) -> Iterator[str]:
        for key in self.jobs.config.datasets:
            for name in self.compared(key):
                yield f"{self.jobs.run(key, name)}/seeds.csv"
            yield from self.first_weights(key)
            yield self.file(key, SPEED)
            yield f"results/{key}/skipped.csv"
        for key in self.transferred():
            yield self.file(key, TRANSFER)
