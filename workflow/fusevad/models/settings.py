"""Settings of methods: a dataclass a method, whose defaults are its paper's values.

Imports nothing heavy: the configuration parses these without torch.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fusevad.parsing import FORBID

Whole = Annotated[int, Field(ge=0)]
# More is a mistake, or weights of others that ask for terabytes.
_MOST = 1 << 20
Natural = Annotated[int, Field(ge=1, le=_MOST)]
# Of layers or steps, each built or computed in turn: weights of others may ask for a billion.
Steps = Annotated[int, Field(ge=0, le=1000)]
Blocks = Annotated[int, Field(ge=1, le=1000)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """Architecture of a method: the section `model` of its hyperparameters."""

    __pydantic_config__ = FORBID

    @property
    def pads_to_longest(self) -> bool:
        """Whether batches are padded to `max_segments`, as needed if padding affects the scores."""
        return False

    @property
    def reads_texts(self) -> bool:
        """Whether the method learns texts of the classes, with the text tower of an encoder."""
        return False

    @property
    def besides(self) -> int:
        """Upper estimate of the numbers that training holds whatever the batch; see `kept`."""
        return 0

    def kept(self, width: int, segments: int, streams: int) -> int:
        """Upper bound on the numbers that a segment keeps for the backward pass.

        Rule `train` requests memory by it (`plan.memory`).

        Args:
            width: of the embeddings.
            segments: of a sample.
            streams: how many streams the method reads.
        """
        raise NotImplementedError(f"{type(self).__name__} has no estimate of its memory")


@dataclass(frozen=True, slots=True)
class TemporalSettings(MethodSettings):
    """A temporal encoder for each stream and a refinement of the fused state.

    IEF-VAD (arXiv 2505.02393), section 3; values: appendix I. The paper's baselines share both.

    Attributes:
        layers: attention layers of each temporal encoder.
        heads: of each layer; they must divide the width of the embeddings.
        dropout: of the attention.
        refinement_steps: how often the fused state is refined (N).
        refinement_rate: step size of the refinement (lambda_r).
        refinement_networks: one network for all steps (`shared`, the paper), one a step
            (`separate`, the released code: docs/released.md), or one a step, together with about
            the parameters of a shared one (`narrow`, ours).
        mask_padding: do not attend to padded segments; the released code does.
        window: a segment attends to so many segments before and after it; None: to the whole video,
            as in the paper. Ours (docs/methods/local.md).
    """

    layers: Steps = 2
    heads: Natural = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    refinement_steps: Steps = 10
    refinement_rate: float = 0.5
    refinement_networks: Literal["shared", "separate", "narrow"] = "shared"
    mask_padding: bool = True
    window: Whole | None = None

    @property
    def pads_to_longest(self) -> bool:
        """See `MethodSettings.pads_to_longest`."""
        return not self.mask_padding

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`.

        Each of `width` numbers: 8 a layer and stream, 2 a refinement step, a dozen in heads, fusion
        and losses. For attention: 4 a layer, stream, head and other segment.
        """
        layers = self.layers * streams
        rows = 8 * layers + 2 * self.refinement_steps + 12
        return rows * width + 4 * layers * self.heads * segments


@dataclass(frozen=True, slots=True)
class CrossAttentionSettings(TemporalSettings):
    """Attention between the streams: a baseline that IEF-VAD names but does not describe."""

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: one more layer of each stream."""
        layer = streams * (8 * width + 4 * self.heads * segments)
        return TemporalSettings.kept(self, width, segments, streams) + layer


@dataclass(frozen=True, slots=True)
class GaussianSettings(TemporalSettings):
    """IEF-VAD with Gaussian noise (arXiv 2505.02393, equations 1, 4 to 6; appendix I).

    Attributes:
        epsilon: added to a variance or a sum of precisions before dividing by it.
        epsilon_in: added to each `variance` (the paper) or to the sum of the `weights` (released
            code).
        sequential_update: fuse each segment with the state of the segments before it.
        process_noise: added to the state's variance at every segment of that update.
    """

    epsilon: NonNegative = 1e-8
    epsilon_in: Literal["variance", "weights"] = "variance"
    sequential_update: bool = False
    process_noise: NonNegative = 0.0


@dataclass(frozen=True, slots=True)
class StudentTSettings(GaussianSettings):
    """IEF-VAD with Student-t noise (equations 2 and 3; appendix I).

    Attributes:
        nu: degrees of freedom.
    """

    nu: Positive = 8.0


@dataclass(frozen=True, slots=True)
class LearnedNuSettings(GaussianSettings):
    """Learned degrees of freedom; ours.

    Attributes:
        nu: their initial value, above 1.
    """

    nu: Annotated[float, Field(gt=1)] = 8.0


@dataclass(frozen=True, slots=True)
class RobustStudentTSettings(StudentTSettings):
    """Student-t fusion by reweighting; ours.

    Attributes:
        robust_iterations: number of reweightings.
    """

    robust_iterations: Steps = 3

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: adds 7 tensors an iteration and stream."""
        more = 7 * streams * self.robust_iterations * width
        return StudentTSettings.kept(self, width, segments, streams) + more


@dataclass(frozen=True, slots=True)
class LowRankSettings(GaussianSettings):
    """Gaussian fusion with correlated features; ours.

    Attributes:
        covariance_rank: of the part of a covariance that is not diagonal.
    """

    covariance_rank: Natural = 4

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: adds 9 tensors a rank."""
        more = 9 * self.covariance_rank * width
        return GaussianSettings.kept(self, width, segments, streams) + more


@dataclass(frozen=True, slots=True)
class BagLoss:
    """How segments give the score of a video: the section `loss` of a method's hyperparameters.

    Attributes:
        top_k_divisor: a video of `n` segments has the mean of its `n // top_k_divisor + 1` highest
            scores; validation uses the same score (IEF-VAD, section 4).
        background: weight of `losses.background_loss`; no paper has this term. Ours
            (docs/methods/local.md).
        background_share: of a video's segments, those with the lowest scores, that the term counts
            as normal.
    """

    __pydantic_config__ = FORBID

    top_k_divisor: Natural = 16
    background: NonNegative = 0.0
    background_share: Annotated[float, Field(gt=0, le=1)] = 0.25


@dataclass(frozen=True, slots=True)
class FusionLoss(BagLoss):
    """Weights of IEF-VAD's terms (equation 7; section 4 and appendix I).

    Attributes:
        kl: weight of the KL terms.
        cosine: weight of `1 - cos(mean_rgb, mean_motion)` (lambda 1).
        norm: weight of `| |mean_rgb| - |mean_motion| |` (lambda 2).
        mask_padding: leave padded segments out of the KL and alignment terms; the released code
            averages over them too.
    """

    kl: NonNegative = 1.0
    cosine: NonNegative = 0.5
    norm: NonNegative = 0.5
    mask_padding: bool = True


@dataclass(frozen=True, slots=True)
class DistillationLoss(BagLoss):
    """Weight of a teacher's scores; ours.

    Attributes:
        teacher: weight of the cross-entropy between the student's scores and the teacher's.
    """

    teacher: NonNegative = 1.0
