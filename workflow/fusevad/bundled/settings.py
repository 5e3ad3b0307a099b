"""Settings of the bundled encoder; imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusevad.encoders.settings import Optimisation
from fusevad.parsing import FORBID


@dataclass(frozen=True, slots=True)
class EncoderDataSettings:
    """How many clips to render, and which motion cues to make of them.

    `held_out_clips` have scenes of their own and measure retrieval; `render` overrides knobs of the
    renderer.
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
        """Of a training of so many epochs."""
        return Optimisation(
            seed=self.seed,
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )
