"""Train a motion-cue tower for any encoder on a data set's training videos, without labels.

It starts from the image tower and learns to give a segment's motion cue the embedding that the
frozen image tower gave the segment's frames (after Jeong et al. 2024). Those embeddings are the RGB
stream's, so no video is decoded again; only rows of the training split are read.
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import fusevad
from fusevad.cues.count import normalise
from fusevad.cues.reading import CueShards
from fusevad.data.manifest import Video, read_manifest
from fusevad.embed.embedder import model_provenance
from fusevad.embed.settings import AlignSettings
from fusevad.embed.store import EmbeddingStore
from fusevad.encoders.clip import Tower, new_cue_tower
from fusevad.encoders.contrastive import cue_loss, optimise
from fusevad.encoders.weights import save_halves, visual_part
from fusevad.errors import FusevadError
from fusevad.files import settings_hash, sha256
from fusevad.plan.stage import STAGES
from fusevad.video.crops import crop_images


def align(
    manifest: Path,
    rgb_index: Path,
    cues: Sequence[Path],
    settings: AlignSettings,
    out: Path,
    threads: int = 1,
) -> None:
    """Train a motion-cue tower and write it for `encoders.load_cue_tower` (float16).

    A hidden file beside `out` stores the run after each epoch, so that a killed run resumes.

    Args:
        manifest: `manifest.csv`; videos of the split `test` are not read.
        rgb_index: `index.csv` of the RGB embeddings by `settings.encoder`.
        cues: shards of the motion cues.
        settings: of encoder, cues and optimisation.
        out: safetensors file of the tower.
        threads: threads of torch.

    Raises:
        FusevadError: bad weights, embeddings or motion cues, or too few training videos.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(settings.seed)
    videos = [video for video in read_manifest(manifest) if video.split == "train"]
    tower = new_cue_tower(settings.encoder)
    samples = _Samples(videos, rgb_index, cues, settings, tower)
    if len(samples) < 2:
        raise FusevadError(f"{manifest}: {len(samples)} training segments; align needs several")
    provenance = _provenance(settings, videos, tower) | {"rgb_index_sha256": sha256(rgb_index)}
    checkpoint = _checkpoint(out, provenance | _started_with(settings, tower, samples))

    def loss(rows: NDArray[np.int64], generator: np.random.Generator) -> Tensor:
        images, target = samples.draw(rows, generator)
        scale = tower.model.logit_scale.exp()
        return cue_loss(tower.forward(images), target.to(tower.device), scale)

    learning = tower.model.visual.requires_grad_(True).train()
    final = optimise(
        "aligning", learning, loss, len(samples), settings.optimisation, checkpoint=checkpoint
    )
    chance = math.log(min(settings.batch_size, len(samples)))
    provenance |= {"loss": f"{final:.4f}", "chance_loss": f"{chance:.4f}"}
    save_halves(visual_part(tower.model.state_dict()), out, provenance)
    checkpoint.unlink()


