"""Calibration on a camera's own normal video."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.deploy import calibration as module
from fusevad.deploy.calibration import _kept_scores, calibrate_model, write_calibrated
from fusevad.deploy.contents import Threshold
from fusevad.deploy.detector import Detector
from fusevad.deploy.opening import bundle_facts
from fusevad.deploy.thresholds import certified
from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import Track, calibrate
from fusevad.files import sha256
from tests.made_up_bundles import RULES, threshold
from tests.made_up_videos import in_another_container, write_video
from tests.made_up_watch import watched


@pytest.fixture
def camera(tmp_path):
    """Two videos of 20 s together: they certify 540 false alarms an hour, and no fewer."""
    (tmp_path / "camera").mkdir()
    return {
        str(seed): write_video(tmp_path / "camera" / f"{seed}.mp4", frames=200, seed=seed)
        for seed in (1, 2)
    }


def test_the_threshold_is_that_of_the_alarm_code(made_up, camera, tmp_path):
    out = tmp_path / "new.fusevad"
    found, unread = calibrate_model(made_up.file, camera, 1500.0, out, workers=1)
    assert unread == 0
    tracks = []
    for video in camera.values():
        table = Detector.load(made_up.file).score(video)
        edges = np.append(table["start_frame"], 200) / 20
        tracks.append(Track(table["score"].to_numpy(), edges))
    expected = calibrate(tracks, 1500.0, RULES)
    assert found.threshold == pytest.approx(expected.threshold)
    assert (found.alarms, found.bound) == (expected.alarms, expected.bound)
    assert found.hours == pytest.approx((20 - 2 * RULES.shortest) / 3600)
    assert found.certified
    about = Detector.load(out).about
    assert about.thresholds == (found,)
    original = Detector.load(made_up.file).about
    assert replace(about, thresholds=original.thresholds) == original
    assert sorted(path.name for path in tmp_path.iterdir()) == ["camera", "new.fusevad"]


def test_a_threshold_for_a_camera_is_of_scores_as_watch_gives_them(made_up, camera, tmp_path):
    out = tmp_path / "new.fusevad"
    words = ["calibrate", "--model", str(made_up.file), "--normal", str(tmp_path / "camera")]
    words += ["--alarms-per-hour", "1500", "--causal", "--window", "3", "-o", str(out)]
    result = CliRunner().invoke(app, words)
    assert "false alarms an hour of a camera (window 3)" in result.output
    detector = Detector.load(out)
    tracks = []
    for video in camera.values():
        scores = [
            each["score"]
            for each in watched(detector, video, threshold(0.5), window=3, fast=True, scores=True)
            if each["type"] == "score"
        ]
        tracks.append(Track(np.array(scores), np.append(16 * np.arange(len(scores)), 200) / 20))
    expected = calibrate(tracks, 1500.0, RULES)
    recordings, found = detector.about.thresholds[:-1], detector.about.thresholds[-1]
    assert found.threshold == pytest.approx(expected.threshold, abs=1e-4)
    assert (found.alarms, found.window, found.certified) == (expected.alarms, 3, True)
    assert recordings == made_up.about.thresholds
    whole = calibrate_model(made_up.file, camera, 1500.0, None, workers=1)[0]
    assert abs(whole.threshold - found.threshold) > 1e-3  # recordings have another


def written(model: Path, found: Threshold, out: Path) -> None:
    write_calibrated(model, sha256(model), found, out)


def test_a_threshold_for_recordings_stays_beside_one_of_a_camera_and_not_beside_another(
    made_up, tmp_path
):
    film, camera = threshold(0.3, rate=2.0), replace(threshold(0.6, rate=3.0), window=4)
    written(made_up.file, camera, tmp_path / "a.fusevad")
    written(tmp_path / "a.fusevad", film, tmp_path / "b.fusevad")
    written(tmp_path / "b.fusevad", replace(camera, window=2), tmp_path / "c.fusevad")
    found = [bundle_facts(tmp_path / f"{name}.fusevad").thresholds for name in "abc"]
    assert found[0] == (*made_up.about.thresholds, camera)
    assert found[1] == (film, camera)
    assert found[2] == (film, replace(camera, window=2))


def test_a_calibrated_bundle_notes_the_code_that_its_threshold_is_of(made_up, tmp_path):
    old = made_up.changed(tmp_path / "old.fusevad", versions={})
    written(old, threshold(0.3, rate=2.0), tmp_path / "new.fusevad")
    assert bundle_facts(tmp_path / "new.fusevad").versions == made_up.about.versions


def test_a_window_is_of_scores_that_look_back_alone(made_up, camera, monkeypatch):
    monkeypatch.setattr(Detector, "load", None)  # to look at the window loads no weights
    words = ["calibrate", "--model", str(made_up.file), "--normal", str(camera["1"])]
    result = CliRunner().invoke(app, [*words, "--alarms-per-hour", "1500", "--window", "3"])
    assert "add --causal" in str(result.exception)
    result = CliRunner().invoke(
        app, [*words, "--alarms-per-hour", "1500", "--window", "5", "--causal"]
    )
    assert "choose 1 to 4" in str(result.exception)


def test_too_little_video_is_refused_with_what_is_lacking_and_kept_for_more(
    made_up, camera, tmp_path, monkeypatch
):
    out = tmp_path / "new.fusevad"
    with pytest.raises(FusevadError, match=r"0\.01 hours of normal video can't certify 1 .* add"):
        calibrate_model(made_up.file, camera, 1.0, out, workers=1)
    assert not out.exists()
    monkeypatch.setattr(Detector, "scored", None)
    # Enough for so many, and the scores are there already.
    assert calibrate_model(made_up.file, camera, 1500.0, out, workers=1)[0].certified


def test_the_command_says_what_vouches_for_the_threshold(made_up, camera, tmp_path):
    words = ["calibrate", "--model", str(made_up.file), "--normal", str(tmp_path / "camera")]
    out = ["-o", str(tmp_path / "new.fusevad")]
    result = CliRunner().invoke(app, [*words, "--alarms-per-hour", "1500", *out])
    assert result.exit_code == 0
    assert "certified for 1500 false alarms an hour" in result.output
    assert "in 0.0053 h (2 own videos, camera), so at most" in result.output
    refused = CliRunner().invoke(app, [*words, "--alarms-per-hour", "0"])
    assert "give a number above 0" in str(refused.exception)


def test_the_footage_names_all_folders_that_it_came_from(made_up, camera, tmp_path):
    for place, seed in (("night", 3), ("rain", 4), ("snow", 5)):
        (tmp_path / place).mkdir()
        camera[place] = write_video(tmp_path / place / "a.mp4", frames=100, seed=seed)
    found, _ = calibrate_model(made_up.file, camera, 1500.0, None, workers=1)
    assert found.footage == "5 own videos, camera, night, rain and 1 more"


def test_names_of_folders_write_no_lines_of_their_own(made_up, camera, tmp_path):
    folder = tmp_path / "camera/night\x1b[2J\n- certified for 0.01"
    folder.mkdir()
    write_video(folder / "a.mp4", frames=200, seed=3)
    out = tmp_path / "new.fusevad"
    words = ["calibrate", "--model", str(made_up.file), "--normal", str(folder)]
    result = CliRunner().invoke(app, [*words, "--alarms-per-hour", "1500", "-o", str(out)])
    assert r"night\x1b[2J\n- certified for 0.01" in result.stdout
    assert "\x1b" not in result.stdout and len(result.stdout.splitlines()) == 1
    assert "\n" not in bundle_facts(out).thresholds[0].footage


@pytest.mark.parametrize("place", [".", "/", "camera"])
def test_a_folder_as_the_new_bundle_is_refused_before_the_work(
    made_up, camera, tmp_path, monkeypatch, place
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Detector, "scored", None)
    with pytest.raises(FusevadError, match=f"{place}: a folder; name the file"):
        calibrate_model(made_up.file, camera, 1500.0, Path(place), workers=1)
    assert sorted(path.name for path in (tmp_path / "camera").iterdir()) == ["1.mp4", "2.mp4"]


def test_a_video_that_cannot_be_read_counts_no_hours(made_up, camera, tmp_path, capsys):
    (tmp_path / "camera/bad.mp4").write_bytes(b"no video")
    videos = {"bad": tmp_path / "camera/bad.mp4", **camera}
    found, unread = calibrate_model(made_up.file, videos, 1500.0, tmp_path / "b.fusevad", workers=1)
    assert unread == 1
    assert found.hours == pytest.approx((20 - 2 * RULES.shortest) / 3600)
    assert found.footage.startswith("2 of 3 own videos")
    assert "bad.mp4" in capsys.readouterr().err
    words = ["calibrate", "--model", str(made_up.file), "--normal", str(tmp_path / "camera")]
    assert CliRunner().invoke(app, [*words, "--alarms-per-hour", "1500"]).exit_code == 1


def test_the_hours_of_a_copy_do_not_count_again(made_up, camera, tmp_path):
    copy = tmp_path / "camera" / "copy of 1.mp4"
    copy.write_bytes(camera["1"].read_bytes())
    with pytest.raises(FusevadError, match=r"copy of 1\.mp4: the same video as .*/1\.mp4; name it"):
        calibrate_model(made_up.file, camera | {"copy": copy}, 500.0, None, workers=1)


def test_the_hours_of_a_copy_do_not_count_again_whatever_its_bytes(made_up, camera, tmp_path):
    exported = tmp_path / "camera/exported.mp4"
    exported.write_bytes(camera["1"].read_bytes() + b"\0\0\0\x08free")  # an empty box
    for copy in (exported, in_another_container(camera["1"], tmp_path / "camera/1.mkv")):
        with pytest.raises(FusevadError, match=rf"{copy}: the same pictures as .*/1\.mp4; name"):
            calibrate_model(made_up.file, camera | {"copy": copy}, 500.0, None, workers=1)


@pytest.mark.parametrize("rate", ["inf", "nan", "1e12", "0"])
def test_rates_that_would_be_counted_up_to_for_ever_are_one_line(made_up, camera, rate):
    words = ["calibrate", "--model", str(made_up.file), "--normal", str(camera["1"])]
    result = CliRunner().invoke(app, [*words, "--alarms-per-hour", rate])
    assert isinstance(result.exception, FusevadError)
    assert "give a number above 0, at most 3600" in str(result.exception)


def test_without_a_readable_video_nothing_is_written(made_up, tmp_path):
    videos = {"none": tmp_path / "none.mp4"}
    with pytest.raises(FusevadError, match="none of the videos can be read"):
        calibrate_model(made_up.file, videos, 1.0, tmp_path / "b.fusevad", workers=1)
    assert not (tmp_path / "b.fusevad").exists()


def test_a_folder_whose_name_is_not_utf_8_is_named_in_the_bundle(made_up, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    video = write_video(folder / "a.mp4", frames=400)
    out = tmp_path / "new.fusevad"
    calibrate_model(made_up.file, {"a": video}, 1500.0, out, workers=1)
    assert bundle_facts(out).thresholds[0].footage == r"1 own videos, caf\xe9"


def test_scores_that_are_kept_of_another_camera_are_made_anew(made_up, camera, tmp_path):
    """Recordings are often named by their time, so that two cameras have the same names."""
    out = tmp_path / "new.fusevad"
    with pytest.raises(FusevadError, match="can't certify 1 "):
        calibrate_model(made_up.file, camera, 1.0, out, workers=1)
    (tmp_path / "other").mkdir()
    other = {
        name: write_video(tmp_path / "other" / path.name, frames=200, seed=9 + number)
        for number, (name, path) in enumerate(camera.items())
    }
    found, unread = calibrate_model(made_up.file, other, 1500.0, out, workers=1)
    assert (unread, found.footage) == (0, "2 own videos, other")


def test_two_calibrations_in_one_place_do_not_mix(made_up, camera, tmp_path):
    out = tmp_path / "new.fusevad"
    with _kept_scores(out), pytest.raises(FusevadError, match="another fusevad calibrate is at"):
        calibrate_model(made_up.file, camera, 1500.0, out, workers=1)
    # Another bundle has its own place, whatever follows the first dot of its name.
    with _kept_scores(tmp_path / "new.cam1"):
        assert calibrate_model(made_up.file, camera, 1500.0, out, workers=1)[0].certified


def test_a_model_that_is_replaced_meanwhile_gets_no_threshold(
    made_up, camera, tmp_path, monkeypatch
):
    model, out = tmp_path / "model.fusevad", tmp_path / "new.fusevad"
    shutil.copyfile(made_up.file, model)

    def certified_late(*given: object) -> list:
        made_up.changed(model, thresholds=(threshold(0.9),))
        return certified(*given)

    monkeypatch.setattr(module, "certified", certified_late)
    with pytest.raises(FusevadError, match="the model was replaced while it was calibrated"):
        calibrate_model(model, camera, 1500.0, out, workers=1)
    assert not out.exists()
