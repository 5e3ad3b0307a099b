"""Scores of a run in the order of the test videos."""

import math
import struct
import subprocess
import sys

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
        (seed, protocol, name, segment, 16 * segment, 16 * segment + 4, seed / 2 + value)
        for seed in (1, 0)
        for protocol in ("oracle", "last")
        for name, segment, value in (("a", 0, 0.1), ("b", 1, 0.3), ("b", 0, 0.2))
    ]
    rows = [(*row[:5], 16, row[6]) if row[2:4] == ("b", 0) else row for row in rows]
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
        (0, "last", name, k, 16 * k, 16 * k + 16, 0.5)
        for place, name in enumerate(names)
        for k in [names[:place].count(name)]
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
        with pytest.raises(FusevadError, match=r"scores\.parquet: (unreadable|not the) scores"):
            segment_scores(tmp_path, "last", [video("a", 10)])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"numpy_type": "object"', b'"numpy_typf": "object"'),
        (b'"numpy_type": "object"', b'"numpy_type": "ofject"'),
        (b'"index_columns": []', b'"index_columns": 77'),
    ],
)
def test_a_damaged_note_to_pandas_changes_nothing(tmp_path, old, new):
    # pandas writes about its columns beside those of the table.
    write_scores(tmp_path, [(0, "last", "a", 0, 0, 10, 0.5)])
    file = tmp_path / "scores.parquet"
    whole = read_score_table(file, "protocol")
    schema = parquet.read_schema(file)
    notes = {b"pandas": schema.metadata[b"pandas"].replace(old, new)}
    assert notes[b"pandas"] != schema.metadata[b"pandas"]
    parquet.write_table(parquet.read_table(file).replace_schema_metadata(notes), file)
    pd.testing.assert_frame_equal(read_score_table(file, "protocol"), whole)


def test_more_rows_than_any_run_has_are_refused_before_they_are_in_memory(tmp_path, monkeypatch):
    """Equal values take a few bytes, however many there are."""
    write_scores(tmp_path, [(0, "last", "a", 0, 0, 10, 0.5)] * 30)
    monkeypatch.setattr("fusevad.evaluate.score_table._MOST_ROWS", 20)
    monkeypatch.setattr(parquet, "read_table", None)
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
        ({"class_fire": [0.5, float("nan")]}, "a weight or probability outside 0..1, or missing"),
        ({"class_fire": [0.5, 45.0]}, "a weight or probability outside 0..1, or missing"),
        ({"start": [0, 8], "end": [8, 13]}, "video a: frames of other segments"),
        ({"start": [0, 96]}, "video a: frames of other segments"),
        ({"start": [-16, 16]}, "video a: frames of other segments"),
        ({"end": [160, 32]}, "video a: frames of other segments"),
        ({"end": [15, 26]}, "video a: frames of other segments"),
        ({"end": [16, 16]}, "video a: frames of other segments"),
    ],
    ids=lambda value: "".join(value) if isinstance(value, dict) else "",
)
def test_scores_with_a_fitting_hash_and_other_content_are_one_line(tmp_path, changes, message):
    write_scores(tmp_path, [(0, "last", "a", 0, 0, 16, 0.5), (0, "last", "a", 1, 16, 26, 0.5)])
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
    monkeypatch.setattr(parquet, "read_table", None)
    with pytest.raises(FusevadError, match="longer texts"):
        read_score_table(tmp_path / "scores.parquet", "protocol")


def text_table(rows, name):
    """A table of one segment, repeated."""
    return pyarrow.table(
        {"seed": [0] * rows, "protocol": ["last"] * rows, "video": [name] * rows}
        | {"segment": [0] * rows, "start": [0] * rows, "end": [16] * rows, "score": [0.5] * rows}
    )


