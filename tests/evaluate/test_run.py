"""Evaluation of a run's files, without a detector."""

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from fusevad.errors import FusevadError
from fusevad.evaluate.history import COLUMNS, SCORE, WEIGHT
from fusevad.evaluate.run import evaluate
from tests.made_up_tables import write_table

FRAMES, SEGMENTS, EPOCHS = 40, 3, 4
NAMES = {COLUMNS: f"{SCORE},{WEIGHT}rgb,{WEIGHT}motion"}


@pytest.fixture
def run(tmp_path):
    """Two seeds on a normal and on an anomalous video; metrics of each epoch differ."""
    names = [("calm", "normal"), ("brawl", "fight")]
    rows = [(k, f"{k}.mp4", "test", label, FRAMES, 15, 320, 240, "0") for k, label in names]
    write_table(tmp_path, "manifest", rows)
    generator = np.random.default_rng(0)
    scores = {
        f"seed-{k}": generator.random((EPOCHS, 2 * SEGMENTS, 3), np.float32) for k in range(2)
    }
    save_file(scores, tmp_path / "epoch-scores.safetensors", NAMES)
    history = [
        {"seed": k, "epoch": epoch, "validation_auc": 0.5, "validation_loss": 0.1}
        for k in range(2)
        for epoch in range(EPOCHS)
    ]
    pd.DataFrame(history).to_csv(tmp_path / "history.csv", index=False)
    return tmp_path


def evaluated(run, main_metric="AUC"):
    evaluate(run, run / "manifest.csv", run / "intervals.csv", main_metric)
    return pd.read_csv(run / "seeds.csv")


def test_anomalies_throughout_their_videos_leave_ano_metrics_empty_and_others_whole(run):
    write_table(run, "intervals", [("brawl", "fight", 0, FRAMES)])
    seeds = evaluated(run)
    undefined = seeds["metric"].str.startswith("Ano-")
    assert undefined.sum() == 2 * 3 * 2
    assert seeds.loc[undefined, "value"].isna().all()
    assert seeds.loc[~undefined, "value"].notna().all()


def test_a_main_metric_that_the_test_split_leaves_undefined_ends_before_anything_is_written(run):
    write_table(run, "intervals", [("brawl", "fight", 0, FRAMES)])
    with pytest.raises(FusevadError, match=r"manifest\.csv: Ano-AUC, .* is undefined"):
        evaluated(run, "Ano-AUC")
    assert not (run / "seeds.csv").exists()
    assert not (run / "scores.parquet").exists()


def test_scores_keep_their_segments_and_the_frames_of_these(run):
    write_table(run, "intervals", [("brawl", "fight", 5, 9)])
    evaluated(run)
    scores = pd.read_parquet(run / "scores.parquet")
    assert len(scores) == 2 * 3 * 2 * SEGMENTS
    first = scores.head(2 * SEGMENTS)
    assert first["video"].tolist() == ["calm"] * 3 + ["brawl"] * 3
    assert first["segment"].tolist() == [0, 1, 2] * 2
    assert first["start"].tolist() == [0, 16, 32] * 2
    assert first["end"].tolist() == [16, 32, 40] * 2


def test_scores_of_another_manifest_are_named(run):
    write_table(run, "intervals", [("brawl", "fight", 5, 9)])
    scores = np.zeros((EPOCHS, 5, 3), np.float32)
    save_file({"seed-0": scores}, run / "epoch-scores.safetensors", NAMES)
    with pytest.raises(FusevadError, match="scores of 5 test segments, but the manifest has 6"):
        evaluated(run)


def test_no_protocol_chooses_an_epoch_of_the_warm_up(run):
    write_table(run, "intervals", [("brawl", "fight", 16, 32)])
    # Epoch 0 is perfect on the test videos; the epochs after it are worse and worse.
    truth = np.array([0, 0, 0, 0, 1, 0], np.float32)
    ranks = np.linspace(0.1, 0.6, 6, dtype=np.float32)
    epochs = [truth, ranks, ranks[::-1], 1 - truth]
    scores = np.repeat(np.stack(epochs)[:, :, None], 3, axis=2)
    save_file({f"seed-{k}": scores for k in range(2)}, run / "epoch-scores.safetensors", NAMES)
    assert oracle_epochs(run) == {0}
    history = pd.read_csv(run / "history.csv")
    warm_up = (history["epoch"] == 0).astype(int)
    history.assign(warm_up=warm_up).to_csv(run / "history.csv", index=False)
    assert oracle_epochs(run) == {1}


def oracle_epochs(run) -> set[int]:
    seeds = evaluated(run)
    return set(seeds.loc[seeds["protocol"] == "oracle", "epoch"])


