"""The epoch that a history chooses."""

import math

import pytest

from fusevad.evaluate.history import EpochRecord, best_epoch


def test_ties_in_validation_auc_go_to_the_lower_loss_then_the_earlier_epoch():
    def record(epoch: int, auc: float, loss: float) -> EpochRecord:
        return EpochRecord(epoch, {}, auc, loss)

    rows = [record(0, 0.8, 0.1), record(1, 0.9, 0.5), record(2, 0.9, 0.4), record(3, 0.9, 0.4)]
    assert best_epoch(rows) == 2


def test_validation_does_not_choose_an_epoch_of_the_warm_up():
    aucs, warm_up = [0.9, 0.8, 0.5, 0.6], [True, True, False, False]
    pairs = enumerate(zip(aucs, warm_up, strict=True))
    rows = [EpochRecord(i, {}, auc, 0.1, 0.5, warm) for i, (auc, warm) in pairs]
    assert best_epoch(rows) == 3
    assert best_epoch([EpochRecord.from_row(record.row()) for record in rows]) == 3


@pytest.mark.parametrize("warm_up", [math.nan, 2, "no"])
def test_what_says_neither_warm_up_nor_not_is_refused(warm_up):
    row = {"epoch": 0, "validation_auc": 0.5, "validation_loss": 0.5, "warm_up": warm_up}
    with pytest.raises(ValueError, match="epoch 0: a warm_up of"):
        EpochRecord.from_row(row)
