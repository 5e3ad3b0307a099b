"""What the baselines are built with; docs/methods says where each default comes from.

Imports nothing heavy. No name is one of IEF-VAD's settings, as sets of hyperparameters that all
methods share must not change a baseline's architecture.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fusevad.models.settings import BagLoss, MethodSettings, NonNegative

Dropout = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, slots=True)
class MILSettings(MethodSettings):
    """A network for each segment alone (Sultani et al. 2018, section 3.3; released code).

    Attributes:
        unit_dropout: of both hidden layers.
        normalise: give every embedding the length 1, as the released code gives bins of C3D.
    """

    unit_dropout: Dropout = 0.6
    normalise: bool = True

    def kept(self, width: int, segments: int, streams: int) -> int:
        """See `MethodSettings.kept`: the input twice, 4 times the layer of 512, 3 times of 32."""
        return 2 * width + 4 * 512 + 3 * 32 + 16


@dataclass(frozen=True, slots=True)
class MILLoss(BagLoss):
    """Terms of the ranking loss (Sultani et al. 2018, equations 5 to 7; weights of the code).

    Weights are those of the released batch, 30 anomalous videos of 32 segments, with the sum over
    anomalous videos made a mean, so that they keep their meaning with other batches and lengths.

    Attributes:
        objective: `ranking`, a hinge between the highest scores of all pairs of an anomalous and a
            normal video (released code; the paper has one pair), or `bce`, the cross-entropy of the
            `top_k_divisor` mean that all methods share.
        smoothness: weight of squared differences of neighbours in anomalous videos.
        sparsity: weight of the sum of scores of anomalous videos.
        weights: of the sum of squared weights of all layers: the code's .001 / 30.
    """

    objective: Literal["ranking", "bce"] = "ranking"
    smoothness: NonNegative = 8e-5
    sparsity: NonNegative = 8e-5
    weights: NonNegative = 0.001 / 30
