"""The renderer of the bundled data set."""

import dataclasses
import hashlib
import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from fusevad.data.made_videos import (
    finish_videos,
    forget_others,
    list_videos,
    resume_videos,
)
from fusevad.data.render.dataset import render_dataset, video_path
from fusevad.data.render.frames import Stage, direct, iter_frames
from fusevad.data.render.groundtruth import optical_flow, render_ground_truth, segment_captions
from fusevad.data.render.plan import HARD_NEGATIVES, encoder_plans, plan
from fusevad.data.render.settings import CLASSES, VERSION, RenderSettings
from fusevad.data.render.sheet import contact_sheet
from fusevad.errors import FusevadError
from fusevad.hash_tables import HASHES
from fusevad.parsing import parse
from tests.made_up_tables import rows

FULL = RenderSettings()
SMALL = RenderSettings(
    classes=("fighting", "fire"),
    train_normal=1,
    train_per_class=1,
    test_normal=1,
    test_per_class=1,
    width=160,
    height=120,
    seconds=(2.0, 3.0),
    seconds_mode=2.5,
    fps=(12, 15),
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    render_dataset(SMALL, folder, workers=1)
    return folder


def test_plan_is_half_normal_and_names_are_unique():
    videos = plan(FULL)
    assert plan(FULL) == videos
    assert len({video.name for video in videos}) == len(videos) == 220
    for split, normal, each in (("train", 80, 8), ("test", 30, 3)):
        labels = [video.label for video in videos if video.split == split]
        assert labels.count("normal") == normal
        assert all(labels.count(label) == each for label in CLASSES)


def test_another_seed_gives_other_videos():
    other = plan(dataclasses.replace(FULL, seed=FULL.seed + 1))
    assert not {video.seed for video in plan(FULL)} & {video.seed for video in other}


def test_test_split_has_scenes_that_training_has_not():
    videos = plan(FULL)
    train = {video.scene for video in videos if video.split == "train"}
    test = {video.scene for video in videos if video.split == "test"}
    assert train == set(range(8))
    assert test - train == {8, 9, 10, 11}
    assert test & train


def test_encoder_clips_share_no_scene_and_no_seed_with_the_data_set():
    videos, clips = plan(FULL), encoder_plans(FULL, 200, seed=0)
    for name in ("scene", "scene_seed", "seed", "name"):
        used = {getattr(video, name) for video in videos}
        assert not used & {getattr(clip, name) for clip in clips}
    assert all(clip.frames / clip.fps + 0.1 >= 4 and clip.frames / clip.fps <= 6 for clip in clips)
    labels = [clip.label for clip in clips]
    assert all(labels.count(label) == 10 for label in CLASSES)


def test_anomalous_part_is_5_to_40_percent_and_inside_the_video():
    starts = []
    for video in plan(FULL):
        assert 10 * video.fps <= video.frames + 1 <= 25 * video.fps + 1
        previous = 0
        for start, stop in video.intervals:
            assert previous <= start < stop <= video.frames
            previous = stop
            starts.append(start / video.frames)
        share = sum(stop - start for start, stop in video.intervals) / video.frames
        assert share == 0 if video.label == "normal" else 0.05 <= share <= 0.4
    assert min(starts) < 0.15 and max(starts) > 0.6


def test_some_normal_videos_hold_hard_negatives():
    normal = [video for video in plan(FULL) if video.label == "normal"]
    assert {video.activity for video in normal} >= set(HARD_NEGATIVES)


@pytest.mark.parametrize("label", CLASSES)
def test_every_class_is_staged_within_its_intervals(label):
    settings = dataclasses.replace(SMALL, classes=CLASSES, seconds=(6.0, 7.0), seconds_mode=6.5)
    video = next(v for v in plan(settings) if v.label == label)
    text = segment_captions(video, settings)
    stage = Stage(direct(video, settings))
    start, stop = video.intervals[0]
    spans = [span for span in stage.director.spans if span.priority >= 9]
    assert spans
    for span in spans:
        assert any(a <= span.start and span.stop <= b for a, b in video.intervals)
    assert len(text) == -(-video.frames // 16)
    image = stage.image((start + stop) // 2)
    assert image.shape == (120, 160, 3) and image.std() > 10


def test_the_same_plan_gives_the_same_frames():
    video = plan(SMALL)[1]
    first = [frame.image for frame in iter_frames(video, SMALL)]
    second = [frame.image for frame in iter_frames(video, SMALL)]
    assert len(first) == video.frames
    assert np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.slow
def test_two_workers_write_the_same_bytes_as_one(rendered, tmp_path):
    render_dataset(SMALL, tmp_path, workers=2)
    for video in plan(SMALL):
        assert video_path(tmp_path, video).read_bytes() == video_path(rendered, video).read_bytes()


def test_files_are_h264_and_aac_as_planned(rendered):
    for video in plan(SMALL):
        with av.open(str(video_path(rendered, video))) as container:
            assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == (160, 120)
            assert stream.average_rate == video.fps
            sound = container.streams.audio[0]
            assert sound.rate == SMALL.sample_rate and sound.channels == 1
            assert float(sound.duration * sound.time_base) == pytest.approx(
                video.frames / video.fps, abs=0.15
            )
        with av.open(str(video_path(rendered, video))) as container:
            assert sum(1 for _ in container.decode(video=0)) == video.frames
        with av.open(str(video_path(rendered, video))) as container:
            samples = np.concatenate([f.to_ndarray().ravel() for f in container.decode(audio=0)])
            assert 0.001 < samples.std() < 1


def test_tables_give_labels_of_all_and_intervals_of_the_test_split(rendered):
    videos = {video.name: video for video in plan(SMALL)}
    labels = rows(rendered / "labels.csv")
    assert {row["video"]: row["class"] for row in labels} == {
        name: video.label for name, video in videos.items()
    }
    assert all((rendered / row["path"]).is_file() for row in labels)
    intervals = rows(rendered / "intervals.csv")
    assert intervals
    for row in intervals:
        video = videos[row["video"]]
        assert video.split == "test" and row["class"] == video.label
        assert (int(row["start"]), int(row["end"])) in video.intervals


def test_rendering_again_keeps_what_is_there_and_makes_what_is_missing(rendered, tmp_path):
    render_dataset(SMALL, tmp_path, workers=1)
    first, second, *_ = (video_path(tmp_path, video) for video in plan(SMALL))
    before = os.stat(first).st_mtime_ns
    content = second.read_bytes()
    second.unlink()
    (tmp_path / "labels.csv").unlink()
    render_dataset(SMALL, tmp_path, workers=1)
    assert os.stat(first).st_mtime_ns == before
    assert second.read_bytes() == content
    assert (tmp_path / "labels.csv").exists()
    render_dataset(dataclasses.replace(SMALL, noise=(9.0, 9.0)), tmp_path, workers=1)
    assert os.stat(first).st_mtime_ns != before


def test_a_damaged_video_is_named_and_rendered_again_and_whole_ones_are_kept(
    rendered, tmp_path, capsys
):
    folder = shutil.copytree(rendered, tmp_path / "copy")
    first, second, *_ = (video_path(folder, video) for video in plan(SMALL))
    expected, kept = first.read_bytes(), second.stat().st_mtime_ns
    for damaged in (b"", expected[:-1] + bytes([expected[-1] ^ 1])):
        first.write_bytes(damaged)
        render_dataset(SMALL, folder, workers=1)
        assert first.read_bytes() == expected and second.stat().st_mtime_ns == kept
        name = first.relative_to(folder / "videos")
        assert f"{name}: damaged; this video is made again" in capsys.readouterr().err
    table = (folder / "videos/SHA256SUMS").read_text().splitlines()
    paths = sorted(video_path(folder, video) for video in plan(SMALL))
    assert table == [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder / 'videos')}"
        for path in paths
    ]


def test_half_a_line_of_a_killed_job_costs_one_video(rendered, tmp_path):
    folder = shutil.copytree(rendered, tmp_path / "copy")
    paths = sorted(video_path(folder, video) for video in plan(SMALL))
    times = [path.stat().st_mtime_ns for path in paths]
    (folder / "videos").rename(folder / ".videos.progress")
    table = folder / ".videos.progress/SHA256SUMS"
    table.write_text(table.read_text()[:-20])
    render_dataset(SMALL, folder, workers=1)
    assert [path.stat().st_mtime_ns == time for path, time in zip(paths, times, strict=True)] == [
        *[True] * (len(paths) - 1),
        False,
    ]


def test_a_table_of_hashes_that_leads_outside_removes_nothing(tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    out = tmp_path / "results/made/source"
    (out / "videos").mkdir(parents=True)
    paths = ("../../../../victim.txt", str(victim), "a/../../../../../victim.txt")
    lines = "".join(f"{'0' * 64}  {path}\n" for path in paths)
    (out / "videos/SHA256SUMS").write_text(lines)
    assert resume_videos(out)[1] == set()
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("link", ["videos", ".videos.progress", ".videos.progress/train"])
@pytest.mark.parametrize("note", ["old", "new"])
def test_a_link_in_place_of_a_folder_is_replaced_and_what_it_leads_to_stays(tmp_path, link, note):
    mine, out = tmp_path / "mine", tmp_path / "results/made/source"
    mine.mkdir()
    (mine / "victim.txt").write_text("mine")
    lines = "".join(f"{'0' * 64}  {folder}victim.txt\n" for folder in ("", "train/"))
    (mine / "SHA256SUMS").write_text(lines)
    forget_others(out, "render.json", (), note, {})
    (out / link).parent.mkdir(exist_ok=True)
    (out / ".videos.progress/SHA256SUMS").write_text(lines) if "/" in link else None
    (out / link).symlink_to(mine)
    forget_others(out, "render.json", (), "new", {})
    assert resume_videos(out)[1] == set()
    list_videos(out, ())
    finish_videos(out)
    assert sorted(path.name for path in mine.iterdir()) == ["SHA256SUMS", "victim.txt"]
    assert (mine / "SHA256SUMS").read_text() == lines
    assert (out / "videos").is_dir() and not (out / "videos").is_symlink()


@pytest.mark.parametrize("note", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_videos_of_a_damaged_note_are_made_again_with_one_line(tmp_path, capsys, note):
    (tmp_path / "render.json").write_bytes(note)
    (tmp_path / "videos").mkdir()
    forget_others(tmp_path, "render.json", (), "new", {})
    assert not (tmp_path / "videos").exists()
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path / 'render.json'}: damaged; its videos are made again"
    ]


def test_the_bytes_of_a_video_are_of_this_version(rendered):
    """Where this fails, the renderer makes other videos: raise its VERSION, and write the hash."""
    video = plan(SMALL)[0]
    found = hashlib.sha256(video_path(rendered, video).read_bytes()).hexdigest()
    assert (VERSION, video.name, found) == (
        1,
        "normal_000",
        "436328599e0d7fa2a88780041637cd83ad2ac95329417186b51fad5dc7ca9c88",
    )


def test_a_higher_version_makes_all_videos_again(rendered, tmp_path, monkeypatch):
    shutil.copytree(rendered, tmp_path / "copy")
    first = video_path(tmp_path / "copy", plan(SMALL)[0])
    before = first.stat().st_mtime_ns
    monkeypatch.setattr("fusevad.data.render.dataset.VERSION", VERSION + 1)
    render_dataset(SMALL, tmp_path / "copy", workers=1)
    assert first.stat().st_mtime_ns != before


def test_contact_sheet_is_a_picture(rendered, tmp_path):
    contact_sheet(rendered, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(FusevadError, match="no rendered data set"):
        contact_sheet(tmp_path, tmp_path / "other.png")


def test_a_contact_sheet_shows_no_video_that_changed(rendered, tmp_path):
    folder = shutil.copytree(rendered, tmp_path / "copy")
    first, *others = plan(SMALL)
    for video in others:
        shutil.copyfile(video_path(folder, first), video_path(folder, video))
    with pytest.raises(FusevadError, match=r"damaged since it was made; delete .*copy/videos and"):
        contact_sheet(folder, tmp_path / "sheet.png")


def test_a_contact_sheet_opens_no_other_file(rendered, tmp_path):
    folder = shutil.copytree(rendered, tmp_path / "copy")
    (folder / "videos" / HASHES).unlink()
    first = plan(SMALL)[0]
    for video in plan(SMALL):
        script = f"ffconcat version 1.0\nfile {video_path(rendered, first)}\n"
        video_path(folder, video).write_text(script)
    with pytest.raises(FusevadError, match="not a container of pictures"):
        contact_sheet(folder, tmp_path / "sheet.png")


@pytest.fixture(scope="module")
def calm() -> Stage:
    video = next(v for v in plan(FULL) if v.label == "normal" and v.scene == 2)
    return Stage(direct(video, FULL))


def test_key_points_lie_on_their_person(calm):
    inside, total = 0, 0
    for frame in list(iter_frames(dataclasses.replace(calm.director.plan, frames=4), FULL)):
        instances = frame.instances()
        for identity, points in frame.keypoints().items():
            mask = instances == identity
            for x, y, visible in points:
                if visible:
                    assert mask[int(y), int(x)]
                    inside += 1
                total += 1
    assert inside > 0.6 * total > 0


def test_depth_of_people_is_that_of_their_feet_and_nearer_than_the_background(calm):
    truth, empty = calm.truth(3), calm.director.scene.truth()
    people = [item for item in calm.visible(3) if item[0].kind == "person"]
    assert people
    for track, index in people:
        mask = truth.instances == track.identity
        if mask.sum() < 50:
            continue
        assert np.abs(np.median(truth.depth[mask]) - track.distance[index]) < 1.2
        assert (truth.depth[mask] <= empty.depth[mask] + 0.6).mean() > 0.95
    assert (truth.depth > 0).all()


def test_ground_depth_agrees_with_the_camera(calm):
    camera, depth = calm.director.scene.camera, calm.director.scene.truth().depth
    for point in ((0.0, 8.0, 0.0), (0.8, 9.0, 0.0)):
        pixel, expected = camera.project(np.array(point))
        column, row = np.floor(pixel).astype(int)
        assert depth[row, column] == pytest.approx(expected, rel=0.03)


def test_flow_agrees_with_the_motion_of_key_points(calm):
    errors, speeds = [], []
    for frame in (10, 20, 30):
        flow, truth = optical_flow(calm, frame), calm.truth(frame)
        assert not flow[truth.instances == 0].any()
        for track, index in calm.visible(frame):
            if track.keypoints is None or index + 1 >= len(track.keypoints):
                continue
            for before, after in zip(
                track.keypoints[index], track.keypoints[index + 1], strict=True
            ):
                x, y = int(before[0]), int(before[1])
                if not (0 <= x < 320 and 0 <= y < 240):
                    continue
                if truth.instances[y, x] == track.identity:
                    motion = after[:2] - before[:2]
                    errors.append(np.linalg.norm(flow[y, x] - motion))
                    speeds.append(np.linalg.norm(motion))
    assert np.mean(speeds) > 0.5
    assert np.median(errors) < 0.25 * np.mean(speeds)


def test_ground_truth_files_hold_what_they_say(tmp_path):
    video = dataclasses.replace(plan(SMALL)[1], frames=5, intervals=((1, 4),))
    render_ground_truth(video, SMALL, tmp_path)
    with np.load(tmp_path / f"{video.name}.depth.npz") as content:
        assert content["depth"].shape == (5, 120, 160)
    with np.load(tmp_path / f"{video.name}.flow.npz") as content:
        assert content["flow"].shape == (4, 120, 160, 2)
    with np.load(tmp_path / f"{video.name}.keypoints.npz") as content:
        assert content["keypoints"].shape[2:] == (17, 3)
        assert len(content["ids"]) == content["keypoints"].shape[1]
    with np.load(tmp_path / f"{video.name}.masks.npz") as content:
        assert set(np.unique(content["masks"])) > {0}
    assert len(rows(tmp_path / f"{video.name}.captions.csv")) == 1
    with pytest.raises(FusevadError, match="unknown ground truth"):
        render_ground_truth(video, SMALL, tmp_path, ("sonar",))


def test_captions_name_the_anomaly_where_it_happens_and_not_elsewhere():
    words = {"fire": ("fire", "burn", "flames"), "fighting": ("fight", "punch")}
    for video in (v for v in plan(FULL) if v.label in words and v.split == "test"):
        for number, text in enumerate(segment_captions(video, FULL)):
            middle = min(number * 16 + 8, video.frames - 1)
            inside = any(start <= middle < stop for start, stop in video.intervals)
            assert inside == any(word in text for word in words[video.label]), text


@pytest.mark.parametrize(
    "mapping",
    [
        {"colour": 3},
        {"seed": "seven"},
        {"fps": []},
        {"noise": [1.0]},
        {"preset": "slowest"},
        {"anomaly_share": [0.1, 0.96]},
        {"classes": ["earthquake"]},
        {"train_normal": -1},
        {"seconds": [0.01, 0.02], "seconds_mode": 0.015},
        {"seconds": [float("nan"), 3.0]},
    ],
)
def test_unknown_or_impossible_settings_are_errors(mapping):
    with pytest.raises(FusevadError, match=f"render: .*{next(iter(mapping))}"):
        parse(RenderSettings, mapping, "render")


@pytest.mark.parametrize("share", [0.05, 0.2, 0.9])
def test_the_shortest_videos_show_their_anomalies(share):
    short = dataclasses.replace(
        FULL, fps=(10,), seconds=(0.5, 0.6), seconds_mode=0.5, anomaly_share=(0.05, share)
    )
    videos = [video for video in plan(short) if video.label != "normal"]
    assert all(0 <= s < e <= video.frames for video in videos for s, e in video.intervals)
    assert min(video.frames for video in videos) == 5 and all(v.intervals for v in videos)


@pytest.mark.slow
def test_captions_are_whole_sentences():
    for clip in encoder_plans(FULL, 40, seed=5):
        for text in segment_captions(clip, FULL):
            assert "  " not in text and "{" not in text
            assert "a orange" not in text
            assert text == text.strip() and len(text.split()) >= 3
