"""Scores of a run in the order of the test videos."""

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from fusevad.data.truth import LabelledVideo
from fusevad.errors import FusevadError
from fusevad.evaluate.score_table import read_score_table
from fusevad.report.scored_videos import segment_scores


def video(name, frames):
    return LabelledVideo(name, np.zeros(frames, dtype=bool), ())


def write_scores(folder, rows):
    columns = ["seed", "protocol", "video", "segment", "start", "end", "score"]
    frame = pd.DataFrame(rows, columns=columns).assign(weight_rgb=0.5, weight_motion=0.5)
    frame.to_parquet(folder / "scores.parquet", index=False)


def test_scores_come_in_the_order_of_the_videos_not_of_the_file(tmp_path):
    videos = [video("b", 20), video("a", 10)]
    rows = [
        (seed, protocol, name, segment, 0, 0, seed / 2 + value)
        for seed in (1, 0)
        for protocol in ("oracle", "last")
        for name, segment, value in (("a", 0, 0.1), ("b", 1, 0.3), ("b", 0, 0.2))
    ]
    write_scores(tmp_path, rows)
    seeds, scores = segment_scores(tmp_path, "last", videos)
    assert seeds == [0, 1]
    np.testing.assert_allclose(scores, [[0.2, 0.3, 0.1], [0.7, 0.8, 0.6]])


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (["c"], "0 segments of video a, expected 1"),
        (["a", "c"], "1 segments of video c"),
        (["a", "a"], "2 segments of video a"),
    ],
)
def test_scores_of_other_videos_are_refused_by_name(tmp_path, names, wrong):
    rows = [
        (0, "last", name, names[:place].count(name), 0, 10, 0.5) for place, name in enumerate(names)
    ]
    write_scores(tmp_path, rows)
    with pytest.raises(FusevadError, match=wrong):
        segment_scores(tmp_path, "last", [video("a", 10)])


@pytest.mark.parametrize("column", ["seed", "score"])
def test_scores_that_lack_a_column_are_one_line(tmp_path, column):
    write_scores(tmp_path, [(0, "last", "a", 0, 0, 10, 0.5)])
    file = tmp_path / "scores.parquet"
    pd.read_parquet(file).drop(columns=column).to_parquet(file, index=False)
    with pytest.raises(FusevadError, match=r"scores\.parquet: not the scores of a run"):
        segment_scores(tmp_path, "last", [video("a", 10)])


def test_damaged_scores_are_one_line(tmp_path):
    write_scores(tmp_path, [(0, "last", "a", 0, 0, 10, 0.5)])
    file = tmp_path / "scores.parquet"
    content = file.read_bytes()
    for damaged in (b"", b"PAR1", content[:-9], content[: len(content) // 2], bytes(len(content))):
        file.write_bytes(damaged)
        with pytest.raises(FusevadError, match=r"scores\.parquet: unreadable scores"):
            segment_scores(tmp_path, "last", [video("a", 10)])


def test_more_rows_than_any_run_has_are_refused_before_they_are_in_memory(tmp_path, monkeypatch):
    """Equal values take a few bytes, however many there are."""
    write_scores(tmp_path, [(0, "last", "a", 0, 0, 10, 0.5)] * 30)
    monkeypatch.setattr("fusevad.evaluate.score_table._MOST_ROWS", 20)
    monkeypatch.setattr(pd, "read_parquet", None)
    with pytest.raises(FusevadError, match="not the scores of a run"):
        segment_scores(tmp_path, "last", [video("a", 10)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": ["0.5", "0.5"]}, "column score of type (large_)?string"),
        ({"score": [0.5, float("nan")]}, "outside 0..1, or an empty cell"),
        ({"score": [0.5, 7.0]}, "outside 0..1, or an empty cell"),
        ({"video": [None, "a"]}, "outside 0..1, or an empty cell"),
        ({"seed": [0.5, 0.5]}, "column seed of type double"),
        ({"seed": [[0], [0]]}, "column seed of type list"),
        ({"segment": [0, 0]}, "video a: segments are missing or there twice"),
        ({"segment": [-1, 0]}, "video a: segments are missing or there twice"),
        ({"more": ["x", "x"]}, "column more of type (large_)?string"),
    ],
    ids=lambda value: "".join(value) if isinstance(value, dict) else "",
)
def test_scores_with_a_fitting_hash_and_other_content_are_one_line(tmp_path, changes, message):
    rows = [(0, "last", "a", segment, 0, 10, 0.5) for segment in range(2)]
    write_scores(tmp_path, rows)
    file = tmp_path / "scores.parquet"
    pd.read_parquet(file).assign(**changes).to_parquet(file, index=False)
    with pytest.raises(FusevadError, match=message) as error:
        read_score_table(file, "protocol")
    assert "\n" not in str(error.value)


def test_a_name_of_a_hundred_megabytes_is_refused_before_it_is_in_memory(tmp_path, monkeypatch):
    table = pyarrow.table(
        {"seed": [0], "protocol": ["last"], "video": ["a" * (150 << 20)], "segment": [0]}
        | {"start": [0], "end": [16], "score": [0.5]}
    )
    parquet.write_table(table, tmp_path / "scores.parquet", compression="zstd")
    assert (tmp_path / "scores.parquet").stat().st_size < 1 << 20
    monkeypatch.setattr(pd, "read_parquet", None)
    with pytest.raises(FusevadError, match="longer texts"):
        read_score_table(tmp_path / "scores.parquet", "protocol")
