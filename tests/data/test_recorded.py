"""Labels and verification of data sets laid out like the real ones."""

import os
import re
import shutil
import unicodedata
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusevad.data.fetch.settings import FetchSettings
from fusevad.data.label_tables import read_intervals, read_labels
from fusevad.data.manifest import frame_labels, read_manifest
from fusevad.data.manifest_making import make_manifest
from fusevad.data.recorded.inventory import Inventory
from fusevad.data.recorded.labels import make_labels
from fusevad.data.recorded.settings import (
    LabelSettings,
    LayoutSettings,
    ListSettings,
    RecordedSettings,
    SplitSettings,
)
from fusevad.data.recorded.split import class_of, read_classes, read_split
from fusevad.data.recorded.verify import verify
from fusevad.errors import FusevadError
from fusevad.parsing import parse, read_yaml
from fusevad.video.decode import read_frames
from tests import stand_ins
from tests.made_up_videos import cut

DATASETS = list(stand_ins.STAND_INS)


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory) -> Path:
    """All stand-ins, and their settings in `config`."""
    folder = tmp_path_factory.mktemp("recorded")
    stand_ins.make(folder, folder / "config", DATASETS)
    return folder


@pytest.fixture
def copy(laid_out, tmp_path) -> Callable[[str], Path]:
    """Makes a copy of a stand-in, to spoil."""
    return lambda dataset: Path(shutil.copytree(laid_out / dataset, tmp_path / dataset))


def settings_of(dataset: str, config: Path = stand_ins.CONFIG) -> RecordedSettings:
    return parse(RecordedSettings, read_yaml(config / f"{dataset}.yaml")["recorded"], dataset)


def small(laid_out: Path, dataset: str) -> RecordedSettings:
    return settings_of(dataset, laid_out / "config/datasets")


@pytest.mark.parametrize("dataset", DATASETS)
def test_settings_of_a_data_set_are_complete(dataset):
    values = read_yaml(stand_ins.CONFIG / f"{dataset}.yaml")
    settings = parse(RecordedSettings, values["recorded"], dataset)
    parse(FetchSettings, values["fetch"], dataset)
    assert settings.split == "official"
    for split in settings.splits.values():
        for part in (split.train, split.test):
            named = sum(part.classes.values())
            assert named >= part.videos or dataset == "msad"
            assert set(part.classes) <= set(settings.labels.names.values())


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_a_complete_data_set_has_no_problems_and_makes_a_manifest(laid_out, tmp_path, dataset):
    settings = small(laid_out, dataset)
    assert verify(dataset, laid_out / dataset, settings, "official", workers=1) == []
    make_labels(laid_out / dataset, settings, "official", tmp_path / "source")
    tables = tmp_path / "source/labels.csv", tmp_path / "source/intervals.csv"
    make_manifest(*tables, tmp_path, "stop", workers=1, past_end="clip")
    videos = read_manifest(tmp_path / "manifest.csv")
    official = settings.splits["official"]
    assert len(videos) == official.train.videos + official.test.videos
    assert all(video.path.is_file() for video in videos)
    anomalous = {video.name for video in videos if video.split == "test" and video.anomalous}
    assert set(read_intervals(tmp_path / "intervals.csv")) == anomalous


@pytest.mark.parametrize("dataset", stand_ins.VIDEOS)
def test_stand_ins_have_the_frames_and_anomalies_that_they_were_made_with(
    laid_out, tmp_path, dataset
):
    """From what was drawn, through the publisher's files, to the manifest."""
    make_labels(laid_out / dataset, small(laid_out, dataset), "official", tmp_path / "source")
    tables = tmp_path / "source/labels.csv", tmp_path / "source/intervals.csv"
    make_manifest(*tables, tmp_path, "stop", workers=1, past_end="clip")
    videos = {video.name: video for video in read_manifest(tmp_path / "manifest.csv")}
    intervals = read_intervals(tmp_path / "intervals.csv")
    for made in chain(*stand_ins.VIDEOS[dataset].values()):
        video = videos[made.name]
        assert video.frames == made.frames
        assert video.anomalous == bool(made.spans)
        if video.split == "test":
            drawn = np.zeros(made.frames, bool)
            for start, end in made.spans:
                drawn[start:end] = True
            found = frame_labels(video.frames, intervals.get(made.name, []))
            assert np.array_equal(found, drawn)


