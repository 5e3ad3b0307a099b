"""Training on a GPU: where there is one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fusevad.models import method_names
from fusevad.train.run import TrainData, train
from tests.train.test_train import SETTINGS, data

__all__ = ["data"]

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.mark.parametrize("method", method_names())
def test_a_seed_gives_the_same_bytes_twice_and_among_others(
    data: TrainData, tmp_path: Path, method: str
):
    settings = replace(SETTINGS, method=method)
    train(settings, data, [0, 1], tmp_path / "both", workers=1)
    train(settings, data, [1], tmp_path / "alone", workers=1)
    for protocol in ("last", "validation"):
        name = f"weights/seed-1-{protocol}.safetensors"
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "both" / name).read_bytes()


def test_the_deterministic_algorithms_end_with_the_training(data: TrainData, tmp_path: Path):
    train(SETTINGS, data, [0], tmp_path, workers=1)
    assert not torch.are_deterministic_algorithms_enabled()
