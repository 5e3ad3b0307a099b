"""Training with texts of classes: needed where they are read, and not after."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from fusevad.embed.store import default_device, open_streams
from fusevad.encoders.text import load_class_texts, save_class_texts
from fusevad.errors import FusevadError
from fusevad.evaluate.history import CLASS
from fusevad.evaluate.run import evaluate
from fusevad.evaluate.scoring import load_detector, weights_file
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.settings import TrainSettings, train_settings
from tests.made_up_texts import NAMES, class_texts
from tests.made_up_training import DIM, VALUES, write_training_data


def settings(**changes) -> TrainSettings:
    values = {key: value for key, value in VALUES.items() if key != "model"}
    return train_settings(values | {"method": "vadclip", "epochs": 2} | changes, "test")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    return write_training_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(settings(), data, [0], folder, workers=1)
    evaluate(folder, data.manifest, data.manifest.with_name("intervals.csv"), "AUC")
    return folder


def test_scores_have_a_probability_of_each_class_that_sum_to_one(run):
    scores = pd.read_parquet(run / "scores.parquet")
    sums = scores[[f"{CLASS}{name}" for name in NAMES]].sum(axis=1)
    np.testing.assert_allclose(sums, 1.0, atol=1e-5)


def test_a_seeds_weights_say_the_same_again_without_the_text_tower(run, data):
    detector = load_detector(weights_file(run, 0, "last"), default_device())
    streams = open_streams(data.streams, ("rgb",), "test")
    tests = list(pd.read_parquet(run / "scores.parquet")["video"].drop_duplicates())
    again = torch.cat(list(detector.score(streams, tests).segments.values()))
    last = load_file(run / "epoch-scores.safetensors")["seed-0"][-1]
    assert torch.equal(again, last)


def test_texts_that_are_not_named_are_one_line(data, tmp_path):
    with pytest.raises(FusevadError, match="'vadclip' learns texts of classes; name their file"):
        train(settings(), replace(data, texts=None), [0], tmp_path, workers=1)


def test_texts_that_lack_a_class_of_the_manifest_are_one_line(data, tmp_path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(data.manifest.read_text().replace(",fire,", ",robbery,"))
    other = replace(data, manifest=manifest)
    with pytest.raises(FusevadError, match=r"texts\.safetensors: no text of class robbery of"):
        train(settings(), other, [0], tmp_path / "run", workers=1)


def test_without_language_none_are_needed(data, tmp_path):
    alone = settings(model={"language": False})
    train(alone, replace(data, texts=None), [0], tmp_path, workers=1)
    assert load_file(tmp_path / "epoch-scores.safetensors")["seed-0"].shape[-1] == 1


def test_other_texts_are_another_seed(data, tmp_path):
    store = tmp_path / "store"
    train(settings(epochs=1), data, [0], tmp_path / "first", 1, store=store)
    texts = class_texts(DIM)
    save_class_texts(replace(texts, tokens=2 * texts.tokens), tmp_path / "other.safetensors")
    other = replace(data, texts=tmp_path / "other.safetensors")
    train(settings(epochs=1), other, [0], tmp_path / "second", 1, store=store)
    assert len(list(store.iterdir())) == 2


def test_texts_are_kept_as_float16(tmp_path):
    texts = class_texts(DIM)
    save_class_texts(texts, tmp_path / "texts.safetensors")
    found = load_class_texts(tmp_path / "texts.safetensors", torch.device("cpu"))
    assert torch.equal(found.tokens, texts.tokens.half().float())
    assert (found.classes, found.lengths) == (texts.classes, texts.lengths)
