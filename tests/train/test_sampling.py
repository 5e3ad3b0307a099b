"""Held-out videos, and the batches of an epoch."""

import pytest

from fusevad.errors import FusevadError
from fusevad.train.sampling import TrainVideo, epoch_batches, split_validation

GROUPS = ("normal", "fire", "fall")
VIDEOS = [
    TrainVideo(f"{group}{i}", group != "normal", (group,)) for group in GROUPS for i in range(12)
]


def test_validation_holds_out_a_share_of_each_class():
    split = split_validation(VIDEOS, 0.25, seed=3)
    assert [sum(v.group == group for v in split.validation) for group in GROUPS] == [3, 3, 3]
    assert {v.name for v in split.fit}.isdisjoint(v.name for v in split.validation)
    assert len(split.fit) + len(split.validation) == len(VIDEOS)


def test_a_training_split_of_one_kind_is_an_error():
    with pytest.raises(FusevadError, match="lacks normal or anomalous"):
        split_validation([v for v in VIDEOS if v.anomalous], 0.1, seed=0)


def test_balanced_batches_are_half_anomalous_and_use_all_crops_once():
    batches = list(epoch_batches(VIDEOS, 4, 4, 8, "balanced", False, seed=0, epoch=0))
    assert all(sum(s.video.anomalous for s in b) * 2 == len(b) for b in batches)
    samples = [(s.video.name, s.crops) for b in batches for s in b]
    assert len(samples) == len(set(samples)) == 2 * 12 * 4  # the normal videos run out first


def test_joint_batches_see_every_sample():
    batches = list(epoch_batches(VIDEOS, 4, 2, 10, "joint", False, seed=0, epoch=0))
    assert len({(s.video.name, s.crops) for b in batches for s in b}) == len(VIDEOS) * 2


def test_a_last_batch_that_is_not_full_can_be_left_out():
    sizes = [len(b) for b in epoch_batches(VIDEOS, 4, 1, 10, "balanced", True, seed=0, epoch=0)]
    assert sizes == [10, 10]  # of 12 normal videos, two would be left for a third batch


def test_epochs_draw_other_crops_and_seeds_other_orders():
    def order(seed: int, epoch: int) -> list[tuple[str, int]]:
        batches = epoch_batches(VIDEOS, 4, 1, 8, "balanced", False, seed=seed, epoch=epoch)
        return [(s.video.name, s.crops) for b in batches for s in b]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
