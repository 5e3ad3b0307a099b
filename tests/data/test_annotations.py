"""Annotations, splits and labels of real data sets, in the files that their publishers give."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fusevad.data.recorded.formats import Annotation, Span, read_annotations
from fusevad.data.recorded.inventory import Inventory
from fusevad.data.recorded.settings import AnnotationSettings, LabelSettings, RecordedSettings
from fusevad.data.recorded.split import names_sha256, read_classes, read_split
from fusevad.data.recorded.verify import verify
from fusevad.errors import FusevadError
from fusevad.parsing import parse, read_yaml
from tests import stand_ins
from tests.made_up_tables import rows

PUBLISHED = {
    "ucf-crime": "Temporal_Anomaly_Annotation_for_Testing_Videos.txt",
    "xd-violence": "annotations.txt",
    "shanghaitech": "annotations.txt",
    "msad": "annotations.txt",
}


@pytest.fixture(scope="session")
def published(root: Path) -> Path:
    """The annotation files that the data sets' publishers give."""
    folder = root.parent / "shared/data/annotations"
    if not folder.is_dir():
        pytest.skip(f"the published annotation files are not in {folder}")
    return folder


def settings_of(dataset: str, config: Path = stand_ins.CONFIG) -> RecordedSettings:
    return parse(RecordedSettings, read_yaml(config / f"{dataset}.yaml")["recorded"], dataset)


def read(dataset: str, path: Path) -> dict[str, Annotation]:
    return read_annotations(path, AnnotationSettings(dataset, path.name))


def split_rows(published: Path, dataset: str, split: str) -> list[dict[str, str]]:
    if dataset == "ucf-crime":  # the released code uses the official split
        split = "official"
    return rows(published / dataset / f"{split}_split.csv")


def write_i3d_list(path: Path, videos: list[stand_ins.StandIn]) -> None:
    stand_ins.write_lines(path, (f"/x/{video.name}_i3d.npy" for video in videos))


# Published annotations


@pytest.mark.parametrize(
    ("dataset", "videos", "anomalous", "intervals", "frames"),
    [
        ("ucf-crime", 290, 140, 156, 84_345),
        ("xd-violence", 500, 500, 1238, 538_324),
        ("shanghaitech", 199, 44, 78, 7_962),
        ("msad", 241, 121, 121, 33_958),
    ],
)
def test_published_annotations_are_read(published, dataset, videos, anomalous, intervals, frames):
    path = published / dataset / PUBLISHED[dataset]
    found = read(dataset, path)
    spans = [span for annotation in found.values() for span in annotation.spans]
    assert len(found) == videos
    assert sum(bool(annotation.spans) for annotation in found.values()) == anomalous
    assert len(spans) == intervals
    assert sum(span.end - span.start for span in spans) == frames
    # Independently: pairs of numbers in the text; the end is inside but in XD-Violence.
    pairs = [
        pair
        for line in path.read_text().splitlines()
        for pair in re.findall(r"(?<= )(\d+) +(\d+)(?= |$)", line)
    ]
    inside = 0 if dataset == "xd-violence" else 1
    assert len(pairs) == intervals
    assert sum(int(end) - int(start) + inside for start, end in pairs) == frames


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_published_annotations_agree_with_the_split(published, dataset):
    """Every anomalous test video has an interval, no normal one has, and the classes agree."""
    found = read(dataset, published / dataset / PUBLISHED[dataset])
    split = "released" if dataset == "msad" else "official"
    names = settings_of(dataset).labels.names | {"Normal": "normal"}
    for row in split_rows(published, dataset, split):
        if row["split"] == "test":
            annotation = found.get(row["video"], Annotation((), ()))
            normal = names[row["label"].split("-")[0]] == "normal"
            assert bool(annotation.spans) != normal
            assert not annotation.labels or row["label"] in annotation.labels


def test_shanghaitech_annotations_are_the_frame_masks_of_the_data_set(published):
    """The masks' table pads each video to whole segments, and the last label with it."""
    found = read("shanghaitech", published / "shanghaitech/annotations.txt")
    masks = rows(published / "shanghaitech/official_test_frames.csv")
    assert {row["video"] for row in masks} == set(found)
    padded = 0
    for row in masks:
        count = int(row["num_frames"])
        expected = np.zeros(count, bool)
        for start, end in re.findall(r"(\d+)-(\d+)", row["anomalous_intervals"]):
            expected[int(start) : int(end)] = True
        ours = np.zeros(count, bool)
        for span in found[row["video"]].spans:
            assert span.end <= count
            ours[span.start : span.end] = True
        differs = np.flatnonzero(ours != expected)
        if len(differs):
            padded += 1
            assert differs.tolist() == list(range(differs[0], count)) and len(differs) < 16
    assert padded == 6


@pytest.mark.parametrize(("video", "frame"), [("01_0028", 330), ("08_0077", 401)])
def test_an_interval_of_one_frame_is_not_empty(published, video, frame):
    found = read("shanghaitech", published / "shanghaitech/annotations.txt")
    assert (frame, frame + 1) in [(span.start, span.end) for span in found[video].spans]


