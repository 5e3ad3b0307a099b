"""Differences of runs under resampling of a data set's test videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.data.truth import LabelledVideo
from fusevad.evaluate.metrics import ANOMALOUS_ONLY, Floats, LabelledSegments
from fusevad.report.runs import TableDataset
from fusevad.report.scored_videos import segment_scores, test_videos
from fusevad.report.statistics import Resampled, VideoBootstrap


@dataclass(frozen=True)
class ResampledRuns:
    """The runs of a data set; scores are read and resampled once, on first use.

    Attributes:
        dataset: its test videos are resampled.
        runs: folders by experiment.
        protocol: last, validation or oracle.
        resamples: number of draws.
    """

    dataset: TableDataset
    runs: Mapping[str, Path]
    protocol: str
    resamples: int
    _scores: dict[str, tuple[list[int], Floats]] = field(default_factory=dict)
    _draws: dict[tuple[bool, str | None], VideoBootstrap] = field(default_factory=dict)
    _values: dict[tuple[str, str, str | None], pd.DataFrame] = field(default_factory=dict)

    @cached_property
    def videos(self) -> Sequence[LabelledVideo]:
        """The test videos."""
        return test_videos(self.dataset)

    def difference(
        self, first: str, second: str, metric: str, class_name: str | None = None
    ) -> Resampled | None:
        """Metric of `first` minus metric of `second`, averaged over the seeds that both have.

        None if nothing can be resampled: fewer than two videos, or no shared seed.

        Args:
            first: experiment.
            second: experiment.
            metric: AUC, AP, Ano-AUC or Ano-AP.
            class_name: rank the frames of this class, as `LabelledTest.class_metrics` does.
        """
        if self._draw(metric, class_name).videos < 2:
            return None
        one, two = (self._by_seed(name, metric, class_name) for name in (first, second))
        shared = one.index.intersection(two.index)
        if shared.empty:
            return None
        values = (one.loc[shared] - two.loc[shared]).mean(axis="index").to_numpy()
        finite = values[1:][np.isfinite(values[1:])]
        return Resampled(float(values[0]), finite) if len(finite) else None

    def _by_seed(self, experiment: str, metric: str, class_name: str | None) -> pd.DataFrame:
        """Seeds x (the original data, then the resamples)."""
        key = (experiment, metric, class_name)
        if key not in self._values:
            if experiment not in self._scores:
                run = self.runs[experiment]
                self._scores[experiment] = segment_scores(run, self.protocol, self.videos)
            seeds, scores = self._scores[experiment]
            draw = self._draw(metric, class_name)
            kind = metric.removeprefix(ANOMALOUS_ONLY)
            rows = [draw.metric(kind, row) for row in scores]
            self._values[key] = pd.DataFrame(np.stack(rows), index=seeds)
        return self._values[key]

    def _draw(self, metric: str, class_name: str | None) -> VideoBootstrap:
        anomalous_only = metric.startswith(ANOMALOUS_ONLY)
        key = (anomalous_only, class_name)
        if key not in self._draws:
            segments = LabelledSegments.of(self.videos, class_name)
            if anomalous_only:
                segments = segments.of_anomalous(self.videos)
            self._draws[key] = VideoBootstrap(segments, self.resamples)
        return self._draws[key]
