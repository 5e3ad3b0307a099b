"""Tables from spreadsheets and people: text stays text, and what no table keeps is one line."""

from pathlib import Path

import pandas as pd
import pytest

from fusevad.csv_tables import read_csv, write_csv
from fusevad.data.label_tables import Interval, read_intervals, read_labels
from fusevad.data.numbers import whole_number
from fusevad.data.own.found import find_labelled
from fusevad.data.recorded.formats import msad_table, read_annotations
from fusevad.data.recorded.settings import AnnotationSettings
from fusevad.errors import FusevadError

# pandas takes most of these for a missing value, a number or a truth value.
WORDS = ["NA", "None", "null", "nan", "#NA", "-nan", "NULL", "inf", "True", "1e5", "007", "1.0"]


def write(path: Path, text: str) -> Path:
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize("word", WORDS)
def test_a_video_and_a_class_may_be_called_anything(tmp_path: Path, word: str) -> None:
    labels = write(tmp_path / "labels.csv", f"video,split,class,path\n{word},test,{word},{word}\n")
    (label,) = read_labels(labels)
    assert (label.name, label.classes, label.path.name) == (word, (word,), word)
    spans = write(tmp_path / "intervals.csv", f"video,class,start,end\n{word},{word},1,2\n")
    assert read_intervals(spans) == {word: [Interval(word, word, 1, 2)]}


def test_words_survive_writing_and_reading_and_numbers_may_be_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"video": WORDS, "value": [None, *range(1, len(WORDS))]})
    write_csv(frame, tmp_path / "a.csv")
    found = read_csv(tmp_path / "a.csv", ["video", "value"], text=("video",))
    assert found["video"].tolist() == WORDS
    assert found["value"].isna().tolist() == [True] + [False] * (len(WORDS) - 1)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_empty_rows_and_decimals_of_a_spreadsheet_are_read(tmp_path: Path, ending: str) -> None:
    rows = ["\ufeffvideo,class,start,end", "a,fire,30.0,45.00", ",,,", "", "b,fire, 1,2 ", ",,,"]
    path = write(tmp_path / "intervals.csv", ending.join(rows) + ending)
    assert read_intervals(path) == {
        "a": [Interval("a", "fire", 30, 45)],
        "b": [Interval("b", "fire", 1, 2)],
    }
    rows = ["video,split,class,path", ",,,", "a,train,normal,a.mp4", "", ",,,"]
    path = write(tmp_path / "labels.csv", ending.join(rows) + ending)
    assert [label.name for label in read_labels(path)] == ["a"]


@pytest.mark.parametrize("cell", ["inf", "nan", "True", "30.5", "1e3", "1_000", "", "x", "0x10"])
def test_what_is_no_frame_is_named_with_its_line(tmp_path: Path, cell: str) -> None:
    rows = f"video,class,start,end\na,fire,1,2\n\n,,,\na,fire,{cell},2\n"
    with pytest.raises(FusevadError, match=r"intervals\.csv: line 5 is not video, class") as caught:
        read_intervals(write(tmp_path / "intervals.csv", rows))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("span", "what"), [("-5,2", "-5-2 starts before"), ("7,7", "7-7 is empty"), ("7,3", "7-3 is")]
)
def test_an_interval_read_alone_is_inside_time_and_not_empty(
    tmp_path: Path, span: str, what: str
) -> None:
    path = write(tmp_path / "intervals.csv", f"video,class,start,end\na,fire,1,2\na,fire,{span}\n")
    with pytest.raises(FusevadError, match=rf"intervals\.csv: line 3 .*{what}") as caught:
        read_intervals(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["seed", "epoch"])
@pytest.mark.parametrize("cell", ["1.5", "inf", "True", "x"])
def test_half_a_seed_or_epoch_is_one_line(tmp_path: Path, column: str, cell: str) -> None:
    path = write(tmp_path / "seeds.csv", f"{column},value\n0,0.5\n{cell},0.5\n")
    with pytest.raises(FusevadError, match=rf"column {column}: not all (whole )?numbers") as caught:
        read_csv(path, [column, "value"])
    assert "\n" not in str(caught.value)


def test_a_row_without_a_seed_is_not_left_out_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path / "seeds.csv", "seed,value\n0,0.5\n,0.9\n")
    with pytest.raises(FusevadError, match="column seed: not all whole numbers"):
        read_csv(path, ["seed", "value"])


