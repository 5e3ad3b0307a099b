"""Training on a GPU: where there is one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fusevad.models.registry import METHODS
from fusevad.train.run import TrainData, train
from tests.made_up_training import small, write_training_data

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    """Made-up streams, and a run that teaches methods which learn from one."""
    made = write_training_data(tmp_path_factory.mktemp("data"))
    teacher = tmp_path_factory.mktemp("teacher")
    train(small("student-t"), made, [0, 1], teacher, workers=1)
    return replace(made, teacher=teacher)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_seed_gives_the_same_bytes_twice_and_among_others(
    data: TrainData, tmp_path: Path, method: str
):
    settings = small(method)
    read = data if METHODS[method].taught else replace(data, teacher=None)
    train(settings, read, [0, 1], tmp_path / "both", workers=1)
    train(settings, read, [1], tmp_path / "alone", workers=1)
    for protocol in ("last", "validation"):
        name = f"weights/seed-1-{protocol}.safetensors"
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "both" / name).read_bytes()


def test_the_deterministic_algorithms_end_with_the_training(data: TrainData, tmp_path: Path):
    train(small("concat"), replace(data, teacher=None), [0], tmp_path, workers=1)
    assert not torch.are_deterministic_algorithms_enabled()
