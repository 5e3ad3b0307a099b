"""The inputs of a detector in training, and its outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Distribution:
    """A method's prediction for one stream.

    Attributes:
        mean: `B x T x D`.
        log_variance: (effective) log-variance of each feature, `B x T x D`.
        factors: `B x T x D x R` where features are correlated: with `S = diag(exp(log_variance /
            2))` and `F` the factors of a segment, its covariance is `S (I + F F^T) S`.
    """

    mean: Tensor
    log_variance: Tensor
    factors: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """The output of a detector for a batch; a method whose losses need more adds fields.

    Attributes:
        logits: `B x T`; the anomaly score is their sigmoid.
        distributions: by stream; empty for methods that do not model uncertainty.
        weights: fusion weights by stream, each `B x T x D`, non-negative and summing to 1 (up to
            epsilon if it is added to them); empty for methods without weights.
        classes: probabilities by class, `normal` among them, each `B x T`; empty for methods that
            tell no classes apart, and in training.
    """

    logits: Tensor
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    classes: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Training samples of `B` videos.

    Attributes:
        streams: by role, each `B x T x D` float32; widths may differ.
        mask: `B x T`, true where a segment is real and not padding.
        labels: `B`, 1.0 for a video with an anomaly, else 0.0.
        classes: of each video, the names of its anomaly classes; empty for a normal one.
        teacher: the teacher's output for the same samples, without gradients; None without a
            teacher.
    """

    streams: Mapping[str, Tensor]
    mask: Tensor
    labels: Tensor
    classes: tuple[tuple[str, ...], ...] = ()
    teacher: Output | None = None