def test_videos_are_found_in_whatever_folders_they_are(tmp_path, laid_out):
    over = stand_ins.ucf_crime(tmp_path / "parts", in_parts=True)
    values = stand_ins.configured("ucf-crime", over)["recorded"]
    settings = parse(RecordedSettings, values, "ucf-crime")
    assert verify("ucf-crime", tmp_path / "parts", settings, "official", workers=1) == []
    make_labels(tmp_path / "parts", settings, "official", tmp_path / "a")
    make_labels(laid_out / "ucf-crime", small(laid_out, "ucf-crime"), "official", tmp_path / "b")
    tables = [pd.read_csv(tmp_path / which / "labels.csv") for which in "ab"]
    assert tables[0].drop(columns="path").equals(tables[1].drop(columns="path"))


def test_data_behind_a_link_are_found(tmp_path, laid_out):
    (tmp_path / "linked").symlink_to(laid_out / "xd-violence")
    settings = small(laid_out, "xd-violence")
    make_labels(tmp_path / "linked", settings, "official", tmp_path / "source")
    assert len(pd.read_csv(tmp_path / "source/labels.csv")) == 14


def test_verify_says_what_the_released_split_changes(laid_out):
    def changes(dataset: str) -> list[str]:
        settings = small(laid_out, dataset)
        return verify(dataset, laid_out / dataset, settings, "released", workers=1)

    (leak,) = changes("shanghaitech")
    assert leak == "leak: 04_0012 is an official test video but trained on"
    (moved,) = changes("msad")
    assert moved == "moved: Fire_1 is an official training video but tested on"
    kinds = [line.split(":")[0] for line in changes("xd-violence")]
    assert kinds == ["leak", "left out", "left out"]


def test_a_leak_does_not_vanish_with_a_line_of_the_official_list(copy, laid_out):
    folder, settings = copy("shanghaitech"), small(laid_out, "shanghaitech")
    path = folder / "lists/shanghai-i3d-test-10crop.list"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "04_0012" not in line))
    found = verify("shanghaitech", folder, settings, "released", workers=1)
    told = f"test: the lists name {len(lines) - 1} videos instead of {len(lines)}"
    assert f"leaks are uncertain: official split: {told}" in found


def test_verify_names_all_that_is_wrong_at_once(copy, laid_out):
    folder = copy("xd-violence")
    videos = sorted(folder.rglob("*.mp4"))
    gone, broken = videos[0], videos[-1]
    gone.unlink()
    cut(broken, 0.5)
    shutil.copy(videos[1], folder / "videos/unknown_label_A.mp4")
    text = (folder / "lists/annotations.txt").read_text()
    (folder / "lists/annotations.txt").write_text(text.replace(" 0 16 ", " sixteen 16 "))
    problems = verify("xd-violence", folder, small(laid_out, "xd-violence"), "official", 1)
    expected = [
        r"annotations: .*annotations.txt: line 1 has no pairs",
        r"train: 7 of 8 videos are there",
        r"train: \d of \d videos of class \S+ are there",
        rf"missing: {re.escape(gone.stem)} \(train\)",
        r"extra: .*unknown_label_A.mp4",
        rf"unreadable: {re.escape(str(broken))}",
    ]
    assert len(problems) == len(expected)
    for line, pattern in zip(problems, expected, strict=True):
        assert re.match(pattern, line)


