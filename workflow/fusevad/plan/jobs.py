"""Settings, inputs and outputs of the jobs of tables and figures of runs, and of all before them.

`data_jobs`, `embedding_jobs` and `run_jobs` have the earlier stages, each on top of the one before;
`stages` builds the plan from them. Settings have everything that a job's result depends on.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from fusevad.config.paper import PAPER_DATASETS, PAPERS
from fusevad.embed.streams.registry import is_pictured
from fusevad.models.registry import find
from fusevad.plan.run_jobs import RunJobs

# The paper's numbers by class.
PUBLISHED_CLASSES = "config/published/table07.csv"


@dataclass(frozen=True, slots=True)
class Jobs(RunJobs):
    """Paths and settings of all jobs of a configuration."""

    def made(self, name: str) -> str:
        """Path of a table, figure or page."""
        return f"{self.config.home}/{name}"

    def report(
        self,
        experiments: tuple[str, ...],
        published: str | None = None,
        ours: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Settings of `fusevad report` for tables (with `published` numbers) and figures."""
        rows = (*experiments, *ours)
        values = {
            "experiments": [self.row(name) for name in experiments],
            "datasets": [self.table_dataset(key, rows) for key in self.config.datasets],
            "protocol": self.config.protocol,
        }
        if published:
            values |= {"published": published, "seeds": self.config.seeds}
        return values

    def table1(self, published: str) -> dict[str, Any]:
        """Settings of `fusevad report table1`."""
        ours = self.config.table1_ours
        return self.report(self.config.table1, published, ours) | {"ours": self._ours()}

    def table1_seeds(self) -> dict[str, Any]:
        """Settings of `fusevad report seeds`."""
        return self.report(self.config.table1) | {"ours": self._ours()}

    def _ours(self) -> list[dict[str, Any]]:
        """Our rows of Table 1 that have a run on any data set."""
        return [row for name in self.config.table1_ours if (row := self.row(name))["runs"]]

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

    def makes_ablation(self, table: str) -> bool:
        """Whether all that a table of experiments trains is possible on all its data sets."""
        keys = self.ablation_datasets(table)
        return self.has_streams(keys, self.ablation_experiments(table)) and all(
            self.trained_of(table, key) <= set(self.config.possible(key)) for key in keys
        )

    def has_streams(self, datasets: Iterable[str], experiments: Iterable[str]) -> bool:
        """Whether all data sets have the streams of all experiments."""
        names = list(experiments)
        return not any(self.config.lacking_streams(key, name) for key in datasets for name in names)

    def ablation_files(self, table: str) -> list[str]:
        """The runs that a table of experiments shows, and what its footnotes need."""
        keys = self.ablation_datasets(table)
        weights = f"weights/seed-{self.config.seeds[0]}-last.safetensors"
        counted = self.config.ablations[table].parameters
        events = ("localisation.csv",) if self.config.ablations[table].events else ()
        runs = [
            f"{self.run(key, name)}/{file}"
            for key in keys
            for name in self.ablation_experiments(table)
            if name in self.runs_of(table, key)
            for file in ("seeds.csv", *events, weights)
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
            "datasets": [
                self.table_dataset(key, self.ablation_experiments(table))
                for key in self.ablation_datasets(table)
            ],
            "protocol": self.config.protocol,
            "published": next(iter(self.published(table)), None),
            "seeds": self.config.seeds,
            "shown": {
                "paper": PAPERS[chosen.of],
                "parameters": chosen.parameters,
                "events": chosen.events,
                "all_printed": chosen.all_printed,
            },
        }

    def published(self, table: str) -> list[str]:
        """The file of the paper's numbers for a table of experiments, if there is one."""
        name = self.config.ablations[table].published
        return [f"config/published/{name}"] if name else []

    def transferable(self, trained_on: str, tested_on: str, experiment: str) -> bool:
        """Whether a run on one data set can be tested on another: its encoders, and its crops."""
        return self._same_encoders(trained_on, tested_on, experiment) and self.has_scored_crops(
            tested_on, trained_on, experiment
        )

    def has_scored_crops(self, scored: str, trained_on: str, experiment: str) -> bool:
        """Whether a data set's embeddings have the crops on which a run is scored."""
        wanted = self.config.scored_crops(trained_on, experiment)
        return set(wanted) <= set(self.config.crops(scored))

    def scored_places(self, scored: str, trained_on: str, experiment: str) -> dict[str, Any]:
        """The setting of which crops are scored of a data set that a run has not learned from.

        Empty where they have the places in the embeddings that they have in the run's own.
        """
        own, other = self.config.crops(trained_on), self.config.crops(scored)
        crops = self.config.scored_crops(trained_on, experiment)
        places = [other.index(crop) for crop in crops]
        return {"test_crops": places} if places != [own.index(crop) for crop in crops] else {}

    def _same_encoders(self, first: str, second: str, experiment: str) -> bool:
        """Whether two data sets have embeddings of one encoder, and no videos in common."""
        one, other = self.config.tested[first], self.config.tested[second]
        # Splits of the same recorded videos: one trains on what the other tests on.
        if first == second or (one.source == other.source and one.origin != "render"):
            return False
        if {first, second} & set(self.config.features):
            layouts = [self.config.features.get(key, {}).get("layout") for key in (first, second)]
            return layouts[0] == layouts[1]
        # A tower that is learned is each data set's own.
        return all(
            self.encoder_weights(first, stream) == self.encoder_weights(second, stream)
            for stream in self.config.streams(experiment).values()
        )

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
        row = {"label": label, "name": experiment, "runs": runs}
        partial = {key: self.partial_streams(key, experiment) for key in runs}
        # Most rows need neither, and the settings of their tables stay as they were.
        if any(partial.values()):
            row["partial"] = partial
        if not is_pictured(find(self.config.experiments[experiment].method).streams):
            row["pictured"] = False
        return row

    def table_dataset(self, key: str, rows: Iterable[str] | None = None) -> dict[str, Any]:
        """A data set in the report's form (`report.runs.TableDataset`).

        Args:
            key: of the data set.
            rows: experiments of the table; by default those of Table 1.
        """
        dataset = self.config.tested[key]
        values = asdict(dataset)
        files = {name: f"results/{key}/{name}.csv" for name in ("manifest", "intervals", "skipped")}
        kept = {
            name: values[name] for name in ("key", "source", "title", "metrics", "frame_stride")
        }
        crops = self._crops(key, self.config.table1 if rows is None else rows)
        if key in self.config.features:
            crops["features"] = self.config.features[key]["layout"]
        # A class's videos are all anomalous, so its Ano-AUC is its AUC.
        class_metric = "AP" if dataset.metrics[0] in ("AP", "Ano-AP") else "AUC"
        return kept | files | crops | {"class_metric": class_metric}

    def _crops(self, key: str, rows: Iterable[str]) -> dict[str, Any]:
        """How many there are, which most rows are scored on, and which each other row."""
        held, possible = self.config.crops(key), set(self.config.possible(key))
        scored = {
            name: sorted(self.config.scored_crops(key, name)) for name in rows if name in possible
        }
        most = max(scored.values(), key=[*scored.values()].count, default=[])
        others = {name: own for name, own in scored.items() if own != most}
        values: dict[str, Any] = {"crops": len(held), "scored_crops": most}
        # Most tables have none, and their settings stay as they were.
        return values | ({"own_crops": others} if others else {})
