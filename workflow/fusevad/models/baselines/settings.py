"""Settings of the baselines; docs/methods gives the source of each default.

Imports nothing heavy. No name equals one of IEF-VAD's settings: a set of hyperparameters that all
methods share must not change a baseline's architecture.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fusevad.errors import FusevadError
from fusevad.models.settings import (
    BagLoss,
    Blocks,
    MethodSettings,
    Natural,
    NonNegative,
    Positive,
    Whole,
)

Dropout = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, slots=True)
class MILSettings(MethodSettings):
    """A network for each segment alone (Sultani et al. 2018, section 3.3; released code).

    Attributes:
        unit_dropout: of both hidden layers.
        normalise: scale every embedding to norm 1, as the released code does with bins of C3D.
    """

    unit_dropout: Dropout = 0.6
    normalise: bool = True

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: the input twice, 4 times the layer of 512, 3 times of 32."""
        return 2 * width + 4 * 512 + 3 * 32 + 16


@dataclass(frozen=True, slots=True)
class MILLoss(BagLoss):
    """Terms of the ranking loss (Sultani et al. 2018, equations 5 to 7; weights of the code).

    Weights are for the released batch, 30 anomalous videos of 32 segments; the sum over anomalous
    videos is a mean here, so that they keep their meaning with other batches and lengths.

    Attributes:
        objective: `ranking`, a hinge between the highest scores of all pairs of an anomalous and a
            normal video (released code; the paper has one pair), or `bce`, the cross-entropy of the
            `top_k_divisor` mean, as in all methods.
        smoothness: weight of squared differences of neighbours in anomalous videos.
        sparsity: weight of the sum of scores of anomalous videos.
        weights: of the sum of squared weights of all layers: the code's .001 / 30.
    """

    objective: Literal["ranking", "bce"] = "ranking"
    smoothness: NonNegative = 8e-5
    sparsity: NonNegative = 8e-5
    weights: NonNegative = 0.001 / 30


@dataclass(frozen=True, slots=True)
class RTFMSettings(MethodSettings):
    """A multi-scale temporal network and three layers (Tian et al. 2021, section 3; released code).

    Branches have a quarter of the features: 512 of the code's 2048.

    Attributes:
        temporal_network: whether the multi-scale temporal network (MTN) precedes the layers.
        feature_dropout: of the network's output and of the hidden layers.
        selection_dropout: of the magnitudes by which segments are selected in training: the
            released code selects the highest 3 of about 10 remaining segments; 0, ours, selects the
            highest of all, as in the paper.
    """

    temporal_network: bool = True
    feature_dropout: Dropout = 0.7
    selection_dropout: Dropout = 0.0

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: of the width 17 times with the network, and the layers."""
        layers = 4 * (512 + 128) + 32
        if not self.temporal_network:
            return 5 * width + layers
        return 17 * width + layers + segments


@dataclass(frozen=True, slots=True)
class RTFMLoss(BagLoss):
    """Weights of RTFM's terms (Tian et al. 2021, equations 5 to 8; released code).

    Weights of sums are for the released batch, 32 anomalous videos of 32 segments, rescaled to keep
    their meaning with other batches and lengths.

    Attributes:
        selected: number of a video's `n` segments that give its score: `sixteenth`, `n //
            top_k_divisor + 1`, as in all methods; `tenth`, `n // 10`, at least 1 (released code, 3
            of 32).
        magnitude: weight of the difference of feature magnitudes.
        margin: of the magnitudes, for 2048 features; for `D` it is `margin * sqrt(D / 2048)`, as
            magnitudes grow with the root.
        score_norm: weight of the norm of all scores of anomalous videos.
        score_steps: weight of squared differences of neighbours in anomalous videos.
    """

    selected: Literal["sixteenth", "tenth"] = "sixteenth"
    magnitude: NonNegative = 1e-4
    margin: NonNegative = 100.0
    score_norm: NonNegative = 8e-3
    score_steps: NonNegative = 8e-4


@dataclass(frozen=True, slots=True)
class DistanceSettings(MethodSettings):
    """A transformer with distances (Zhou et al. 2023; released code).

    Attributes:
        block_dropout: of the transformer.
        distance_weights: of the attention by distance, `rows` that sum to 1 over real segments, or
            `released`, where columns sum to 1.
    """

    block_dropout: Dropout = 0.5
    distance_weights: Literal["rows", "released"] = "rows"

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: 20 layers of 512 a block, 4 heads' attention twice."""
        heads = 2 * 4 * 5 * segments
        return 2 * width + 2 * 22 * 512 + heads + 4 * 512