def test_verify_checks_the_lists_against_the_expected_numbers_and_names(copy, laid_out):
    folder = copy("ucf-crime")
    path = folder / "lists/Anomaly_Train.txt"
    path.write_text(path.read_text().replace("Abuse001", "Abuse002"))
    problems = verify("ucf-crime", folder, small(laid_out, "ucf-crime"), "official", 1)
    assert re.match("train: the names of its videos have the SHA-256 [0-9a-f]{64}", problems[0])
    path.write_text(path.read_text() + "Abuse/Abuse003_x264.mp4\n")
    problems = verify("ucf-crime", folder, small(laid_out, "ucf-crime"), "official", 1)
    assert problems[0] == "train: the lists name 9 videos instead of 8"
    assert problems[1] == "train: the lists name 2 videos of class Abuse instead of 1"


def test_an_image_that_is_no_image_is_named(copy, laid_out):
    folder = copy("shanghaitech")
    image = folder / "shanghaitech/testing/frames/01_0014/007.jpg"
    image.write_bytes(image.read_bytes()[:500])
    (problem,) = verify("shanghaitech", folder, small(laid_out, "shanghaitech"), "official", 1)
    assert problem.startswith(f"unreadable: {image}")


def spoil_twice(folder: Path) -> str:
    video = next(folder.rglob("Abuse001_x264.mp4"))
    shutil.copy(video, folder / video.name)
    return "both are video Abuse001_x264"


def spoil_missing(folder: Path) -> str:
    next(folder.rglob("Abuse001_x264.mp4")).unlink()
    return "1 of 14 videos are missing, the first is Abuse001_x264"


def spoil_list(folder: Path) -> str:
    next(folder.rglob("Anomaly_Train.txt")).unlink()
    return "no file Anomaly_Train.txt below it"


def spoil_copies(folder: Path) -> str:
    (folder / "Anomaly_Train.txt").write_text("Abuse/Abuse001_x264.mp4\n")
    return "different files Anomaly_Train.txt"


def spoil_line(folder: Path) -> str:
    path = next(folder.rglob("Anomaly_Train.txt"))
    path.write_text("<html>not found</html>\n")
    return "line 1 ('<html>not found</html>') does not match"


def spoil_leak(folder: Path) -> str:
    path = next(folder.rglob("Anomaly_Train.txt"))
    path.write_text(path.read_text() + "Abuse/Abuse028_x264.mp4\n")
    return "1 videos are in train and in test, the first is Abuse028_x264"


def spoil_interval(folder: Path) -> str:
    edit_annotations(folder, "Abuse028_x264.mp4  Abuse  11  26", "Abuse028_x264.mp4  Abuse  -1  -1")
    return "video Abuse028_x264 is anomalous but has no interval"


def spoil_normal(folder: Path) -> str:
    edit_annotations(folder, "Normal  -1  -1", "Normal  1  2")
    return "video Normal_Videos_003_x264 is normal but has intervals"


def spoil_class(folder: Path) -> str:
    edit_annotations(folder, "Abuse028_x264.mp4  Abuse", "Abuse028_x264.mp4  Arson")
    return "video Abuse028_x264 is annotated as Arson but labelled Abuse"


def spoil_label(folder: Path) -> str:
    edit_annotations(folder, "Abuse028_x264.mp4  Abuse", "Abuse028_x264.mp4  Abused")
    return "video Abuse028_x264: unknown label 'Abused'"


def edit_annotations(folder: Path, old: str, new: str) -> None:
    path = next(folder.rglob("Temporal_Anomaly_Annotation*.txt"))
    path.write_text(path.read_text().replace(old, new, 1))


SPOILS = [value for name, value in dict(globals()).items() if name.startswith("spoil_")]


@pytest.mark.parametrize("spoil", SPOILS)
def test_files_that_do_not_agree_are_one_clear_line(copy, laid_out, spoil):
    folder = copy("ucf-crime")
    message = spoil(folder)
    with pytest.raises(FusevadError) as caught:
        make_labels(folder, small(laid_out, "ucf-crime"), "official", folder / "out")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (folder / "out").exists()


