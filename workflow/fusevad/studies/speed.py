"""How fast detectors learn and score on this machine: measured, so never the same twice.

Times are CPU times of one thread, which a busy machine changes little; on a GPU, wall times.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusevad.config.protocols import TEACHING
from fusevad.csv_tables import write_csv
from fusevad.data.manifest import read_manifest
from fusevad.embed.embedder import Ready, load_embedder
from fusevad.embed.settings import EmbedSettings, StreamSettings
from fusevad.embed.store import default_device, open_streams
from fusevad.embed.streams.registry import parse_settings
from fusevad.encoders.text import load_class_texts
from fusevad.evaluate.scoring import TrainedDetector, load_detector, weights_file
from fusevad.plan.made import processor
from fusevad.studies.settings import MeasuredRun, SpeedSettings
from fusevad.train.sampling import TrainVideo
from fusevad.train.seed_run import SeedData, SeedRun

COLUMNS = ["experiment", "training_seconds", "segments_per_second", "with_encoder", "machine"]
_REPEATS = 3


class _EnoughError(Exception):
    """Two epochs are trained, of which the second is measured."""


def study_speed(
    manifest: Path, streams: Mapping[str, Path], settings: SpeedSettings, out_csv: Path
) -> None:
    """Measure the detectors of runs, one after the other.

    `out_csv`: experiment; training_seconds of a seed (its second epoch, with validation and test
    scores, times its epochs); segments_per_second of scoring the test videos, from embeddings and
    with_encoder (and its pictures of the crops that are scored; empty for imported features, and
    for streams that no network embeds); the machine.

    Args:
        manifest: of the data set.
        streams: index of the embeddings of each stream, by its name.
        settings: runs, seed, and how streams were embedded.
        out_csv: table of a row a run.

    Raises:
        FusevadError: weights or embeddings are missing or do not fit each other.
    """
    torch.set_num_threads(1)
    embed = {name: parse_settings(values) for name, values in settings.embed.items()}
    rows = []
    for run in settings.runs:
        file = weights_file(Path(run.run), settings.seed, "last")
        detector = load_detector(file, default_device())
        data = _data(manifest, streams, run, detector)
        scoring = _scoring_seconds(detector, data)
        encoding = _encoding_seconds(run, detector, embed)
        rows.append(
            {
                "experiment": run.experiment,
                "training_seconds": _training_seconds(run, detector, data, settings.seed),
                "segments_per_second": 1 / scoring,
                "with_encoder": None if encoding is None else 1 / (scoring + encoding),
                "machine": machine(),
            }
        )
    write_csv(pd.DataFrame(rows, columns=COLUMNS), out_csv)


def machine() -> str:
    """What computes: the GPU, or the processor, of which one thread is used."""
    if default_device().type == "cuda":
        return torch.cuda.get_device_name()
    return f"{processor()}, one thread"


def _data(
    manifest: Path, streams: Mapping[str, Path], run: MeasuredRun, detector: TrainedDetector
) -> SeedData:
    by_role = {role: streams[name] for role, name in run.streams.items()}
    roles = tuple(dict.fromkeys((*by_role, *detector.model.widths)))
    opened = open_streams(by_role, roles, f"experiment '{run.experiment}'")
    videos = read_manifest(manifest)
    train = [
        TrainVideo(v.name, v.anomalous, tuple(v.classes)) for v in videos if v.split == "train"
    ]
    texts = load_class_texts(Path(run.texts), opened.device) if run.texts else None
    return SeedData(opened, train, [v.name for v in videos if v.split == "test"], texts)


def _scoring_seconds(detector: TrainedDetector, data: SeedData) -> float:
    """Of a segment of the test videos; the first time reads them from disk and does not count."""
    segments = sum(data.streams.length(video) for video in data.test_videos)

    def score() -> None:
        detector.score(data.streams, data.test_videos)

    score()
    return min(_seconds(score) for _ in range(_REPEATS)) / segments


def _training_seconds(
    measured: MeasuredRun, detector: TrainedDetector, data: SeedData, seed: int
) -> float:
    teacher = None
    if measured.teacher is not None:
        file = weights_file(Path(measured.teacher), seed, TEACHING)
        teacher = load_detector(file, default_device()).model
    ends: list[float] = []

    def after_epoch() -> None:
        ends.append(_clock())
        if len(ends) == 2:
            raise _EnoughError

    with tempfile.TemporaryDirectory() as folder:
        run = SeedRun(detector.settings, data, seed, Path(folder) / "seed.pt", teacher)
        start = _clock()
        try:
            run.run(after_epoch)
        except _EnoughError:
            start = ends[0]
    return (ends[-1] - start) * detector.settings.epochs


def _encoding_seconds(
    run: MeasuredRun, detector: TrainedDetector, embed: Mapping[str, StreamSettings]
) -> float | None:
    """Of a segment, of all streams that are scored; None where one was not embedded here."""
    names = [run.streams[role] for role in detector.model.streams]
    if not set(names) <= set(embed):
        return None
    crops = len(detector.settings.test_crops)
    found = [_segment_seconds(embed[name], crops) for name in names]
    known = [seconds for seconds in found if seconds is not None]
    return sum(known) if len(known) == len(found) else None


def _segment_seconds(settings: StreamSettings, crops: int) -> float | None:
    """Of the scored crops of a segment of a stream, if it has crops; None without a network."""
    embedder = load_embedder(settings)
    encoder, segment = embedder.encoder, embedder.segment
    if isinstance(encoder, Ready):
        return None
    items = np.zeros((encoder.batch_size, *segment.shape[1:]), segment.dtype)

    def encode() -> None:
        encoder.embed(items).cpu()

    encode()
    an_item = min(_seconds(encode) for _ in range(_REPEATS)) / len(items)
    return an_item * len(segment) * (crops if isinstance(settings, EmbedSettings) else 1)


def _seconds(work: Callable[[], None]) -> float:
    start = _clock()
    work()
    return _clock() - start


def _clock() -> float:
    """CPU time of this process; on a GPU the time when it has finished."""
    if default_device().type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()
