"""Settings of PI-VAD; docs/methods/pi-vad.md gives the reason of each assumption.

Imports nothing heavy.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fusevad.models.baselines.settings import Dropout, URDMULoss, URDMUSettings
from fusevad.models.settings import Blocks, Natural, NonNegative, Positive

# Features of UR-DMU's transformer.
_WIDTH = 512
MODALITIES = ("pose", "depth", "masks", "flow", "text")
Modality = Literal["pose", "depth", "masks", "flow", "text", "audio"]


@dataclass(frozen=True, slots=True)
class PIVADSettings(URDMUSettings):
    """UR-DMU with a poly-modal inductor at two places (Majhi et al. 2025, section 3).

    The paper's code is not to be had: what its text leaves open is marked (ours), with sizes that
    give its table 5's number of parameters.

    Attributes:
        modalities: streams that inductors generate from RGB and learn from.
        inductors: where they are: after an `early` step, after the `late` one, or at `both`.
        early_step: the early step: the `convolution` (ours), or the `first-block` of the
            transformer; the late step is the last block.
        generated_width: of the shared code of all modalities (ours: 256).
        generated_size: segments that a convolution of the generation sees (ours: 3).
        common_width: of the space in which RGB and modalities are aligned (ours: 256).
        induction_blocks: transformer blocks of an inductor (ours: 2).
        induction_heads: of their attention (ours: 4).
        induction_expansion: of the feed-forward nets in them (ours: 3).
        induction_dropout: of these blocks (ours: 0.1).
        targets: what generated modalities learn from: the `true` streams, or our controls:
            `shuffled` ones of another segment of the batch, or `random` ones, noise of each
            feature's mean and deviation.
    """

    modalities: Annotated[tuple[Modality, ...], Field(min_length=1)] = MODALITIES
    inductors: Literal["both", "early", "late"] = "both"
    early_step: Literal["convolution", "first-block"] = "convolution"
    generated_width: Natural = 256
    generated_size: Literal[1, 3, 5] = 3
    common_width: Natural = 256
    induction_blocks: Blocks = 2
    induction_heads: Natural = 4
    induction_expansion: Natural = 3
    induction_dropout: Dropout = 0.1
    targets: Literal["true", "shuffled", "random"] = "true"

    @property
    def induced_after(self) -> tuple[int, ...]:
        """The steps of the transformer that an inductor follows."""
        early = 0 if self.early_step == "convolution" else 1
        return {"both": (early, 2), "early": (early,), "late": (2,)}[self.inductors]

    @property
    def induced_width(self) -> int:
        """Width of the blocks of an inductor: all modalities side by side."""
        return self.common_width * len(self.modalities)

    @property
    def besides(self) -> int:
        """See `MethodSettings.besides`: weights, gradients and two moments of the optimiser."""
        width, expansion = self.induced_width, 4 + 2 * self.induction_expansion
        blocks = self.induction_blocks * expansion * width**2 + 2 * _WIDTH * width
        coded = len(self.modalities) * self.generated_width * self.generated_size * 1024
        return 4 * len(self.induced_after) * (blocks + coded)

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: the blocks, modalities, and products of segments."""
        count, wide = len(self.modalities), self.induced_width
        blocks = self.induction_blocks * (14 + 3 * self.induction_expansion) * wide
        blocks += 4 * self.induction_blocks * self.induction_heads * segments
        coded = count * (2 * self.generated_width + 5 * width + 6 * self.common_width)
        inductor = blocks + coded + 6 * _WIDTH + count * 6 * segments
        return URDMUSettings.kept(self, width, segments, 1) + len(self.induced_after) * inductor


@dataclass(frozen=True, slots=True)
class PIVADLoss(URDMULoss):
    """Weights of PI-VAD's terms beside UR-DMU's (Majhi et al. 2025, equations 1 to 4).

    Attributes:
        detection: weight of all of UR-DMU's terms; 0 in the first phase of training.
        generation: weight of the squared error of generated modalities.
        alignment: weight of the contrast of RGB and generated modalities (lambda 1; ours: 0.1).
        distillation: weight of the distance to the teacher's features (lambda 2; ours: 0.1).
        contrast_temperature: of that contrast (ours: 0.07).
    """

    detection: NonNegative = 1.0
    generation: NonNegative = 1.0
    alignment: NonNegative = 0.1
    distillation: NonNegative = 0.1
    contrast_temperature: Positive = 0.07