def test_an_empty_folder_is_one_clear_line(tmp_path, laid_out):
    (problem,) = verify("msad", tmp_path, small(laid_out, "msad"), "official", 1)
    assert problem.startswith(f"{tmp_path}: no such folder, or nothing in it")


def test_a_missing_image_is_named(copy, laid_out):
    folder = copy("shanghaitech")
    (folder / "shanghaitech/testing/frames/01_0014/007.jpg").unlink()
    with pytest.raises(FusevadError, match="01_0014: image 7 is missing among 39"):
        Inventory.of(folder).raw_videos(small(laid_out, "shanghaitech").layout, [])


@pytest.mark.parametrize(
    "other",
    [
        lambda text: "",
        lambda text: "\r\n \n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text.rstrip("\n"),
        lambda text: "\n".join(reversed(text.splitlines())),
    ],
    ids=["empty", "blank", "Windows", "byte order mark", "reversed"],
)
def test_copies_of_a_list_that_say_the_same_are_one_and_empty_ones_do_not_count(
    copy, laid_out, tmp_path, other
):
    folder, settings = copy("ucf-crime"), small(laid_out, "ucf-crime")
    path = next(folder.rglob("Anomaly_Train.txt"))
    for place in (folder / "AAA", folder / "zzz"):
        place.mkdir()
        (place / path.name).write_bytes(other(path.read_text()).encode())
    make_labels(folder, settings, "official", tmp_path / "with")
    make_labels(laid_out / "ucf-crime", settings, "official", tmp_path / "without")
    with_copies, without = (
        pd.read_csv(tmp_path / which / "labels.csv").drop(columns="path").sort_values("video")
        for which in ("with", "without")
    )
    assert with_copies.to_numpy().tolist() == without.to_numpy().tolist()


def test_copies_of_json_have_its_lines_in_one_order(tmp_path):
    for place, lines in {"a": ["[1,", "2]"], "b": ["[1, ", " 2]", ""], "c": ["2]", "[1,"]}.items():
        (tmp_path / place).mkdir()
        (tmp_path / place / "truth.json").write_text("\n".join(lines))
    with pytest.raises(FusevadError, match="different files"):
        Inventory.of(tmp_path).find("truth.json")
    (tmp_path / "c/truth.json").unlink()
    assert Inventory.of(tmp_path).find("truth.json") == tmp_path / "a/truth.json"


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            ["a,0\na,1\n", ""],
            r"line 2: video a is labelled '1', but '0' in .*0\.txt: line 1;",
        ),
        (["a,0\nb,1\n", "b,0\n"], r"line 1: video b is labelled '0', but '1' in .*line 2;"),
        (["b,1-2\nb,1\na,0\n", ""], "video b is labelled '1', but '1-2' in"),
        (["a,0\na,0\nb,1-2\n", "b,2-yes\n"], None),
        (["a,0\nb,1-2\nb,2-yes\n", ""], None),
    ],
)
def test_a_video_has_one_label_in_all_lists(tmp_path, lists, message):
    for number, text in enumerate(lists):
        (tmp_path / f"{number}.txt").write_text(text)
    line = r"(?P<name>\w),(?P<label>[\w-]+)"
    values = {
        "lists": [{"file": f"{number}.txt", "line": line} for number in range(len(lists))],
        "names": {"0": "normal", "1": "fire", "yes": "fire", "2": "smoke"},
        "separator": "-",
    }
    labels = parse(LabelSettings, values, "labels")
    if message is None:
        found = read_classes(Inventory.of(tmp_path), labels, ["a", "b"])
        assert found == {"a": ("normal",), "b": ("fire", "smoke")}
        return
    with pytest.raises(FusevadError, match=message):
        read_classes(Inventory.of(tmp_path), labels, ["a", "b"])


AVENUE = LayoutSettings(suffixes=(".avi",))


def inventory(folder: Path, *files: str) -> Inventory:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(file.encode())
    return Inventory.of(folder)


