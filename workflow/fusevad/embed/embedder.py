"""What turns the videos of one stream into vectors: a source of chunks, and their encoder.

Each kind of stream has them in its module `embedder`, as `load_embedder` and `open_source`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

import fusevad
from fusevad.data.manifest import Video
from fusevad.embed.image_sources import Chunk
from fusevad.embed.settings import EmbedSettings, StreamSettings
from fusevad.embed.streams.registry import kind_of
from fusevad.encoders.clip import Tower, has_quick_gelu
from fusevad.encoders.settings import EncoderSettings
from fusevad.encoders.weights import local_file
from fusevad.files import sha256
from fusevad.plan.stage import STAGES
from fusevad.video.pixels import PIXELS_VERSION


class Source(Protocol):
    """Reads videos, perhaps in other processes: it must be picklable."""

    def key(self, video: Video) -> str:
        """A hash that changes whenever the video's embeddings may."""

    def chunks(self, video: Video) -> Iterator[Chunk]:
        """What the encoder is given of a video, in order."""


class Encoder(Protocol):
    """Turns what a source yields into vectors.

    Attributes:
        batch_size: as many items are joined at most.
    """

    batch_size: int

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def embed(self, items: np.ndarray) -> Tensor:
        """(items, D) float32 on its device."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """The encoder of a stream.

    Attributes:
        encoder: ready to embed.
        provenance: how embeddings are made, whatever the version of the code.
        segment: an empty segment of one crop, as the encoder gets it: items first.
    """

    encoder: Encoder
    provenance: dict[str, str]
    segment: np.ndarray

    @property
    def dim(self) -> int:
        """Features of a segment."""
        return self.encoder.embed(self.segment).shape[1]


class Ready:
    """An encoder for sources that compute the vectors themselves.

    Attributes:
        batch_size: items that are joined at most.
    """

    batch_size = 256
    device = torch.device("cpu")

    def embed(self, items: np.ndarray) -> Tensor:
        """The vectors as they are, (items, D) float32."""
        return torch.from_numpy(items.astype(np.float32, copy=False))


def load_embedder(settings: StreamSettings) -> Embedder:
    """Load the encoder of a stream, as its kind does.

    Raises:
        FusevadError: bad weights.
    """
    return _module(settings).load_embedder(settings)


def open_source(settings: StreamSettings, embedder: Embedder, cues: Sequence[Path]) -> Source:
    """Open what a stream is made from, as its kind does.

    Raises:
        FusevadError: bad motion cues.
    """
    return _module(settings).open_source(settings, embedder, cues)


def _module(settings: StreamSettings) -> ModuleType:
    kind = kind_of(settings.stream)
    return import_module(f"fusevad.embed.streams.{kind.name}.embedder")


def shard_provenance(settings: StreamSettings, embedder: Embedder) -> dict[str, str]:
    """How a shard's embeddings are made, for its metadata; those made otherwise are not kept.

    It has the versions that say that code computes something else.
    """
    versions = {
        "version": STAGES["embed"].version,
        "stream_version": kind_of(settings.stream).version,
        "pixels_version": PIXELS_VERSION,
    }
    return embedder.provenance | {name: str(value) for name, value in versions.items()}


def settings_provenance(settings: StreamSettings) -> dict[str, str]:
    """How embeddings are made, if settings say everything; weights by their hash."""
    values = asdict(settings)
    if values.get("weights"):
        values["weights"] = sha256(local_file(values["weights"], f"weights of {settings.stream}"))
    return {key: json.dumps(value) for key, value in values.items()} | {
        "fusevad_version": fusevad.__version__
    }


def clip_provenance(settings: EmbedSettings, tower: Tower) -> dict[str, str]:
    """How embeddings by a tower of the CLIP are made, whatever the stream."""
    return {
        **model_provenance(settings.encoder, tower.model, tower.weights_sha256),
        "mean": json.dumps(tower.mean),
        "std": json.dumps(tower.std),
        "stream": settings.stream,
        "crops": ",".join(map(str, settings.crops)),
        "fusevad_version": fusevad.__version__,
    }


def model_provenance(
    encoder: EncoderSettings, clip: nn.Module, weights_sha256: str
) -> dict[str, str]:
    """What a tower of the CLIP is; an architecture in a file by its hash.

    A tag of weights decides the activation, too, and not for a copy of them under another name.
    """
    model = sha256(Path(encoder.model)) if encoder.model.endswith(".json") else encoder.model
    return {
        "encoder": encoder.name,
        "model": model,
        "weights_sha256": weights_sha256,
        "quick_gelu": json.dumps(has_quick_gelu(clip)),
    }
