"""Motion cues, and the tower that embeds them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fusevad.cues.decoded import DecodedCues
from fusevad.cues.reading import CueShards
from fusevad.cues.settings import MotionCue
from fusevad.embed.embedder import Embedder, clip_provenance
from fusevad.embed.image_sources import CueSource
from fusevad.embed.settings import EmbedSettings
from fusevad.encoders.clip import BatchedTower, load_cue_tower
from fusevad.errors import FusevadError


def load_embedder(settings: EmbedSettings) -> Embedder:
    """Load the tower.

    Raises:
        FusevadError: bad weights.
    """
    tower = load_cue_tower(settings.encoder)
    released = settings.cues.definition == "released"
    provenance = clip_provenance(settings, tower) | {
        "cue_normalisation": settings.encoder.cue_normalisation,
        "cue_clamp": str(settings.cues.clamp) if released else "",
    }
    segment = np.zeros((1, tower.image_size, tower.image_size), np.float32)
    return Embedder(BatchedTower(tower, settings.batch_size), provenance, segment)


def open_source(settings: EmbedSettings, embedder: Embedder, cues: Sequence[Path]) -> CueSource:
    """One motion cue a segment, cropped for the tower; without shards, counted from the videos.

    Raises:
        FusevadError: bad motion cues, or those of a camera without shards.
    """
    counted = CueShards(cues, settings.cues.definition) if cues else DecodedCues(settings.cues)
    return CueSource(
        settings.crops,
        embedder.segment.shape[1],
        counted,
        *window_and_threshold(settings),
        settings.cues,
    )


def window_and_threshold(settings: EmbedSettings) -> tuple[int, int]:
    """Window T and threshold of a motion stream, after checking them against the cues' settings."""
    cue = MotionCue.from_stream(settings.stream)
    known = cue.window in settings.cues.windows and cue.threshold in settings.cues.thresholds
    if cue.definition != settings.cues.definition or not known:
        raise FusevadError(
            f"stream {settings.stream}: the motion cues are made with definition "
            f"{settings.cues.definition}, windows {list(settings.cues.windows)} and thresholds "
            f"{list(settings.cues.thresholds)}; change the stream or the cues"
        )
    return cue.window, cue.threshold
