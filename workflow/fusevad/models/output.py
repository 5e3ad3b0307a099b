"""The inputs of a detector in training, and its outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from fusevad.errors import FusevadError

# Scores of 0 and 1 have no finite logit; float32 tells 1 from this far below it.
_CERTAIN = 1e-6


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

    def averaged(self, crops: int) -> "Output":
        """The output for bags of so many consecutive rows, the crops of a video: `B x ...`.

        Scores are averaged, as in the released code of RTFM.

        Raises:
            FusevadError: the method's losses read what has no average.
        """
        if crops == 1:
            return self
        if type(self) is not Output or self.distributions or self.weights:
            raise FusevadError(
                "crops_in_bag: this method reads more than scores and features, which crops do not"
                " share; give every crop a bag of its own, with 1"
            )
        return Output(self.averaged_logits(crops))

    def averaged_logits(self, crops: int) -> Tensor:
        """Logits of the mean scores of bags."""
        return mean_of_crops(self.logits.sigmoid(), crops).logit(eps=_CERTAIN)


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

    def averaged(self, crops: int) -> "Batch":
        """The batch of bags of so many consecutive rows, whose labels and classes it has."""
        if crops == 1:
            return self
        return replace(
            self,
            streams={name: mean_of_crops(x, crops) for name, x in self.streams.items()},
            mask=self.mask[::crops],
            teacher=self.teacher and self.teacher.averaged(crops),
        )


def mean_of_crops(x: Tensor, crops: int) -> Tensor:
    """Means over so many consecutive rows: `B * crops x ...` to `B x ...`."""
    return x.unflatten(0, (-1, crops)).mean(dim=1)
