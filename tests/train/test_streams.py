"""Streams that only training needs, of other widths and without crops."""

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from fusevad.embed.store import EmbeddingStore, default_device, open_streams
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import load_detector, weights_file
from fusevad.models.base import Blueprint, Detector
from fusevad.models.losses import video_loss
from fusevad.models.output import Batch, Output
from fusevad.models.registry import METHODS, Method
from fusevad.train.run import train
from tests.made_up_embeddings import write_stream
from tests.made_up_training import DIM, small, write_training_data

SOUND = 3


class Listening(Detector):
    """Scores RGB; learns to tell the sound, which it has in training alone."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        self.classifier = nn.Linear(self.widths["rgb"], 1)
        self.sound = nn.Linear(self.widths["rgb"], self.widths["audio"])

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> Output:
        return Output(self.classifier(streams["rgb"]).squeeze(-1))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        assert set(batch.streams) == {"rgb", "audio"}
        assert all(
            bool(label) == bool(names)
            for label, names in zip(batch.labels, batch.classes, strict=True)
        )
        error = self.sound(batch.streams["rgb"]) - batch.streams["audio"]
        heard = error[batch.mask].square().mean()
        return {"classification": video_loss(output, batch, self.loss), "sound": heard}


@pytest.fixture
def listening(monkeypatch):
    line = Method(f"{__name__}:Listening", ("rgb",), learns_from=("audio",))
    monkeypatch.setitem(METHODS, "listening", line)
    return small("listening", epochs=1, model={})


def with_sound(folder):
    """The made-up data, and sound of three features without crops."""
    data = write_training_data(folder)
    rgb = EmbeddingStore(data.streams["rgb"], torch.device("cpu"))
    names = [line.split(",")[0] for line in data.manifest.read_text().splitlines()[1:]]
    tensors = {
        name: np.random.default_rng(0).normal(size=(len(rgb[name]), 1, SOUND)).astype(np.float16)
        for name in names
    }
    streams = {"rgb": data.streams["rgb"], "audio": write_stream(folder / "audio", tensors)}
    return data, streams


def test_a_stream_that_only_training_needs_is_not_asked_for_at_test(listening, tmp_path):
    data, streams = with_sound(tmp_path / "data")
    train(listening, type(data)(data.manifest, streams), [0], tmp_path / "run", workers=1)
    assert "loss_sound" in (tmp_path / "run" / "history.csv").read_text()
    detector = load_detector(weights_file(tmp_path / "run", 0, "last"), default_device())
    assert detector.model.widths == {"rgb": DIM, "audio": SOUND}
    rgb = open_streams(streams, ("rgb",), "test")
    scores = detector.score(rgb, ["fire_20"])
    assert scores.columns == ("score",)
    assert scores.segments["fire_20"].shape == (rgb.length("fire_20"), 1)


def test_without_it_training_is_one_clear_line(listening, tmp_path):
    data, streams = with_sound(tmp_path / "data")
    alone = type(data)(data.manifest, {"rgb": streams["rgb"]})
    with pytest.raises(FusevadError, match="'listening' needs stream audio too"):
        train(listening, alone, [0], tmp_path / "run", workers=1)


def test_embeddings_of_another_width_than_the_detector_learned_are_one_clear_line(
    listening, tmp_path
):
    data, streams = with_sound(tmp_path / "data")
    train(listening, type(data)(data.manifest, streams), [0], tmp_path / "run", workers=1)
    detector = load_detector(weights_file(tmp_path / "run", 0, "last"), torch.device("cpu"))
    other = open_streams({"rgb": streams["audio"]}, ("rgb",), "test")
    with pytest.raises(FusevadError, match=r"3 features; detector listening learned from 8"):
        detector.score(other, ["fire_20"])
    beyond = replace(detector, settings=replace(detector.settings, test_crops=(0, 5)))
    own = open_streams({"rgb": streams["rgb"]}, ("rgb",), "test")
    with pytest.raises(FusevadError, match="2 crops, without number 5 of test_crops"):
        beyond.score(own, ["fire_20"])


@pytest.mark.parametrize(
    "about",
    [
        [],
        {"settings": 1, "widths": {}},
        {"settings": {}, "widths": {}},
        {"settings": {"method": "gating"}, "widths": {"rgb": "x", "motion": 4}},
        {"settings": {"method": "gating"}, "widths": {"rgb": 10**9, "motion": 10**9}},
        {"settings": {"method": "gating"}, "widths": {"rgb": 65536, "motion": 65536}},
        {"settings": {"method": "gating"}, "widths": {"rgb": 8, "motion": 8}},
        {"settings": {"method": "gating", "model": {"layers": 10**9}}, "widths": {"rgb": 8}},
        {
            "settings": {"method": "student-t", "model": {"refinement_steps": 10**9}},
            "widths": {"rgb": 8, "motion": 8},
        },
    ],
)
def test_weights_of_others_are_one_line_and_no_gigabytes(tmp_path, about):
    file = tmp_path / "seed-0-last.safetensors"
    file.write_bytes(save({"x": torch.zeros(1)}, {"detector": json.dumps(about)}))
    with pytest.raises(FusevadError, match=r"seed-0-last\.safetensors: ") as error:
        load_detector(file, torch.device("cpu"))
    assert "\n" not in str(error.value)
