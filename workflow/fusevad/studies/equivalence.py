"""Test whether two methods are one function: compute with a run's parameters by another method.

The question is about Student-t fusion with one nu, whose factor cancels in the weights
(docs/findings.md).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import LabelledTest
from fusevad.models.output import Output
from fusevad.studies.settings import EquivalenceSettings
from fusevad.studies.trained import LabelledRun, for_all_seeds, score

# Training keeps no weights for `oracle`.
PROTOCOLS = ("last", "validation")
COLUMNS = ["experiment", "seed", "protocol", "quantity", "value"]


def study_equivalence(
    run: Path,
    manifest: Path,
    intervals: Path,
    streams: Mapping[str, Path],
    settings: EquivalenceSettings,
    out_csv: Path,
    workers: int,
) -> None:
    """Score the test videos with the parameters of a run, by its own method and by another.

    `out_csv`: experiment, seed, protocol (last|validation), quantity, value. Quantities:
    weights_max, weights_mean (absolute differences of the fusion weights, over test segments and
    latent dimensions), scores_max, scores_mean (of the scores, over test segments), and AUC, AP,
    Ano-AUC, Ano-AP (the run's method minus the other).

    Args:
        run: folder of a finished run, named as its experiment.
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`.
        streams: index of the embeddings of each stream, by role.
        settings: the other method.
        out_csv: table of differences.
        workers: processes of one thread each, a seed at a time; a GPU takes the seeds in turn.

    Raises:
        FusevadError: weights or embeddings are missing or do not fit each other, or one of the
            methods has no fusion weights.
    """
    files = LabelledRun(run, manifest, streams, intervals)
    tables = for_all_seeds(partial(_study, files, settings.method), run, workers, "equivalence")
    write_csv(pd.concat(tables, ignore_index=True), out_csv)


def _study(files: LabelledRun, other_method: str, seed: int) -> pd.DataFrame:
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for protocol in PROTOCOLS:
        key = {"experiment": files.run.name, "seed": seed, "protocol": protocol}
        rows += [
            key | {"quantity": quantity, "value": value}
            for quantity, value in _differences(files, other_method, seed, protocol).items()
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _differences(
    files: LabelledRun, other_method: str, seed: int, protocol: str
) -> dict[str, float]:
    own, other = (files.detector(seed, protocol, method) for method in (None, other_method))
    streams, videos = files.open(own), files.tests()
    weights = _WeightDifferences(other.model)
    with own.model.register_forward_hook(weights.add):
        first = score(own, streams, videos).segments
    second = score(other, streams, videos).segments
    if not weights.values:
        raise FusevadError(
            f"{files.run}: its method and {other_method} do not both have fusion"
            " weights; compare two that do"
        )
    scores = np.concatenate([np.abs(first[name][:, 0] - second[name][:, 0]) for name in videos])
    test = LabelledTest(files.labelled_tests())
    metrics, others = (test.metrics(test.pooled(segments)[:, 0]) for segments in (first, second))
    return {
        "weights_max": weights.largest,
        "weights_mean": weights.total / weights.values,
        "scores_max": float(scores.max()),
        "scores_mean": float(scores.mean(dtype=np.float64)),
    } | {name: metrics[name] - others[name] for name in metrics}


class _WeightDifferences:
    """Absolute differences of the weights of two models, over all real segments of their inputs."""

    def __init__(self, other: nn.Module) -> None:
        self._other = other.eval()
        self.largest, self.total, self.values = 0.0, 0.0, 0

    def add(self, _model: nn.Module, inputs: tuple, output: Output) -> None:
        """Forward hook of the first model; `inputs` are streams and mask."""
        other_method = self._other(*inputs)
        mask = inputs[1]
        for stream in output.weights.keys() & other_method.weights.keys():
            difference = (output.weights[stream][mask] - other_method.weights[stream][mask]).abs()
            self.largest = max(self.largest, float(difference.max()))
            self.total += float(difference.double().sum())
            self.values += difference.numel()
