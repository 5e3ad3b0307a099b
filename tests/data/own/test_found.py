"""Labelled videos in folders and tables: names, classes, sources; errors are one line."""

import os
from pathlib import Path
from unicodedata import normalize

import pytest

from fusevad.data.own.found import find_labelled, source_of
from fusevad.errors import FusevadError

TREE = (
    "normal/cam1/001.mp4",
    "normal/cam2/001.MKV",
    "anomalous/fight/cam1/001.mp4",
    "anomalous/fire/front-door_003.avi",
    "anomalous/yard.mp4",
)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_folders_are_classes_and_names_may_repeat_between_them(tmp_path):
    found = find_labelled(touch(tmp_path, *TREE, "normal/notes.txt", "normal/.half.mp4"))
    assert [(video.name, video.classes, video.source) for video in found] == [
        ("anomalous_fight_cam1_001", ("fight",), "cam1"),
        ("anomalous_fire_front-door_003", ("fire",), "front-door"),
        ("anomalous_yard", ("anomaly",), "yard"),
        ("normal_cam1_001", ("normal",), "cam1"),
        ("normal_cam2_001", ("normal",), "cam2"),
    ]


def test_films_that_score_wrote_among_the_videos_are_no_training_data(tmp_path):
    folder = touch(tmp_path, *TREE, "normal/found/001/annotated.mp4")
    events = folder / "normal/found/001/events.json"
    events.write_text('{"made_with": {"model_sha256": "0"}}')
    assert len(find_labelled(folder)) == len(TREE)


def test_linked_folders_are_searched_too_each_once_without_circles(tmp_path):
    touch(tmp_path / "disk", "cam3/1.mp4", "cam4/1.mp4")
    folder = touch(tmp_path / "videos", *TREE)
    (folder / "normal/cam3").symlink_to(tmp_path / "disk/cam3")
    (folder / "anomalous/fight/a").symlink_to(folder / "anomalous/fight")
    (folder / "anomalous/fight/again").symlink_to(folder / "anomalous/fight/cam1")
    (tmp_path / "disk/cam3/up").symlink_to(tmp_path / "disk")
    names = {video.name for video in find_labelled(folder)}
    own = {video.name for video in find_labelled(touch(tmp_path / "own", *TREE))}
    assert names - own == {"normal_cam3_1", "normal_cam3_up_cam4_1"} and own <= names


def test_a_camera_is_one_source_in_composed_and_decomposed_letters(tmp_path):
    """As of folders that were typed on Linux and copied from a Mac."""
    one, other = (normalize(form, "Tür") for form in ("NFC", "NFD"))
    names = (
        f"normal/{one}/1.mp4", f"anomalous/fight/{other}/2.mp4",
        f"normal/{one}_3.mp4", f"anomalous/fight/{other}_4.mp4",
    )  # fmt: skip
    folder = touch(tmp_path / "videos", *names)
    assert {video.source for video in find_labelled(folder)} == {one}
    rows = [f"videos/{names[0]},normal,{one}", f"videos/{names[1]},fight,{other}"]
    (tmp_path / "labels.csv").write_text("\n".join(["video,label,source", *rows]))
    assert {video.source for video in find_labelled(tmp_path / "labels.csv")} == {one}


def test_what_an_archiver_left_among_the_classes_is_none(tmp_path):
    folder = touch(tmp_path, *TREE, "anomalous/__MACOSX/fight/._1.mp4", "anomalous/.fight/1.mp4")
    found = {video.classes for video in find_labelled(folder)}
    assert found == {("normal",), ("fight",), ("fire",), ("anomaly",)}


def test_a_class_that_only_links_to_another_has_no_videos_of_its_own(tmp_path):
    folder = touch(tmp_path, *TREE)
    (folder / "anomalous/brawl").symlink_to("fight")
    with pytest.raises(FusevadError, match="brawl: no videos of its own"):
        find_labelled(folder)


def test_each_folder_is_listed_once(tmp_path, monkeypatch):
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    find_labelled(touch(tmp_path, *TREE))
    assert listed.count(str(tmp_path / "anomalous/fight/cam1")) == 1


@pytest.mark.parametrize(
    ("stem", "source"),
    [
        ("cam1_003", "cam1"),
        ("cam1_2024-05-01_12-00", "cam1"),
        ("front-door (2)", "front-door"),
        ("001", "001"),
        ("lobby", "lobby"),
    ],
)
def test_numbers_at_the_end_of_a_name_are_no_part_of_its_source(stem, source):
    assert source_of((), stem) == source


def write_table(folder: Path, *rows: str) -> Path:
    table = touch(folder, "a.mp4", "b.mp4", "cams/a.mp4") / "labels.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def test_a_table_may_name_sources_and_the_split(tmp_path):
    rows = ("Video;Label;Source;Split", "a.mp4;normal;hall;train", "cams/a.mp4;fight;yard;test")
    found = find_labelled(write_table(tmp_path, *rows))
    assert [(video.name, video.classes, video.source, video.split) for video in found] == [
        ("a", ("normal",), "hall", "train"),
        ("cams_a", ("fight",), "yard", "test"),
    ]