def test_videos_of_one_stem_are_named_by_their_folders(tmp_path):
    files = ("training/01.avi", "testing/01.avi", "testing/02.avi", "a/x/03.avi", "b/x/03.avi")
    made = inventory(tmp_path, *files)
    found = made.raw_videos(AVENUE, [])
    places = {name: raw.files[0].relative_to(tmp_path) for name, raw in found.items()}
    assert {name: place.as_posix() for name, place in places.items()} == {
        "training_01": "training/01.avi",
        "testing_01": "testing/01.avi",
        "02": "testing/02.avi",
        "a_x_03": "a/x/03.avi",
        "b_x_03": "b/x/03.avi",
    }
    assert all(raw.name == name for name, raw in found.items())


def test_lists_may_name_videos_with_or_without_folders(tmp_path):
    made = inventory(tmp_path, "training/01.avi", "testing/01.avi", "testing/02.avi")
    (tmp_path / "list.txt").write_text("training/01.avi\ntesting/02.avi\n02.avi\n")
    made = Inventory.of(tmp_path)
    listed = made.listed(ListSettings("list.txt", r"(?P<name>.+)\.avi"))
    assert listed == ["training_01", "testing_02", "02"]
    found = made.raw_videos(AVENUE, listed)
    assert found["testing_02"].files == found["02"].files
    assert found["training_01"].files == (tmp_path / "training/01.avi",)
    with pytest.raises(FusevadError, match=r"both are video 01; keep one of them, or name videos"):
        made.raw_videos(AVENUE, ["01"])


def test_composed_and_decomposed_letters_are_one_name(tmp_path):
    composed = unicodedata.normalize("NFC", "Übergriff é")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    made = inventory(tmp_path, f"{decomposed}.avi", "list.txt")
    (tmp_path / "list.txt").write_text(f"{composed}.avi\n")
    listed = made.listed(ListSettings("list.txt", r"(?P<name>.+)\.avi"))
    found = made.raw_videos(AVENUE, listed)
    assert found[composed].files == (tmp_path / f"{decomposed}.avi",)
    labels = tmp_path / "labels.csv"
    rows = f"{composed},train,normal,a.avi\n{decomposed},test,normal,b.avi\n"
    labels.write_text("video,split,class,path\n" + rows)
    with pytest.raises(FusevadError, match="is in train and in test"):
        read_labels(labels)


