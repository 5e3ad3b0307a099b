"""Streams of a bundle: load their encoders, and embed any video with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fusevad.data.manifest import Video
from fusevad.deploy.contents import ABOUT, BundleFacts, StreamFacts, different
from fusevad.embed.embedder import Embedder, Source, load_embedder, open_source
from fusevad.embed.image_sources import images_in_chunk
from fusevad.embed.run import embed_video
from fusevad.embed.settings import EmbedSettings, StreamSettings
from fusevad.embed.streams.registry import parse_settings
from fusevad.encoders.clip import BatchedTower
from fusevad.errors import FusevadError
from fusevad.files import sha256


@dataclass(frozen=True, slots=True)
class StreamEmbedder:
    """What embeds a stream of any video.

    Attributes:
        settings: of the stream.
        embedder: its encoder.
    """

    settings: StreamSettings
    embedder: Embedder

    @property
    def source(self) -> Source:
        """What reads videos; motion cues are counted from them."""
        return open_source(self.settings, self.embedder, ())

    def embedded(self, video: Video, bar: tqdm) -> NDArray[np.float16]:
        """The embeddings of a video."""
        chunks = self.source.chunks(video)
        return embed_video(video, self.settings.stream, chunks, self.embedder, bar)

    def with_crops(self, places: Sequence[int]) -> "StreamEmbedder":
        """The stream with only the crops at some places, ascending, if it has several.

        Raises:
            FusevadError: it has not so many.
        """
        if not isinstance(self.settings, EmbedSettings) or len(self.settings.crops) == 1:
            return self
        if places[-1] >= len(self.settings.crops):
            raise FusevadError(
                f"stream {self.settings.stream}: no crop {places[-1]} to score; make the bundle"
                " again"
            )
        encoder = self.embedder.encoder
        if isinstance(encoder, BatchedTower) and encoder.device.type == "cpu":
            # On CPUs, products of 15 rows and of 16 round differently: batches are as large as
            # with all crops, so that embeddings are the workflow's to the bit.
            images = images_in_chunk(len(self.settings.crops))
            encoder.batch_size = encoder.images_at_once(images)
        crops = tuple(self.settings.crops[place] for place in places)
        return replace(self, settings=replace(self.settings, crops=crops))


def load_stream(
    facts: StreamFacts, about: BundleFacts, folder: Path, bundle: Path
) -> StreamEmbedder:
    """Load the encoder of a stream, from the bundle or from the files that the bundle names.

    Args:
        facts: of the stream.
        about: of the bundle.
        folder: the unpacked bundle.
        bundle: its file, for messages.

    Raises:
        FusevadError: a file is missing or another one, or the encoder differs from the bundle's.
    """
    files = {path: _encoder_file(path, about, folder, bundle) for path in about.files}
    try:
        settings = parse_settings(_replaced(facts.settings, files))
    except RecursionError as error:
        raise FusevadError(f"{bundle}: settings nested without end; make it again") from error
    except FusevadError as error:
        raise FusevadError(f"{bundle}: {error}") from error
    embedder = load_embedder(settings)
    for name in different(facts.provenance, embedder.provenance):
        raise FusevadError(
            f"{bundle}: stream {settings.stream}: the encoder here differs in {name}; get the"
            " encoder that the bundle names"
        )
    return StreamEmbedder(settings, embedder)


def _encoder_file(path: str, about: BundleFacts, folder: Path, bundle: Path) -> str:
    """Where a file of an encoder is on this machine."""
    listed = about.files[path]
    if listed.member is not None:
        member = folder / listed.member
        if not member.is_file() or sha256(member) != listed.sha256:
            raise FusevadError(
                f"{bundle}: member {listed.member} is missing, or not the file that"
                f" {ABOUT} names; make it again"
            )
        return str(member)
    if not Path(path).is_file() or sha256(Path(path)) != listed.sha256:
        raise FusevadError(
            f"{bundle}: needs the file {path} with SHA-256 {listed.sha256}; put it there"
        )
    return path


def _replaced(value: Any, files: Mapping[str, str]) -> Any:
    """Settings with the paths of files on this machine."""
    if isinstance(value, Mapping):
        return {key: _replaced(each, files) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(each, files) for each in value]
    return files.get(value, value) if isinstance(value, str) else value
