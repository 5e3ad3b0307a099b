"""The verb `localise` on a run made by hand: events by class, and the classes of videos."""

import numpy as np
import pandas as pd
import pytest

from fusevad.errors import FusevadError
from fusevad.evaluate.localise import localise, video_class
from tests.made_up_tables import write_table

CLASSES = ("normal", "chase", "fire")
# What is most probable in the five segments of each test video.
SAID = {
    "calm": ["normal"] * 5,
    "burning": ["normal", "fire", "fire", "normal", "normal"],
    "both": ["chase", "chase", "normal", "normal", "normal"],
}


def write_run(folder, columns=CLASSES):
    kinds = {"calm": "normal", "burning": "fire", "both": "fire;chase"}
    videos = [
        [name, f"{name}.mp4", "test", kind, 80, 20.0, 320, 240, "0" * 64]
        for name, kind in kinds.items()
    ]
    intervals = [["burning", "fire", 16, 48], ["both", "fire", 0, 32], ["both", "chase", 0, 32]]
    write_table(folder, "manifest", videos)
    write_table(folder, "intervals", intervals)
    rows = []
    for name, said in SAID.items():
        for t, best in enumerate(said):
            row = {"seed": 0, "protocol": "last", "video": name, "segment": t, "start": 16 * t}
            shares = {f"class_{c}": 0.8 if c == best else 0.1 for c in columns}
            rows.append(row | {"end": 16 * t + 16, "score": float(best != "normal")} | shares)
    pd.DataFrame(rows).to_parquet(folder / "scores.parquet", index=False)


def run(folder):
    localise(folder, folder / "manifest.csv", folder / "intervals.csv", normal_events=True)
    events = pd.read_csv(folder / "localisation.csv")
    assert set(events["seed"]) == {0} and set(events["protocol"]) == {"last"}
    return events.set_index(["counting", "class", "iou"])["value"]


def test_events_by_class_are_those_that_overlap(tmp_path):
    write_run(tmp_path)
    values = run(tmp_path)
    # The fire of `burning` and the chase of `both` are found exactly, the fire of `both` is not.
    assert values["ours", "fire", 0.5] == pytest.approx(1 / 2)
    assert values["ours", "chase", 0.5] == 1
    assert values["ours", "mean", 0.5] == pytest.approx(3 / 4)
    # Nothing stands out in `calm`, so the event that it is as a whole is not found.
    assert values["released", "normal", 0.1] == 0
    assert values["released", "mean", 0.1] == pytest.approx((0 + 1 + 1 / 2) / 3)


def test_a_video_of_two_classes_counts_half_in_each(tmp_path):
    write_run(tmp_path)
    run(tmp_path)
    table = pd.read_csv(tmp_path / "confusion.csv").set_index(["class", "predicted"])["videos"]
    expected = {
        ("normal", "normal"): 1.0,
        ("fire", "fire"): 1.0,
        ("fire", "chase"): 0.5,
        ("chase", "chase"): 0.5,
    }
    assert table.to_dict() == expected


def test_a_videos_class_is_that_of_its_highest_segments():
    scores = np.linspace(0, 1, 32)  # the three last ones count
    p = {"normal": np.full(32, 0.4), "fire": np.where(np.arange(32) > 28, 0.5, 0.0)}
    assert video_class(scores, p) == "fire"
    assert video_class(-scores, p) == "normal"


def test_rows_in_another_order_are_the_same_scores(tmp_path):
    write_run(tmp_path)
    expected = run(tmp_path)
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    scores.sample(frac=1, random_state=1).to_parquet(tmp_path / "scores.parquet", index=False)
    pd.testing.assert_series_equal(run(tmp_path), expected)


def test_scores_of_a_part_of_a_video_are_one_line(tmp_path):
    write_run(tmp_path)
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    scores[scores["segment"] < 3].to_parquet(tmp_path / "scores.parquet", index=False)
    with pytest.raises(FusevadError, match="not the test videos of"):
        run(tmp_path)


def test_events_are_not_judged_where_no_interval_is_known(tmp_path):
    write_run(tmp_path)
    write_table(tmp_path, "intervals")
    with pytest.raises(FusevadError, match=r"intervals\.csv: no intervals of the anomalous test"):
        run(tmp_path)


def test_a_run_without_classes_is_one_line(tmp_path):
    write_run(tmp_path, columns=())
    with pytest.raises(FusevadError, match="no probabilities of classes; choose a method"):
        run(tmp_path)


def test_scores_of_other_videos_are_one_line(tmp_path):
    write_run(tmp_path)
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    scores[scores["video"] != "calm"].to_parquet(tmp_path / "scores.parquet", index=False)
    with pytest.raises(FusevadError, match="not the test videos of"):
        run(tmp_path)
    (tmp_path / "scores.parquet").unlink()
    with pytest.raises(FusevadError, match="no such file; evaluate the run first"):
        run(tmp_path)