def test_settings_and_what_they_name_may_differ_in_the_form_of_letters(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Übergriff") for form in ("NFC", "NFD"))
    made = inventory(tmp_path, f"train_{decomposed}.txt", f"test_{composed}.txt")
    (tmp_path / f"train_{decomposed}.txt").write_text(f"{decomposed}_1.avi\n")
    (tmp_path / f"test_{composed}.txt").write_text(f"{composed}_2.avi\n")

    def part(form: str) -> dict:
        lists = [{"file": f"{form}.txt", "line": r"(?P<name>.+)\.avi"}]
        return {"lists": lists, "videos": 1, "classes": {decomposed: 1}}

    annotations = {"format": "ucf-crime", "file": "a.txt"}
    parts = {"train": part(f"train_{composed}"), "test": part(f"test_{decomposed}")}
    split = parse(SplitSettings, {**parts, "annotations": annotations}, "split")
    names = {"in_name": f"(?P<label>{decomposed})", "names": {decomposed: composed}}
    labels = parse(LabelSettings, names, "labels")
    videos, problems = read_split(made, split, labels)
    assert [(video.name, video.classes) for video in videos] == [
        (f"{composed}_1", (composed,)),
        (f"{composed}_2", (composed,)),
    ]
    assert problems == []
    assert class_of(decomposed, labels, "an annotation") == composed


def test_a_class_in_two_forms_of_letters_is_one_class(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Übergriff") for form in ("NFC", "NFD"))
    rows = f"a,train,{composed},a.avi\nb,test,{decomposed},b.avi\n"
    (tmp_path / "labels.csv").write_text("video,split,class,path\n" + rows)
    assert {label.classes for label in read_labels(tmp_path / "labels.csv")} == {(composed,)}
    (tmp_path / "intervals.csv").write_text(f"video,class,start,end\nb,{decomposed},0,5\n")
    assert read_intervals(tmp_path / "intervals.csv")["b"][0].label == composed


def test_a_line_without_the_name_that_may_be_left_out_is_named(tmp_path):
    (tmp_path / "list.txt").write_text("a.avi\n# old\n")
    settings = ListSettings("list.txt", r"(?P<name>\w+\.avi)?")
    with pytest.raises(FusevadError, match=r"line 2 \('# old'\) does not match"):
        Inventory.of(tmp_path).listed(settings)


@pytest.mark.parametrize(
    "labels",
    [
        {"in_name": "(?P<label>Fight)?"},
        {"lists": [{"file": "list.txt", "line": r"(?P<name>\w+) ?(?P<label>Fight)?"}]},
    ],
)
def test_a_video_without_the_label_that_may_be_left_out_has_none(tmp_path, labels):
    (tmp_path / "list.txt").write_text("Fight1 Fight\nCalm1\n")
    settings = parse(LabelSettings, labels | {"names": {"Fight": "fight"}}, "labels")
    with pytest.raises(FusevadError, match="1 videos have no label, the first is Calm1"):
        read_classes(Inventory.of(tmp_path), settings, ["Fight1", "Calm1"])


def test_a_list_of_gigabytes_is_one_line(tmp_path):
    for name in ("list.txt", "in/list.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, 65 << 20)
        with pytest.raises(FusevadError, match=r"list\.txt: not a list \(68157440 bytes"):
            Inventory.of(tmp_path).listed(ListSettings("list.txt", r"(?P<name>\w+)"))


def test_a_converted_video_that_was_damaged_after_a_kill_is_made_again(copy, laid_out, tmp_path):
    folder, settings = copy("shanghaitech"), small(laid_out, "shanghaitech")
    image = sorted((folder / "shanghaitech/testing/frames").glob("*/007.jpg"))[-1]
    content = image.read_bytes()
    image.write_text("no image")
    with pytest.raises(FusevadError, match="not a JPEG"):
        make_labels(folder, settings, "official", tmp_path)
    left = sorted((tmp_path / ".videos.progress").glob("*.mkv"))[0]
    good = left.read_bytes()
    left.write_bytes(good[:-200] + bytes(200))
    image.write_bytes(content)
    make_labels(folder, settings, "official", tmp_path)
    decoded = [
        [frame.tobytes() for frame in read_frames(path)]
        for path in (write(tmp_path / "good.mkv", good), tmp_path / "videos" / left.name)
    ]
    assert decoded[0] == decoded[1]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_videos_that_are_missing_or_broken_can_be_left_out_alone(copy, laid_out, tmp_path, capsys):
    folder, settings = copy("shanghaitech"), small(laid_out, "shanghaitech")
    missing = next(path for path in sorted((folder / "shanghaitech/training/videos").iterdir()))
    missing.unlink()
    image = folder / "shanghaitech/testing/frames/01_0014/007.jpg"
    image.write_text("no image")
    with pytest.raises(FusevadError, match=f"the first is {missing.stem}"):
        make_labels(folder, settings, "official", tmp_path / "source")
    make_labels(folder, settings, "official", tmp_path / "source", on_bad_video="skip")
    assert "warning: video 01_0014 is left out" in capsys.readouterr().err
    tables = tmp_path / "source/labels.csv", tmp_path / "source/intervals.csv"
    make_manifest(*tables, tmp_path, "skip", workers=1, past_end="clip")
    skipped = pd.read_csv(tmp_path / "skipped.csv")
    assert sorted(skipped["video"]) == sorted([missing.stem, "01_0014"])
    listed = len(pd.read_csv(tables[0]))
    assert len(read_manifest(tmp_path / "manifest.csv")) == listed - 2
