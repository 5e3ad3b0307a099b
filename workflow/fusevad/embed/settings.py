"""Settings of extracting embeddings and of aligning a tower; imports nothing heavy."""

from dataclasses import dataclass, field
from typing import Annotated, Protocol

from pydantic import Field

from fusevad.cues.settings import CueSettings
from fusevad.encoders.settings import EncoderSettings, Optimisation
from fusevad.errors import FusevadError
from fusevad.parsing import FORBID
from fusevad.video.settings import CROP_COUNT, SEGMENT_FRAMES


class StreamSettings(Protocol):
    """What the settings of every kind of stream have: the stream's name."""

    @property
    def stream(self) -> str: ...


# Images at once: 600 MB of them. Without a bound, a foreign bundle's batch is a whole film.
_LARGEST_BATCH = 4096


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """Stream, encoder and crops of embeddings by a CLIP.

    Attributes:
        stream: `rgb`; `motion-T16-thr10` (motion cues of 16 frames and threshold 10, definition
            `paper`); or `motion-released-T16-thr10` (definition `released`).
        encoder: the CLIP.
        cues: the settings of the motion cues.
        crops: numbers of the crops (see `crops.crop_images`), in the order of the result.
        frame_stride: `rgb` embeds frames 0, s, 2s, ... of each segment; 1 is every frame.
        batch_size: images that the encoder gets at once; null: as many as are fast and fit.
    """

    __pydantic_config__ = FORBID

    stream: str
    encoder: EncoderSettings
    cues: CueSettings = field(default_factory=CueSettings)
    crops: tuple[int, ...] = tuple(range(CROP_COUNT))
    frame_stride: int = 1
    batch_size: int | None = None

    def __post_init__(self) -> None:
        known = [place for place in range(CROP_COUNT) if place in self.crops]
        if not self.crops or len(self.crops) != len(known):
            raise FusevadError(
                f"crops {list(self.crops[:CROP_COUNT])}: use numbers of 0 to {CROP_COUNT - 1}, each"
                " once"
            )
        if not 1 <= self.frame_stride <= SEGMENT_FRAMES or (
            self.batch_size is not None and not 1 <= self.batch_size <= _LARGEST_BATCH
        ):
            raise FusevadError(
                f"frame_stride {self.frame_stride}, batch_size {self.batch_size}: use a stride of "
                f"1 to {SEGMENT_FRAMES} and a batch of 1 to {_LARGEST_BATCH}"
            )


@dataclass(frozen=True, slots=True)
class AlignSettings:
    """Encoder, motion cues and optimisation of an aligned tower.

    Attributes:
        encoder: its image tower is the start and gave the targets.
        crops: numbers of the crops of the RGB embeddings, in order; each sample has one.
        cues: the settings of the motion cues; each sample has one of them.
        seed, epochs, batch_size, learning_rate, weight_decay: of the optimisation; nothing is
            learned from a batch of one sample, as none of the others' embeddings is a wrong answer.
        segments_per_video: at most so many a video and epoch, drawn anew, spread over the video.
    """

    __pydantic_config__ = FORBID

    encoder: EncoderSettings
    crops: tuple[int, ...]
    cues: CueSettings
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    epochs: int
    batch_size: int
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    segments_per_video: int

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size - 1, self.segments_per_video) < 1:
            raise FusevadError(
                f"align: epochs {self.epochs}, batch_size {self.batch_size}, segments_per_video "
                f"{self.segments_per_video}; use at least 1 each, and batches of at least 2"
            )

    @property
    def optimisation(self) -> Optimisation:
        """Settings of the optimiser."""
        return Optimisation(
            self.seed, self.epochs, self.batch_size, self.learning_rate, self.weight_decay
        )
