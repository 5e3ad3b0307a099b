"""Imported scores in tables: what columns and rows mean."""

import re
import shutil
from itertools import accumulate, chain

import numpy as np
import pytest

from fusevad.evaluate.imported.settings import ScoreSettings
from tests.made_up_scores import BY_FRAME, BY_SEGMENT, FRAMES, SEGMENTS, on_frames


def test_a_column_of_scores_is_found_by_its_heading(given):
    arrays = given.draw(FRAMES)
    given.scores.mkdir()
    for name, array in arrays.items():
        lines = [f"{frame}, {score}" for frame, score in enumerate(array)]
        (given.scores / f"{name}.csv").write_text("\n".join(["frame, score", *lines]))
    assert given.judge(BY_FRAME) == pytest.approx(on_frames(arrays))
    (given.scores / "Abuse028_x264.csv").write_text("frame,value\n0,0.5\n")
    assert "Abuse028_x264 (several columns, none with the heading" in given.error(BY_FRAME)


def test_a_column_frame_may_have_the_first_frames_of_segments(given):
    given.save(given.draw(SEGMENTS))
    file = given.scores / "Normal_Videos_003_x264.csv"
    scores = np.load(file.with_suffix(".npy"))
    file.with_suffix(".npy").unlink()
    for width in (1, 16):
        rows = [f"{width * place},{score}" for place, score in enumerate(scores)]
        file.write_text("\n".join(["frame,score", *rows, "", ""]))
        given.judge(BY_SEGMENT)


@pytest.mark.parametrize(
    "head", ["frame_id", "Frame Number", "frame-index", "index", "time", "end"]
)
def test_rows_out_of_order_are_refused_by_any_heading_that_tells(given, head):
    given.save(given.draw(FRAMES))
    file = given.as_table("Normal_Videos_003_x264")
    file.write_text("\n".join([f"{head},score", *ROWS]))
    given.judge(BY_FRAME)
    shutil.rmtree(given.out)
    file.write_text("\n".join([f"{head},score", ROWS[0], *ROWS[:0:-1]]))
    assert f"{head.casefold()} " in given.error(BY_FRAME)


def test_rows_that_are_counted_need_no_other_proof_of_their_order(given):
    given.save(given.draw(FRAMES))
    file = given.as_table("Normal_Videos_003_x264")
    rows = [f"{row},{1 / (place + 1)}" for place, row in enumerate(ROWS)]
    file.write_text("\n".join(["frame,score,time", *rows]))
    given.judge(BY_FRAME)


def test_a_column_that_says_nothing_of_the_order_is_not_taken_for_one_that_does(given):
    given.save(given.draw(FRAMES))
    file = given.as_table("Normal_Videos_003_x264")
    rows = [f"{place % 3},{place % 2}:00,{row.split(',')[1]}" for place, row in enumerate(ROWS)]
    file.write_text("\n".join(["label,time,score", *rows]))
    given.judge(BY_FRAME)


def test_segments_are_counted_in_one_width(given):
    given.save(given.draw(SEGMENTS))
    file = given.as_table("Arson007_x264")
    file.write_text("frame,score\n0,0.5\n16,0.5\n17,0.5\n33,0.5\n")
    assert "frame 17 is not the one after 16" in given.error(BY_SEGMENT)


@pytest.mark.parametrize("head", ["start", "segment", "frame", "snippet_id"])
def test_a_table_whose_first_segment_is_missing_is_not_shifted(given, head):
    given.save(given.draw(SEGMENTS))
    file = given.as_table("Arson007_x264")
    step = 1 if head in ("segment", "snippet_id") else 16

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
    file = given.as_table("Normal_Videos_003_x264")
    file.write_text("\n".join(["frame,score", *rows]) + "\n")
    assert re.search(message, given.error(BY_FRAME))
    file.write_text("\n".join(["frame,score", *ROWS]) + "\n")
    given.judge(BY_FRAME)


def _owned(name: str, rows: int, heading: str = "video") -> list[str]:
    return [f"{heading},frame,score", *(f"{name},{frame},0.5" for frame in range(rows))]


@pytest.mark.parametrize("heading", ["video", "Video", '"video"', "video_name", "File", "path"])
def test_a_table_that_names_another_video_is_refused(given, heading):
    given.save(given.draw(FRAMES))
    file = given.as_table("Normal_Videos_003_x264")
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
    file = given.as_table("Normal_Videos_003_x264")
    file.write_text("\n".join([f"{heading},Score", *ROWS]))
    given.judge(BY_FRAME)
    shutil.rmtree(given.out)
    file.write_text("\n".join([f"{heading},Score", *ROWS[::-1]]))
    assert "frame 32 is not the first" in given.error(BY_FRAME)
    file.write_text("\n".join([f"{heading},Score", '0,"0.5', *ROWS[1:]]))
    assert "quotes that do not end in their line" in given.error(BY_FRAME)
