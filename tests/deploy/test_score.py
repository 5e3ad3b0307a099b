"""Own videos: what is written of each, whole or not at all, and never twice."""

import errno
import json
import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.deploy import score as score_module
from fusevad.deploy.detector import Detector
from fusevad.deploy.kept_results import read_segments
from fusevad.evaluate.alarms import Event, Track, find_events
from fusevad.files import temporary_path
from fusevad.plan.stage import STAGES
from tests.made_up_bundles import RULES, scored, threshold
from tests.made_up_videos import shown, with_one_time, write_video

ODD_FILES = Path(__file__).parents[3] / "shared/data/odd-files"
FILES = ["SHA256SUMS", "annotated.mp4", "events.json", "segments.csv", "segments.parquet"]


def test_the_files_of_a_video(alarming, video, tmp_path):
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    folder = tmp_path / "out" / "a"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    table = pd.read_csv(folder / "segments.csv")
    pd.testing.assert_frame_equal(table, pd.read_parquet(folder / "segments.parquet"))
    assert outcome.seconds == pytest.approx(10.0)


def test_events_are_those_of_the_alarm_code_in_frames_of_the_video(alarming, video, tmp_path):
    scored(alarming, {"a": video}, tmp_path / "out", film=False)
    values = json.loads((tmp_path / "out/a/events.json").read_text())
    table = pd.read_csv(tmp_path / "out/a/segments.csv")
    edges = np.append(table["start_frame"], 200) / 20
    limit = Detector.load(alarming).about.thresholds[0].threshold
    expected = find_events(Track(table["score"].to_numpy(), edges), limit, RULES)
    assert expected
    assert [
        (e["start_frame"], e["end_frame"], e["peak"], e["threshold"], e["bound"], e["certified"])
        for e in values["events"]
    ] == [(round(e.start * 20), round(e.end * 20), e.peak, limit, 0.75, True) for e in expected]
    assert values["events"][0]["id"] == "a-1"
    assert values["video"]["frames"] == 200


def test_a_finished_video_is_not_scored_again(alarming, video, tmp_path, monkeypatch):
    scored(alarming, {"a": video}, tmp_path / "out")

    def never(*_: object) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(Detector, "scored", never)
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    assert outcome.kept


def test_a_film_stays_if_later_videos_are_scored_without(alarming, video, tmp_path):
    other = write_video(tmp_path / "other.mp4", frames=60, seed=5)
    scored(alarming, {"a": video}, tmp_path / "out")
    film = (tmp_path / "out/a/annotated.mp4").read_bytes()
    found = scored(alarming, {"a": video, "b": other}, tmp_path / "out", film=False)
    assert [outcome.kept for outcome in found] == [True, False]
    assert (tmp_path / "out/a/annotated.mp4").read_bytes() == film
    assert not (tmp_path / "out/b/annotated.mp4").exists()
    (tmp_path / "out/a/annotated.mp4").write_bytes(film[1:])
    (outcome, _) = scored(alarming, {"a": video, "b": other}, tmp_path / "out", film=False)
    assert not (outcome.kept or outcome.problem)  # damaged


@pytest.mark.parametrize("change", ["video", "threshold", "film", "lost file"])
def test_other_video_threshold_or_files_are_scored_again(
    made_up, alarming, video, tmp_path, change
):
    out = tmp_path / "out"
    scored(alarming, {"a": video}, out, film=change != "film")
    if change == "video":
        write_video(video, frames=120)
    if change == "threshold":
        alarming = made_up.changed(tmp_path / "other.fusevad", thresholds=(threshold(0.9),))
    if change == "lost file":
        (out / "a/segments.csv").unlink()
    (outcome,) = scored(alarming, {"a": video}, out)
    assert not (outcome.kept or outcome.problem)
    assert sorted(path.name for path in (out / "a").iterdir()) == FILES
    assert [path.name for path in out.iterdir()] == ["a"]


def test_code_of_another_version_scores_again(made_up, video, tmp_path, monkeypatch):
    model = made_up.changed(tmp_path / "model.fusevad", versions={})  # which fits any code
    scored(model, {"a": video}, tmp_path / "out", film=False)
    monkeypatch.setitem(STAGES, "cues", replace(STAGES["cues"], version=99))
    (outcome,) = scored(model, {"a": video}, tmp_path / "out", film=False)
    assert not (outcome.kept or outcome.problem)


def content_of(file: Path) -> list[bytes]:
    """A film's pictures, or any other file's lines, without the film's hash in SHA256SUMS."""
    if file.suffix == ".mp4":
        return shown(file)
    return [line for line in file.read_bytes().splitlines() if not line.endswith(b".mp4")]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["a flipped bit", "emptied"])
def test_damaged_results_are_made_again(alarming, video, tmp_path, name, damage):
    scored(alarming, {"a": video}, tmp_path / "out")
    file = tmp_path / "out/a" / name
    before, whole = content_of(file), file.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    file.write_bytes(b"" if damage == "emptied" else flipped)
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    assert not (outcome.kept or outcome.problem)
    assert content_of(file) == before


