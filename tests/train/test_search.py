"""The search of a learning rate: what it chooses by, and that nothing of the test is in it."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import TrainedDetector
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.search import choose, chosen_learning_rate, search_learning_rate
from tests.made_up_training import small, write_training_data

SETTINGS = small("image-only", epochs=2)


@pytest.fixture
def data(tmp_path) -> TrainData:
    return replace(write_training_data(tmp_path / "data"), tests=False)


def searched(data: TrainData, folder: Path, *rates: float) -> pd.DataFrame:
    candidates = [replace(SETTINGS, learning_rate=rate) for rate in rates or (1e-5, 3e-3)]
    search_learning_rate(candidates, data, [7, 8], folder / "rates.csv", folder / "store", 1)
    return pd.read_csv(folder / "rates.csv")


def without_tests(data: TrainData, folder: Path) -> TrainData:
    """The same data whose manifest has lost its test videos."""
    rows = data.manifest.read_text().splitlines(keepends=True)
    folder.mkdir()
    (folder / "manifest.csv").write_text("".join(row for row in rows if ",test," not in row))
    return replace(data, manifest=folder / "manifest.csv")


def test_every_candidate_is_judged_by_every_seed_at_the_epoch_that_validation_chooses(
    data, tmp_path
):
    table = searched(data, tmp_path)
    assert list(zip(table.learning_rate, table.seed, strict=True)) == [
        (1e-5, 7),
        (1e-5, 8),
        (3e-3, 7),
        (3e-3, 8),
    ]
    for row in table.itertuples():
        alone = tmp_path / f"alone-{row.Index}"
        rate = replace(SETTINGS, learning_rate=row.learning_rate)
        train(rate, replace(data, tests=True), [row.seed], alone, workers=1)
        history = pd.read_csv(alone / "history.csv")
        # Scoring the test videos or not changes nothing of the training.
        expected = history.loc[history.validation_auc.idxmax()]
        assert row.validation_auc == expected.validation_auc
    means = table.groupby("learning_rate").validation_auc.mean()
    (best,) = table[table.chosen].learning_rate.unique()
    assert means[best] == means.max()
    assert chosen_learning_rate(tmp_path / "rates.csv") == best


def test_a_search_gives_the_same_bytes_without_any_test_video(data, tmp_path):
    searched(data, tmp_path / "with")
    searched(without_tests(data, tmp_path / "fewer"), tmp_path / "without")
    files = [tmp_path / name / "rates.csv" for name in ("with", "without")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_search_asks_no_detector_for_the_score_of_a_test_video(data, tmp_path, monkeypatch):
    asked = tmp_path / "asked.txt"
    original = TrainedDetector.score

    def noted(self, streams, videos):
        with asked.open("a") as file:  # of other processes
            file.writelines(f"{video}\n" for video in videos)
        return original(self, streams, videos)

    monkeypatch.setattr(TrainedDetector, "score", noted)
    searched(data, tmp_path)
    manifest = pd.read_csv(data.manifest).set_index("video")
    assert set(manifest.loc[asked.read_text().split(), "split"]) == {"train"}
    with pytest.raises(FusevadError, match="test videos must not choose"):
        searched(replace(data, tests=True), tmp_path)


def test_seeds_of_a_search_are_no_seeds_of_a_run_and_are_trained_once(data, tmp_path):
    searched(data, tmp_path)
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "store").glob("*/seed-?.json")}
    assert len(kept) == 4
    searched(data, tmp_path)
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    # A run with the same settings and seed has scores of the tests, which the search has not.
    rate = replace(SETTINGS, learning_rate=3e-3)
    run = replace(data, tests=True)
    train(rate, run, [7], tmp_path / "run", workers=1, store=tmp_path / "store")
    assert len(list((tmp_path / "store").glob("*/seed-?.json"))) == 5


def test_of_equal_candidates_the_one_with_the_lower_loss_is_chosen():
    table = pd.DataFrame(
        {
            "learning_rate": [0.1, 0.1, 0.2, 0.2, 0.3, 0.3],
            "validation_auc": [1.0, 0.8, 0.8, 1.0, 0.7, 1.0],
            "validation_loss": [0.5, 0.5, 0.4, 0.4, 0.1, 0.1],
        }
    )
    assert choose(table) == 0.2


def test_a_candidate_that_diverges_is_noted_and_never_chosen(data, tmp_path):
    table = searched(data, tmp_path, 1e-3, 1e30)
    diverged = table[table.learning_rate == 1e30]
    assert diverged.validation_auc.isna().all()
    assert len(diverged) == 2
    assert chosen_learning_rate(tmp_path / "rates.csv") == 1e-3
    with pytest.raises(FusevadError, match="diverged with every learning rate"):
        searched(data, tmp_path, 1e30)


@pytest.mark.parametrize("chosen", [[False, False], [True, True]])
def test_a_table_that_chooses_none_or_two_is_one_clear_line(tmp_path, chosen):
    path = tmp_path / "rates.csv"
    columns = {"seed": 0, "epoch": 0, "validation_auc": 0.5, "validation_loss": 0.5}
    pd.DataFrame({"learning_rate": [0.1, 0.2], **columns, "chosen": chosen}).to_csv(path)
    with pytest.raises(FusevadError, match="not one; search again"):
        chosen_learning_rate(path)


def test_an_empty_cell_chooses_no_learning_rate(tmp_path):
    text = "learning_rate,seed,epoch,validation_auc,validation_loss,chosen\n0.1,0,0,.5,.5,\n"
    (tmp_path / "rates.csv").write_text(text)
    with pytest.raises(FusevadError, match=r"rates\.csv: column chosen"):
        chosen_learning_rate(tmp_path / "rates.csv")
