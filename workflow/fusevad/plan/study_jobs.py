"""Inputs and settings of the jobs of studies and claims, as `jobs` has for all others."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from fusevad.config.claims import compared_by_weights, needed_experiments
from fusevad.config.paper import IEF_VAD, PAPERS
from fusevad.plan.alarm_jobs import AlarmJobs
from fusevad.plan.transfer_jobs import TransferTable

# Inputs of a study's table: files of the data set's studies, of its runs, of the data set.
_STUDY_FILES = {
    "noise": "noise.csv",
    "masking": "masking.csv",
    "attention": "attention.csv",
    "equivalence": "equivalence.csv",
}
_RUN_FILES = {
    "alarms": ("scores.parquet",),
    "classes": ("classes.csv",),
    "selection": ("seeds.csv",),
    "localisation": ("localisation.csv",),
    "equivalence": ("seeds.csv", "scores.parquet"),
}
_DATA_FILES = {
    "alarms": ("manifest", "intervals"),
    "classes": ("manifest", "intervals", "skipped"),
    "selection": ("skipped",),
    "localisation": ("manifest", "intervals", "skipped"),
    "locality": ("skipped",),
    "masking": ("skipped",),
    "noise": ("skipped",),
    "equivalence": ("skipped",),
}


@dataclass(frozen=True, slots=True)
class StudyJobs(AlarmJobs):
    """Paths and settings of all studies of a configuration."""

    def settings(self, study: str, dataset: str) -> dict[str, Any]:
        """Settings of `fusevad study-STUDY`: masking, noise, attention or equivalence."""
        config = self.jobs.config
        if study == "equivalence":
            return {"method": config.experiments[self.compared_with].method}
        values: dict[str, Any] = dict(config.studies[study])
        stream = self.cue_stream
        if study == "attention":
            embed = self.jobs.embed(dataset, stream)
            values |= {name: embed[name] for name in ("stream", "encoder", "cues")}
        else:
            values["protocol"] = self.protocol_with_weights
        if study == "noise":
            values["embed"] = self.jobs.embed(dataset, stream)
        return values

    @property
    def cue_stream(self) -> str:
        """The stream of motion cues that the studies look into."""
        config = self.jobs.config
        return config.experiments[config.study_experiment].motion_cue.stream

    @property
    def paired(self) -> str:
        """The experiment whose parameters the study of equivalence computes with."""
        return self.jobs.config.studies["equivalence"]["experiment"]

    @property
    def compared_with(self) -> str:
        """The experiment whose method computes with the same parameters."""
        return self.jobs.config.studies["equivalence"]["compared_with"]

    @property
    def with_released_split(self) -> list[str]:
        """Data sets that have a released split beside the official one."""
        datasets = self.jobs.config.datasets.items()
        return [
            key for key, dataset in datasets if "released" in dataset.settings.get("splits", ())
        ]

    @property
    def variants(self) -> dict[str, dict[str, str]]:
        """Keys of the configured data sets, by their source and then by split."""
        found: dict[str, dict[str, str]] = {}
        for key, dataset in self.jobs.config.datasets.items():
            split = dataset.settings.get("split", "official")
            found.setdefault(dataset.source, {}).setdefault(split, key)
        return found

    def makes_table(self, table: str) -> bool:
        """Whether all data sets of a study's table have the streams of its rows, and intervals."""
        names = self.jobs.config.study_tables[table].get("experiments", ())
        if table in self.transfer_tables:  # a dash where a data set lacks the streams
            found = any(map(self.transfer(table).experiments, self.jobs.config.datasets))
            return found and self.jobs.config.frame_level
        has_streams = self.jobs.has_streams(self.table_datasets(table), names)
        return has_streams and self.jobs.config.frame_level

    @property
    def transfer_tables(self) -> list[str]:
        """Names of the tables of transfer between data sets."""
        known = self.jobs.config.study_tables.items()
        return [name for name, values in known if values["study"] == "transfer"]

    def transfer(self, table: str) -> TransferTable:
        """The runs of a table of transfer, and what they are tested on."""
        return TransferTable(self.jobs, table)

    @property
    def documents(self) -> dict[str, list[str]]:
        """Tables of each paper that has a document of its own, in order."""
        config = self.jobs.config
        made = {
            name: config.ablations[name].of
            for name in filter(self.jobs.makes_ablation, config.ablations)
        }
        studies = filter(self.makes_table, config.study_tables)
        made |= {name: config.study_tables[name].get("of", IEF_VAD) for name in studies}
        papers = {paper: sorted(n for n, of in made.items() if of == paper) for paper in PAPERS}
        return {paper: names for paper, names in papers.items() if names and paper != IEF_VAD}

    def table_files(self, table: str) -> list[str]:
        """Inputs of a study's table."""
        values = self.jobs.config.study_tables[table]
        study, keys = values["study"], self.table_datasets(table)
        if study == "leaks":
            return self._leaks_files(values["experiments"])
        if study == "transfer":
            return self.transfer(table).table_files()
        files = self._run_files(keys, self._rows(table), _RUN_FILES.get(study, ()))
        files += [
            f"results/{key}/{name}.csv" for key in keys for name in _DATA_FILES.get(study, ())
        ]
        if study == "locality":
            files += [file for own in self.locality(table).values() for file in own.values()]
        if study == "alarms":
            files += self.alarm_files(table)
        if study in _STUDY_FILES:
            files += [self.study_file(key, _STUDY_FILES[study]) for key in keys]
        return files

    def _rows(self, table: str) -> tuple[str, ...]:
        """The experiments whose runs a study's table shows."""
        values = self.jobs.config.study_tables[table]
        if values["study"] == "equivalence":
            return (self.paired, self.compared_with)
        return tuple(values.get("experiments", (self.jobs.config.study_experiment,)))

    def _run_files(
        self, keys: Iterable[str], experiments: Iterable[str], names: Iterable[str]
    ) -> list[str]:
        """Files of runs, for the experiments whose streams the data set has."""
        return [
            f"{self.jobs.run(key, experiment)}/{name}"
            for key in keys
            for experiment in experiments
            if self.jobs.config.runs(key, experiment)
            for name in names
        ]

    def _leaks_files(self, experiments: list[str]) -> list[str]:
        """Tables that say where the splits put the videos; with both splits, the scores too."""
        files = list(self._leaks().values())
        for keys in self._both_splits():
            for key in keys:
                files += [f"results/{key}/manifest.csv", f"results/{key}/intervals.csv"]
                files += self._run_files([key], experiments, ["scores.parquet"])
        return files

    def _leaks(self) -> dict[str, str]:
        """The studies of leaks, by the source of the data sets."""
        known = self.with_released_split
        return {
            source: self.study_file(key, "leaks.csv")
            for source, keys in self.variants.items()
            if (key := next(iter(keys.values()))) in known
        }

    def _both_splits(self) -> list[list[str]]:
        return [list(keys.values()) for keys in self.variants.values() if len(keys) > 1]

    def table(self, table: str) -> dict[str, Any]:
        """Settings of `fusevad report` for a table of a study."""
        config = self.jobs.config
        values = config.study_tables[table]
        study, keys = values["study"], self.table_datasets(table)
        settings: dict[str, Any] = {
            "datasets": [self.jobs.table_dataset(key, self._rows(table)) for key in keys],
        }
        if study not in ("alarms", "attention"):
            settings["seeds"] = config.seeds
        if study != "classes":
            settings |= {"name": table, "title": values["title"]}
        if "experiments" in values:
            row = self.transfer(table).row if study == "transfer" else self.jobs.row
            settings["experiments"] = [row(name) for name in values["experiments"]]
        if study in _STUDY_FILES:
            settings["studies"] = {key: self.study_file(key, _STUDY_FILES[study]) for key in keys}
        return settings | self._table_extras(study, table)

    def _table_extras(self, study: str, table: str) -> dict[str, Any]:
        """Settings that only one study's table has."""
        config = self.jobs.config
        published = next(iter(self.published(table)), None)
        match study:
            case "alarms":
                return self.alarms(table)
            case "locality":
                return {"studies": self.locality(table), "protocol": self.protocol_with_weights}
            case "classes" | "localisation":
                return {"published": published, "protocol": config.protocol}
            case "noise" | "masking":
                experiment = self.jobs.row(config.study_experiment)
                protocol = self.protocol_with_weights
                return {"published": published, "protocol": protocol, "experiment": experiment}
            case "attention":
                return {"published": published}
            case "equivalence":
                return {
                    "experiment": self.jobs.row(self.paired),
                    "compared_with": self.jobs.row(self.compared_with),
                }
            case "transfer":
                return {
                    "datasets": [
                        self.jobs.table_dataset(key, self._rows(table)) for key in config.tested
                    ],
                    "transfers": self.transfer(table).moved(),
                    "published": published,
                    "protocol": self.protocol_with_weights,
                    "paper": PAPERS[config.study_tables[table].get("of", IEF_VAD)],
                }
            case "leaks":
                studies = {"studies": self._leaks(), "variants": self.variants}
                return studies | {"protocol": config.protocol}
        return {}

    def locality(self, table: str) -> dict[str, dict[str, str]]:
        """Files of the study of locality, by experiment and data set of a table."""
        return self.by_experiment(table, "locality/{}.csv")

    def of_study(self, study: str) -> list[str]:
        """Experiments that the tables of a study show and that are trained here."""
        config = self.jobs.config
        tables = config.study_tables.values()
        names = [table["experiments"] for table in tables if table["study"] == study]
        shown = dict.fromkeys(chain.from_iterable(names))
        return [name for name in shown if name not in config.imported]

    def published(self, table: str) -> list[str]:
        """The file of the paper's numbers for a study's table, if there is one."""
        name = self.jobs.config.study_tables[table].get("published")
        return [f"config/published/{name}"] if name else []

    def surfaces(self) -> dict[str, Any]:
        """Settings of figure 3."""
        config = self.jobs.config
        return {
            "experiment": self.jobs.row(config.study_experiment),
            "studies": {
                key: self.study_file(key, "masking-dimensions.csv") for key in config.datasets
            },
            "datasets": [self.jobs.table_dataset(key) for key in config.datasets],
            "protocol": self.protocol_with_weights,
        }

    @property
    def confused(self) -> str | None:
        """The experiment whose confusion of classes is drawn: the first of the first table."""
        tables = self.jobs.config.study_tables.values()
        rows = (table["experiments"] for table in tables if table["study"] == "localisation")
        return next((row[0] for row in rows), None)

    def confusion(self, dataset: str) -> dict[str, Any]:
        """Settings of the figure of classes that a detector confuses."""
        config = self.jobs.config
        settings = {"dataset": self.jobs.table_dataset(dataset), "protocol": config.protocol}
        return settings | {"experiment": self.jobs.row(self.confused)}

    def attention_maps(self, dataset: str) -> dict[str, Any]:
        """Settings of figure 4."""
        config = self.jobs.config
        cue = config.experiments[config.study_experiment].motion_cue
        return {
            "dataset": self.jobs.table_dataset(dataset),
            "maps": self.study_file(dataset, "attention-maps.csv"),
            "cues": self.jobs.cue_shards(dataset, cue.definition),
            "window": cue.window,
            "threshold": cue.threshold,
        }

    def study_files(self, name: str) -> list[str]:
        """A study's file, for all data sets."""
        return [self.study_file(key, name) for key in self.jobs.config.datasets]

    def claim_experiments(self, claims: str) -> list[str]:
        """Experiments that the claims need and whose motion cues are counted."""
        config = self.jobs.config
        needed = needed_experiments(Path(claims), config.experiments)
        return [name for name in needed if config.makes(config.experiments[name].motion_cue)]

    def claim_files(self, claims: str) -> list[str]:
        """Files that the verdicts on the claims need."""
        names = self.claim_experiments(claims)
        keys = self.jobs.config.datasets
        compared = [name for name in compared_by_weights(Path(claims)) if name in names]
        weights = [f"weights/seed-{n}-last.safetensors" for n in self.jobs.config.seeds]
        files = ("seeds.csv", "classes.csv", "scores.parquet")
        return self._run_files(keys, names, files) + self._run_files(keys, compared, weights)

    def claims(self, claims: str) -> dict[str, Any]:
        """Settings of `fusevad report claims`."""
        config = self.jobs.config
        return {
            "claims": claims,
            "experiments": [self.jobs.row(name) for name in self.claim_experiments(claims)],
            "datasets": [self.jobs.table_dataset(key) for key in config.datasets],
            "studies": {key: self.studies(key) for key in config.datasets},
            "protocol": config.protocol,
        }
