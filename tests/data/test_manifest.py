"""The manifest: every kind of inconsistent label, interval or bad video is one clear error."""

import errno
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusevad.data import manifest_making
from fusevad.data.footage import edges
from fusevad.data.label_tables import Interval, read_intervals
from fusevad.data.manifest import frame_labels, read_manifest, shard
from fusevad.data.manifest_making import make_manifest
from fusevad.data.truth import read_test_videos
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.hash_tables import HASHES, hashes_text
from fusevad.video.decode import probe
from tests.made_up_videos import cut, write_stamped, write_video

LABELS = [
    ("walk", "train", "normal", "videos/walk.mp4"),
    ("fire01", "train", "fire", "videos/fire01.mp4"),
    ("calm", "test", "normal", "videos/calm.mp4"),
    ("brawl", "test", "fight;fire", "videos/brawl.mp4"),
]
INTERVALS = [("brawl", "fight", 3, 9), ("brawl", "fire", 12, 20)]


class Source:
    """A small labelled data set whose tables a test can spoil."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labels, self.intervals = list(LABELS), list(INTERVALS)
        (folder / "videos").mkdir()
        for number, (name, *_) in enumerate(LABELS):
            write_video(folder / f"videos/{name}.mp4", 20 + number, seed=number)

    def make(self, on_bad_video: str = "stop", workers: int = 1, past_end: str = "stop") -> None:
        labels = pd.DataFrame(self.labels, columns=["video", "split", "class", "path"])
        labels.to_csv(self.folder / "labels.csv", index=False)
        intervals = pd.DataFrame(self.intervals, columns=["video", "class", "start", "end"])
        intervals.to_csv(self.folder / "intervals.csv", index=False)
        self.run(on_bad_video, workers, past_end)

    def run(self, on_bad_video: str = "stop", workers: int = 1, past_end: str = "stop") -> None:
        tables = self.folder / "labels.csv", self.folder / "intervals.csv"
        make_manifest(*tables, self.out, on_bad_video, workers, past_end)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def error(self) -> str:
        with pytest.raises(FusevadError) as caught:
            self.make()
        assert not self.out.exists() or not any(self.out.iterdir())
        return str(caught.value)


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Source(tmp_path)


@pytest.mark.slow
def test_manifest_states_what_decodes_in_the_order_of_the_labels(source):
    source.make(workers=2)
    videos = read_manifest(source.out / "manifest.csv")
    assert [video.name for video in videos] == ["walk", "fire01", "calm", "brawl"]
    assert [video.frames for video in videos] == [20, 21, 22, 23]
    brawl = videos[3]
    assert brawl.classes == ("fight", "fire") and brawl.anomalous and brawl.split == "test"
    assert not videos[0].anomalous and videos[0].segments == 2
    assert brawl.path == Path("videos/brawl.mp4")
    assert (brawl.fps, brawl.width, brawl.height) == (20.0, 64, 48)
    assert brawl.sha256 == sha256(brawl.path)
    assert pd.read_csv(source.out / "skipped.csv").columns.tolist() == ["video", "path", "reason"]
    columns = "video,path,split,classes,frames,fps,width,height,sha256,variable_rate"
    assert (source.out / "manifest.csv").read_text().startswith(columns)


@pytest.mark.slow
def test_manifest_is_the_same_every_time(source):
    source.make(workers=2)
    first = {file.name: file.read_bytes() for file in source.out.iterdir()}
    source.make(workers=1)
    assert {file.name: file.read_bytes() for file in source.out.iterdir()} == first


def test_a_video_outside_the_working_directory_has_its_full_path(source, monkeypatch):
    elsewhere = source.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    source.make()
    path = read_manifest(source.out / "manifest.csv")[0].path
    assert path == source.folder / "videos/walk.mp4"


def test_a_variable_rate_is_in_the_manifest_and_its_times_come_from_the_video(source):
    stamps = [0, 40, 80, 120, 1000, 1040, 4000, 4040, 4080, 4120, 4160, 4200, 4240, 4280, 4320]
    stamps += [4360, 4400, 4440, 4480, 4520]
    write_stamped(source.folder / "videos/walk.mp4", stamps, Fraction(1, 1000))
    source.make()
    walk, fire, *_ = read_manifest(source.out / "manifest.csv")
    assert (walk.frames, walk.variable_rate, fire.variable_rate) == (20, True, False)
    assert walk.frames / walk.fps == pytest.approx(4.56)
    np.testing.assert_allclose(edges(walk), np.array([*stamps, 4560]) / 1000, atol=1e-3)
    np.testing.assert_allclose(edges(fire), np.arange(22) / 20)


def test_intervals_give_frame_labels(source):
    source.make()
    intervals = read_intervals(source.out / "intervals.csv")
    assert intervals == {"brawl": [Interval("brawl", "fight", 3, 9),
                                   Interval("brawl", "fire", 12, 20)]}  # fmt: skip
    labels = frame_labels(23, intervals["brawl"])
    assert np.flatnonzero(labels).tolist() == [*range(3, 9), *range(12, 20)]
    assert frame_labels(5, []).tolist() == [0] * 5


def test_shards_part_the_videos(source):
    source.make()
    videos = read_manifest(source.out / "manifest.csv")
    parts = [shard(videos, index, 3) for index in range(3)]
    assert [[video.name for video in part] for part in parts] == [
        ["walk", "brawl"], ["fire01"], ["calm"]
    ]  # fmt: skip
    with pytest.raises(FusevadError, match="shard 3 of 3"):
        shard(videos, 3, 3)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("walk", "train", "normal", "videos/x.mp4"), "name walk occurs 2 times"),
        (("walk", "test", "normal", "videos/x.mp4"), "walk is in train and in test"),
        (("copy", "test", "normal", "videos/walk.mp4"), "walk.mp4 is in train and in test"),
        (("copy", "train", "normal", "videos/../videos/walk.mp4"), "walk.mp4 occurs 2 times"),
        (("x", "validation", "normal", "x.mp4"), "unknown split 'validation'"),
        (("a/b", "train", "normal", "x.mp4"), "'a/b' can't be a file name"),
        (("x", "train", "", "x.mp4"), "line 6 has an empty cell"),
        (("x", "train", "normal;fire", "x.mp4"), "class 'normal;fire'"),
        (("x", "test", "fire", "x.mp4"), "no interval for the anomalous test video x"),
    ],
)
def test_inconsistent_labels_are_named(source, row, message):
    source.labels.append(row)
    assert message in source.error()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("brawl", "fight", 3, 24), "ends after the video's 23 frames"),
        (("brawl", "fight", 9, 9), "empty"),
        (("brawl", "fight", 9, 3), "empty"),
        (("brawl", "fight", -2, 3), "starts before"),
        (("none", "fight", 1, 3), "no such video"),
        (("calm", "fight", 1, 3), "labelled normal"),
        (("fire01", "fire", 1, 3), "training video"),
        (("brawl", "theft", 1, 3), "'theft' is not among"),
        (("brawl", "fight", 1.5, 3), "whole frames"),
        (("brawl", "fight", "soon", 3), "whole frames"),
        (("brawl", "fight", None, 3), "whole frames"),
    ],
)
def test_inconsistent_intervals_are_named(source, row, message):
    source.intervals.append(row)
    error = source.error()
    assert message in error and "intervals.csv" in error and "\n" not in error


def test_an_interval_may_end_with_the_video(source):
    source.intervals.append(("brawl", "fight", 22, 23))
    source.make()


def test_intervals_past_the_end_are_clipped_or_dropped_where_that_is_asked_for(source, capsys):
    source.intervals += [("brawl", "fight", 20, 30), ("brawl", "fire", 23, 25)]
    source.make(past_end="clip")
    spans = [
        (each.start, each.end) for each in read_intervals(source.out / "intervals.csv")["brawl"]
    ]
    assert spans == [(3, 9), (12, 20), (20, 23)]
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warnings) == 2
    assert "interval 20-30 of video brawl: ends after the video's 23 frames, clipped" in warnings[0]
    assert "interval 23-25 of video brawl: ends after the video's 23 frames, dropped" in warnings[1]


def test_intervals_that_clipping_makes_equal_are_one(source):
    source.intervals += [("brawl", "fight", 20, 30), ("brawl", "fight", 20, 40)]
    source.make(past_end="clip")
    spans = read_intervals(source.out / "intervals.csv")["brawl"]
    assert [(each.start, each.end) for each in spans][-1:] == [(20, 23)]


def test_an_anomaly_is_not_dropped_as_a_whole(source):
    source.intervals = [("brawl", "fight", 23, 30)]
    with pytest.raises(FusevadError, match="of video brawl start after its 23 frames"):
        source.make(past_end="clip")


def test_a_test_video_that_links_to_a_training_video_is_a_leak(source):
    (source.folder / "videos/link.mp4").symlink_to(source.folder / "videos/walk.mp4")
    source.labels.append(("link", "test", "normal", "videos/link.mp4"))
    assert "walk.mp4 is in train and in test" in source.error()


@pytest.mark.parametrize("name", ["labels.csv", "intervals.csv"])
def test_a_missing_table_is_named(source, name):
    source.make()
    (source.folder / name).unlink()
    with pytest.raises(FusevadError, match=f"{name}: no such file"):
        source.run()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *[("frames", cell) for cell in ("", "0", "-4", "1e15", "inf", "many")],
        ("fps", "-1"),
        ("fps", "nan"),
        ("classes", ""),
        ("video", ""),
    ],
)
def test_a_manifest_of_impossible_numbers_is_one_line(tmp_path, column, cell):
    row = {"video": "a", "path": "a.mp4", "split": "test", "classes": "normal", "frames": "32"}
    row |= {"fps": "20.0", "width": "64", "height": "48", "sha256": "0" * 64}
    row |= {"variable_rate": "False", column: cell}
    path = tmp_path / "manifest.csv"
    path.write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    with pytest.raises(FusevadError, match=r"manifest\.csv: .*make it again") as error:
        read_manifest(path)
    assert "\n" not in str(error.value)


def test_all_bad_videos_are_named_and_nothing_is_written(source, capsys):
    cut(source.folder / "videos/walk.mp4", 0.5)
    (source.folder / "videos/calm.mp4").unlink()
    assert "2 of 4 videos" in source.error()
    said = capsys.readouterr().err
    assert "walk.mp4: not a readable video" in said and "calm.mp4: no such video" in said
    assert "brawl.mp4" not in said


def test_one_bad_video_is_one_line(source):
    cut(source.folder / "videos/walk.mp4", 0.5)
    assert "\n" not in source.error()


def test_skipped_videos_are_recorded(source):
    cut(source.folder / "videos/brawl.mp4", 0.5)
    source.make("skip")
    names = [video.name for video in read_manifest(source.out / "manifest.csv")]
    assert names == ["walk", "fire01", "calm"]
    skipped = pd.read_csv(source.out / "skipped.csv")
    assert skipped.video.tolist() == ["brawl"]
    assert "brawl.mp4" in skipped.reason[0]
    assert read_intervals(source.out / "intervals.csv") == {}


def test_a_video_on_a_bad_sector_is_skipped_as_one_that_does_not_decode(source, monkeypatch):
    def fail(path: Path) -> str:
        if path.name == "walk.mp4":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return sha256(path)

    monkeypatch.setattr(manifest_making, "sha256", fail)
    source.make(on_bad_video="skip")
    (skipped,) = pd.read_csv(source.out / "skipped.csv").to_dict("records")
    assert skipped["video"] == "walk" and "walk.mp4: the disk fails" in skipped["reason"]


def test_no_good_video_is_an_error_even_when_skipping(source):
    for file in (source.folder / "videos").iterdir():
        file.write_bytes(b"")
    with pytest.raises(FusevadError, match="none of its videos"):
        source.make("skip")


@pytest.mark.parametrize(
    ("intervals", "warning"),
    [
        ([("brawl", "fight", 3, 9)], None),
        (
            [("brawl", "fight", 0, 12), ("brawl", "fire", 12, 23)],
            "Ano-AUC and Ano-AP are undefined",
        ),
        ([], "no test video shows an anomaly"),
    ],
)
def test_metrics_that_the_test_split_leaves_undefined_are_said_before_training(
    source, capsys, intervals, warning
):
    source.intervals = intervals
    if not intervals:
        source.labels = [row for row in LABELS if row[0] != "brawl"]
    source.make()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(said) == (warning is not None)
    assert not warning or warning in said[0]


def test_test_videos_without_any_interval_are_said_to_need_video_auc(source, capsys):
    source.intervals = []
    source.make()
    assert "no test video has an interval" in capsys.readouterr().err
    assert read_intervals(source.out / "intervals.csv") == {}


def test_a_test_split_of_anomalous_frames_alone_is_said_to_define_no_metric(source, capsys):
    source.labels = [row for row in LABELS if row[0] != "calm"]
    source.intervals = [("brawl", "fight", 0, 23)]
    source.make()
    assert "all test frames are anomalous: no metric is defined" in capsys.readouterr().err


def test_a_test_video_that_copies_a_training_video_is_said(source, capsys):
    data = (source.folder / "videos/walk.mp4").read_bytes()
    (source.folder / "videos/calm.mp4").write_bytes(data)
    source.make()
    assert "test video calm is the same file as training video walk" in capsys.readouterr().err


DIGEST = "0123456789abcdef" * 4
MANIFEST = (
    "video,path,split,classes,frames,fps,width,height,sha256,variable_rate\n"
    f"walk,walk.mp4,train,normal,30,25.0,320,240,{DIGEST},False\n"
    f"brawl,brawl.mp4,test,fight,30,25.0,320,240,{DIGEST},False\n"
)


def test_a_spreadsheets_TRUE_is_true(tmp_path):  # noqa: N802
    path = tmp_path / "manifest.csv"
    path.write_text(MANIFEST.replace(",False\nbrawl", ",TRUE\nbrawl"))
    assert [video.variable_rate for video in read_manifest(path)] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("brawl,brawl", "../../brawl,brawl", "can't be a file name"),
        ("brawl,brawl", "__metadata__,brawl", "reserved"),
        ("brawl,brawl", '"br\tawl",brawl', "control character"),
        ("brawl,brawl", "walk,brawl", "video walk is there twice"),
        (",test,", ",tset,", "unknown split 'tset'"),
        (",fight,", ",normal;fight,", "has the class"),
        ("fight,30,", "fight,30.5,", "impossible number"),
        ("fight,30,", "fight,1e-300,", "impossible number"),
        ("fight,30,25.0", "fight,30,1e-300", "impossible number"),
        (",False\nbrawl", ",Truf\nbrawl", "line 2: variable_rate: neither True nor False"),
        ("25.0,320", "25.0,True", "column width: not all numbers"),
        ("25.0", "True", "column fps: not all numbers"),
        ("fight,30,25.0", "fight,30,1001", "impossible number"),
        (f"{DIGEST},False\nbrawl", "yes,False\nbrawl", "line 2: sha256: not 64"),
        (f"{DIGEST},", f"{DIGEST.upper()},", "line 2: sha256: not 64"),
        (f"{DIGEST},", f"{DIGEST}0,", "line 2: sha256: not 64"),
    ],
)
def test_a_foreign_manifest_is_as_strict_as_labels(tmp_path, old, new, message):
    path = tmp_path / "manifest.csv"
    path.write_text(MANIFEST)
    assert [video.name for video in read_manifest(path)] == ["walk", "brawl"]
    path.write_text(MANIFEST.replace(old, new))
    with pytest.raises(FusevadError, match=message) as error:
        read_manifest(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("brawl,fight,-5,10", "starts before the video"),
        ("brawl,fight,10,5", "empty"),
        ("brawl,fight,20,31", "ends after the video's 30 frames"),
        ("brawl,fire,0,5", "'fire' is not among the video's labels"),
        ("walk,normal,0,5", "a training video has no intervals"),
        ("nobody,fight,0,5", "no such video"),
    ],
)
def test_foreign_intervals_that_contradict_their_manifest_are_one_line(tmp_path, row, message):
    """A start of -5 would count from the video's end."""
    manifest, intervals = tmp_path / "manifest.csv", tmp_path / "intervals.csv"
    manifest.write_text(MANIFEST)
    intervals.write_text("video,class,start,end\nbrawl,fight,3,9\n")
    (brawl,) = read_test_videos(manifest, intervals)
    assert brawl.labels.nonzero()[0].tolist() == [*range(3, 9)]
    intervals.write_text(f"video,class,start,end\nbrawl,fight,3,9\n{row}\n")
    with pytest.raises(FusevadError, match=message):
        read_test_videos(manifest, intervals)


def test_a_made_video_with_a_flipped_bit_that_still_decodes_is_named(source):
    """Else the manifest would declare the damage good."""
    videos = source.folder / "videos"
    names = [f"{name}.mp4" for name, *_ in LABELS]
    (videos / HASHES).write_text(hashes_text({name: sha256(videos / name) for name in names}))
    source.make()
    shutil.rmtree(source.out)
    file = videos / "calm.mp4"
    content = bytearray(file.read_bytes())
    content[content.index(b"Lavf")] ^= 1  # the name of the program that wrote it
    file.write_bytes(content)
    assert probe(file)
    message = source.error()
    assert "calm.mp4: damaged since it was made; delete" in message
    assert message.endswith("videos and run the workflow again")
    (videos / HASHES).unlink()  # videos of others have no such table
    source.make()
