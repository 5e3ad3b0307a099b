"""Evidence of one data set for a test: values of runs, resampled test videos, studies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.config.claims import (
    MAIN,
    STUDIES,
    Classes,
    Compare,
    FusesDifferently,
    Test,
    compared_with,
)
from fusevad.report.runs import TableDataset, TableRow, read_class_measurements, read_measurements
from fusevad.report.statistics import (
    Aggregate,
    PairedTest,
    Summary,
    interquartile_mean,
    paired_test,
    summarize,
)
from fusevad.report.verdicts.judge import Comparison, Exact, Finding, Goal, Missing, Verdict
from fusevad.report.verdicts.resampling import ResampledRuns
from fusevad.report.verdicts.studies import study_findings

_GOALS: dict[str, Goal] = {
    "greater": "greater",
    "classes": "greater",
    "best-value": "greater",
    "equivalent": "equivalent",
    "significant": "different",
}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run's main metric over its seeds, as fractions."""

    experiment: str
    metric: str
    summary: Summary
    middle: Aggregate


@dataclass(frozen=True)
class Evidence:
    """The results of one data set under one protocol; files are read when a test asks for them.

    Attributes:
        dataset: the data set.
        experiments: configured experiments; those without results here make their tests untestable.
        protocol: last, validation or oracle.
        studies: folder of the data set's studies.
        margin: smallest difference that counts, for tests that name none.
        resamples: bootstrap draws of the test videos.
    """

    dataset: TableDataset
    experiments: Sequence[TableRow]
    protocol: str
    studies: Path
    margin: float
    resamples: int

    def findings(self, test: Test) -> list[Finding]:
        """The findings of the data set on a test, one for each comparison."""
        if test.experiment not in self.runs:
            return [Missing(f"no run of {test.experiment}")]
        match test:
            case FusesDifferently():
                return [self._exact(test)]
            case Compare() | Classes():
                return list(self._compared(test))
        metric = self._metric(getattr(test, "metric", MAIN))
        path = self.studies / f"{STUDIES[test.kind]}.csv"
        return study_findings(test, path, self.protocol, metric, self._margin(test))

    def values(self, experiment: str, metric: str = MAIN) -> pd.Series:
        """Values of a run by seed; empty if the data set lacks the metric."""
        return _series(self._measured, experiment=experiment, metric=self._metric(metric))

    def summaries(self, tests: Sequence[Test]) -> list[RunSummary]:
        """Main metric of the runs that the tests use, in the order of the experiments."""
        named = {test.experiment for test in tests}
        for test in tests:
            if isinstance(test, Compare | Classes):
                named.update(*compared_with(test, self.runs).values())
        metric = self._metric(MAIN)
        result = []
        for experiment in self.runs:
            values = self.values(experiment)
            if experiment in named and len(values):
                middle = interquartile_mean([values.to_numpy()])
                result.append(RunSummary(experiment, metric, summarize(values), middle))
        return result

    @cached_property
    def runs(self) -> dict[str, Path]:
        """Folders of the runs that exist here, by experiment."""
        return {row.name: row.runs[self.dataset.key] for row in self._present}

    @cached_property
    def _present(self) -> list[TableRow]:
        key = self.dataset.key
        rows = [row for row in self.experiments if key in row.runs]
        return [row for row in rows if (row.runs[key] / "seeds.csv").is_file()]

    @cached_property
    def _resampled(self) -> ResampledRuns:
        return ResampledRuns(self.dataset, self.runs, self.protocol, self.resamples)

    @cached_property
    def _measured(self) -> pd.DataFrame:
        table = read_measurements(self._present, [self.dataset])
        return table[table["protocol"] == self.protocol]

    @cached_property
    def _measured_classes(self) -> pd.DataFrame:
        table = read_class_measurements(self._present, [self.dataset])
        return table[table["protocol"] == self.protocol]

    def _metric(self, name: str) -> str:
        return self.dataset.metrics[0] if name == MAIN else name

    def _margin(self, test: Test) -> float:
        own = getattr(test, "margin", None)
        return self.margin if own is None else own

    def _compared(self, test: Compare | Classes) -> Iterator[Finding]:
        for pattern, names in compared_with(test, self.runs).items():
            if not names:
                yield Missing(f"no run of {pattern}")
            for name in names:
                if isinstance(test, Classes):
                    yield from self._by_class(test, name)
                else:
                    yield self._overall(test, name)

    def _overall(self, test: Compare, rival: str) -> Finding:
        metric = self._metric(test.metric)
        if metric not in self.dataset.metrics:
            return Missing(f"{metric} is not measured")
        if metric not in set(self._measured["metric"]):
            return Missing(f"{metric} is undefined on the test videos")
        seeds = paired_test(self.values(test.experiment, metric), self.values(rival, metric))
        return self._comparison(test, rival, metric, seeds)

    def _by_class(self, test: Classes, rival: str) -> Iterator[Finding]:
        wanted = {_plain(name) for name in test.classes}
        videos = self._resampled.videos
        shown = sorted({name for video in videos for name, _, _ in video.intervals})
        chosen = [name for name in shown if not wanted or _plain(name) in wanted]
        if not chosen:
            yield Missing("none of the classes is in the test split")
        for name in chosen:
            first, second = (
                _series(self._measured_classes, **{"experiment": experiment, "class": name})
                for experiment in (test.experiment, rival)
            )
            seeds = paired_test(first, second)
            yield self._comparison(test, rival, self.dataset.class_metric, seeds, name)

    def _comparison(
        self,
        test: Compare | Classes,
        rival: str,
        metric: str,
        seeds: PairedTest,
        class_name: str | None = None,
    ) -> Comparison | Missing:
        of_class = f" of {class_name.replace('_', ' ')}" if class_name else ""
        label = f"{test.experiment} − {rival}, {metric}{of_class}"
        videos = None
        if seeds.n > 1:
            videos = self._resampled.difference(test.experiment, rival, metric, class_name)
            if videos is None:
                return Missing(f"{label}: fewer than two test videos to resample")
        return Comparison(label, _GOALS[test.kind], self._margin(test), True, seeds, videos)

    def _exact(self, test: FusesDifferently) -> Finding:
        # Imports torch, which no other report needs.
        from fusevad.report.verdicts.exact import fusion_difference

        of_run = self._measured[self._measured["experiment"] == test.experiment]
        folder = self.runs[test.experiment] / "weights"
        # Not of all files that lie there: some may be of an earlier run.
        files = [folder / f"seed-{seed}-last.safetensors" for seed in of_run["seed"].unique()]
        paths = [file for file in files if file.is_file()]
        if not paths:
            return Missing(f"no weights of {test.experiment}")
        found = fusion_difference(paths, test.method)
        return Exact(
            f"{test.experiment} computed as {test.method}",
            Verdict.HOLDS if found.weights > test.tolerance else Verdict.FAILS,
            f"with the parameters that {test.experiment} learned ({len(paths)} seeds), the largest "
            f"difference between the two methods is {found.weights:.1e} in a fusion weight and "
            f"{found.scores:.1e} in a score (tolerance {test.tolerance:.0e})",
        )


def _series(table: pd.DataFrame, **where: str) -> pd.Series:
    """Values by seed of the rows in which every column of `where` has its value."""
    chosen = np.logical_and.reduce([table[column] == value for column, value in where.items()])
    return table[chosen].set_index("seed")["value"]


def _plain(name: str) -> str:
    """A class's name without spelling differences of data sets: case, spaces, hyphens."""
    return "".join(character for character in name.casefold() if character.isalnum())
