"""Settings of AVadCLIP; docs/methods/avadclip.md gives the source of each default.

Imports nothing heavy.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fusevad.models.baselines.settings import Dropout, VadCLIPLoss, VadCLIPSettings
from fusevad.models.settings import Blocks, Natural, NonNegative, Steps


@dataclass(frozen=True, slots=True)
class PromptedSettings(VadCLIPSettings):
    """VadCLIP's modules with AVadCLIP's prompt (Wu et al. 2025; released code).

    Attributes:
        window: segments that attend to each other (code: 4 with sound, 64 without).
        prompt: by what the texts of classes are shifted: `uniform`, the sum of a video's segments
            by their logits, for all classes alike (the released code, and VadCLIP); `per-class`,
            the segments that each class's text attends to (equations 4 to 7); or `none`.
    """

    window: Natural = 4
    prompt: Literal["uniform", "per-class", "none"] = "uniform"

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`."""
        return VadCLIPSettings.kept(self, width, segments, streams) + 4 * width


@dataclass(frozen=True, slots=True)
class AVadCLIPSettings(PromptedSettings):
    """Sound is fused into what is seen (equations 1 to 3; released code).

    Attributes:
        fusion: `adaptive`, the paper's gated residual; the variants of its table VII, `addition`,
            `concatenation` and a linear layer, `cross-attention`; or `none`, without sound.
        sound_dropout: of the network of sound.
    """

    fusion: Literal["adaptive", "addition", "concatenation", "cross-attention", "none"] = "adaptive"
    sound_dropout: Dropout = 0.1

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: 22 widths of sound and 12 of fusion."""
        return PromptedSettings.kept(self, width, segments, streams) + 34 * width


@dataclass(frozen=True, slots=True)
class AVadCLIPStudentSettings(PromptedSettings):
    """One stream alone, enhanced to be like the teacher's features (section III-E; released code).

    Attributes:
        blocks: of the local transformer (code: 1).
        window: see above.
        enhancements: residual convolutions of what is seen (paper: 1; code: 3).
        uncertainty: variance in the distillation, `written` as in equation 11 or `released`, whose
            code halves the error's share.
    """

    blocks: Blocks = 1
    window: Natural = 64
    enhancements: Steps = 3
    uncertainty: Literal["written", "released"] = "written"

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: 4 widths an enhancement, and the variance's layers of 512."""
        more = (4 * self.enhancements + 4) * width + 3 * 512
        return PromptedSettings.kept(self, width, segments, streams) + more


@dataclass(frozen=True, slots=True)
class AVadCLIPLoss(VadCLIPLoss):
    """Weights of AVadCLIP's terms beside the video loss of head 1 (equations 8 to 10; code).

    Attributes:
        text_alignment: weight of the cross-entropy of a video's classes; the paper takes the mean
            of it and of the focal term. Without the focal term it is 1.
        focal: weight of the focal term of the same classes.
        focal_share: of the focal term (alpha); the released code learns it, which lets the loss
            fall by itself.
        focal_power: of the focal term (gamma).
        text_separation: weight of the mean similarity of `normal`'s text to the others' (code).
    """

    text_alignment: NonNegative = 0.5
    focal: NonNegative = 0.5
    focal_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    focal_power: NonNegative = 2.0
    text_separation: NonNegative = 1e-4


@dataclass(frozen=True, slots=True)
class AVadCLIPStudentLoss(AVadCLIPLoss):
    """Weights of the student's terms (equation 11).

    Attributes:
        uncertain: weight of the distance to the teacher's features, by its learned variance (code:
            1e-8 on XD-Violence, 1e-7 on CCTV-Fights).
    """

    uncertain: NonNegative = 1e-8
