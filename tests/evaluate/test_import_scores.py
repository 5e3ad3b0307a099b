"""Scores of other people's detectors: every form of file, judged on frames, or one clear line."""

import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from fusevad.data.truth import LabelledVideo
from fusevad.errors import FusevadError
from fusevad.evaluate.imported.reading import read_scores
from fusevad.evaluate.imported.settings import ScoreSettings
from fusevad.files import sha256
from tests.made_up_scores import (
    BY_FRAME,
    BY_SEGMENT,
    FRAMES,
    SEGMENTS,
    on_frames,
    repeated,
)


@pytest.mark.parametrize("form", ["{}.npy", "test/{}_i3d.npy", "{}__0.npy", "{}.csv", "{}.txt"])
def test_a_file_a_video_is_found_by_its_name(given, form):
    arrays = given.save(given.draw(SEGMENTS), form)
    assert given.judge(BY_SEGMENT) == pytest.approx(on_frames(repeated(arrays)), abs=1e-12)
    sources = pd.read_csv(given.out / "sources.csv").set_index("video")
    for name, length in SEGMENTS.items():
        row = sources.loc[name]
        assert (row.scores, row.frames) == (length, FRAMES[name])
        assert row.sha256 == sha256(given.scores / form.format(name))


@pytest.mark.parametrize("shape", [(-1, 1), (1, -1)])
def test_an_axis_of_one_is_no_axis(given, shape):
    arrays = given.draw(SEGMENTS)
    given.save({name: array.reshape(shape) for name, array in arrays.items()})
    assert given.judge(BY_SEGMENT) == pytest.approx(on_frames(repeated(arrays)))


def test_scores_of_single_frames_are_judged_frame_by_frame(given, capsys):
    arrays = given.save(given.draw(FRAMES))
    assert given.judge(BY_FRAME) == pytest.approx(on_frames(arrays), abs=1e-12)
    assert (
        "% by scores.parquet, with the mean of each segment of 16 frames" in capsys.readouterr().err
    )
    scores = pd.read_parquet(given.out / "scores.parquet")
    own = scores[(scores.video == "Abuse028_x264") & (scores.protocol == "last")]
    assert own.end.iloc[-1] == 100
    for row in own.itertuples():
        mean = arrays["Abuse028_x264"][row.start : row.end].mean()
        assert row.score == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("size", [8, 64])