def memory_of_reading(file):
    """What a process of its own says of a file, and the megabytes that it takes for that."""
    program = f"""
import resource
from pathlib import Path
from fusevad.errors import FusevadError
from fusevad.evaluate.score_table import read_score_table
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_score_table(Path({str(file)!r}), "protocol")
except FusevadError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    message, megabytes = done.stdout.splitlines()
    return message, int(megabytes)


@pytest.mark.slow
def test_a_long_name_of_many_rows_is_in_memory_once(tmp_path):
    """In the file it is there once: written out, these are 10 GB."""
    file = tmp_path / "scores.parquet"
    table = text_table(10_000, "a")
    name = pyarrow.array(["a" * (1 << 20)])
    names = pyarrow.DictionaryArray.from_arrays(np.zeros(10_000, np.int32), name)
    table = table.set_column(2, "video", names)
    parquet.write_table(table, file, dictionary_pagesize_limit=1 << 24, store_schema=False)
    assert file.stat().st_size < 1 << 20
    message, megabytes = memory_of_reading(file)
    assert "segments are missing or there twice" in message
    assert megabytes < 500


def lie(file, old, new):
    """Change numbers in the end of a file, where Thrift writes them in groups of seven bits."""
    content = file.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    end = content[-8 - size : -8]
    assert _varint(old) in end
    changed = end.replace(_varint(old), _varint(new))
    length = len(changed).to_bytes(4, "little")
    file.write_bytes(content[: -8 - size] + changed + length + b"PAR1")


def _varint(number):
    number, groups = 2 * number, []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


@pytest.mark.parametrize("codec", ["zstd", "gzip", "brotli"])
def test_an_end_that_hides_a_long_text_hides_it_not(tmp_path, codec):
    """Only the pages tell how long it is; so what unpacks to thousands of times is refused."""
    file = tmp_path / "scores.parquet"
    parquet.write_table(text_table(1, "a" * (120 << 20)), file, compression=codec)
    group = parquet.read_metadata(file).row_group(0)
    lie(file, group.total_byte_size, 1000)
    assert parquet.read_metadata(file).row_group(0).total_byte_size == 1000
    with pytest.raises(FusevadError, match=f"compressed with {codec}, not with snappy"):
        read_score_table(file, "protocol")


@pytest.mark.parametrize("rows", [40_001, 3_000_000, 2**40])
def test_an_end_that_lies_about_its_rows_is_one_line(tmp_path, rows):
    file = tmp_path / "scores.parquet"
    parquet.write_table(text_table(40_000, "a"), file)
    lie(file, 40_000, rows)
    with pytest.raises(FusevadError, match=r"scores\.parquet: ") as error:
        read_score_table(file, "protocol")
    assert "\n" not in str(error.value)


def test_more_rows_than_bytes_are_refused_before_they_are_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("fusevad.evaluate.score_table._FEW_ROWS", 20_000)
    monkeypatch.setattr(parquet, "read_table", None)
    file = tmp_path / "scores.parquet"
    parquet.write_table(text_table(40_000, "a"), file)
    with pytest.raises(FusevadError, match="more rows than any run has"):
        read_score_table(file, "protocol")


def test_columns_that_take_no_bytes_are_refused_before_they_are_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "read_table", None)
    file = tmp_path / "scores.parquet"
    table = text_table(100_000, "a")
    halves = pyarrow.array([0.5] * 100_000, pyarrow.float32())
    for number in range(400):
        table = table.append_column(f"weight_{number}", halves)
    parquet.write_table(table, file)
    assert file.stat().st_size < 8_000_000
    with pytest.raises(FusevadError, match="more columns than any run has"):
        read_score_table(file, "protocol")


def test_no_damaged_end_ends_the_process(tmp_path):
    """pyarrow's accessors of a footer end the process where it contradicts itself."""
    file = tmp_path / "scores.parquet"
    parquet.write_table(text_table(2, "a"), file)
    content = file.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    program = f"""
from pathlib import Path
from fusevad.errors import FusevadError
from fusevad.evaluate.score_table import read_score_table
content, file = Path({str(file)!r}).read_bytes(), Path({str(tmp_path / "b")!r})
for place in range({start}, len(content) - 8):
    if content[place] == 2:  # the number 1 of Thrift, to 0: ten of these ended the process
        file.write_bytes(content[:place] + bytes([3]) + content[place + 1 :])
        try:
            read_score_table(file, "protocol")
        except FusevadError:
            pass
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    "end",
    [
        # Each byte a list of one list.
        b"\x19" * 5000 + b"\x00",
        # One group of rows: no columns, no bytes, and an infinite number of rows, as a double.
        b"\x49\x1c\x19\x0c\x16\x00\x17" + struct.pack("<d", math.inf) + b"\x00\x00",
    ],
    ids=["nested", "infinite"],
)
def test_an_end_without_end_is_one_line(tmp_path, end):
    file = tmp_path / "scores.parquet"
    file.write_bytes(b"PAR1" + end + len(end).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(FusevadError, match=r"scores\.parquet: not the scores of a run"):
        read_score_table(file, "protocol")


def test_no_damaged_end_is_waited_for(tmp_path):
    """With a filter of rows, pyarrow waited for ever where one bit of a column's entry is wrong."""
    write_scores(tmp_path, [(0, "last", "a", 0, 0, 10, 0.5)])
    file = tmp_path / "scores.parquet"
    optional, unknown = b"\x25\x02\x18\x04seed", b"\x25\x12\x18\x04seed"
    assert file.read_bytes().count(optional) == 1
    file.write_bytes(file.read_bytes().replace(optional, unknown))
    program = f"""
from pathlib import Path
from fusevad.evaluate.score_table import read_score_table
read_score_table(Path({str(file)!r}), "protocol", "last")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert "scores.parquet: unreadable scores" in ended.stderr


def test_rows_of_all_parts_of_a_file_are_found(tmp_path):
    write_scores(tmp_path, [(seed, "last", "a", 0, 0, 10, 0.5) for seed in (0, 1)])
    file = tmp_path / "scores.parquet"
    table = parquet.read_table(file)
    with parquet.ParquetWriter(file, table.schema) as writer:
        for row in (0, 1):  # each part has its own list of texts
            writer.write_table(table.slice(row, 1))
    assert read_score_table(file, "protocol", "last")["seed"].tolist() == [0, 1]
    assert read_score_table(file, "protocol", "oracle").empty
