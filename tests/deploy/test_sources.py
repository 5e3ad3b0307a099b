"""The words that name videos on the command line."""

import json
import os

import pytest

from fusevad.deploy.sources import find_videos
from fusevad.errors import FusevadError


@pytest.fixture
def folder(tmp_path):
    for name in ("lobby.mp4", "cam1/0001.MKV", "cam2/0001.mkv", "notes.docx", ".lobby.mp4"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "videos" / name).touch()
    return tmp_path / "videos"


def test_a_folder_has_its_videos_and_those_of_its_subfolders(folder):
    found = find_videos([str(folder)])
    assert found == {
        "lobby": folder / "lobby.mp4",
        "cam1-0001": folder / "cam1/0001.MKV",
        "cam2-0001": folder / "cam2/0001.mkv",
    }


def test_a_linked_folder_is_searched_too(folder, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/door.mp4").touch()
    (folder / "cam0").symlink_to(tmp_path / "disk")
    (folder / "all").symlink_to(folder)
    assert set(find_videos([str(folder)])) == {"lobby", "cam1-0001", "cam2-0001", "cam0-door"}


@pytest.mark.parametrize("target", ["nowhere.mp4", "/dev/zero", "pipe"])
def test_a_video_in_a_folder_that_is_no_file_is_one_line(folder, target):
    os.mkfifo(folder / "pipe")
    (folder / "door.mp4").symlink_to(target)
    with pytest.raises(FusevadError, match=r"door\.mp4: a link to nothing, a pipe or a device"):
        find_videos([str(folder)])


def test_a_file_is_called_by_its_name_whatever_its_suffix(folder):
    assert find_videos([str(folder / "notes.docx")]) == {"notes": folder / "notes.docx"}


def test_a_pattern_has_what_fits_it(folder):
    assert set(find_videos([str(folder / "cam1/*.MKV")])) == {"0001"}


@pytest.mark.parametrize("results", ["whole", "emptied by a power cut"])
def test_films_of_results_are_no_videos_wherever_results_are_written(folder, results):
    lobby = folder / "found/lobby"
    lobby.mkdir(parents=True)
    said = json.dumps({"made_with": {"model_sha256": "0" * 64}}) if results == "whole" else ""
    (lobby / "events.json").write_text(said)
    (lobby / "SHA256SUMS").write_text(f"{'0' * 64}  annotated.mp4\n{'0' * 64}  events.json\n")
    (lobby / "annotated.mp4").touch()
    (folder / "some.txt").write_text("found\nlobby.mp4\n")
    assert set(find_videos([str(folder)])) == {"lobby", "cam1-0001", "cam2-0001"}
    assert set(find_videos([str(folder / "**/*.mp4")])) == {"lobby"}
    for word in (lobby / "annotated.mp4", folder / "found", folder / "some.txt"):
        with pytest.raises(FusevadError, match="no videos there"):
            find_videos([str(word)])


def test_a_film_of_others_is_a_video(folder):
    (folder / "cam1/annotated.mp4").touch()
    (folder / "cam1/events.json").write_text('{"events": []}')
    assert set(find_videos([str(folder / "cam1")])) == {"0001", "annotated"}


def test_a_list_has_paths_relative_to_itself(folder):
    for mark in ("", "\ufeff"):  # Notepad writes one
        (folder / "some.txt").write_text(f"{mark}lobby.mp4\n\n cam2 \n")
        videos = find_videos([str(folder / "some.txt")])
        assert videos["lobby"] == folder / "lobby.mp4" and set(videos) == {"lobby", "0001"}


def test_a_word_that_is_there_twice_counts_once(folder):
    assert len(find_videos([str(folder / "lobby.mp4"), str(folder / "lob*")])) == 1


def test_two_suffixes_of_one_name_are_told_apart(folder):
    (folder / "lobby.avi").touch()
    assert set(find_videos([str(folder / "lobby.mp4"), str(folder / "lobby.avi")])) == {
        "lobby.mp4",
        "lobby.avi",
    }


@pytest.mark.parametrize("word", ["empty", "none*.mp4"])
def test_a_word_without_videos_is_one_line(folder, word):
    (folder / "empty").mkdir()
    with pytest.raises(FusevadError, match="no videos there"):
        find_videos([str(folder / word)])


def test_two_videos_of_one_name_are_refused(folder):
    with pytest.raises(FusevadError, match="would replace those of"):
        find_videos([str(folder / "cam2/0001.mkv"), str(folder / "cam2" / "../cam2/0001.mkv")])


def test_a_list_that_names_a_list_is_refused_even_by_a_pattern(folder):
    for line in ("some.txt", "other.txt", "s*.txt"):
        (folder / "other.txt").write_text("lobby.mp4\n")
        (folder / "some.txt").write_text(f"{line}\n")
        with pytest.raises(FusevadError, match=r"some\.txt: names .*, another list"):
            find_videos([str(folder / "some.txt")])


@pytest.mark.parametrize("line", ["**/*/**/*/**/*.mp4", "cam*/../cam*/../*/0001.mkv", "*/0001.mkv"])
def test_no_list_has_folders_searched_in_circles(folder, line):
    (folder / "some.txt").write_text(f"lobby.mp4\n{line}\n")
    with pytest.raises(FusevadError, match=r"some\.txt: .*: a pattern of folders"):
        find_videos([str(folder / "some.txt")])


def test_a_pattern_in_a_list_is_of_files_in_one_folder(folder):
    (folder / "some.txt").write_text("cam1/0*\n**.mp4\n")
    assert set(find_videos([str(folder / "some.txt")])) == {"0001", "lobby"}


def test_a_list_in_a_folder_with_brackets_is_read_as_any_other(folder):
    inner = folder / "cam[1]"
    inner.mkdir()
    (inner / "0002.mp4").touch()
    (inner / "some.txt").write_text("0*.mp4\n0003.mp4\n")
    assert set(find_videos([str(inner / "some.txt")])) == {"0002", "0003"}


@pytest.mark.parametrize("line", ["none*.mp4", "empty"])
def test_a_line_of_a_list_without_videos_is_named(folder, line):
    (folder / "empty").mkdir()
    (folder / "some.txt").write_text(f"lobby.mp4\n{line}\n")
    with pytest.raises(FusevadError, match=r"some\.txt: .*: no videos there"):
        find_videos([str(folder / "some.txt")])


@pytest.mark.parametrize("name", [b"a\xff.mp4", b"a\x1b[2J.mp4"])
def test_names_that_no_table_or_screen_can_have_are_one_line(folder, name):
    path = folder / os.fsdecode(name)
    path.touch()
    with pytest.raises(FusevadError, match="can't be printed; rename") as caught:
        find_videos([str(folder)])
    assert str(caught.value).isascii() and str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["..mp4", "...mp4"])
def test_results_are_never_called_like_the_folder_itself_or_the_one_above(folder, name):
    (folder / name).touch()
    with pytest.raises(FusevadError, match="rename the video"):
        find_videos([str(folder / name)])
