"""Captions of segments, and the text tower that reads them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fusevad.csv_tables import read_csv
from fusevad.data.manifest import Video
from fusevad.data.render.groundtruth import segment_captions
from fusevad.data.render.settings import RenderSettings
from fusevad.embed.embedder import Embedder, Source, model_provenance
from fusevad.embed.image_sources import Chunk
from fusevad.embed.rendered_sources import plan_of
from fusevad.embed.store import default_device
from fusevad.embed.streams.text.settings import TextSettings
from fusevad.encoders.clip import load_clip
from fusevad.encoders.open_clip_models import tokenizer, weights_file
from fusevad.errors import FusevadError
from fusevad.files import settings_hash, sha256
from fusevad.video.settings import SEGMENT_FRAMES


def load_embedder(settings: TextSettings) -> Embedder:
    """Load the text tower.

    Raises:
        FusevadError: an unknown architecture, or weights that are missing or do not fit it.
    """
    encoder = settings.encoder
    weights_sha256 = sha256(weights_file(encoder.model, encoder.pretrained))
    clip = load_clip(encoder)
    provenance = {"stream": settings.stream, **model_provenance(encoder, clip, weights_sha256)}
    return Embedder(TextEncoder(clip), provenance, _tokens(encoder.model, ["nothing"]))


def open_source(settings: TextSettings, embedder: Embedder, cues: Sequence[Path]) -> Source:
    """The captions of segments as tokens; no motion cues are read.

    Raises:
        FusevadError: no folder of captions is given.
    """
    del embedder, cues
    model = settings.encoder.model
    if settings.render is not None:
        return CaptionSource(RenderedCaptions(settings.render), model)
    if settings.captions is None:
        raise FusevadError("text: no captions; name their folder in streams.text.captions")
    return CaptionSource(CaptionTables(Path(settings.captions)), model)


class TextEncoder:
    """Embeds texts by a CLIP.

    Attributes:
        batch_size: texts at once.
    """

    batch_size = 256

    def __init__(self, clip: nn.Module) -> None:
        self.device = default_device()
        self._clip = clip.to(self.device)

    def embed(self, items: np.ndarray) -> Tensor:
        """(texts, D) float32 of their tokens."""
        with torch.inference_mode():
            return self._clip.encode_text(torch.from_numpy(items).to(self.device)).float()


# Characters of a caption. The time to read a word grows with the square of its length, and a CLIP
# reads 77 tokens.
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class RenderedCaptions:
    """What the renderer says about its own videos."""

    render: RenderSettings

    def of(self, video: Video) -> list[str | None]:
        """A sentence for each segment."""
        return list(segment_captions(plan_of(video, self.render), self.render))


@dataclass(frozen=True, slots=True)
class CaptionTables:
    """Tables of a folder."""

    folder: Path

    def of(self, video: Video) -> list[str | None]:
        """The caption that covers most of each segment; None where none does.

        Raises:
            FusevadError: no table of this video, or another form; more rows than frames; or a row
                without a caption, with one that is too long, or that ends before it starts.
        """
        file = self.folder / f"{video.name}.csv"
        table = read_csv(file, ["start", "end", "caption"], text=("caption",))
        if len(table) > video.frames:
            raise FusevadError(
                f"{file}: {len(table)} captions, but the video has {video.frames} frames; correct"
                " the table"
            )
        long = table["caption"].str.len() > _LONGEST
        if long.any():
            raise FusevadError(
                f"{file}: row {long.idxmax() + 1}: a caption of more than {_LONGEST} characters, of"
                " which no CLIP reads so many; shorten it"
            )
        wrong = ~(table["start"] < table["end"]) | table["caption"].isna()
        if wrong.any():
            raise FusevadError(
                f"{file}: row {wrong.idxmax() + 1}: no caption, or no start before its end; correct"
                " the table"
            )
        begin, end = (table[column].to_numpy() for column in ("start", "end"))
        captions = table["caption"].tolist()
        found: list[str | None] = []
        for start in range(0, video.frames, SEGMENT_FRAMES):
            last = min(start + SEGMENT_FRAMES, video.frames)
            covered = np.minimum(end, last) - np.maximum(begin, start)
            found.append(captions[covered.argmax()] if covered.max(initial=0) > 0 else None)
        return found


@dataclass(frozen=True, slots=True)
class CaptionSource:
    """The tokens of the caption of each segment that has one.

    Attributes:
        captions: of a video.
        model: architecture of the CLIP.
    """

    captions: RenderedCaptions | CaptionTables
    model: str

    def key(self, video: Video) -> str:
        """A hash that changes whenever the captions do."""
        return settings_hash({"video": video.sha256, "captions": self.captions.of(video)})

    def chunks(self, video: Video) -> Iterator[Chunk]:
        """Tokens of all captions.

        Raises:
            FusevadError: the captions can't be read.
        """
        texts = self.captions.of(video)
        segments = np.array([k for k, text in enumerate(texts) if text is not None], int)
        if len(segments):
            yield Chunk(segments, _tokens(self.model, [texts[k] for k in segments]))


def _tokens(model: str, texts: Sequence[str]) -> NDArray[np.int64]:
    """(texts, context length)."""
    return tokenizer(model)(list(texts)).numpy()
