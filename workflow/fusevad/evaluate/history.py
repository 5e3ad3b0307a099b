"""The records of a run's epochs, and validation's choice of an epoch; imports no torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusevad.errors import FusevadError

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
        warm_up: whether the epoch belongs to a phase of other losses, which no protocol may choose.
            None: training has no such phases.
    """

    epoch: int
    terms: Mapping[str, float]
    validation_auc: float
    validation_loss: float
    within_share: float | None = None
    warm_up: bool | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.validation_auc <= 1:
            raise ValueError(f"epoch {self.epoch}: a validation AUC of {self.validation_auc}")
        if not self.validation_loss >= 0:
            raise ValueError(f"epoch {self.epoch}: a validation loss of {self.validation_loss}")
        if self.within_share is not None and not 0 <= self.within_share <= 1:
            raise ValueError(f"epoch {self.epoch}: a within_share of {self.within_share}")

    def row(self) -> dict[str, float | None]:
        """A row of the table; `loss` is the sum of the terms; only phases add `warm_up`."""
        row: dict[str, float | None] = {
            "epoch": self.epoch,
            "loss": sum(self.terms.values()),
            **{f"{_TERM}{name}": value for name, value in self.terms.items()},
            "validation_auc": self.validation_auc,
            "validation_loss": self.validation_loss,
            "within_share": self.within_share,
        }
        return row if self.warm_up is None else row | {"warm_up": int(self.warm_up)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "EpochRecord":
        """From a row of the table; other columns are ignored.

        Raises:
            ValueError, TypeError: the epoch is no whole number, a result is impossible, or
                `warm_up` is neither 0 nor 1.
        """
        if not float(row["epoch"]).is_integer():
            raise ValueError(f"epoch {row['epoch']}")
        terms = {k.removeprefix(_TERM): v for k, v in row.items() if k.startswith(_TERM)}
        validation = (row["validation_auc"], row["validation_loss"])
        share, warm_up = row.get("within_share", math.nan), row.get("warm_up")
        if warm_up not in (None, 0, 1):
            raise ValueError(f"epoch {row['epoch']}: a warm_up of {warm_up}")
        return cls(
            int(row["epoch"]),
            terms,
            *validation,
            None if math.isnan(share) else share,
            None if warm_up is None else bool(warm_up),
        )


def check_scores(where: str, values: NDArray[np.generic], columns: Sequence[str]) -> None:
    """Check a seed's scores of every epoch, `epochs x segments x columns`; `where` names them.

    Raises:
        FusevadError: they have another form, or are outside [0, 1].
    """
    if values.dtype != np.float32 or values.ndim != 3 or values.shape[2] != len(columns):
        raise FusevadError(f"{where}: no scores by epoch; train this run again")
    if columns[0] != SCORE or len(set(columns)) < len(columns):
        raise FusevadError(f"{where}: columns {', '.join(columns)}; train this run again")
    # Scores, weights and probabilities; a weight can be rounded beyond 1.
    if values.size and not (values.min() >= 0 and values.max() <= 1 + 1e-5):
        raise FusevadError(f"{where}: scores outside [0, 1]; train this run again")


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """Epoch of the highest validation AUC; ties go to the lower loss, then to the earlier epoch.

    Epochs of a warm-up are left out: they do not learn what the method is judged by.
    """
    eligible = [record for record in history if not record.warm_up]
    return min(eligible, key=lambda r: (-r.validation_auc, r.validation_loss, r.epoch)).epoch
