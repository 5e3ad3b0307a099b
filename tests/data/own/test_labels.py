"""The tables of people's own videos, from where they are edited to where stages read them."""

from pathlib import Path

import pytest

from fusevad.data.label_tables import read_intervals, read_labels
from fusevad.data.own.labels import make_labels
from fusevad.errors import FusevadError

LABELS = (
    "video,split,class,path,source",
    "a,train,normal,../videos/a.mp4,cam1",
    "b,test,fire;fight,/elsewhere/b.mp4,cam2",
)


def made(folder: Path, *spans: str) -> Path:
    (folder / "config").mkdir()
    labels, intervals = folder / "config/labels.csv", folder / "config/intervals.csv"
    labels.write_text("\n".join(LABELS))
    intervals.write_text("\n".join(["video,class,start,end", *spans]))
    make_labels(labels, intervals, folder / "results/shop/source")
    return folder / "results/shop/source"


def test_stages_read_what_the_edited_tables_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = made(tmp_path, "b,fire,3,9")
    labels = read_labels(out / "labels.csv")
    assert labels == read_labels(Path("config/labels.csv"))
    assert [str(label.path) for label in labels] == ["videos/a.mp4", "/elsewhere/b.mp4"]
    assert read_intervals(out / "intervals.csv") == read_intervals(Path("config/intervals.csv"))


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ("a,normal,1,2", "a training video has no intervals"),
        ("b,flood,1,2", "class 'flood' is not among"),
        ("b,fire,5,5", "is empty"),
    ],
)
def test_tables_that_contradict_each_other_are_one_line_and_nothing_is_written(
    tmp_path, span, message
):
    with pytest.raises(FusevadError, match=message):
        made(tmp_path, span)
    assert not (tmp_path / "results").exists()
