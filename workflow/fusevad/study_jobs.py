"""What the jobs of studies and of the claims read and are told, as `jobs` does for the others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusevad.claims import needed_experiments
from fusevad.jobs import Jobs

# The study's file that a table of it reads.
_FILES = {"noise": "noise.csv", "masking": "masking.csv", "attention": "attention.csv"}


@dataclass(frozen=True, slots=True)
class StudyJobs:
    """Paths and settings of all studies of a configuration."""

    jobs: Jobs

    def settings(self, study: str, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad study-masking`, `study-noise` or `study-attention`."""
        config = self.jobs.config
        values: dict[str, Any] = dict(config.studies[study])
        stream = config.experiments[config.studied].motion_cue.stream
        if study == "attention":
            embed = self.jobs.embed(dataset, stream)
            values |= {name: embed[name] for name in ("stream", "encoder", "cues")}
        else:
            values["protocol"] = self._studied_protocol
        if study == "noise":
            values["embed"] = self.jobs.embed(dataset, stream)
        return values

    def run(self, dataset: str, name: str) -> str:
        """A file of the studied run."""
        return f"results/{dataset}/runs/{self.jobs.config.studied}/{name}"

    def table_datasets(self, table: str) -> list[str]:
        """Data sets that a table of a study shows."""
        return self.jobs.shown(self.jobs.config.study_tables[table].get("paper", ()))

    def table_files(self, table: str) -> list[str]:
        """What a table of a study reads."""
        values = self.jobs.config.study_tables[table]
        keys = self.table_datasets(table)
        if values["study"] == "classes":
            runs = [
                f"{key}/runs/{name}/classes.csv" for key in keys for name in values["experiments"]
            ]
            others = [
                f"{key}/{name}.csv" for key in keys for name in ("manifest", "intervals", "skipped")
            ]
            return [f"results/{file}" for file in runs + others]
        return [self._study_file(key, _FILES[values["study"]]) for key in keys]

    def table(self, table: str) -> dict[str, Any]:
        """Settings of `fusevad report` for a table of a study."""
        config = self.jobs.config
        values = config.study_tables[table]
        keys = self.table_datasets(table)
        settings: dict[str, Any] = {
            "datasets": [self.jobs.table_dataset(key) for key in keys],
            "published": next(iter(self.published(table)), None),
        }
        if values["study"] == "classes":
            settings["experiments"] = [self.jobs.row(name) for name in values["experiments"]]
            return settings | {"protocol": config.protocol, "seeds": config.seeds}
        file = _FILES[values["study"]]
        settings |= {
            "name": table,
            "title": values["title"],
            "studies": {key: self._study_file(key, file) for key in keys},
        }
        if values["study"] != "attention":
            settings |= {"protocol": self._studied_protocol, "seeds": config.seeds}
            settings["experiment"] = self.jobs.row(config.studied)
        return settings

    def published(self, table: str) -> list[str]:
        """The file of the paper's numbers of a table of a study, if it has any."""
        name = self.jobs.config.study_tables[table].get("published")
        return [f"config/published/{name}"] if name else []

    def surfaces(self) -> dict[str, Any]:
        """Settings of figure 3."""
        config = self.jobs.config
        values = {
            "experiment": self.jobs.row(config.studied),
            "studies": {
                key: self._study_file(key, "masking-dimensions.csv") for key in config.datasets
            },
            "datasets": [self.jobs.table_dataset(key) for key in config.datasets],
            "protocol": self._studied_protocol,
        }
        return values

    def attention_maps(self, dataset: str) -> dict[str, Any]:
        """Settings of figure 4."""
        config = self.jobs.config
        cue = config.experiments[config.studied].motion_cue
        values = {
            "dataset": self.jobs.table_dataset(dataset),
            "maps": self._study_file(dataset, "attention-maps.csv"),
            "cues": f"results/{dataset}/cues/{cue.definition}",
            "window": cue.window,
            "threshold": cue.threshold,
        }
        return values

    def study_files(self, name: str) -> list[str]:
        """A file of a study, of all data sets."""
        return [self._study_file(key, name) for key in self.jobs.config.datasets]

    def claim_experiments(self, claims: str) -> list[str]:
        """Experiments that the claims need, as far as their motion cues are made."""
        config = self.jobs.config
        needed = needed_experiments(Path(claims), config.experiments)
        return [name for name in needed if config.makes(config.experiments[name].motion_cue)]

    def claim_files(self, claims: str) -> list[str]:
        """What judging the claims reads."""
        names = self.claim_experiments(claims)
        return [
            f"results/{key}/runs/{name}/{file}"
            for key in self.jobs.config.datasets
            for name in names
            for file in ("seeds.csv", "classes.csv", "scores.parquet")
        ]

    def claims(self, claims: str) -> dict[str, Any]:
        """Settings of `fusevad report claims`."""
        config = self.jobs.config
        values = {
            "claims": claims,
            "experiments": [self.jobs.row(name) for name in self.claim_experiments(claims)],
            "datasets": [self.jobs.table_dataset(key) for key in config.datasets],
            "studies": {key: f"results/{key}/studies" for key in config.datasets},
            "protocol": config.protocol,
        }
        return values

    @property
    def _studied_protocol(self) -> str:
        """Whose weights are studied: training keeps none for `oracle`."""
        return "last" if self.jobs.config.protocol == "last" else "validation"

    def _study_file(self, dataset: str, name: str) -> str:
        return f"results/{dataset}/studies/{name}"