@dataclass(frozen=True, slots=True)
class URDMUSettings(DistanceSettings):
    """Two memories over a transformer with distances (Zhou et al. 2023; released code).

    Attributes:
        memory_slots: of each of the two memories; 0 scores only the transformer's features.
        latent_noise: whether what normal videos read from the normal memory is sampled in training,
            with a learned variance (the paper's uncertainty); without it there is no KL term.
    """

    memory_slots: Whole = 60
    latent_noise: bool = True

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: adds what is read from both memories."""
        memories = 2 * (4 * 512 + 4 * self.memory_slots) + 6 * 512 if self.memory_slots else 0
        return DistanceSettings.kept(self, width, segments, streams) + memories


@dataclass(frozen=True, slots=True)
class URDMULoss(BagLoss):
    """Weights of UR-DMU's terms (Zhou et al. 2023; released code).

    Attributes:
        memory: weight of the four cross-entropies of the memories' attention.
        triplet: weight of the triplet loss of normal and anomalous segments, of margin 1.
        latent_kl: weight of the KL term as a mean over segments and features: the code sums over
            its 200 segments, with 0.001.
        latent_distance: weight of the hinge between norms of what is read from both memories.
        latent_margin: of that hinge.
    """

    memory: NonNegative = 0.1
    triplet: NonNegative = 0.1
    latent_kl: NonNegative = 0.2
    latent_distance: NonNegative = 1e-4
    latent_margin: NonNegative = 100.0


@dataclass(frozen=True, slots=True)
class ProDiscSettings(MethodSettings):
    """Normal prototypes that each segment attends to (ProDisc-VAD, 2025; released code).

    Attributes:
        prototypes: their number; each has a key and a value.
        prototype_dropout: of the features after them.
    """

    prototypes: Natural = 5
    prototype_dropout: Dropout = 0.1

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: 9 times the width, the layers twice, similarities thrice."""
        return 9 * width + 2 * (256 + 128 + 64) + 3 * segments + 3 * self.prototypes


@dataclass(frozen=True, slots=True)
class ProDiscLoss(BagLoss):
    """Weights of ProDisc-VAD's terms (2025; released code).

    Attributes:
        judged_by: the `mean` of the highest `n // top_k_divisor + 1` scores, as in all methods, or
            `each` of the highest sixth, as in the released code.
        bag: weight of that cross-entropy.
        contrast: weight of the contrast of the highest and the lowest segment with the whole video.
        temperature: of the contrast.
    """

    judged_by: Literal["mean", "each"] = "mean"
    bag: NonNegative = 15.0
    contrast: NonNegative = 5.0
    temperature: Positive = 0.1


@dataclass(frozen=True, slots=True)
class BNWVADSettings(DistanceSettings):
    """Batch norms whose statistics represent normal segments (Zhou et al. 2024; released code).

    Attributes:
        block_dropout: of the transformer; the released code has none.
        scored_by: `product` of the distances to the means of both batch norms and the classifier's
            score, `distance` alone, or `classifier` alone.
    """

    block_dropout: Dropout = 0.0
    scored_by: Literal["product", "distance", "classifier"] = "product"

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: adds 6 times the head's 32 and 16 features."""
        return DistanceSettings.kept(self, width, segments, streams) + 6 * (32 + 16)


@dataclass(frozen=True, slots=True)
class BNWVADLoss(BagLoss):
    """Weights of BN-WVAD's terms (Zhou et al. 2024; released code).

    Attributes:
        normal_scores: weight of the norm of a normal video's scores, rescaled to 200 segments
            (released code).
        separation: weights of the triplet loss of distances, of margin 1, at both batch norms.
        selection: segments of anomalous videos in that loss: `sample-and-batch` (the paper), the
            farthest `sample_share` of each video and the farthest `batch_share` of all anomalous
            videos of the batch; or `sixteenth`, the farthest `n // top_k_divisor + 1` of each. The
            same share of the segments of normal videos is selected.
        sample_share, batch_share: see `selection`.
    """

    normal_scores: NonNegative = 1.0
    separation: tuple[NonNegative, NonNegative] = (5.0, 20.0)
    selection: Literal["sample-and-batch", "sixteenth"] = "sample-and-batch"
    sample_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    batch_share: Annotated[float, Field(gt=0, le=1)] = 0.4


@dataclass(frozen=True, slots=True)
class VadCLIPSettings(MethodSettings):
    """A local transformer, two graphs, and texts of the classes (Wu et al. 2024; released code).

    Attributes:
        blocks: of the local transformer (code: 2 on UCF-Crime, 1 on XD-Violence).
        block_heads: of its attention; they must divide the width of the embeddings.
        window: segments that attend to each other (code: 8 on UCF-Crime, 64 on XD-Violence).
        places: segments that have a position of their own; no sample may have more.
        language: whether texts of the classes are learned (head 2); without, head 1 is all.
        context: learned vectors before a class's name, and as many after it.
        head: whose score is the detector's: `binary` (head 1), or `classes` (head 2), one minus the
            probability of `normal`.
    """

    blocks: Blocks = 2
    block_heads: Natural = 1
    window: Natural = 8
    places: Natural = 256
    language: bool = True
    context: Whole = 10
    head: Literal["binary", "classes"] = "binary"

    def __post_init__(self) -> None:
        if self.head == "classes" and not self.language:
            raise FusevadError("head: classes are told apart by texts alone; set language to true")

    @property
    def reads_texts(self) -> bool:
        """See `MethodSettings.reads_texts`."""
        return self.language

    @property
    def besides(self) -> int:
        """See `MethodSettings.besides`: 12 layers of 768 features, and 14 texts of 40 tokens."""
        return 12 * (12 * 768**2 + 24 * 768 * 14 * 40) if self.language else 0

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: 22 widths a block, 40 in graphs and head, 8 graph weights."""
        attention = 2 * self.blocks * self.block_heads * min(self.window, segments)
        return (22 * self.blocks + 40) * width + attention + 8 * segments


@dataclass(frozen=True, slots=True)
class VadCLIPLoss(BagLoss):
    """Weights of VadCLIP's terms beside the video loss of head 1 (Wu et al. 2024; released code).

    Attributes:
        text_alignment: weight of the cross-entropy of a video's classes and the highest
            similarities of its segments to their texts.
        text_separation: weight of the mean similarity of `normal`'s text to the others' (code: 0.1
            on UCF-Crime, 0.0001 on XD-Violence).
    """

    text_alignment: NonNegative = 1.0
    text_separation: NonNegative = 0.1