def test_without_those_columns_the_path_says_the_source(tmp_path):
    found = find_labelled(write_table(tmp_path, "video,label", "a.mp4,normal", "cams/a.mp4,fight"))
    assert [(video.source, video.split) for video in found] == [("a", None), ("cams", None)]


def test_a_folder_that_all_videos_share_is_not_their_source(tmp_path):
    touch(tmp_path, "videos/door_1.mp4", "videos/door_2.mp4", "videos/yard_1.mp4")
    table = tmp_path / "labels.csv"
    table.write_text(
        "video,label\nvideos/door_1.mp4,normal\nvideos/door_2.mp4,fire\nvideos/yard_1.mp4,normal\n"
    )
    assert [(video.name, video.source) for video in find_labelled(table)] == [
        ("videos_door_1", "door"),
        ("videos_door_2", "door"),
        ("videos_yard_1", "yard"),
    ]


def test_paths_outside_the_table_s_folder_are_named_from_the_folder_that_has_them_all(tmp_path):
    films = touch(tmp_path / "films", "a/1.mp4", "b/1.mp4")
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables/labels.csv"
    table.write_text(f"video,label\n{films}/a/1.mp4,normal\n../films/b/1.mp4,fire\n")
    assert [(v.name, v.source) for v in find_labelled(table)] == [("a_1", "a"), ("b_1", "b")]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "no folder normal/ in it"),
        (("normal/a.mp4",), "no folder anomalous/ in it"),
        (("normal/a.mp4", "anomalous/a.txt"), "no anomalous videos"),
        (("normal/a.txt", "anomalous/a.mp4"), "no normal videos"),
        (("normal/a.mp4", "anomalous/fight/a.txt"), "fight: no videos of its own"),
        (("normal/a.mp4", "anomalous/normal/a.mp4"), "can't be called normal"),
        (("normal/a.mp4", "anomalous/normal /a.mp4"), "can't be called normal"),
        (("normal/a.mp4", "anomalous/a;;b/a.mp4"), "class 'a;;b'"),
        (("normal/a.mp4", "normal/a.avi", "anomalous/b.mp4"), "would be video normal_a"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(tmp_path, names, message):
    with pytest.raises(FusevadError, match=message) as caught:
        find_labelled(touch(tmp_path, *names))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("video,class", "a.mp4,normal"), "no column label"),
        (("video,label", "a.mp4,"), "line 2: an empty cell"),
        (("video,label", "c.mp4,normal"), "line 2: .*c.mp4: no such file"),
        (("video,label,split", "a.mp4,normal,dev"), "line 2: the unknown split 'dev'"),
        (("video,label,split", "a.mp4,normal,train", "b.mp4,fire,"), "video b has no split"),
        (("video,label", "a.mp4,normal", "a.mp4,fire"), "would be video a"),
        (("video,label", "a.mp4,normal;fire"), "class 'normal;fire'"),
        (("video,label", "/,normal"), "line 2: /: no such file"),
        (("video,label", f"{'a' * 300}.mp4,normal"), "line 2: .*no such file"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line(tmp_path, rows, message):
    with pytest.raises(FusevadError, match=message) as caught:
        find_labelled(write_table(tmp_path, *rows))
    assert "\n" not in str(caught.value)


def test_a_class_is_spelled_as_tables_of_intervals_spell_it(tmp_path):
    """macOS decomposes the letters of folders."""
    composed, decomposed = (normalize(form, "Schl\u00e4gerei") for form in ("NFC", "NFD"))
    folder = touch(tmp_path / "a", "normal/a.mp4", f"anomalous/{decomposed};fire /b.mp4")
    assert find_labelled(folder)[0].classes == (composed, "fire")
    table = write_table(tmp_path / "b", "video,label", "a.mp4,normal", f"b.mp4,{decomposed}")
    assert find_labelled(table)[1].classes == (composed,)


@pytest.mark.parametrize("name", ["normal/caf\udce9.mp4", "normal/caf\udce9/a.mp4"])
def test_a_name_that_is_no_text_is_refused_before_any_video_is_decoded(tmp_path, name):
    with pytest.raises(FusevadError, match=r"has bytes that are not UTF-8, .*; rename it"):
        find_labelled(touch(tmp_path, *TREE, name))


def test_a_source_that_a_terminal_would_obey_is_refused(tmp_path):
    rows = ("video,label,source", "a.mp4,normal,cam\x1b]0;owned\x07", "b.mp4,fire,cam")
    with pytest.raises(FusevadError, match=r"line 2: .* has a control character"):
        find_labelled(write_table(tmp_path, *rows))


def test_a_file_by_two_paths_and_classes_but_for_capitals_are_refused(tmp_path):
    folder = touch(tmp_path / "a", *TREE)
    (folder / "anomalous/fire/copy.mp4").symlink_to(folder / "normal/cam1/001.mp4")
    with pytest.raises(FusevadError, match=r"file .*normal/cam1/001\.mp4 occurs 2 times"):
        find_labelled(folder)
    with pytest.raises(FusevadError, match="classes 'Fire' and 'fire' would be two"):
        find_labelled(touch(tmp_path / "b", *TREE, "anomalous/Fire/1.mp4"))


def test_a_place_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(FusevadError, match="nowhere: no such folder or table"):
        find_labelled(tmp_path / "nowhere")
