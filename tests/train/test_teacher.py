"""A teacher is a run: a student of RGB alone learns what a detector of both streams says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from fusevad.embed.store import EmbeddingStore, default_device, open_streams
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import load_detector, weights_file
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from tests.made_up_embeddings import write_stream
from tests.made_up_training import small, write_training_data

TAUGHT = small("image-only-distilled", epochs=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    return write_training_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def taught(data, tmp_path_factory) -> TrainData:
    """The data, and a run of `student-t` that teaches."""
    teacher = tmp_path_factory.mktemp("teacher")
    train(small("student-t", epochs=6), data, [0, 1], teacher, workers=1)
    return replace(data, teacher=teacher)


def scores(folder: Path, seed: int) -> np.ndarray:
    return load_file(folder / "epoch-scores.safetensors")[f"seed-{seed}"]


def test_a_student_comes_closer_to_its_own_teacher_than_without_it(taught, data, tmp_path):
    long = {"epochs": 12, "milestones": [], "crops_per_epoch": 2}
    student = small("image-only-distilled", loss={"teacher": 20.0}, **long)
    train(student, taught, [0], tmp_path / "student", workers=1)
    train(small("image-only", **long), data, [0], tmp_path / "alone", workers=1)
    teacher = load_detector(weights_file(taught.teacher, 0, "validation"), default_device())
    streams = open_streams(data.streams, ("rgb", "motion"), "test")
    names = list(read_tests(data))
    said = torch.cat(list(teacher.score(streams, names).segments.values()))[:, 0].numpy()
    distance = {
        name: np.abs(scores(tmp_path / name, 0)[-1, :, 0] - said).mean()
        for name in ("student", "alone")
    }
    assert distance["student"] < distance["alone"]


def read_tests(data: TrainData) -> list[str]:
    rows = data.manifest.read_text().splitlines()
    names = [row.split(",") for row in rows[1:]]
    return [row[0] for row in names if "test" in row]


def test_without_weight_on_its_teacher_a_student_is_image_only_to_the_last_bit(
    taught, data, tmp_path
):
    student = small("image-only-distilled", epochs=2, loss={"teacher": 0.0})
    train(student, taught, [0], tmp_path / "student", workers=1)
    train(small("image-only", epochs=2), data, [0], tmp_path / "alone", workers=1)
    np.testing.assert_array_equal(scores(tmp_path / "student", 0), scores(tmp_path / "alone", 0))


def test_each_seed_learns_from_the_same_seed_of_its_teacher(taught, tmp_path):
    train(TAUGHT, taught, [0, 1], tmp_path / "both", workers=1)
    swapped = tmp_path / "swapped"
    for seed, other in ((0, 1), (1, 0)):
        target = weights_file(swapped, seed, "validation")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(weights_file(taught.teacher, other, "validation").read_bytes())
    train(TAUGHT, replace(taught, teacher=swapped), [0], tmp_path / "other", workers=1)
    assert not np.array_equal(scores(tmp_path / "both", 0), scores(tmp_path / "other", 0))


def test_another_teacher_is_another_seed_and_the_same_one_is_reused(taught, tmp_path):
    store = tmp_path / "store"
    train(TAUGHT, taught, [0], tmp_path / "run", workers=1, store=store)
    train(TAUGHT, taught, [0], tmp_path / "again", workers=1, store=store)
    assert len(list(store.iterdir())) == 1
    other = tmp_path / "other"
    target = weights_file(other, 0, "validation")
    target.parent.mkdir(parents=True)
    target.write_bytes(weights_file(taught.teacher, 1, "validation").read_bytes())
    train(TAUGHT, replace(taught, teacher=other), [0], tmp_path / "run", workers=1, store=store)
    assert len(list(store.iterdir())) == 2


def test_a_teacher_of_another_width_is_one_clear_line(taught, tmp_path):
    indices = {}
    for role in ("rgb", "motion"):
        store = EmbeddingStore(taught.streams[role], torch.device("cpu"))
        wide = {name: np.repeat(store[name].numpy(), 2, axis=2) for name in store.lengths()}
        indices[role] = write_stream(tmp_path / role, wide)
    with pytest.raises(FusevadError, match="16 features; detector student-t learned from 8"):
        train(TAUGHT, replace(taught, streams=indices), [0], tmp_path / "run", workers=1)


def test_what_a_teacher_or_its_student_lacks_is_one_clear_line(taught, data, tmp_path):
    with pytest.raises(FusevadError, match="'image-only-distilled' needs a teacher; name"):
        train(TAUGHT, data, [0], tmp_path, workers=1)
    with pytest.raises(FusevadError, match="'concat' takes no teacher; name none"):
        train(small("concat"), taught, [0], tmp_path, workers=1)
    with pytest.raises(FusevadError, match=r"seed-7-validation\.safetensors: .*seed 7 first"):
        train(TAUGHT, taught, [0, 7], tmp_path, workers=1)
    rgb = replace(taught, streams={"rgb": data.streams["rgb"]})
    with pytest.raises(FusevadError, match="needs stream motion too"):
        train(TAUGHT, rgb, [0], tmp_path, workers=1)
    assert not (tmp_path / "history.csv").exists()