def test_true_is_no_number_and_a_number_is_not_true(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "fps,chosen\nTrue,1\nFalse,0\n")
    with pytest.raises(FusevadError, match="column fps: not all numbers"):
        read_csv(path, ["fps"])
    with pytest.raises(FusevadError, match="column chosen: not all True or False"):
        read_csv(path, ["chosen"], truths=("chosen",))
    assert read_csv(path, ["fps"], truths=("fps",))["fps"].tolist() == [True, False]


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\tb", "a\x7fb"])
@pytest.mark.parametrize("column", range(4))
def test_a_control_character_is_one_line(tmp_path: Path, name: str, column: int) -> None:
    row = ["a", "train", "normal", "a.mp4"]
    row[column] = f'"{name}"'
    path = write(tmp_path / "labels.csv", "video,split,class,path\n" + ",".join(row) + "\n")
    with pytest.raises(FusevadError, match="has a control character") as caught:
        read_labels(path)
    assert "\n" not in str(caught.value) and "\r" not in str(caught.value)


def test_a_video_is_not_called_as_the_notes_of_a_file_of_embeddings(tmp_path: Path) -> None:
    text = "video,split,class,path\n__metadata__,train,normal,a.mp4\n"
    with pytest.raises(FusevadError, match="video called __metadata__"):
        read_labels(write(tmp_path / "labels.csv", text))


def test_a_published_table_that_excel_saved_is_read(tmp_path: Path) -> None:
    columns = "name,scenario,total frames,starting frame of anomaly,ending frame of anomaly"
    rows = [columns, "a.mp4,x,100.0,30.0,45.0", ",,,,", ""]
    (found,) = msad_table.read(write(tmp_path / "a.csv", "\r\n".join(rows))).items()
    assert found[0] == "a" and [(s.start, s.end) for s in found[1].spans] == [(29, 45)]


def test_a_published_table_with_a_cell_without_end_is_one_line(tmp_path: Path) -> None:
    columns = "name,starting frame of anomaly,ending frame of anomaly"
    with pytest.raises(FusevadError, match=r"a\.csv: a line of more than 65536 characters"):
        msad_table.read(write(tmp_path / "a.csv", f"{columns}\n{'a' * 200_000},1,2\n"))


@pytest.mark.parametrize("text", ["1.5", "１", "1,0", ".0", "9" * 16])
def test_other_numbers_are_not_whole(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        whole_number(text)


def utf_16(text: str) -> bytes:
    return text.replace(",", "\t").encode("utf-16")


@pytest.mark.parametrize(
    "save",
    [
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", "\t").encode(),
        utf_16,
        lambda text: b"sep=;\r\n" + text.replace(",", ";").encode(),
        lambda text: b"sep=,\r\n" + text.encode(),
        lambda text: b"\r\n,,,\r\n" + text.encode(),
        lambda text: text.replace(",", " , ").encode(),
        lambda text: text.replace("video,class,start,end", "Video,Class,Start,End").encode(),
        lambda text: text.replace("\n", ",,\n").encode(),
        lambda text: (text + " , , , \r\n").encode(),
        lambda text: text.replace("\r\n", "\r").encode(),
        lambda text: text.replace("30", "30\xa0").encode(),
    ],
)
def test_whatever_excel_saves_as_text_is_the_same_table(tmp_path: Path, save) -> None:
    (tmp_path / "a.csv").write_bytes(save("video,class,start,end\r\nä,fire,30,45\r\n"))
    assert read_intervals(tmp_path / "a.csv") == {"ä": [Interval("ä", "fire", 30, 45)]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04rest", "a workbook, not a table of text; save it as 'CSV UTF-8'"),
        (b"video,class,start,end\nc,f\xe9u,1,2\n", "not UTF-8 .*; save it as 'CSV UTF-8'"),
        (b"video;class;begin;end\nc;fire;1;2\n", "no column start"),
        (b"video,class,start,end\nc,fire,1,2,3\n", "line 2 has more cells than"),
        (b'video,class,start,end\nc,"fire,1,2\n', "after line 2: unexpected end of data"),
        (b"video,class,start,end\nc,fire,1,\x002\n", "a NUL character"),
        (b"video,class,start,end\nc," + b"," * 70_000, "a line of more than 65536 characters"),
    ],
)
def test_what_is_no_table_is_one_line_that_says_why(tmp_path: Path, content, says) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FusevadError, match=says) as caught:
        read_intervals(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)


def test_a_published_table_that_excel_saved_with_semicolons_is_read(tmp_path: Path) -> None:
    rows = ["name;scenario;starting frame of anomaly;ending frame of anomaly", "a.mp4;x;30;45"]
    (found,) = msad_table.read(write(tmp_path / "a.csv", "\r\n".join(rows))).items()
    assert found[0] == "a" and [(s.start, s.end) for s in found[1].spans] == [(29, 45)]


@pytest.mark.parametrize("word", ["Normal", "NORMAL"])
def test_normal_in_capitals_does_not_count_as_an_anomaly(tmp_path: Path, word: str) -> None:
    rows = f"video,split,class,path\na,train,{word},a.mp4\n"
    with pytest.raises(FusevadError, match=rf"line 2: video a has the class '{word}'.*'normal'"):
        read_labels(write(tmp_path / "labels.csv", rows))


