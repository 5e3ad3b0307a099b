"""What the table and the figure of alarms read and are told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fusevad.embed.streams.rgb.settings import RGB
from fusevad.plan.jobs import Jobs

STUDY = "alarms"
_TRUTH = ("manifest", "intervals")
# Videos of another data set that a run scores: its own, or its normal footage.
Elsewhere = Literal["other", "footage"]
ELSEWHERE: tuple[Elsewhere, ...] = ("other", "footage")


@dataclass(frozen=True, slots=True)
class AlarmTransfer:
    """A run, and another data set whose embeddings are of the same encoder.

    Attributes:
        experiment: of the run.
        trained_on: key of the data set that the run learned from.
        tested_on: key of the other data set.
    """

    experiment: str
    trained_on: str
    tested_on: str


@dataclass(frozen=True, slots=True)
class AlarmJobs:
    """Paths and settings of the tables of alarms, and of the scores that they are made of."""

    jobs: Jobs

    @property
    def alarm_tables(self) -> list[str]:
        """Names of the tables of that kind."""
        known = self.jobs.config.study_tables.items()
        return [name for name, values in known if values["study"] == STUDY]

    def table_datasets(self, table: str) -> list[str]:
        """Data sets that a table of a study shows."""
        return self.jobs.shown(self.jobs.config.study_tables[table].get("paper", ()))

    def alarm_files(self, table: str) -> list[str]:
        """What a table of alarms reads beside runs and data sets."""
        scores = self.normals(table), self.footage_scores(table)
        files = [file for found in scores for own in found.values() for file in own.values()]
        files += [data["manifest"] for data in self.footage(table).values()]
        for found in self._transfers(table):
            files += [self.transfer_file(found, videos) for videos in self.elsewhere(found)]
        return list(dict.fromkeys(files))

    def figure_files(self, table: str) -> list[str]:
        """What the figure of a table of alarms reads beside the table."""
        config, keys = self.jobs.config, self.table_datasets(table)
        runs = [
            f"{self.jobs.run(key, name)}/scores.parquet"
            for key in keys
            for name in config.study_tables[table]["experiments"]
            if config.runs(key, name)
        ]
        return runs + [f"results/{key}/{name}.csv" for key in keys for name in _TRUTH]

    def alarms(self, table: str) -> dict[str, Any]:
        """What `fusevad report alarms` is told beside rows and data sets."""
        return {
            "normals": self.normals(table),
            "footage": self.footage(table),
            "footage_scores": self.footage_scores(table),
            "transfers": [self._transfer(found) for found in self._transfers(table)],
            "alarms": self.jobs.config.studies["alarms"],
            "protocol": self.protocol_with_weights,
        }

    def alarms_figure(self, table: str) -> dict[str, Any]:
        """Settings of `fusevad report alarms-figure`."""
        config = self.jobs.config
        return {
            "experiments": [
                self.jobs.row(name) for name in config.study_tables[table]["experiments"]
            ],
            "datasets": [self.jobs.table_dataset(key) for key in self.table_datasets(table)],
            "table": self.jobs.made(f"{table}.csv"),
            "alarms": config.studies["alarms"],
            "protocol": self.protocol_with_weights,
        }

    def normals(self, table: str) -> dict[str, dict[str, str]]:
        """Scores of the normal training videos, by experiment and data set of a table."""
        return self.by_experiment(table, "normal-scores/{}.parquet")

    def footage(self, table: str) -> dict[str, dict[str, str]]:
        """Title and manifest of the normal footage of a table's data sets that any row scores."""
        config, keys = self.jobs.config, self.table_datasets(table)
        rows = config.study_tables[table]["experiments"]
        return {
            key: {"title": footage.title, "manifest": self.jobs.manifest(footage.key)}
            for key, footage in config.footage.items()
            if key in keys and any(self.scores_footage(key, name) for name in rows)
        }

    def footage_scores(self, table: str) -> dict[str, dict[str, str]]:
        """Scores of the normal footage, by experiment and data set of a table."""
        found = self.by_experiment(table, "footage/{}.parquet")
        return {
            name: {key: file for key, file in files.items() if self.scores_footage(key, name)}
            for name, files in found.items()
        }

    def scores_footage(self, dataset: str, experiment: str) -> bool:
        """Whether the normal footage of a data set can be embedded as an experiment's streams are.

        Of imported features only RGB can: which tower made their motion cues, nothing says.
        """
        config = self.jobs.config
        known = dataset not in config.features or set(config.streams(experiment).values()) <= {RGB}
        return known and dataset in config.footage and experiment in config.possible(dataset)

    def alarm_transfers(self) -> list[AlarmTransfer]:
        """Runs whose alarms on another data set a table shows."""
        found = (each for table in self.alarm_tables for each in self._transfers(table))
        return list(dict.fromkeys(found))

    def _transfers(self, table: str) -> Iterator[AlarmTransfer]:
        config, keys = self.jobs.config, self.table_datasets(table)
        for target in keys:
            for source in keys:
                for name in config.study_tables[table]["experiments"]:
                    possible = name in config.possible(source) and name in config.possible(target)
                    if possible and self.jobs.transferable(source, target, name):
                        yield AlarmTransfer(name, source, target)

    def elsewhere(self, transfer: AlarmTransfer) -> list[Elsewhere]:
        """Which videos of the other data set are scored: its footage where it has the crops."""
        footage = self.jobs.config.footage.get(transfer.tested_on)
        embedded = self.scores_footage(transfer.tested_on, transfer.experiment)
        scored = (
            footage is not None
            and embedded
            and self.jobs.has_scored_crops(footage.key, transfer.trained_on, transfer.experiment)
        )
        return [videos for videos in ELSEWHERE if scored or videos != "footage"]

    def scored_dataset(self, tested_on: str, videos: str) -> str:
        """Key of the data set that has these videos of a transfer."""
        return self.jobs.config.footage[tested_on].key if videos == "footage" else tested_on

    def transfer_file(self, transfer: AlarmTransfer, videos: str) -> str:
        """File with the scores of these videos of a transfer."""
        name = f"transferred/{transfer.trained_on}/{transfer.experiment}.{videos}.parquet"
        return self.study_file(transfer.tested_on, name)

    def _transfer(self, transfer: AlarmTransfer) -> dict[str, Any]:
        """A transfer as `report.alarm_transfers.Transfer`."""
        return {
            "experiment": transfer.experiment,
            "trained_on": transfer.trained_on,
            "tested_on": transfer.tested_on,
            "scores": {
                videos: self.transfer_file(transfer, videos) for videos in self.elsewhere(transfer)
            },
        }

    def by_experiment(self, table: str, file: str) -> dict[str, dict[str, str]]:
        """A study's file of each experiment and data set of a table; `{}` is the experiment.

        Imported scores have none: no weights are there to score further videos with.
        """
        config = self.jobs.config
        return {
            name: {
                key: self.study_file(key, file.format(name))
                for key in self.table_datasets(table)
                if config.runs(key, name)
            }
            for name in config.study_tables[table]["experiments"]
            if name not in config.imported
        }

    @property
    def protocol_with_weights(self) -> str:
        """The protocol whose weights the studies use: training keeps none for `oracle`."""
        return "last" if self.jobs.config.protocol == "last" else "validation"

    @property
    def weights_settings(self) -> dict[str, Any]:
        """Settings of `fusevad study-alarms` and `study-locality`."""
        return {"protocol": self.protocol_with_weights}

    def study_file(self, dataset: str, name: str) -> str:
        """A file of the studies of a data set."""
        return f"{self.studies(dataset)}/{name}"

    def studies(self, dataset: str) -> str:
        """The folder of the studies of a data set."""
        return f"{self.jobs.config.home}/{dataset}/studies"