def test_segments_may_have_other_lengths(given, size):
    lengths = {name: -(-frames // size) for name, frames in FRAMES.items()}
    arrays = given.save(given.draw(lengths))
    found = given.judge(ScoreSettings("per-segment", size))
    assert found == pytest.approx(on_frames(repeated(arrays, size)))


def test_a_missing_last_segment_takes_the_score_before_it(given):
    arrays = given.draw({name: count - 1 for name, count in SEGMENTS.items()})
    given.save(arrays)
    whole = {name: np.append(array, array[-1]) for name, array in arrays.items()}
    assert given.judge(BY_SEGMENT) == pytest.approx(on_frames(repeated(whole)))


def test_whole_segments_of_frames_are_cut_to_the_video(given):
    """As published code saves them: each score of a segment 16 times."""
    arrays = given.draw(SEGMENTS)
    given.save({name: array.repeat(16) for name, array in arrays.items()})
    assert given.judge(BY_FRAME) == pytest.approx(on_frames(repeated(arrays)))


OTHERS = dict(zip(FRAMES, reversed(FRAMES), strict=True))


ORDERS = {
    "paths of crops": "".join(f"/home/x/{name}__{n}.npy\n" for name in FRAMES for n in range(2)),
    "annotations": "".join(f"{name}.mp4  Abuse  1  20  -1  -1  \n" for name in reversed(FRAMES)),
    "a table": "path,label\n" + "".join(f"x/{name}_i3d.npy,Normal\n" for name in FRAMES),
    "all videos again for every crop": "".join(
        f"x/{name}__{n}.npy\n" for n in range(3) for name in FRAMES
    ),
    "folders with spaces": "".join(f"my own/x, y/{name}__0.npy\n" for name in FRAMES),
    "other videos' features, by spaces": "".join(
        f"{name}.mp4 x/{other}.npy\n" for name, other in OTHERS.items()
    ),
    "other videos' features, by commas": "".join(
        f"v/{name}.mp4,x/{other}.npy\n" for name, other in OTHERS.items()
    ),
    "other videos' features, by both": "".join(
        f"v\\{name}.mp4 x\\{other}.npy,Normal\n" for name, other in OTHERS.items()
    ),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("form", ["segments", "frames", "segments of frames"])
def test_one_array_has_all_videos_in_the_order_of_a_list(given, order, form):
    lengths = FRAMES if form == "frames" else SEGMENTS
    arrays = given.draw(lengths)
    names = list(reversed(FRAMES)) if order == "annotations" else list(FRAMES)
    repeats = 16 if form == "segments of frames" else 1
    given.scores.mkdir()
    np.save(given.scores / "all.npy", np.concatenate([arrays[n].repeat(repeats) for n in names]))
    (given.folder / "order.list").write_text(ORDERS[order])
    settings = ScoreSettings(
        "per-segment" if form == "segments" else "per-frame",
        order=str(given.folder / "order.list"),
    )
    expected = arrays if form == "frames" else repeated(arrays)
    assert given.judge(settings, given.scores / "all.npy") == pytest.approx(on_frames(expected))


def test_an_array_of_another_length_is_told_with_what_was_expected(given):
    given.scores.mkdir()
    np.save(given.scores / "all.npy", np.zeros(30))
    (given.folder / "order.list").write_text("\n".join(FRAMES))
    settings = ScoreSettings("per-segment", order=str(given.folder / "order.list"))
    message = given.error(settings, given.scores / "all.npy")
    assert "30 scores for the 3 videos" in message
    assert "expected 14 (with incomplete last segments), 12 (without)" in message


def test_a_video_shorter_than_a_segment_needs_a_score_for_each_of_its_frames(given):
    frames = FRAMES["Normal_Videos_003_x264"]
    for scores, wrong in ((1, True), (frames - 1, True), (frames, False), (64, False)):
        given.save(given.draw(FRAMES | {"Normal_Videos_003_x264": scores}))
        settings = ScoreSettings("per-frame", 64)
        if wrong:
            message = given.error(settings)
            assert f"Normal_Videos_003_x264 ({scores} scores, expected {frames} frames)" in message
        else:
            given.judge(settings)
            shutil.rmtree(given.out)


def test_an_array_that_fits_a_list_in_two_ways_is_cut_as_its_rows_say_or_not_at_all(tmp_path):
    """Frames are 10 + 22; whole segments of 16 frames without the rest are 16 + 16."""
    videos = [LabelledVideo(name, np.zeros(n, bool), ()) for name, n in (("a", 10), ("b", 22))]
    (tmp_path / "order.list").write_text("a\nb\n")
    settings = ScoreSettings("per-frame", order=str(tmp_path / "order.list"))
    values = np.arange(32) / 32
    np.save(tmp_path / "all.npy", values)
    with pytest.raises(FusevadError, match=r"fit the list in two ways \(frames; whole segm"):
        read_scores(tmp_path / "all.npy", videos, settings)
    for first in (10, 16):
        owners = ["a"] * first + ["b"] * (32 - first)
        table = pd.DataFrame({"video": owners, "score": values})
        table.to_csv(tmp_path / "all.csv", index=False)
        found = read_scores(tmp_path / "all.csv", videos, settings)
        assert found["a"].values.tolist() == values[:first].tolist()
        assert found["b"].values.tolist() == values[first:].tolist()


def test_every_missing_video_is_named(given):
    arrays = given.draw(SEGMENTS)
    del arrays["Abuse028_x264"], arrays["Arson007_x264"]
    given.save(arrays)
    message = given.error(BY_SEGMENT)
    assert "no scores of 2 of 3 test videos: Abuse028_x264, Arson007_x264" in message
    (given.folder / "order.list").write_text("Abuse028_x264.mp4\n")
    settings = ScoreSettings("per-frame", order=str(given.folder / "order.list"))
    assert "2 of 3 test videos: Arson007_x264, Normal" in given.error(settings)


def test_every_length_that_does_not_fit_is_named_with_what_was_expected(given):
    arrays = given.draw(SEGMENTS)
    given.save({name: np.append(array, [0.5, 0.5]) for name, array in arrays.items()})
    message = given.error(BY_SEGMENT)
    assert "scores of 3 of 3 test videos do not fit" in message
    assert "Abuse028_x264 (9 scores, expected 7 or 6 segments)" in message
    message = given.error(BY_FRAME)
    assert "Arson007_x264 (6 scores, expected 64 frames)" in message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_counted_by_video(given, value):
    arrays = given.draw(SEGMENTS)
    arrays["Arson007_x264"][1:3] = value
    given.save(arrays)
    assert "Arson007_x264 (2 of 4 are not finite)" in given.error(BY_SEGMENT)


def test_logits_need_a_stated_transform_which_changes_no_ranking(given):
    arrays = {name: 8 * array - 6 for name, array in given.draw(SEGMENTS).items()}
    given.save(arrays)
    message = given.error(BY_SEGMENT)
    assert "not in [0, 1]; set transform: sigmoid if they are logits" in message
    expected = on_frames(repeated(arrays))
    for transform in ("sigmoid", "range"):
        found = given.judge(ScoreSettings("per-segment", transform=transform))
        assert found == pytest.approx(expected, abs=1e-12)
        scores = pd.read_parquet(given.out / "scores.parquet").score
        assert scores.between(0, 1).all()
        if transform == "range":
            assert (scores.min(), scores.max()) == (0, 1)


def test_logits_that_round_to_one_score_keep_their_ranks_in_the_metrics(given):
    arrays = {name: 1000 + 100 * array for name, array in given.draw(SEGMENTS).items()}
    given.save(arrays)
    found = given.judge(ScoreSettings("per-segment", transform="sigmoid"))
    assert found == pytest.approx(on_frames(repeated(arrays)), abs=1e-12)


HEADER = b"8\x00{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((7, 2)), "an array of 7 x 2"),
        (np.array(["a"] * 7), "values of type"),
        (np.zeros(0), "an array of 0"),
        (b"no array", "magic string"),
        (b"\x93NUMPY\x01\x00" + HEADER + b"\0" * 99, "more bytes than its array"),
    ],
)
def test_a_file_that_has_no_scores_is_named(given, content, reason):
    given.save(given.draw(SEGMENTS))
    file = given.scores / "Abuse028_x264.npy"
    file.write_bytes(content) if isinstance(content, bytes) else np.save(file, content)
    message = given.error(BY_SEGMENT)
    assert (
        "scores of 1 of 3 test videos are unreadable: Abuse028_x264" in message
        and reason in message
    )


@pytest.mark.parametrize("other", ["Arson007_x264 2.mp4", "Arson007_x264__2.mp4"])
def test_a_video_has_the_line_that_names_it_most_plainly(given, other):
    arrays = given.draw(SEGMENTS)
    given.scores.mkdir()
    np.save(given.scores / "all.npy", np.concatenate(list(arrays.values())))
    file = given.folder / "order.list"
    settings = ScoreSettings("per-segment", order=str(file))
    file.write_text("\n".join([other, *(f"{name}.mp4" for name in FRAMES)]))
    found = given.judge(settings, given.scores / "all.npy")
    assert found == pytest.approx(on_frames(repeated(arrays)))
    shutil.rmtree(given.out)
    for again in (["Abuse028_x264"], reversed(FRAMES)):
        file.write_text("\n".join([*FRAMES, *again]))
        message = given.error(settings, given.scores / "all.npy")
        assert re.search(r"order.list: video \w+ is there again after others", message)


def test_the_same_video_twice_is_an_error(given):
    arrays = given.save(given.draw(SEGMENTS))
    given.save(arrays, "again/{}.npy")
    assert "is also in" in given.error(BY_SEGMENT)


def test_scores_in_hidden_folders_are_not_those_of_the_detector(given):
    arrays = given.save(given.draw(SEGMENTS))
    given.save(given.draw(SEGMENTS), ".Trash-1000/{}.npy")
    assert given.judge(BY_SEGMENT) == pytest.approx(on_frames(repeated(arrays)))


def test_scores_of_gigabytes_and_pipes_are_not_read(given):
    given.save(given.draw(FRAMES))
    file = given.scores / "Normal_Videos_003_x264.npy"
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        )
    assert "too large" in given.error(BY_FRAME)
    with file.open("r+b") as stream:
        stream.truncate(8 << 30)
    assert "8589934592 bytes" in given.error(BY_FRAME)
    file.unlink()
    os.mkfifo(file)
    assert "a folder, pipe or device" in given.error(BY_FRAME)