def test_shanghaitech_videos_in_parts_are_joined(published):
    found = read("shanghaitech", published / "shanghaitech/annotations.txt")
    assert found["04_0012"] == Annotation(
        ("vehicle", "circuit"), (Span(0, 119, "vehicle"), Span(120, 344, "circuit"))
    )
    assert found["05_0023"].labels == ("jumping", "push", "chasing", "stoop")


def test_formats_count_as_their_publishers_do(tmp_path):
    """The same four frames, 4 to 7 counted from 0, in every format."""
    lines = {
        "ucf-crime": "a.mp4  Fighting  5  8  -1  -1  ",
        "msad": "a.mp4  office  5  8  -1  -1  ",
        "msad-table": "name,scenario,total frames,starting frame of anomaly,"
        "ending frame of anomaly\na,office,9,5,8",
        "xd-violence": "a 4 8",
        "shanghaitech": "01_001.avi fighting 4 7 -1 -1",
        "cctv-fights": '{"database": {"a": {"subset": "testing", "frame_rate": 10, "annotations":'
        ' [{"segment": [0.4, 0.8], "label": "Fight"}]}}}',
    }
    for name, line in lines.items():
        path = tmp_path / name
        path.write_text(f"\ufeff{line}\n\n")
        (annotation,) = read(name, path).values()
        assert [(span.start, span.end) for span in annotation.spans] == [(4, 8)]


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("ucf-crime", "a.mp4 Fighting 0 8 -1 -1", "line 1: frames 0 to 8"),
        ("ucf-crime", "a.mp4 Fighting 8 5 -1 -1", "line 1: frames 8 to 5"),
        ("ucf-crime", "a.mp4 Fighting 5 -1 -1 -1", "line 1: frames 5 to -1"),
        ("ucf-crime", "a.mp4 Fighting 5 8", "line 1 is not name, class and two intervals"),
        ("msad", "a.mp4 5 8 -1 -1", "line 1 is not name, scenario and two intervals"),
        ("xd-violence", "a 4 8 9", "line 1 has no pairs"),
        ("xd-violence", "a four 8", "line 1 has no pairs"),
        ("xd-violence", "a", "line 1 has no pairs"),
        ("shanghaitech", "video.avi fighting 4 7", "line 1 is not name, class and intervals"),
        ("shanghaitech", "01_001.avi x 4 7\n01_001.avi x 4 7", "video 01_001 is annotated twice"),
        ("ucf-crime", "a.mp4 x 5 8 -1 -1\na.mp4 x 5 8 -1 -1", "video a is annotated twice"),
        ("msad-table", "name,start\na,5", "no column starting frame of anomaly"),
    ],
)
def test_a_line_of_another_form_is_named(tmp_path, name, line, message):
    path = tmp_path / "annotations.txt"
    path.write_text(line)
    with pytest.raises(FusevadError, match=re.escape(message)) as caught:
        read(name, path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_annotations_of_gigabytes_are_one_line(tmp_path):
    path = tmp_path / "annotations.txt"
    path.touch()
    os.truncate(path, 65 << 20)
    with pytest.raises(FusevadError, match=r"annotations\.txt: not a readable .*68157440 bytes"):
        read("xd-violence", path)


# Published splits


@pytest.fixture
def lists(published, tmp_path) -> Callable[[str], Path]:
    """Makes a folder with the lists and annotations of a data set, and no videos."""

    def make(dataset: str) -> Path:
        folder = tmp_path / dataset
        for split in ("official", "released"):
            if (dataset, split) == ("msad", "official"):
                continue
            for part, crops in (("train", range(10)), ("test", [5])):
                videos = [
                    stand_ins.StandIn(row["video"], row["label"], 0)
                    for row in split_rows(published, dataset, split)
                    if row["split"] == part
                ]
                name = f"iefvad/{part}.csv"
                if split == "official":
                    name = f"xd_CLIP_rgb{'' if part == 'train' else part}.csv"
                    write_i3d_list(folder / f"shanghai-i3d-{part}-10crop.list", videos)
                stand_ins.write_features_list(folder / name, "/x/rgb", videos, crops)
        for file in (published / dataset).glob("*nno*.txt"):
            name = {"shanghaitech": "shang_", "msad": "msad_"}.get(dataset, "") + file.name
            shutil.copy(file, folder / name)
        for file in (published / dataset).glob("Anomaly_Train.txt"):
            shutil.copy(file, folder)
        return folder

    return make


@pytest.mark.parametrize(
    ("dataset", "split", "train", "test"),
    [
        ("ucf-crime", "official", 1610, 290),
        ("ucf-crime", "released", 1610, 290),
        ("xd-violence", "official", 3954, 800),
        ("xd-violence", "released", 3988, 753),
        ("shanghaitech", "official", 238, 199),
        ("shanghaitech", "released", 240, 197),
        ("msad", "released", 479, 241),
    ],
)
def test_published_splits_are_those_that_are_expected(
    published, lists, dataset, split, train, test
):
    settings = settings_of(dataset)
    videos, problems = read_split(
        Inventory.of(lists(dataset)), settings.chosen(split), settings.labels
    )
    assert problems == []
    assert [sum(video.part == part for video in videos) for part in ("train", "test")] == [
        train, test
    ]  # fmt: skip
    expected = {row["video"]: row["split"] for row in split_rows(published, dataset, split)}
    assert {video.name: video.part for video in videos} == expected


def test_event_streams_have_the_split_of_the_videos():
    video, event = settings_of("ucf-crime"), settings_of("ucf-crime-dvs")
    assert event.splits["official"] == video.splits["official"]
    assert event.labels == video.labels


@pytest.mark.parametrize(
    ("dataset", "leaks", "left_out"),
    [("ucf-crime", 0, 0), ("xd-violence", 47, 13), ("shanghaitech", 2, 0)],
)
def test_verify_names_the_test_videos_that_the_released_split_trains_on(
    published, lists, dataset, leaks, left_out
):
    problems = verify(dataset, lists(dataset), settings_of(dataset), "released", workers=1)
    leaked = {line.split(": ")[1].split(" is an official test video but trained on")[0]
              for line in problems if line.startswith("leak: ")}  # fmt: skip
    parts = {
        split: {row["video"]: row["split"] for row in split_rows(published, dataset, split)}
        for split in ("official", "released")
    }
    official, released = parts["official"], parts["released"]
    assert len(leaked) == leaks
    assert leaked == {
        name for name in official if official[name] == "test" and released.get(name) == "train"
    }
    assert sum(line.startswith("left out: ") for line in problems) == left_out
    if dataset == "shanghaitech":
        assert leaked == {"04_0012", "05_0023"}


# Labels


LABELS = LabelSettings(
    names={"A": "normal", "B1": "Fighting", "B2": "Shooting"},
    in_name=r"_label_(?P<label>[A-Z0-9-]+)$",
    separator="-",
    ignored=("0",),
)


@pytest.mark.parametrize("form", ["ucf-crime", "msad", "xd-violence"])
def test_a_name_in_two_forms_of_letters_is_not_annotated_twice(tmp_path, form):
    path = tmp_path / "a.txt"
    middle, rest = ("", "") if form == "xd-violence" else ("Fire ", " -1 -1")
    for name in ("caf\u00e9", "cafe\u0301"):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{name}.mp4 {middle}1 9{rest}\n")
    with pytest.raises(FusevadError, match="video caf\u00e9 is annotated twice"):
        read(form, path)


def test_anomalies_of_a_name_in_two_forms_of_letters_are_one_video_s(tmp_path):
    path = tmp_path / "a.csv"
    heading = "name,starting frame of anomaly,ending frame of anomaly"
    rows = [heading, "caf\u00e9.mp4,1,9", "cafe\u0301.mp4,20,30"]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert read("msad-table", path) == {"caf\u00e9": Annotation((), (Span(0, 9), Span(19, 30)))}


def test_several_labels_in_a_name_are_several_classes(tmp_path):
    inventory = Inventory(tmp_path, ())
    names = ["x_label_A", "x_label_B1-0-0", "x_label_B2-B1-0", "y_label_B2"]
    assert list(read_classes(inventory, LABELS, names).values()) == [
        ("normal",), ("Fighting",), ("Shooting", "Fighting"), ("Shooting",)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x_label_B3-0-0", "unknown label 'B3'"),
        ("x_label_B1-B3-0", "unknown label 'B3'"),
        ("x_label_0-0-0", "is no class"),
        ("x_label_A-B1-0", "both normal and one"),
        ("x", "have no label, the first is x"),
    ],
)
def test_an_unknown_label_is_an_error(tmp_path, name, message):
    with pytest.raises(FusevadError, match=message):
        read_classes(Inventory(tmp_path, ()), LABELS, [name])


