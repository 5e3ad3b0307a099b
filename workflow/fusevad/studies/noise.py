"""Background activity in the motion cues of test videos (paper, Table 5).

The paper adds "Poisson background-activity noise lambda" to motion images and says no more: neither
its unit nor whether detectors are trained on it. Here lambda is the mean number of spurious counts
of a pixel in each frame difference, so a window of T differences gets Poisson(lambda T) of them on
top of its count, which stays at most T. In the normalised cue (0..1) this adds lambda on average
where nothing moves. Detectors were trained on clean cues: this tests robustness.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from fusevad.csv_tables import write_csv
from fusevad.cues.count import normalise
from fusevad.cues.reading import CueShards
from fusevad.data.manifest import Video, read_manifest
from fusevad.data.truth import read_test_videos
from fusevad.embed.settings import EmbedSettings
from fusevad.embed.store import Streams, default_device
from fusevad.embed.streams.motion.embedder import window_and_threshold
from fusevad.encoders.clip import BatchedTower, Tower, load_cue_tower
from fusevad.encoders.settings import EncoderSettings
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import LabelledTest
from fusevad.parallel import in_processes
from fusevad.studies.settings import NoiseSettings
from fusevad.studies.trained import ChangedStore, RunFiles, run_seeds, score
from fusevad.video.crops import crop_images

# The stream with added noise.
MOTION = "motion"
METRICS = ("AUC", "AP", "Ano-AUC", "Ano-AP")
COLUMNS = ["experiment", "seed", "protocol", "level", "metric", "value"]

# Relative difference of recomputed embeddings. Measured on a CPU: 4e-6 with the same settings, 0.18
# for the mirrored crop, 1.4 for other weights. The bfloat16 of GPUs needs some tolerance.
_SAME_ENCODER = 0.05


@dataclass(frozen=True, slots=True)
class _EmbeddingTask:
    """How to embed each video; sent to worker processes.

    Attributes:
        crops: numbers of the crops used for scoring.
        levels: above 0.
    """

    embed: EmbedSettings
    crops: tuple[int, ...]
    shards: CueShards
    levels: tuple[float, ...]
    seed: int


def study_noise(
    run: Path,
    manifest: Path,
    intervals: Path,
    streams: Mapping[str, Path],
    cues: Sequence[Path],
    settings: NoiseSettings,
    out_csv: Path,
    workers: int,
) -> None:
    """Score the test videos with background activity in their motion cues, for all seeds of a run.

    Writes experiment, seed, protocol, level, metric (AUC|AP|Ano-AUC|Ano-AP), value (fractions).
    Only the crops used for scoring are embedded.

    Args:
        run: folder of a finished run, named as its experiment.
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`.
        streams: index of the embeddings of each stream, by role.
        cues: shards of the motion cues that the stream `motion` was embedded from.
        settings: levels, protocol and encoder.
        out_csv: the table to write.
        workers: embedding processes, with one thread each; one process on a GPU.

    Raises:
        FusevadError: weights, cues or embeddings are missing or do not fit each other, or the
            method reads no motion cues.
    """
    torch.set_num_threads(1)
    files = RunFiles(run, manifest, streams)
    seeds = run_seeds(run)
    first = files.detector(seeds[0], settings.protocol)
    if MOTION not in first.model.streams:
        method = first.settings.method
        raise FusevadError(f"{run}: method {method} reads no motion cues to add noise to")
    clean = files.open(first)
    scored_crops = first.settings.test_crops
    crops = tuple(settings.embed.crops[place] for place in scored_crops)
    levels = tuple(level for level in settings.levels if level > 0)
    task = _EmbeddingTask(
        settings.embed,
        crops,
        CueShards(cues, settings.embed.cues.definition),
        levels,
        settings.seed,
    )
    tests = [video for video in read_manifest(manifest) if video.split == "test"]
    _check_encoder(task, tests[0], clean[MOTION][tests[0].name][:, list(scored_crops)])
    noisy = _embed_all(task, tests, 1 if default_device().type == "cuda" else workers)
    shown = {0.0: clean} | {
        level: _noisy_streams(clean, noisy, place, scored_crops)
        for place, level in enumerate(levels)
    }
    test = LabelledTest(read_test_videos(manifest, intervals))
    rows = []
    for seed in tqdm(seeds, desc=f"scoring {run.name}", unit="seed"):
        detector = files.detector(seed, settings.protocol)
        key = {"experiment": run.name, "seed": seed, "protocol": settings.protocol}
        for level, seen in shown.items():
            scored = score(detector, seen, files.tests())
            values = test.metrics(test.pooled(scored.segments)[:, 0])
            rows += [key | {"level": level, "metric": m, "value": values[m]} for m in METRICS]
    write_csv(pd.DataFrame(rows, columns=COLUMNS), out_csv)


def noisy_counts(
    counts: NDArray[np.uint8],
    levels: Sequence[float],
    differences: int,
    generator: np.random.Generator,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the counts of a window with Poisson(level x differences) added at each pixel.

    Each level adds to the counts of the level before, so that noise grows instead of being redrawn.
    Windows that are cut off at the ends of a video get the noise of a whole window.

    Args:
        counts: (height, width), how many differences exceeded the threshold.
        levels: ascending.
        differences: in the window: the highest count.
        generator: draws the added counts.
    """
    events = np.zeros(counts.shape, np.int64)
    before = 0.0
    for level in levels:
        events += generator.poisson((level - before) * differences, counts.shape)
        before = level
        yield np.minimum(counts + events, differences).astype(np.uint8)


def _check_encoder(task: _EmbeddingTask, video: Video, stored: Tensor) -> None:
    """Embed a video's clean cues: the effect of another encoder would pass for noise."""
    made = torch.from_numpy(_embed_video(replace(task, levels=(0.0,)), video)[0]).float()
    expected = stored.float().cpu()
    fits = made.shape == expected.shape
    if not fits or (made - expected).norm() > _SAME_ENCODER * expected.norm():
        raise FusevadError(
            f"{task.shards.file(video)}: the motion cues of {video.name} do not give the stored"
            " embeddings; name the encoder, crops and cues that these were made with"
        )


def _embed_all(
    task: _EmbeddingTask, videos: Sequence[Video], workers: int
) -> dict[str, NDArray[np.float16]]:
    embedded = in_processes(
        partial(_embed_video, task), videos, workers, "embedding noisy cues", "video"
    )
    return {video.name: vectors for video, vectors in zip(videos, embedded, strict=True)}


def _embed_video(task: _EmbeddingTask, video: Video) -> NDArray[np.float16]:
    """levels x segments x crops x D of a video's noisy motion cues."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    tower = _tower(task.embed.encoder)
    encoder = BatchedTower(tower, task.embed.batch_size)
    parts: list[Tensor] = []
    waiting: list[NDArray[np.float32]] = []
    for images in _images(task, video, tower.image_size):
        waiting.append(images)
        if len(waiting) * len(images) >= encoder.batch_size:
            parts.append(encoder.embed(np.concatenate(waiting)).cpu())
            waiting = []
    if waiting:
        parts.append(encoder.embed(np.concatenate(waiting)).cpu())
    vectors = torch.cat(parts).unflatten(0, (video.segments, len(task.levels), len(task.crops)))
    return vectors.transpose(0, 1).numpy().astype(np.float16)


def _images(task: _EmbeddingTask, video: Video, size: int) -> Iterator[NDArray[np.float32]]:
    """(levels x crops, size, size) for each segment."""
    window, threshold = window_and_threshold(task.embed)
    cues = task.embed.cues
    differences = window if cues.definition == "paper" else window - 1
    generator = np.random.default_rng([task.seed, *video.name.encode()])
    for counts in task.shards.counts(video, window, threshold):
        yield np.concatenate(
            [
                crop_images(normalise(noisy, window, cues), task.crops, size)
                for noisy in noisy_counts(counts, task.levels, differences, generator)
            ]
        )


@cache
def _tower(settings: EncoderSettings) -> Tower:
    """Loaded once in each process."""
    return load_cue_tower(settings)


def _noisy_streams(
    streams: Streams,
    noisy: Mapping[str, NDArray[np.float16]],
    place: int,
    crops: Sequence[int],
) -> Streams:
    """The streams with the noisy embeddings of a level in the scored crops."""

    def change(video: str, embeddings: Tensor) -> Tensor:
        changed = embeddings.clone()
        changed[:, list(crops)] = torch.from_numpy(noisy[video][place]).to(changed)
        return changed

    return streams.with_store(MOTION, ChangedStore(streams[MOTION], change))
