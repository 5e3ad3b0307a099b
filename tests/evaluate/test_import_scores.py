"""Scores of other people's detectors: every form of file, judged on frames, or one clear line."""

import os
import re
import shutil
from itertools import accumulate, chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fusevad.config.protocols import PROTOCOLS
from fusevad.errors import FusevadError
from fusevad.evaluate.imported.run import import_scores
from fusevad.evaluate.imported.settings import ScoreSettings
from fusevad.files import sha256
from tests.made_up_tables import write_table

FRAMES = {"Abuse028_x264": 100, "Arson007_x264": 64, "Normal_Videos_003_x264": 33}
SEGMENTS = {name: -(-frames // 16) for name, frames in FRAMES.items()}
SPANS = [("Abuse028_x264", "Abuse", 20, 70), ("Arson007_x264", "Arson", 5, 30)]
TRUTH = {name: np.zeros(frames, bool) for name, frames in FRAMES.items()}
for _name, _, _start, _end in SPANS:
    TRUTH[_name][_start:_end] = True
BY_SEGMENT = ScoreSettings("per-segment")
BY_FRAME = ScoreSettings("per-frame")


class Given:
    """A folder of made-up scores, and the tables of the data set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scores = folder / "scores"
        self.out = folder / "run"
        self.random = np.random.default_rng(0)
        classes = {name: label for name, label, _, _ in SPANS}
        rows = [
            (name, f"{name}.mp4", "test", classes.get(name, "normal"), frames, 30, 320, 240, "0")
            for name, frames in FRAMES.items()
        ]
        write_table(folder, "manifest", rows)
        write_table(folder, "intervals", SPANS)

    def draw(self, lengths: dict[str, int]) -> dict[str, np.ndarray]:
        """Scores in 32nds, so that some are equal and none is rounded."""
        return {name: self.random.integers(0, 33, n) / 32 for name, n in lengths.items()}

    def save(self, arrays: dict[str, np.ndarray], form: str = "{}.npy") -> dict[str, np.ndarray]:
        for name, array in arrays.items():
            file = self.scores / form.format(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".npy":
                np.save(file, array)
            else:
                file.write_text("".join(f"{value}\n" for value in array))
        return arrays

    def judge(self, settings: ScoreSettings, place: Path | None = None) -> dict[str, float]:
        """Import; returns the metrics."""
        tables = self.folder / "manifest.csv", self.folder / "intervals.csv"
        import_scores(place or self.scores, *tables, settings, "AUC", self.out)
        seeds = pd.read_csv(self.out / "seeds.csv")
        assert set(seeds.seed) == {0} and set(seeds.protocol) == set(PROTOCOLS)
        assert seeds.groupby("metric").value.nunique().eq(1).all(), "no protocol chooses anything"
        return seeds.groupby("metric").value.first().to_dict()

    def error(self, settings: ScoreSettings, place: Path | None = None) -> str:
        before = self.out.exists()
        with pytest.raises(FusevadError) as caught:
            self.judge(settings, place)
        assert self.out.exists() == before
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def given(tmp_path) -> Given:
    return Given(tmp_path)


def on_frames(scores: dict[str, np.ndarray]) -> dict[str, float]:
    """Metrics by scikit-learn, of one score a frame."""

    def pooled(names):
        truth = np.concatenate([TRUTH[name] for name in names])
        return truth, np.concatenate([scores[name] for name in names])

    anomalous = [name for name in FRAMES if TRUTH[name].any()]
    return {
        "AUC": roc_auc_score(*pooled(FRAMES)),
        "AP": average_precision_score(*pooled(FRAMES)),
        "Ano-AUC": roc_auc_score(*pooled(anomalous)),
        "Ano-AP": average_precision_score(*pooled(anomalous)),
    }


def repeated(arrays: dict[str, np.ndarray], size: int = 16) -> dict[str, np.ndarray]:
    return {name: np.repeat(array, size)[: FRAMES[name]] for name, array in arrays.items()}


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


def test_a_column_of_scores_is_found_by_its_heading(given):
    arrays = given.draw(FRAMES)
    given.scores.mkdir()
    for name, array in arrays.items():
        lines = [f"{frame}, {score}" for frame, score in enumerate(array)]
        (given.scores / f"{name}.csv").write_text("\n".join(["frame, score", *lines]))
    assert given.judge(BY_FRAME) == pytest.approx(on_frames(arrays))
    (given.scores / "Abuse028_x264.csv").write_text("frame,value\n0,0.5\n")
    assert "Abuse028_x264 (several columns, none with the heading" in given.error(BY_FRAME)


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


def test_a_column_frame_may_have_the_first_frames_of_segments(given):
    given.save(given.draw(SEGMENTS))
    file = given.scores / "Normal_Videos_003_x264.csv"
    scores = np.load(file.with_suffix(".npy"))
    file.with_suffix(".npy").unlink()
    for width in (1, 16):
        rows = [f"{width * place},{score}" for place, score in enumerate(scores)]
        file.write_text("\n".join(["frame,score", *rows, "", ""]))
        given.judge(BY_SEGMENT)


@pytest.mark.parametrize("head", ["start", "segment", "frame"])
def test_a_table_whose_first_segment_is_missing_is_not_shifted(given, head):
    given.save(given.draw(SEGMENTS))
    file = given.scores / "Arson007_x264.csv"
    file.with_suffix(".npy").unlink()
    step = 1 if head == "segment" else 16

    def number(first: int, count: int) -> None:
        rows = [f"{first + step * place},0.5" for place in range(count)]
        file.write_text("\n".join([f"{head},score", *rows]))

    for first in (0, 1):
        number(first, 4)
        given.judge(BY_SEGMENT)
    shutil.rmtree(given.out)
    number(step, 3)
    said = "3 scores numbered from 1, expected 4" if step == 1 else f"{head} 16 is not the first"
    assert said in given.error(BY_SEGMENT)


@pytest.mark.parametrize(
    ("numbers", "shifted"),
    [((0, 1, 2), False), ((1, 2, 3), False), ((0, 0, 1), False), ((0, 1, 0), True)],
)
def test_only_a_video_whose_own_first_segment_may_be_missing_is_refused(given, numbers, shifted):
    """The second has two segments of 64 frames, and here one score; the others have one."""
    names = ["Arson007_x264", "Abuse028_x264", "Normal_Videos_003_x264"]
    rows = [f"{name},{number},0.5" for name, number in zip(names, numbers, strict=True)]
    given.scores.mkdir()
    file = given.scores / "all.csv"
    file.write_text("\n".join(["video,segment,score", *rows]))
    (given.folder / "order.list").write_text("\n".join(names))
    settings = ScoreSettings("per-segment", 64, order=str(given.folder / "order.list"))
    if shifted:
        said = "Abuse028_x264 (1 scores numbered from 1, expected 2: number 0 may be missing)"
        assert said in given.error(settings, file)
    else:
        given.judge(settings, file)


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


ROWS = [f"{frame},0.5" for frame in range(33)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[::-1], "frame 32 is not the first"),
        ([*ROWS[:-1], ROWS[-2]], "frame 31 is not the one after 31"),
        ([*ROWS[:7], *ROWS[8:]], "frame 8 is not the one after 6"),
        ([f"{2 * frame},0.5" for frame in range(33)], "frame 2 is not the one after 0"),
        ([f"{frame + 100},0.5" for frame in range(33)], "frame 100 is not the first"),
        ([*ROWS[:-1], "nan,0.5"], "frame nan is not the one after 31"),
        ([*ROWS[:7], "", *ROWS[8:]], "an empty line between scores"),
        ([*ROWS[:-1], "32"], "a row of 1 cells, expected 2"),
        ([*ROWS[:-1], "32,0.5,7"], "a row of 3 cells, expected 2"),
        ([*ROWS[:-1], "32,0_5"], "'0_5' is not a number"),
        ([*ROWS[:-1], "32,٠.٥"], "is not a number"),
        ([*ROWS[:-1], "32,=1+1"], "'=1\\+1' is not a number"),
        ([*ROWS[:-1], "32," + "1" * 20_000], "a line of 20004 characters"),
    ],
)
def test_a_table_of_scores_says_what_it_means_or_is_one_line(given, rows, message):
    given.save(given.draw(FRAMES))
    file = given.scores / "Normal_Videos_003_x264.csv"
    file.with_suffix(".npy").unlink()
    file.write_text("\n".join(["frame,score", *rows]) + "\n")
    assert re.search(message, given.error(BY_FRAME))
    file.write_text("\n".join(["frame,score", *ROWS]) + "\n")
    given.judge(BY_FRAME)


def _owned(name: str, rows: int, heading: str = "video") -> list[str]:
    return [f"{heading},frame,score", *(f"{name},{frame},0.5" for frame in range(rows))]


@pytest.mark.parametrize("heading", ["video", "Video", '"video"', "video_name", "File", "path"])
def test_a_table_that_names_another_video_is_refused(given, heading):
    given.save(given.draw(FRAMES))
    file = given.scores / "Normal_Videos_003_x264.csv"
    file.with_suffix(".npy").unlink()
    for name in ("Normal_Videos_003_x264", "x/Normal_Videos_003_x264.mp4"):
        file.write_text("\n".join(_owned(name, 33, heading)))
        given.judge(BY_FRAME)
    shutil.rmtree(given.out)
    rows = _owned("Normal_Videos_003_x264", 33, heading)
    for wrong in ("Abuse028_x264", ""):
        rows[20] = f"{wrong},19,0.5"
        file.write_text("\n".join(rows))
        message = given.error(BY_FRAME)
        assert "rows 1 to 19 are of 'Normal_Videos_003_x264', expected 33" in message


def test_a_table_of_all_videos_has_them_in_the_order_of_the_list(given):
    given.scores.mkdir()
    (given.folder / "order.list").write_text("\n".join(FRAMES))
    settings = ScoreSettings("per-frame", order=str(given.folder / "order.list"))
    rows = {name: [f"{name}.mp4,0.5"] * frames for name, frames in FRAMES.items()}
    file = given.scores / "all.csv"
    file.write_text("\n".join(["video,score", *chain(*rows.values())]))
    given.judge(settings, file)
    shutil.rmtree(given.out)
    file.write_text("\n".join(["video,score", *chain(*reversed(rows.values()))]))
    message = given.error(settings, file)
    assert "are of 'Normal_Videos_003_x264.mp4', expected 100 of Abuse028_x264" in message


@pytest.mark.parametrize("anew", [True, False])
def test_frames_in_a_table_of_all_videos_may_begin_anew_with_each(given, anew):
    given.scores.mkdir()
    (given.folder / "order.list").write_text("\n".join(FRAMES))
    settings = ScoreSettings("per-frame", order=str(given.folder / "order.list"))
    begins = dict.fromkeys(FRAMES, 0)
    if not anew:
        begins = dict(zip(FRAMES, accumulate(FRAMES.values(), initial=0), strict=False))
    rows = [
        f"{name},{begins[name] + frame},0.5"
        for name, frames in FRAMES.items()
        for frame in range(frames)
    ]
    file = given.scores / "all.csv"
    file.write_text("\n".join(["video,frame,score", *rows]))
    given.judge(settings, file)
    shutil.rmtree(given.out)
    del rows[-2]
    file.write_text("\n".join(["video,frame,score", *rows]))
    assert "is not the one after" in given.error(settings, file)


@pytest.mark.parametrize("heading", ["Frame", '"frame"', "FRAME "])
def test_the_order_of_rows_counts_however_its_heading_is_written(given, heading):
    given.save(given.draw(FRAMES))
    file = given.scores / "Normal_Videos_003_x264.csv"
    file.with_suffix(".npy").unlink()
    file.write_text("\n".join([f"{heading},Score", *ROWS]))
    given.judge(BY_FRAME)
    shutil.rmtree(given.out)
    file.write_text("\n".join([f"{heading},Score", *ROWS[::-1]]))
    assert "frame 32 is not the first" in given.error(BY_FRAME)
    file.write_text("\n".join([f"{heading},Score", '0,"0.5', *ROWS[1:]]))
    assert "quotes that do not end in their line" in given.error(BY_FRAME)


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