def test_a_hash_of_names_does_not_depend_on_their_order():
    assert names_sha256(["b", "a"]) == names_sha256(["a", "b"]) != names_sha256(["ab"])


@pytest.mark.parametrize("dataset", stand_ins.VIDEOS)
def test_stand_ins_bear_real_names_in_their_real_part(published, dataset):
    split = "released" if dataset == "msad" else "official"
    real = {row["video"]: row for row in split_rows(published, dataset, split)}
    for part, videos in stand_ins.VIDEOS[dataset].items():
        for video in videos:
            assert (real[video.name]["split"], real[video.name]["label"]) == (part, video.label)


@pytest.mark.parametrize(
    ("dataset", "line", "start"),
    [
        ("ucf-crime", "{} Fighting 5 8 -1 -1", 4),
        ("msad", "{} shop 5 8 -1 -1", 4),
        ("xd-violence", "{} 5 8", 5),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".mp4", ".avi", ".MOV"])
def test_videos_of_any_container_are_found_in_a_publishers_format(
    tmp_path, dataset, line, start, suffix
):
    """Names may have dots: `Bad.Boys.1995__#01` is a video of XD-Violence."""
    names = ["testing_03", "Bad.Boys.1995__#01"]
    path = tmp_path / "a.txt"
    path.write_text("".join(line.format(name + suffix) + "\n" for name in names))
    found = read(dataset, path)
    assert {name: each.spans[0].start for name, each in found.items()} == dict.fromkeys(
        names, start
    )
