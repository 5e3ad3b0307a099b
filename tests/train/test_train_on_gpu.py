"""Training on a GPU: where there is one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fusevad.models.registry import METHODS, own
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from tests.made_up_training import VALUES, small, with_streams, write_training_data

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


METHODS_WITHOUT_TEACHER = sorted(name for name, method in METHODS.items() if not method.taught)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    """Made-up embeddings of every stream that some method reads."""
    folder = tmp_path_factory.mktemp("data")
    made = write_training_data(folder)
    roles = {role for method in METHODS.values() for role in method.roles} - set(made.streams)
    return with_streams(made, sorted(roles), folder)


@pytest.mark.parametrize("method", [*METHODS_WITHOUT_TEACHER, "image-only-distilled"])
def test_a_seed_gives_the_same_bytes_twice_and_among_others(
    data: TrainData, tmp_path: Path, method: str
):
    settings = small(method, model=own(method, "model", VALUES["model"]))
    read = data
    if METHODS[method].taught:
        train(small("student-t"), data, [0, 1], tmp_path / "teacher", workers=1)
        read = replace(data, teacher=tmp_path / "teacher")
    train(settings, read, [0, 1], tmp_path / "both", workers=1)
    train(settings, read, [1], tmp_path / "alone", workers=1)
    for protocol in ("last", "validation"):
        name = f"weights/seed-1-{protocol}.safetensors"
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "both" / name).read_bytes()


def test_the_deterministic_algorithms_end_with_the_training(data: TrainData, tmp_path: Path):
    train(small("concat"), data, [0], tmp_path, workers=1)
    assert not torch.are_deterministic_algorithms_enabled()