@pytest.mark.parametrize("content", [b"", b"\0" * 500])
def test_results_of_which_a_power_cut_left_names_alone_are_made_again(
    alarming, video, tmp_path, content
):
    scored(alarming, {"a": video}, tmp_path / "out", film=False)
    folder = tmp_path / "out/a"
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.write_bytes(content)
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out", film=False)
    assert not (outcome.kept or outcome.problem)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_a_killed_run_leaves_nothing_that_looks_finished(alarming, video, tmp_path, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(score_module, "write_film", killed)
        scored(alarming, {"a": video}, tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists()
    scored(alarming, {"a": video}, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_folders_of_others_are_not_replaced(alarming, video, tmp_path):
    precious = tmp_path / "out/a/precious.txt"
    precious.parent.mkdir(parents=True)
    precious.touch()
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    assert "not results of fusevad score" in outcome.problem
    (tmp_path / "out/a/events.json").write_text("{}")  # others have files of that name, too
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    assert "not results of fusevad score" in outcome.problem
    assert precious.is_file()
    precious.unlink()
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    assert "not results of fusevad score" in outcome.problem
    assert (tmp_path / "out/a/events.json").read_text() == "{}"


def test_a_folder_of_others_within_results_is_not_removed(alarming, video, tmp_path):
    scored(alarming, {"a": video}, tmp_path / "out", film=False)
    precious = tmp_path / "out/a/annotated.mp4/precious.txt"
    precious.parent.mkdir()
    precious.touch()
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    assert "not results of fusevad score" in outcome.problem
    assert precious.is_file()


def test_a_link_in_place_of_results_is_not_followed(alarming, video, tmp_path):
    scored(alarming, {"a": video}, tmp_path / "elsewhere")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").symlink_to(tmp_path / "elsewhere/a")
    write_video(video, frames=120)
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    assert "not results of fusevad score" in outcome.problem
    assert sorted(path.name for path in (tmp_path / "elsewhere/a").iterdir()) == FILES


def test_a_bad_video_is_one_line_and_the_others_are_scored(alarming, video, tmp_path, capsys):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    videos = {"bad": tmp_path / "bad.mp4", "none": tmp_path / "none.mp4", "a": video}
    outcomes = scored(alarming, videos, tmp_path / "out", film=False)
    assert [bool(each.problem) for each in outcomes] == [True, True, False]
    lines = [line for line in capsys.readouterr().err.splitlines() if "bad.mp4" in line]
    assert len(lines) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_names_as_long_as_the_file_system_allows_are_scored_and_longer_ones_are_one_line(
    alarming, video, tmp_path
):
    names = ["n" * 251, "a." + "s" * 249, "ü" * 125, "l" * 256]
    outcomes = scored(alarming, dict.fromkeys([*names, "b"], video), tmp_path / "out", film=False)
    assert [bool(each.problem) for each in outcomes] == [False, False, False, True, False]
    assert "the name is too long for this file system" in outcomes[3].problem
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*names[:3], "b"}


def test_an_error_of_the_system_stops_a_video_and_a_full_disk_all(
    alarming, video, tmp_path, monkeypatch
):
    def fails(number: int) -> None:
        def fail(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(score_module, "write_tables", fail)

    fails(errno.EIO)
    (outcome,) = scored(alarming, {"a": video}, tmp_path / "out")
    assert outcome.problem.startswith(f"{video}: the disk fails")
    fails(errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        scored(alarming, {"a": video}, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_results_that_a_killed_process_of_the_same_number_left_are_in_nobodys_way(
    alarming, video, tmp_path
):
    """A restarted container gives its processes the same numbers again."""
    out = tmp_path / "out"
    for name in ("a", "a.old"):
        left = temporary_path(out / name)
        left.mkdir(parents=True)
        (left / "segments.csv").touch()
    for film in (False, True):  # which replaces the first
        (outcome,) = scored(alarming, {"a": video}, out, film=film)
        assert not (outcome.problem or outcome.kept)
    assert [path.name for path in out.iterdir()] == ["a"]


def test_unfinished_results_of_a_killed_process_are_removed(alarming, video, tmp_path):
    child = multiprocessing.get_context("spawn").Process()
    child.start()
    child.join()
    of_killed = temporary_path(tmp_path / "out/gone").name.replace(
        f"-{os.getpid()}.", f"-{child.pid}."
    )
    (tmp_path / "out" / of_killed).mkdir(parents=True)
    (tmp_path / "out" / of_killed / "segments.csv").touch()
    mine = temporary_path(tmp_path / "out/other")
    mine.mkdir()
    scored(alarming, {"a": video}, tmp_path / "out", film=False)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", mine.name}


def test_the_command_says_what_it_did_and_ends_with_1_if_a_video_is_bad(alarming, video, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    words = ["score", str(video), "--model", str(alarming), "--out", str(tmp_path / "out")]
    good = CliRunner().invoke(app, [*words, "--no-film"])
    assert good.exit_code == 0 and "videos: 1 scored" in good.output
    bad = CliRunner().invoke(app, [*words, str(tmp_path / "bad.mp4"), "--no-film"])
    assert bad.exit_code == 1 and "1 finished before, 1 could not be scored" in bad.output


@pytest.mark.skipif(not ODD_FILES.is_dir(), reason="the odd files are not beside the repository")
def test_a_damaged_file_is_one_line(alarming, tmp_path):
    (outcome,) = scored(alarming, {"a": ODD_FILES / "damaged/corrupted.mp4"}, tmp_path / "out")
    assert "decoding fails after 28 frames" in outcome.problem


@pytest.mark.slow
def test_several_videos_at_a_time_give_the_same(alarming, video, tmp_path):
    other = write_video(tmp_path / "b.mp4", frames=60, seed=1)
    videos = {"a": video, "b": other}
    scored(alarming, videos, tmp_path / "one", film=False)
    scored(alarming, videos, tmp_path / "two", film=False, workers=2)
    for name in videos:
        one, two = (tmp_path / out / name / "segments.csv" for out in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    shutil.rmtree(tmp_path / "two")


def test_names_that_are_not_utf_8_are_scored(alarming, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    video = write_video(folder / "a.mp4", frames=40)
    (outcome,) = scored(alarming, {"a": video}, folder / "found", film=False)
    assert not outcome.problem
    assert len(read_segments(folder / "found/a")) == 3
    assert json.loads((folder / "found/a/events.json").read_text())["video"]["path"].endswith(
        r"/caf\xe9/a.mp4"
    )


def test_events_of_videos_of_one_name_have_ids_of_their_own(alarming, video, tmp_path):
    scored(alarming, {"cam1/a": video, "cam2/a": video}, tmp_path / "out", film=False)
    ids = [
        event["id"]
        for camera in ("cam1", "cam2")
        for event in json.loads((tmp_path / f"out/{camera}/a/events.json").read_text())["events"]
    ]
    assert len(ids) == len(set(ids)) > 0


def test_results_are_not_replaced_wherever_their_video_was_named_from(
    alarming, video, tmp_path, monkeypatch
):
    """Both videos are `1.mp4` of the folder that the command is typed in."""
    for number, camera in enumerate(("caf\udce9", "b")):
        (tmp_path / camera).mkdir()
        write_video(tmp_path / camera / "1.mp4", frames=100, seed=number)
        monkeypatch.chdir(tmp_path / camera)
        (outcome,) = scored(alarming, {"1": Path("1.mp4")}, Path("../res"), film=False)
        assert ("results of another video" in outcome.problem) == (number == 1)
    assert "caf\\xe9/1.mp4" in outcome.problem


def test_results_of_another_camera_are_not_replaced(alarming, video, tmp_path):
    other = write_video(tmp_path / "cam2.mp4", frames=100, seed=3)
    scored(alarming, {"door": video}, tmp_path / "out", film=False)
    before = (tmp_path / "out/door/events.json").read_bytes()
    (outcome,) = scored(alarming, {"door": other}, tmp_path / "out", film=False)
    assert f"results of another video of that name, {video}" in outcome.problem
    assert (tmp_path / "out/door/events.json").read_bytes() == before
    video.unlink()  # nobody can score it again, and a moved video is none but this
    (outcome,) = scored(alarming, {"door": other}, tmp_path / "out", film=False)
    assert not outcome.problem


def test_results_of_a_moved_video_are_of_its_new_place(alarming, video, tmp_path):
    (tmp_path / "cam2").mkdir()
    other = write_video(tmp_path / "cam2/a.mp4", frames=100, seed=3)
    scored(alarming, {"a": video}, tmp_path / "out")
    events = tmp_path / "out/a/events.json"
    before = json.loads(events.read_text())
    moved = video.rename(tmp_path / "archive.mp4")
    for _ in range(2):
        (outcome,) = scored(alarming, {"a": moved}, tmp_path / "out")
        assert outcome.kept
    found = json.loads(events.read_text())
    assert (events.parent / found["video"]["place"]).samefile(moved)
    assert found["video"].pop("path") == str(moved)
    for name in ("path", "place"):
        before["video"].pop(name)
    found["video"].pop("place")
    assert found == before
    (outcome,) = scored(alarming, {"a": other}, tmp_path / "out")
    assert f"results of another video of that name, {moved}" in outcome.problem


def test_an_event_begins_with_its_segment_where_pictures_share_a_time(
    alarming, tmp_path, monkeypatch
):
    """Frame 16, with which the second segment begins, has the time of frame 15."""
    film = with_one_time(tmp_path / "a.mkv", picture=16, sound=0)
    monkeypatch.setattr(Detector, "events", lambda *_: [Event(0.6, 2.56, 1.28, 0.9)])
    scored(alarming, {"a": film}, tmp_path / "out", film=False)
    (event,) = json.loads((tmp_path / "out/a/events.json").read_text())["events"]
    assert (event["start_frame"], event["end_frame"]) == (16, 64)
