"""Detectors of other data sets on the test videos of one: what they learned, without its videos."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.data.truth import read_test_videos
from fusevad.evaluate.metrics import LabelledTest
from fusevad.parallel import in_processes
from fusevad.studies.settings import TransferRun, TransferSettings
from fusevad.studies.trained import RunFiles, on_crops, run_seeds, score

COLUMNS = ["trained_on", "experiment", "seed", "protocol", "metric", "value"]


def study_transfer(
    manifest: Path,
    intervals: Path,
    streams: Mapping[str, Path],
    settings: TransferSettings,
    out_csv: Path,
    workers: int,
) -> None:
    """Score the test videos of a data set with every run on another one.

    `out_csv`: trained_on, experiment, seed, protocol (last|validation, whose weights are kept),
    metric (AUC, AP, Ano-AUC, Ano-AP), value (a fraction).

    Args:
        manifest, intervals: of the data set that is tested on.
        streams: index of the embeddings of its streams, by name of the stream.
        settings: the runs on other data sets.
        out_csv: table of metrics.
        workers: processes of one thread each.

    Raises:
        FusevadError: weights or embeddings are missing or do not fit each other.
    """
    tasks = [(run, seed) for run in settings.runs for seed in run_seeds(Path(run.run))]
    study = partial(_study, manifest, intervals, streams)
    tables = in_processes(study, tasks, workers, "transfer", "seed")
    write_csv(pd.DataFrame([row for rows in tables for row in rows], columns=COLUMNS), out_csv)


def _study(
    manifest: Path, intervals: Path, streams: Mapping[str, Path], task: tuple[TransferRun, int]
) -> list[dict[str, object]]:
    torch.set_num_threads(1)
    run, seed = task
    by_role = {role: streams[name] for role, name in run.streams.items()}
    files = RunFiles(Path(run.run), manifest, by_role)
    test = LabelledTest(read_test_videos(manifest, intervals))
    rows: list[dict[str, object]] = []
    for protocol in KEPT_PROTOCOLS:
        detector = on_crops(files.detector(seed, protocol), run.test_crops)
        segments = score(detector, files.open(detector), files.tests()).segments
        key = {"trained_on": run.dataset, "experiment": run.experiment, "seed": seed}
        metrics = test.metrics(test.pooled(segments)[:, 0])
        rows += [
            key | {"protocol": protocol, "metric": metric, "value": value}
            for metric, value in metrics.items()
        ]
    return rows
