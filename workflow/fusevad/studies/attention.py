"""Attention areas: how much of a frame, and of a motion cue, the encoders attend to.

Source: the IEF-VAD paper (arXiv 2505.02393), Table 6 and Figure 4. It states neither the attention
nor the threshold, so both are settings here.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from fusevad.csv_tables import write_csv
from fusevad.cues.reading import CueShards
from fusevad.data.label_tables import NORMAL
from fusevad.data.manifest import Video, read_manifest
from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.embed.image_sources import Chunk, CueSource, FrameSource
from fusevad.embed.read_ahead import reading_ahead
from fusevad.embed.settings import EmbedSettings
from fusevad.embed.streams.motion.embedder import window_and_threshold
from fusevad.encoders.attention import AttentionMaps, attention_maps
from fusevad.encoders.clip import Tower, load_cue_tower, load_image_tower
from fusevad.encoders.settings import AttentionMethod
from fusevad.studies.settings import AttentionSettings
from fusevad.video.decode import SEGMENT_FRAMES, sampled_times

ANOMALY_FRAME, NORMAL_FRAME = "Anomaly", "Normal"
IMAGE, MOTION_CUE = "image", "motion cue"

_CENTRE = (0,)
_MIDDLE = SEGMENT_FRAMES // 2
_BATCH = 16


@dataclass(frozen=True, slots=True)
class _Sample:
    """A selected segment; `frame` is the frame that represents it."""

    segment: int
    frame: int
    frame_type: str
    classes: tuple[str, ...]


def study_attention(
    manifest: Path,
    intervals: Path,
    cues: Sequence[Path],
    settings: AttentionSettings,
    out_csv: Path,
    out_maps: Path,
    threads: int = 1,
) -> None:
    """Measure the attention areas of both towers over the test videos.

    A segment is represented by the centre crop of its middle frame (number 8 of 16; in a last
    segment without it, the first) and of its motion cue. Its type is Anomaly if that frame is
    annotated. A segment counts for every class that its frame shows; a normal one for every class
    of its video, or for `normal` if the video has none.

    Writes `out_csv`, a row a class, frame type, modality (image|motion cue) and video: segments,
    area (mean share of attended patches), method, relative_to, threshold, patches. Writes
    `out_maps`, the maps of one segment of each class, the middle of the selected segments in the
    first test video that has any: class, frame_type, video, segment, frame, modality, row, column,
    patch (its side as a share of the crop's), weight (the patches of a map sum to 1), attended.

    Args:
        manifest: `manifest.csv`.
        intervals: `intervals.csv`.
        cues: shards of the motion cues of the stream's definition.
        settings: encoder, attention, threshold.
        out_csv: areas.
        out_maps: maps of the examples.
        threads: of torch; with more than one, a process decodes ahead.

    Raises:
        FusevadError: bad weights, videos or motion cues, an encoder without such attention, or
            anomalous test videos without intervals.
    """
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    truths = read_test_videos(manifest, intervals, known=True)
    by_name = {video.name: video for video in read_manifest(manifest)}
    videos = [by_name[truth.name] for truth in truths]
    samples = [_samples(truth, settings.segments_per_video) for truth in truths]
    areas: list[dict[str, object]] = []
    examples: dict[str, list[dict[str, object]]] = {}
    seen = _seen(videos, samples, cues, settings, threads)
    bar = tqdm(seen, total=len(videos), desc="attention", unit="video")
    for video, own, maps in zip(videos, samples, bar, strict=True):
        areas += _areas(video, own, maps, settings)
        _add_examples(examples, video, own, maps, settings)
    grid = {name: "x".join(map(str, each.weights.shape[1:])) for name, each in maps.items()}
    table = pd.DataFrame(areas).assign(
        method=settings.method, relative_to=settings.relative_to, threshold=settings.threshold
    )
    shown = [row for rows in examples.values() for row in rows]
    write_csv(pd.DataFrame(shown), out_maps)
    write_csv(table.assign(patches=table["modality"].map(grid)), out_csv)


def attended(
    weights: NDArray[np.floating], relative_to: str, threshold: float
) -> NDArray[np.bool_]:
    """Which patches of each map (images, rows, columns) are above the threshold."""
    reduce = np.max if relative_to == "maximum" else np.mean
    return weights > threshold * reduce(weights, axis=(1, 2), keepdims=True)


def _samples(truth: LabelledVideo, limit: int) -> list[_Sample]:
    """The selected segments of a video, in order."""
    of_video = tuple(dict.fromkeys(label for label, _, _ in truth.intervals)) or (NORMAL,)
    by_type: dict[str, list[_Sample]] = {ANOMALY_FRAME: [], NORMAL_FRAME: []}
    frames = len(truth.labels)
    for segment, start in enumerate(range(0, frames, SEGMENT_FRAMES)):
        frame = start + _MIDDLE if start + _MIDDLE < frames else start
        shown = tuple(
            dict.fromkeys(label for label, first, end in truth.intervals if first <= frame < end)
        )
        kind = ANOMALY_FRAME if shown else NORMAL_FRAME
        by_type[kind].append(_Sample(segment, frame, kind, shown or of_video))
    kept = [sample for each in by_type.values() for sample in _spread(each, limit)]
    return sorted(kept, key=lambda sample: sample.segment)


def _spread(samples: Sequence[_Sample], limit: int) -> list[_Sample]:
    """The middles of `limit` equal parts of the list, or all of a shorter one."""
    count = min(limit, len(samples))
    return [samples[(2 * k + 1) * len(samples) // (2 * count)] for k in range(count)]


def _seen(
    videos: Sequence[Video],
    samples: Sequence[Sequence[_Sample]],
    cues: Sequence[Path],
    settings: AttentionSettings,
    threads: int,
) -> Iterator[dict[str, AttentionMaps]]:
    """The maps of the samples of each video, by modality."""
    encoder = settings.encoder
    cue = window_and_threshold(EmbedSettings(settings.stream, encoder, settings.cues))
    towers = {IMAGE: load_image_tower(encoder), MOTION_CUE: load_cue_tower(encoder)}
    sizes = {name: tower.image_size for name, tower in towers.items()}
    frames = FrameSource(_CENTRE, sizes[IMAGE], _MIDDLE)
    motion = CueSource(
        _CENTRE, sizes[MOTION_CUE], CueShards(cues, settings.cues.definition), *cue, settings.cues
    )
    with ExitStack() as running:
        both = [
            running.enter_context(reading_ahead(frames, videos, min(threads - 1, 1))),
            running.enter_context(reading_ahead(motion, videos, 0)),
        ]
        for own, (video, pictures), (_, segments) in zip(samples, *both, strict=True):
            times = sampled_times(video.frames, _MIDDLE)
            places = {
                IMAGE: [times.index(sample.frame) for sample in own],
                MOTION_CUE: [sample.segment for sample in own],
            }
            yield {
                name: _maps(towers[name], _chosen(chunks, places[name]), settings.method)
                for name, chunks in ((IMAGE, pictures), (MOTION_CUE, segments))
            }


def _chosen(chunks: Iterable[Chunk], places: Sequence[int]) -> np.ndarray:
    """The images at `places`, ascending, from all chunks, which are used up."""
    wanted, kept, position = set(places), [], 0
    for chunk in chunks:
        kept += [
            image for place, image in enumerate(chunk.images, start=position) if place in wanted
        ]
        position += len(chunk.images)
    return np.stack(kept)


def _maps(tower: Tower, images: np.ndarray, method: AttentionMethod) -> AttentionMaps:
    parts = np.array_split(images, -(-len(images) // _BATCH))
    maps = [attention_maps(tower, part, method) for part in parts]
    return AttentionMaps(np.concatenate([each.weights for each in maps]), maps[0].patch)


def _areas(
    video: Video,
    samples: Sequence[_Sample],
    maps: dict[str, AttentionMaps],
    settings: AttentionSettings,
) -> list[dict[str, object]]:
    rows = []
    for modality, each in maps.items():
        above = attended(each.weights, settings.relative_to, settings.threshold)
        areas = above.mean(axis=(1, 2), dtype=np.float64)
        groups: dict[tuple[str, str], list[float]] = {}
        for sample, area in zip(samples, areas, strict=True):
            for name in sample.classes:
                groups.setdefault((name, sample.frame_type), []).append(float(area))
        rows += [
            {
                "class": name,
                "frame_type": frame_type,
                "modality": modality,
                "video": video.name,
                "segments": len(found),
                "area": float(np.mean(found)),
            }
            for (name, frame_type), found in groups.items()
        ]
    return rows


def _add_examples(
    examples: dict[str, list[dict[str, object]]],
    video: Video,
    samples: Sequence[_Sample],
    maps: dict[str, AttentionMaps],
    settings: AttentionSettings,
) -> None:
    """Keep the maps of one segment of each class that has none yet."""
    by_class: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        if sample.frame_type == ANOMALY_FRAME or sample.classes == (NORMAL,):
            for name in sample.classes:
                by_class.setdefault(name, []).append(place)
    for name, places in by_class.items():
        if name not in examples:
            place = places[len(places) // 2]
            examples[name] = _example(name, video, samples[place], place, maps, settings)


def _example(
    name: str,
    video: Video,
    sample: _Sample,
    place: int,
    maps: dict[str, AttentionMaps],
    settings: AttentionSettings,
) -> list[dict[str, object]]:
    return [
        {
            "class": name,
            "frame_type": sample.frame_type,
            "video": video.name,
            "segment": sample.segment,
            "frame": sample.frame,
            "modality": modality,
            "row": row,
            "column": column,
            "patch": each.patch,
            "weight": float(weight),
            "attended": bool(above[row, column]),
        }
        for modality, each in maps.items()
        for above in attended(each.weights[[place]], settings.relative_to, settings.threshold)
        for (row, column), weight in np.ndenumerate(each.weights[place])
    ]
