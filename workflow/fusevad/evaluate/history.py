"""The records of a run's epochs, and validation's choice of an epoch; imports no torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Columns of scores by segment: the score, and if the method has them the weight of each stream and
# the probability of each class.
SCORE, WEIGHT, CLASS = "score", "weight_", "class_"
# Metadata entry of score files that names the last axis.
COLUMNS = "columns"

_TERM = "loss_"


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """A row of `history.csv`: mean training losses and validation results of an epoch.

    Attributes:
        epoch: from 0.
        terms: the method's losses by name, weighted; columns `loss_NAME`.
        validation_auc, validation_loss: of the held-out videos, by their video-level labels.
        within_share: of the variance of the scores of held-out videos, the share within videos;
            needs no labels. Near 0 all segments of a video score alike: the seed has collapsed.
            None: of a run from before it was recorded.
    """

    epoch: int
    terms: Mapping[str, float]
    validation_auc: float
    validation_loss: float
    within_share: float | None = None

    def row(self) -> dict[str, float | None]:
        """A row of the table; `loss` is the sum of the terms."""
        return {
            "epoch": self.epoch,
            "loss": sum(self.terms.values()),
            **{f"{_TERM}{name}": value for name, value in self.terms.items()},
            "validation_auc": self.validation_auc,
            "validation_loss": self.validation_loss,
            "within_share": self.within_share,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "EpochRecord":
        """From a row of the table; other columns are ignored."""
        terms = {k.removeprefix(_TERM): v for k, v in row.items() if k.startswith(_TERM)}
        validation = (row["validation_auc"], row["validation_loss"])
        share = row.get("within_share", math.nan)
        return cls(int(row["epoch"]), terms, *validation, None if math.isnan(share) else share)


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """Epoch of the highest validation AUC; ties go to the lower loss, then to the earlier epoch."""
    return min(history, key=lambda r: (-r.validation_auc, r.validation_loss, r.epoch)).epoch