@pytest.mark.parametrize("word", ["mean", "Mean", "all classes"])
def test_a_class_is_not_called_as_an_average_over_classes(tmp_path: Path, word: str) -> None:
    """Its row of a table would be the average's."""
    rows = f"video,split,class,path\na,train,fire;{word},a.mp4\n"
    with pytest.raises(FusevadError, match=rf"line 2: video a has the class '{word}'.*rename it"):
        read_labels(write(tmp_path / "labels.csv", rows))


def test_a_class_that_takes_a_text_tower_hours_to_read_is_one_line(tmp_path: Path) -> None:
    rows = f"video,split,class,path\na,train,{'f' * 1001},a.mp4\n"
    with pytest.raises(FusevadError, match="line 2: video a has a class whose name has 1001 char"):
        read_labels(write(tmp_path / "labels.csv", rows))


def test_a_class_that_would_divide_columns_is_refused_before_training(tmp_path: Path) -> None:
    rows = 'video,split,class,path\na,train,"fire, smoke",a.mp4\n'
    with pytest.raises(FusevadError, match="'fire, smoke', whose comma"):
        read_labels(write(tmp_path / "labels.csv", rows))


def test_classes_that_differ_in_capitals_are_not_two(tmp_path: Path) -> None:
    rows = "video,split,class,path\na,train,fire,a.mp4\nb,test,fall;Fire,b.mp4\n"
    with pytest.raises(FusevadError, match="classes 'fire' and 'Fire' would be two"):
        read_labels(write(tmp_path / "labels.csv", rows))


def test_a_class_counts_once_a_video(tmp_path: Path) -> None:
    rows = "video,split,class,path\na,train,fire;fall;fire,a.mp4\n"
    with pytest.raises(FusevadError, match=r"'fire;fall;fire'.*each once"):
        read_labels(write(tmp_path / "labels.csv", rows))


def test_an_interval_counts_once(tmp_path: Path) -> None:
    rows = "video,class,start,end\na,fire,1,9\na,fall,1,9\na,fire,5,12\n"
    assert len(read_intervals(write(tmp_path / "intervals.csv", rows))["a"]) == 3
    with pytest.raises(FusevadError, match=r"line 5: class fire of interval 1-9 of video a is"):
        read_intervals(write(tmp_path / "intervals.csv", rows + "a,fire,1.0,9\n"))


@pytest.mark.parametrize(
    ("label", "twice"),
    [("fire;fire", "fire"), ("fall;smoke", "smoke"), ("fire;smoke;fire", "fire, smoke")],
)
def test_an_interval_of_several_classes_counts_once_for_each(
    tmp_path: Path, label: str, twice: str
) -> None:
    rows = f"video,class,start,end\na,smoke,1,9\na,{label},1,9\n"
    with pytest.raises(FusevadError, match=rf"line 3: class {twice} of .* leave one of them"):
        read_intervals(write(tmp_path / "intervals.csv", rows))


def test_a_video_may_be_called_as_a_note_of_excel(tmp_path: Path) -> None:
    rows = "sep=,\nvideo,split,class,path\na,train,normal,a.mp4\nsep=1,test,fire,b.mp4\n"
    labels = read_labels(write(tmp_path / "labels.csv", rows))
    assert [label.name for label in labels] == ["a", "sep=1"]


@pytest.mark.parametrize("text", ["1.000", "-12.000", " 123.000 "])
def test_a_number_that_may_be_thousands_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="may be a number or thousands"):
        whole_number(text)


def test_other_zeros_behind_the_point_are_a_spreadsheet_s() -> None:
    texts = ["30.0", "30.00", "30.", "0.000", "1234.000", "30.0000"]
    assert [whole_number(text) for text in texts] == [30, 30, 30, 0, 1234, 30]


def test_an_anomaly_counts_once_in_published_annotations(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "a.mp4 3 9 20 30 3 9\n")
    with pytest.raises(FusevadError, match="video a: an anomaly from frame 3 to 9 is there twice"):
        read_annotations(path, AnnotationSettings("xd-violence", path.name))


def test_of_two_columns_with_one_heading_none_is_chosen(tmp_path: Path) -> None:
    rows = "video,class,start,end, End\na,fire,1,9,5\n"
    with pytest.raises(FusevadError, match="two columns end"):
        read_intervals(write(tmp_path / "intervals.csv", rows))


def test_a_table_of_own_videos_writes_no_control_characters_to_the_terminal(tmp_path: Path) -> None:
    write(tmp_path / "\x1b[31mred.mp4", "")
    table = write(tmp_path / "t.csv", "video,label\n\x1b[31mred.mp4,normal\n")
    with pytest.raises(FusevadError, match=r"line 2: .* has a control character") as caught:
        find_labelled(table)
    assert "\x1b" not in str(caught.value)
