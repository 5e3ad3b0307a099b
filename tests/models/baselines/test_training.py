"""Every baseline learns in the trainer that knows no method."""

import pytest
from safetensors.torch import load_file

from fusevad.csv_tables import read_csv
from fusevad.models.registry import METHODS
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.settings import train_settings
from tests.made_up_training import VALUES, write_training_data

BASELINES = sorted(
    name for name, method in METHODS.items() if ".baselines." in method.implementation
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    return write_training_data(tmp_path_factory.mktemp("training"))


@pytest.mark.slow
@pytest.mark.parametrize("method", BASELINES)
def test_a_baseline_lowers_its_loss_and_tells_segments_apart(method, data, tmp_path):
    values = {key: value for key, value in VALUES.items() if key != "model"}
    settings = train_settings(values | {"method": method, "epochs": 8, "milestones": []}, "test")
    train(settings, data, [0], tmp_path / method, workers=1)
    losses = read_csv(tmp_path / method / "history.csv", ["loss"])["loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    scores = load_file(tmp_path / method / "epoch-scores.safetensors")["seed-0"][-1, :, 0]
    assert scores.min() >= 0 and scores.max() <= 1 and scores.std() > 0.01
