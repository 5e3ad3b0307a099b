"""Crops of a video in one bag: what is averaged, and that one crop a bag is as without."""

import numpy as np
import pytest
import torch

from fusevad.errors import FusevadError
from fusevad.models.baselines.bags import FeatureOutput
from fusevad.models.output import Batch, Output
from fusevad.train.sampling import TrainVideo, epoch_batches

VIDEOS = [TrainVideo(f"v{i}", bool(i % 2), ("fire",) if i % 2 else ()) for i in range(8)]


def bags(given: int, in_bag: int, crops: int = 10) -> list:
    batches = epoch_batches(VIDEOS, crops, given, 4, "joint", False, 0, 0, in_bag)
    return [sample for batch in batches for sample in batch]


def test_scores_and_features_of_a_bag_are_means_over_its_crops():
    logits, features = torch.randn(6, 4), torch.randn(6, 4, 3)
    bag = FeatureOutput(logits, features=features).averaged(3)
    for video in range(2):
        rows = [3 * video + crop for crop in range(3)]
        for segment in range(4):
            score = np.mean([1 / (1 + np.exp(-float(logits[row, segment]))) for row in rows])
            assert float(bag.logits[video, segment].sigmoid()) == pytest.approx(score, abs=1e-6)
            mean = np.mean([features[row, segment].numpy() for row in rows], axis=0)
            np.testing.assert_allclose(bag.features[video, segment].numpy(), mean, atol=1e-6)


def test_certain_scores_have_finite_logits_and_gradients():
    logits = torch.tensor([[200.0], [200.0]], requires_grad=True)
    bag = Output(logits).averaged(2)
    bag.logits.sum().backward()
    assert bag.logits.isfinite().all()
    assert logits.grad.isfinite().all()


def test_a_bag_of_one_crop_is_the_crop_itself():
    output = Output(torch.randn(3, 4))
    batch = Batch({"rgb": torch.randn(3, 4, 2)}, torch.ones(3, 4, dtype=torch.bool), torch.ones(3))
    assert output.averaged(1) is output
    assert batch.averaged(1) is batch


def test_a_batch_of_bags_has_a_mask_and_a_label_a_video():
    mask = torch.tensor([[True, True], [True, True], [True, False], [True, False]])
    streams = torch.arange(4.0).reshape(4, 1, 1).expand(4, 2, 1)
    batch = Batch({"rgb": streams}, mask, torch.tensor([1.0, 0.0])).averaged(2)
    assert batch.mask.tolist() == [[True, True], [True, False]]
    assert batch.streams["rgb"][:, 0, 0].tolist() == [0.5, 2.5]


def test_each_video_gives_its_crops_in_bags_and_no_crop_twice():
    for given, in_bag, each, size in ((10, 1, 10, 1), (10, 10, 1, 10), (10, 3, 3, 3), (2, 5, 1, 2)):
        samples = bags(given, in_bag)
        assert len(samples) == each * len(VIDEOS)
        assert {len(sample.crops) for sample in samples} == {size}
        drawn = [(s.video.name, crop) for s in samples for crop in s.crops]
        assert len(set(drawn)) == len(drawn)


def test_a_method_that_reads_more_than_scores_refuses_bags_of_crops_in_one_line():
    output = Output(torch.randn(4, 2), weights={"rgb": torch.ones(4, 2, 3)})
    with pytest.raises(FusevadError, match="crops_in_bag: this method reads more"):
        output.averaged(2)