@pytest.mark.parametrize(
    ("place", "column", "value", "message"),
    [
        (1, "validation_auc", 7, "seed 0: epoch 1: a validation AUC of 7"),
        (1, "epoch", 1.5, "column epoch: not all whole numbers"),
        (1, "epoch", None, "seed 0: epoch nan"),
        (1, "validation_auc", None, "seed 0: epoch 1: a validation AUC of nan"),
        (slice(0, 3), "validation_auc", None, "seed 0: epoch 0: a validation AUC of nan"),
        (1, "validation_loss", None, "seed 0: epoch 1: a validation loss of nan"),
        (1, "validation_loss", -1, "seed 0: epoch 1: a validation loss of -1"),
        (1, "within_share", 2, "seed 0: epoch 1: a within_share of 2"),
        (1, "within_share", "much", "seed 0: must be real number"),
        (slice(0, 3), "warm_up", 1, "seed 0: no epoch after the warm-up"),
        (3, "epoch", 2, "seed 0: 4 epochs, but scores of 4"),
        (3, "seed", 2, "seed 0: 3 epochs, but scores of 4"),
    ],
)
def test_a_history_that_does_not_fit_its_scores_chooses_no_epoch(
    run, place, column, value, message
):
    write_table(run, "intervals", [("brawl", "fight", 5, 9)])
    history = pd.read_csv(run / "history.csv").astype(object)
    history.loc[place, column] = value
    history.to_csv(run / "history.csv", index=False)
    with pytest.raises(FusevadError, match=rf"history\.csv: {message}"):
        evaluated(run)
    assert not (run / "seeds.csv").exists()


def test_a_seed_with_scores_and_no_history_is_not_left_out_in_silence(run):
    write_table(run, "intervals", [("brawl", "fight", 5, 9)])
    history = pd.read_csv(run / "history.csv")
    history[history["seed"] == 0].to_csv(run / "history.csv", index=False)
    with pytest.raises(FusevadError, match=r"history\.csv: no seed-1; train this run again"):
        evaluated(run)


def test_without_intervals_a_run_is_judged_by_the_training_videos_that_each_seed_held_out(run):
    write_table(run, "intervals", [])
    history = pd.read_csv(run / "history.csv")
    aucs = [0.5, 0.9, 0.6, 0.7, 0.4, 0.3, 0.2, 0.8]
    history.assign(validation_auc=aucs).to_csv(run / "history.csv", index=False)
    seeds = evaluated(run, "Video-AUC")
    found = seeds[seeds["metric"] == "Video-AUC"].set_index(["seed", "protocol"])["value"]
    assert found.to_dict() == {
        (0, "last"): 0.7,
        (0, "validation"): 0.9,
        (1, "last"): 0.8,
        (1, "validation"): 0.8,
    }
    assert seeds.loc[seeds["metric"] != "Video-AUC", "value"].isna().all()
    assert pd.read_csv(run / "classes.csv").empty
    assert set(pd.read_parquet(run / "scores.parquet")["protocol"]) == {"last", "validation"}


@pytest.mark.parametrize(
    ("scores", "columns", "message"),
    [
        (np.full((EPOCHS, 6, 3), np.nan, np.float32), NAMES[COLUMNS], "scores outside"),
        (np.full((EPOCHS, 6, 3), 1.5, np.float32), NAMES[COLUMNS], "scores outside"),
        (np.full((EPOCHS, 6, 3), 1, np.uint8), NAMES[COLUMNS], "no scores by epoch"),
        (np.full((EPOCHS, 6), 0.5, np.float32), NAMES[COLUMNS], "no scores by epoch"),
        (np.full(4, 0.5, np.float32), NAMES[COLUMNS], "no scores by epoch"),
        (np.full((EPOCHS, 6, 2), 0.5, np.float32), NAMES[COLUMNS], "no scores by epoch"),
        (np.full((EPOCHS, 6, 2), 0.5, np.float32), "weight_rgb,score", "columns weight_rgb, score"),
        (np.full((EPOCHS, 6, 2), 0.5, np.float32), "score,score", "columns score, score"),
    ],
)
def test_what_is_no_scores_is_one_line(run, scores, columns, message):
    write_table(run, "intervals", [("brawl", "fight", 5, 9)])
    file = run / "epoch-scores.safetensors"
    save_file({"seed-0": scores, "seed-1": scores}, file, {COLUMNS: columns})
    with pytest.raises(FusevadError, match=rf"epoch-scores\.safetensors: seed-\d: {message}"):
        evaluated(run)
