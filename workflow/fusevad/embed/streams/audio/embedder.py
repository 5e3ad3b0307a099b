"""The sound of segments, and the tower that embeds it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fusevad.data.footage import open_footage
from fusevad.data.manifest import Video
from fusevad.embed.embedder import Embedder, settings_provenance
from fusevad.embed.image_sources import Chunk
from fusevad.embed.store import default_device
from fusevad.embed.streams.audio.settings import SAMPLE_RATE, AudioSettings
from fusevad.encoders.audio import FEWEST_SAMPLES, load_audio_tower
from fusevad.errors import FusevadError
from fusevad.files import settings_hash
from fusevad.video.settings import SEGMENT_FRAMES


def load_embedder(settings: AudioSettings) -> Embedder:
    """Load the tower.

    Raises:
        FusevadError: no weights, or others.
    """
    if settings.weights is None:
        raise FusevadError(
            "stream audio: no weights of its tower; name them: streams.audio.weights"
        )
    tower = load_audio_tower(settings.encoder, Path(settings.weights))
    segment = np.zeros((1, SAMPLE_RATE), np.float32)
    return Embedder(SoundEncoder(tower), settings_provenance(settings), segment)


def open_source(settings: AudioSettings, embedder: Embedder, cues: Sequence[Path]) -> "SoundSource":
    """The sound of segments; no motion cues are read."""
    del settings, embedder, cues
    return SoundSource()


class SoundEncoder:
    """Embeds segments of equal length.

    Attributes:
        batch_size: segments at once.
    """

    batch_size = 32

    def __init__(self, tower: nn.Module) -> None:
        self.device = default_device()
        self._tower = tower.to(self.device)

    def embed(self, items: np.ndarray) -> Tensor:
        """(segments, D) float32 of (segments, samples) float32."""
        with torch.inference_mode():
            return self._tower(torch.from_numpy(items).to(self.device)).float()


@dataclass(frozen=True, slots=True)
class SoundSource:
    """The sound of each segment that has any."""

    def key(self, video: Video) -> str:
        """A hash that changes whenever the video's bytes do, or where its segments end."""
        ends = {"frames": video.frames, "fps": video.fps, "variable": video.variable_rate}
        return settings_hash({"video": video.sha256, **ends})

    def chunks(self, video: Video) -> Iterator[Chunk]:
        """A segment a chunk, (1, samples) float32; segments without sound are left out.

        Raises:
            FusevadError: the video or its sound fails to decode, or is not the manifest's.
        """
        footage = open_footage(video)
        edges = footage.edges()
        ends = np.append(edges[:-1:SEGMENT_FRAMES], edges[-1])
        for segment, samples in enumerate(footage.sound(ends.tolist(), SAMPLE_RATE)):
            if samples is not None:
                enough = np.pad(samples, (0, max(0, FEWEST_SAMPLES - len(samples))))
                yield Chunk(np.array([segment]), enough[None])
