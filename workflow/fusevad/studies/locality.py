"""How far evidence travels in a video: what one foreign segment and another order do to scores.

Attention over a whole video can hand every segment what one segment shows, and top-k losses do not
mind. Four observations of each trained seed, without training (docs/methods/local.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusevad.csv_tables import write_csv
from fusevad.data.truth import LabelledVideo
from fusevad.embed.store import Streams
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import LabelledTest, within_share
from fusevad.evaluate.scoring import TrainedDetector
from fusevad.models.base import build
from fusevad.models.settings import GaussianSettings, TemporalSettings
from fusevad.studies.settings import LocalitySettings
from fusevad.studies.trained import ChangedStore, LabelledRun, for_all_seeds, score

COLUMNS = ["experiment", "seed", "protocol", "quantity", "value"]
Segments = Mapping[str, NDArray[np.float64]]


def study_locality(
    run: Path,
    manifest: Path,
    intervals: Path,
    streams: Mapping[str, Path],
    settings: LocalitySettings,
    out_csv: Path,
    workers: int,
) -> None:
    """Observe how the seeds of a run score the test videos when these are changed.

    `out_csv`: experiment, seed, protocol, quantity, value. Quantities:
    AUC, AP, Ano-AUC, Ano-AP: of the videos as they are;
    within: see `metrics.within_share`;
    AUC_alone, ...: of each segment scored alone, by the same parameters;
    spliced, others: the middle segment of every normal video is replaced by the segment of an
    anomalous video that the seed scores highest: mean absolute change of that segment's score, and
    of the scores of all others in its video;
    order: mean absolute change of scores when the segments of every video are shuffled, and their
    scores put back into order.

    Args:
        run: folder of a finished run, named as its experiment.
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`.
        streams: index of the embeddings of each stream, by role.
        settings: whose weights score.
        out_csv: the table.
        workers: seeds at a time.

    Raises:
        FusevadError: the method has no attention over segments, there are no normal or no anomalous
            test videos, or weights and embeddings are missing or do not fit each other.
    """
    files = LabelledRun(run, manifest, streams, intervals)
    observe = partial(_observe, files, settings.protocol)
    parts = for_all_seeds(observe, run, workers, "locality of")
    write_csv(pd.concat(parts, ignore_index=True), out_csv)


def _observe(files: LabelledRun, protocol: str, seed: int) -> pd.DataFrame:
    torch.set_num_threads(1)
    detector = files.detector(seed, protocol)
    streams = files.open(detector)
    videos = files.labelled_tests()
    test = LabelledTest(videos)
    plain = _scores(detector, streams, videos)
    alone = test.metrics(test.pooled(_scores(_alone(detector), streams, videos)))
    values = {
        **test.metrics(test.pooled(plain)),
        "within": within_share(list(plain.values())),
        **{f"{metric}_alone": value for metric, value in alone.items()},
        **_spliced(detector, streams, videos, plain),
        "order": _shuffled(detector, streams, videos, plain),
    }
    key = {"experiment": files.run.name, "seed": seed, "protocol": protocol}
    rows = [key | {"quantity": name, "value": value} for name, value in values.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _scores(
    detector: TrainedDetector, streams: Streams, videos: list[LabelledVideo]
) -> dict[str, NDArray[np.float64]]:
    """The anomaly scores of the segments of each video."""
    found = score(detector, streams, [video.name for video in videos]).segments
    return {name: values[:, 0].astype(np.float64) for name, values in found.items()}


def _alone(detector: TrainedDetector) -> TrainedDetector:
    """A detector with the same parameters that scores each segment as if no other was there."""
    settings = detector.settings
    if not isinstance(settings.model, TemporalSettings):
        raise FusevadError(
            f"method '{settings.method}' has no attention over segments to look into; leave it out"
            " of the table of the study of locality"
        )
    temporal = replace(settings.model, window=0)
    if isinstance(temporal, GaussianSettings):
        temporal = replace(temporal, sequential_update=False)
    settings = replace(settings, model=temporal)
    model = build(settings.method, settings.model, detector.model.widths, settings.loss)
    model.load_state_dict(detector.model.state_dict())
    return TrainedDetector(model.to(next(detector.model.parameters()).device), settings)


def _spliced(
    detector: TrainedDetector, streams: Streams, videos: list[LabelledVideo], plain: Segments
) -> dict[str, float]:
    """What the most anomalous segment of all does in the middle of normal videos."""
    normal = [video for video in videos if not video.labels.any()]
    if len(normal) in (0, len(videos)):
        raise FusevadError("the study of locality needs normal and anomalous test videos; add some")
    donor = max(
        (video.name for video in videos if video.labels.any()), key=lambda name: plain[name].max()
    )
    segment = int(plain[donor].argmax())
    hosts = {video.name: len(plain[video.name]) // 2 for video in normal}

    def splice(role: str, name: str, x: Tensor) -> Tensor:
        if name not in hosts:
            return x
        changed = x.clone()
        changed[hosts[name]] = streams[role][donor][segment]
        return changed

    changed = _scores(detector, _changed(streams, splice), normal)
    moved = {name: np.abs(changed[name] - plain[name]) for name in hosts}
    others = [np.delete(values, hosts[name]) for name, values in moved.items()]
    return {
        "spliced": float(np.mean([moved[name][place] for name, place in hosts.items()])),
        "others": float(np.mean(np.concatenate(others))),
    }


def _shuffled(
    detector: TrainedDetector, streams: Streams, videos: list[LabelledVideo], plain: Segments
) -> float:
    """Mean absolute change of the scores when no segment is where it was."""
    rng = np.random.default_rng(0)
    orders = {video.name: rng.permutation(len(plain[video.name])) for video in videos}

    def shuffle(_role: str, name: str, x: Tensor) -> Tensor:
        return x[torch.from_numpy(orders[name])]

    changed = _scores(detector, _changed(streams, shuffle), videos)
    moved = [np.abs(changed[name] - plain[name][order]) for name, order in orders.items()]
    return float(np.mean(np.concatenate(moved)))


def _changed(streams: Streams, change: Callable[[str, str, Tensor], Tensor]) -> Streams:
    """All streams, changed as they are read: `change(role, video, x)` returns other embeddings."""
    for role, store in streams.stores.items():
        streams = streams.with_store(role, ChangedStore(store, partial(change, role)))
    return streams
