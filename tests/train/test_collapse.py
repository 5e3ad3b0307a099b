"""The warning of a seed whose scores differ between videos and not within them."""

import numpy as np
import pandas as pd
import pytest

from fusevad.evaluate.metrics import within_share
from fusevad.train import run
from tests.made_up_training import small, write_training_data


def test_the_within_share_is_that_of_an_analysis_of_variance():
    videos = list(np.random.default_rng(0).random((6, 20)) + np.arange(6)[:, None] / 10)
    pooled = np.concatenate(videos)
    means = np.repeat([video.mean() for video in videos], 20)
    assert within_share(videos) == pytest.approx((pooled - means).var() / pooled.var())


def test_scores_that_are_all_equal_have_collapsed():
    assert within_share([np.full(5, 0.5), np.full(3, 0.5)]) == 0


def test_training_records_the_share_and_warns_of_seeds_below_the_limit(
    tmp_path, capsys, monkeypatch
):
    data = write_training_data(tmp_path)
    monkeypatch.setattr(run, "COLLAPSED", 0)
    run.train(small("concat"), data, [0], tmp_path / "run", workers=1)
    shares = pd.read_csv(tmp_path / "run" / "history.csv")["within_share"]
    assert shares.between(0, 1).all()
    assert "collapsed" not in capsys.readouterr().err
    monkeypatch.setattr(run, "COLLAPSED", 1)
    run.train(small("concat"), data, [0], tmp_path / "run", workers=1)
    assert f"seed 0: only {shares.iloc[-1]:.0%} of the variance" in capsys.readouterr().err
