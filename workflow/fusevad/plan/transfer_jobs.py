"""What the jobs read and are told that test runs on one data set on the videos of others."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from fusevad.plan.jobs import Jobs


@dataclass(frozen=True, slots=True)
class TransferJobs(ABC):
    """Paths and settings of runs that tables compare, on their own data set and on others."""

    jobs: Jobs

    @property
    @abstractmethod
    def tables(self) -> list[str]:
        """Names of the tables whose experiments are compared."""

    @property
    def targets(self) -> list[str]:
        """Data sets that may be tested on."""
        return list(self.jobs.config.datasets)

    def experiments(self, dataset: str) -> list[str]:
        """Rows that have a run on a data set, or would have one if it had normal videos."""
        config = self.jobs.config
        rows = [name for table in self.tables for name in config.study_tables[table]["experiments"]]
        possible = set(config.possible(dataset))
        return [name for name in rows if name in possible]

    def compared(self, dataset: str) -> list[str]:
        """Rows whose numbers on a data set the tables read."""
        return self.experiments(dataset)

    def row(self, experiment: str) -> dict[str, Any]:
        """A row as `report.runs.TableRow`, with the runs that the tables read."""
        row = self.jobs.row(experiment)
        read = {key for key in self.jobs.config.datasets if experiment in self.compared(key)}
        return row | {"runs": {key: run for key, run in row["runs"].items() if key in read}}

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

    def transfers(self, target: str) -> list[dict[str, Any]]:
        """Runs on other data sets whose embeddings are of the same encoder."""
        return [
            self.measured(key, name) | {"dataset": key} | self.jobs.scored_places(target, key, name)
            for key in self.jobs.config.datasets
            for name in self.experiments(key)
            if name in self.experiments(target) and self.jobs.transferable(key, target, name)
        ]

    def transferred(self) -> list[str]:
        """Data sets on which runs on others are tested."""
        return [key for key in self.targets if self.transfers(key)]

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


@dataclass(frozen=True, slots=True)
class TransferTable(TransferJobs):
    """Those of one table of transfer between data sets."""

    table: str

    @property
    def tables(self) -> list[str]:
        """See `TransferJobs.tables`."""
        return [self.table]

    @property
    def targets(self) -> list[str]:
        """All that are configured, also those on which nothing is trained."""
        return list(self.jobs.config.tested)

    @property
    def study(self) -> str:
        """Name of the files of its study."""
        return f"transfer-{self.table}"

    def table_files(self) -> list[str]:
        """What the table reads, but for the published numbers."""
        config = self.jobs.config
        runs = [
            f"{self.jobs.run(key, name)}/seeds.csv"
            for key in config.datasets
            for name in self.compared(key)
        ]
        skipped = [f"results/{key}/skipped.csv" for key in self.targets]
        return [*runs, *skipped, *self.moved().values()]

    def moved(self) -> dict[str, str]:
        """Tables of the study, by the data set that is tested on."""
        return {key: self.file(key, self.study) for key in self.transferred()}