class _Samples:
    """Segments of the training videos: a sample is a stretch of a video; one segment is drawn."""

    def __init__(
        self,
        videos: list[Video],
        rgb_index: Path,
        cues: Sequence[Path],
        settings: AlignSettings,
        tower: Tower,
    ) -> None:
        # Memory-mapped: only drawn rows are read.
        embeddings = EmbeddingStore(rgb_index, torch.device("cpu"))
        empty = np.zeros((1, tower.image_size, tower.image_size), np.float32)
        wanted = (len(settings.crops), tower.embed(empty).shape[1])
        found = (embeddings.crops, embeddings.dim)
        if found != wanted:
            raise FusevadError(
                f"{rgb_index}: {found[0]} crops of {found[1]} features instead of {wanted[0]} of "
                f"{wanted[1]}; embed the RGB stream with encoder {settings.encoder.name}"
            )
        for video in videos:
            if (length := len(embeddings[video.name])) != video.segments:
                raise FusevadError(
                    f"{rgb_index}: {length} segments of {video.name}, which has {video.segments};"
                    " name the index of the same manifest"
                )
        self._videos = videos
        self._embeddings = embeddings
        self._shards = CueShards(cues, settings.cues.definition)
        self._crops = settings.crops
        self._size = tower.image_size
        self._cues = settings.cues
        self._grid = [(t, tau) for t in settings.cues.windows for tau in settings.cues.thresholds]
        # Stretches [begin, end) of segments, equally long, without overlap: so no segment is
        # twice in a batch, where it would count as its own wrong answer.
        stretches = [
            (number, *bounds)
            for number, video in enumerate(videos)
            for bounds in _stretches(video.segments, settings.segments_per_video)
        ]
        self._stretches = np.array(stretches, np.int64).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self._stretches)

    @property
    def cues_sha256(self) -> str:
        """A hash that changes whenever a cue of any training video does."""
        cues = {
            video.name: [self._shards.digest(video, *setting) for setting in self._grid]
            for video in self._videos
        }
        return settings_hash(cues)

    def draw(
        self, rows: NDArray[np.int64], generator: np.random.Generator
    ) -> tuple[NDArray[np.float32], Tensor]:
        """Cues (B, size, size) in 0..1 and the B x D embeddings of the frames of their segments."""
        numbers, begins, ends = self._stretches[rows].T
        segments = generator.integers(begins, ends)
        crops = generator.integers(0, len(self._crops), len(rows))
        settings = generator.integers(0, len(self._grid), len(rows))
        images, targets = [], []
        for number, segment, crop, setting in zip(numbers, segments, crops, settings, strict=True):
            video = self._videos[number]
            cue = self._cue(video, int(segment), *self._grid[setting])
            images.append(crop_images(cue, (self._crops[crop],), self._size)[0])
            targets.append(self._embeddings[video.name][segment, crop])
        return np.stack(images), torch.stack(targets).float()

    def _cue(self, video: Video, segment: int, window: int, threshold: int) -> NDArray[np.float32]:
        counts = next(self._shards.chosen(video, window, threshold, [segment]))
        return normalise(counts, window, self._cues)


def _stretches(segments: int, most: int) -> list[tuple[int, int]]:
    count = min(segments, most)
    bounds = [segments * number // count for number in range(count + 1)]
    return list(itertools.pairwise(bounds))


def _provenance(settings: AlignSettings, videos: list[Video], tower: Tower) -> dict[str, str]:
    """How the tower was made."""
    values = asdict(settings)
    encoder = values.pop("encoder")
    return {
        "encoder": encoder["name"],
        "image_tower_sha256": tower.weights_sha256,
        "cue_normalisation": encoder["cue_normalisation"],
        "training_videos": settings_hash({video.name: video.sha256 for video in videos}),
        "fusevad_version": fusevad.__version__,
    } | {name: str(value) for name, value in values.items()}


def _started_with(settings: AlignSettings, tower: Tower, samples: _Samples) -> dict[str, str]:
    """What else a stored run must have begun with, to be resumed: code, cues and architecture."""
    return {
        "version": str(STAGES["align"].version),
        "cues_sha256": samples.cues_sha256,
        "mean": str(tower.mean),
        "std": str(tower.std),
    } | model_provenance(settings.encoder, tower.model, tower.weights_sha256)


def _checkpoint(out: Path, provenance: dict[str, str]) -> Path:
    """Where the run is stored; runs with other settings are removed."""
    file = out.parent / f".{out.stem}-{settings_hash(provenance)}.checkpoint"
    own = re.compile(rf"\.{re.escape(out.stem)}-[0-9a-f]{{12}}\.checkpoint")
    for other in list(out.parent.glob(".*.checkpoint")):
        if other != file and own.fullmatch(other.name):  # not a tower's whose name is longer
            other.unlink()
    return file
