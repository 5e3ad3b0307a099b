"""Settings of the bundled encoder; imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusevad.encoders.settings import EncoderSettings, Optimisation
from fusevad.parsing import FORBID


@dataclass(frozen=True, slots=True)
class EncoderDataSettings:
    """Number of clips to render, and the motion cues to count from them.

    `held_out_clips` have scenes of their own and measure retrieval; `render` overrides settings of
    the renderer.
    """

    __pydantic_config__ = FORBID

    seed: int
    clips: int
    held_out_clips: int
    render: Mapping[str, Any]
    windows: tuple[int, ...]
    thresholds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EncoderTraining:
    """Settings of both trainings, which differ in their epochs."""

    __pydantic_config__ = FORBID

    seed: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    clip_epochs: int
    cue_epochs: int

    def optimisation(self, epochs: int) -> Optimisation:
        """Settings of a training of `epochs` epochs."""
        return Optimisation(
            seed=self.seed,
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )


@dataclass(frozen=True, slots=True)
class AudioTraining:
    """Clips to hear, and how the audio tower learns from them.

    Attributes:
        seed: of clips and training.
        clips, held_out_clips: the latter have scenes of their own, and measure retrieval.
        render: settings of the renderer that differ from its defaults.
        batch_size, learning_rate, weight_decay, epochs: of the optimiser.
        encoder: the CLIP whose text tower gives the targets.
    """

    __pydantic_config__ = FORBID

    seed: int
    clips: int
    held_out_clips: int
    render: Mapping[str, Any]
    batch_size: int
    learning_rate: float
    weight_decay: float
    epochs: int
    encoder: EncoderSettings

    @property
    def optimisation(self) -> Optimisation:
        """Settings of the optimiser."""
        return Optimisation(
            self.seed, self.epochs, self.batch_size, self.learning_rate, self.weight_decay
        )
