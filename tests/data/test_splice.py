"""Videos spliced from the short clips of surveillance-fight."""

import dataclasses
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from scipy.stats import ks_2samp

from fusevad.data.label_tables import read_intervals
from fusevad.data.manifest import frame_labels, read_manifest
from fusevad.data.manifest_making import make_manifest
from fusevad.data.render.encode import write_video
from fusevad.data.render.settings import RenderSettings
from fusevad.data.splice.clips import Clip, clip_images, clip_sound, find_clips
from fusevad.data.splice.dataset import splice
from fusevad.data.splice.plan import SplicedVideo, plan
from fusevad.data.splice.settings import VERSION, SpliceSettings
from fusevad.data.splice.sources import read_sources, source_groups
from fusevad.errors import FusevadError
from fusevad.parsing import parse, read_yaml
from fusevad.video.decode import probe, read_frames
from tests.made_up_sound import tone_at, write_sounding
from tests.made_up_tables import rows
from tests.made_up_videos import write_stamped

SMALL = SpliceSettings(
    seed=3,
    test_sources=0.4,
    train_normal=3,
    train_fight=3,
    test_normal=2,
    test_fight=3,
    clips=(3, 4),
    fights=(1, 2),
    seconds=(0.3, 0.6),
    fps=20,
    width=64,
    height=48,
    crf=20,
)
RED, BLUE = (40, 40, 220), (220, 40, 40)  # BGR


def make_clip(path: Path, colour: tuple[int, int, int], fps: int, tone: bool) -> None:
    """One second of a flat colour, with or without a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = RenderSettings(width=96, height=64)
    samples = np.sin(np.arange(16000) * 0.2).astype(np.float32) * (0.5 if tone else 0.0)
    write_video(path, [np.full((64, 96, 3), colour, np.uint8)] * fps, samples, fps, size)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two red fights with a tone and two silent blue normal clips from each of five sources."""
    folder = tmp_path_factory.mktemp("clips")
    lines = []
    for source in range(5):
        lines.append(f"https://www.youtube.com/watch?v=source-{source} ")
        for number in (2 * source + 1, 2 * source + 2):
            fps = (10, 20, 25, 30)[number % 4]
            make_clip(folder / f"fight/fi{number:03d}.mp4", RED, fps, tone=True)
            make_clip(folder / f"noFight/nofi{number:03d}.mp4", BLUE, fps, tone=False)
            lines += [f"fi{number:03d}: 0.01.00 - 0.02.00", f"nofi{number:03d}: 0.05.00 - 0.06.00"]
    (folder / "videos.txt").write_bytes("\r\n".join(lines).encode())
    return folder


@pytest.fixture(scope="module")
def spliced(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spliced")
    splice(clips, SMALL, folder, workers=1)
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def made_up_clips(sources: int = 30) -> list[Clip]:
    """Clips of about two seconds; sources 0 and 1 have one class only, the others both."""
    result = []
    for number in range(sources * 5):
        source = number % sources
        kind = "fight" if source == 0 or (source != 1 and number // sources % 2) else "normal"
        name = f"{'fi' if kind == 'fight' else 'nofi'}{number:03d}"
        fps = (15.0, 25.0, 30.0)[source % 3]
        result.append(Clip(name, Path(name), kind, f"s{source}", int(fps * 2.1), fps, False, name))
    return result


def many(clips: list[Clip]) -> list[SplicedVideo]:
    """Hundreds of videos with the settings of the real data set."""
    path = Path(__file__).parents[2] / "config/datasets/surveillance-fight.yaml"
    settings = parse(SpliceSettings, read_yaml(path)["splice"], str(path))
    numbers = dict.fromkeys(("train_normal", "train_fight", "test_normal", "test_fight"), 300)
    return plan(clips, dataclasses.replace(settings, **numbers))


@pytest.fixture(scope="module")
def videos() -> list[SplicedVideo]:
    return many(made_up_clips())


# the recipe


def test_no_source_is_in_both_splits_and_test_sources_have_both_classes(videos):
    clips = made_up_clips()
    kinds: dict[str, set[str]] = {}
    for clip in clips:
        kinds.setdefault(clip.source, set()).add(clip.kind)
    used: dict[str, set[str]] = {"train": set(), "test": set()}
    for video in videos:
        used[video.split] |= {piece.clip.source for piece in video.pieces}
    assert not used["train"] & used["test"]
    assert {"s0", "s1"} <= used["train"]
    assert all(len(kinds[source]) == 2 for source in used["test"])
    assert len(used["test"]) == round(0.35 * 30)


def test_every_joint_changes_the_source_and_no_clip_comes_twice_in_a_video(videos):
    for video in videos:
        sources = [piece.clip.source for piece in video.pieces]
        assert all(one != other for one, other in itertools.pairwise(sources))
        assert len({piece.clip.name for piece in video.pieces}) == len(video.pieces)


def test_number_of_joints_and_length_of_pieces_are_alike_in_both_classes(videos):
    counts = {
        kind: [len(video.pieces) for video in videos if video.kind == kind]
        for kind in ("normal", "fight")
    }
    assert set(counts["normal"]) == set(counts["fight"]) == set(range(6, 11))
    assert ks_2samp(counts["normal"], counts["fight"]).pvalue > 0.05
    pieces = [piece for video in videos for piece in video.pieces]
    lengths = {
        kind: [piece.frames for piece in pieces if piece.clip.kind == kind]
        for kind in ("normal", "fight")
    }
    assert ks_2samp(lengths["normal"], lengths["fight"]).pvalue > 0.05
    assert min(lengths["fight"]) == 28 and max(lengths["fight"]) == 40


def test_a_fight_is_one_interval_anywhere_in_its_video(videos):
    places = []
    for video in videos:
        kinds = [piece.clip.kind for piece in video.pieces]
        if video.kind == "normal":
            assert set(kinds) == {"normal"} and video.intervals == []
            continue
        assert 1 <= kinds.count("fight") <= 3
        ((start, end),) = video.intervals
        frames = sum(piece.frames for piece in video.pieces)
        assert end - start == sum(p.frames for p in video.pieces if p.clip.kind == "fight")
        places.append((start + end) / 2 / frames)
    assert min(places) < 0.15 and max(places) > 0.85
    assert abs(np.mean(places) - 0.5) < 0.03


def test_clips_of_a_class_are_used_equally_often(videos):
    uses: dict[tuple[str, str], Counter[str]] = {}
    for video in videos:
        for piece in video.pieces:
            key = (video.split, piece.clip.kind)
            uses.setdefault(key, Counter())[piece.clip.name] += 1
    for counter in uses.values():
        assert max(counter.values()) - min(counter.values()) <= 2


def test_pieces_lie_inside_their_clips(videos):
    for video in videos:
        for piece in video.pieces:
            seconds = piece.clip.frames / piece.clip.fps
            assert piece.offset >= 0 and (piece.offset + piece.frames) / 20 <= seconds + 1e-9


def test_too_few_clips_or_sources_is_one_clear_line():
    with pytest.raises(FusevadError, match="test_sources"):
        many(made_up_clips(2))
    settings = dataclasses.replace(SMALL, clips=(60, 60), fights=(1, 1))
    with pytest.raises(FusevadError, match="too few normal clips"):
        plan(made_up_clips(10), settings)


@pytest.mark.parametrize("wrong", [{"fights": (1, 3)}, {"width": 65}, {"test_sources": 1.0}])
def test_settings_that_make_no_sense_are_rejected(wrong):
    with pytest.raises(FusevadError, match=next(iter(wrong))):
        dataclasses.replace(SMALL, **wrong)


# the files


def test_intervals_are_exactly_the_red_frames(spliced):
    intervals = read_intervals(spliced / "intervals.csv")
    recipe = rows(spliced / "clips.csv")
    splits = Counter()
    for label in rows(spliced / "labels.csv"):
        pictures = list(read_frames(spliced / label["path"], (64, 48)))
        red = np.array([picture[..., 0].mean() > picture[..., 2].mean() for picture in pictures])
        pieces = [row for row in recipe if row["video"] == label["video"]]
        assert int(pieces[-1]["end"]) == len(pictures)
        stated = np.zeros(len(pictures), bool)
        for row in pieces:
            stated[int(row["start"]) : int(row["end"])] = row["class"] == "fight"
        np.testing.assert_array_equal(red, stated)
        assert red.any() == (label["class"] == "fight")
        splits[label["split"], label["class"]] += 1
        if label["split"] == "test":
            listed = intervals.get(label["video"], [])
            np.testing.assert_array_equal(red, frame_labels(len(pictures), listed))
        else:
            assert label["video"] not in intervals
    expected = {("train", "normal"): 3, ("train", "fight"): 3}
    assert splits == expected | {("test", "normal"): 2, ("test", "fight"): 3}


def test_the_manifest_takes_the_tables(spliced, tmp_path):
    make_manifest(spliced / "labels.csv", spliced / "intervals.csv", tmp_path, "stop", 1)
    videos = read_manifest(tmp_path / "manifest.csv")
    assert {(video.fps, video.width, video.height) for video in videos} == {(20.0, 64, 48)}
    assert Counter(video.classes for video in videos) == {("normal",): 5, ("fight",): 6}


def test_sound_is_that_of_the_clips(spliced):
    name = next(row["video"] for row in rows(spliced / "labels.csv") if row["class"] == "fight")
    with av.open(str(spliced / f"videos/{name}.mp4")) as container:
        blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    samples = np.concatenate(blocks)
    for row in rows(spliced / "clips.csv"):
        if row["video"] == name:
            start, end = (int(row[key]) * 800 for key in ("start", "end"))
            middle = samples[start + 1600 : end - 1600]  # the AAC coder smears the edges
            loudness = np.sqrt(np.mean(middle**2))
            assert (loudness > 0.25) == (row["class"] == "fight")


def test_the_bytes_of_a_video_are_of_this_version(spliced):
    """Where this fails, clips are joined otherwise: raise VERSION, and write the hash."""
    found = digests(spliced)
    name = min(name for name in found if name.endswith(".mp4"))
    assert (VERSION, name) == (2, "videos/test-fight-000.mp4")
    assert found[name] == "01fbee59464d8637a61afd6a9172f538f0cf83ed042d2e8a8f3c310448720b33"


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(clips, spliced, tmp_path):
    splice(clips, SMALL, tmp_path, workers=2)
    assert digests(tmp_path) == digests(spliced)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_files(clips, spliced, tmp_path):
    settings = json.dumps(dataclasses.asdict(SMALL))
    code = (
        "import json, sys; from pathlib import Path\n"
        "from fusevad.data.splice.dataset import splice\n"
        "from fusevad.data.splice.settings import SpliceSettings\n"
        "from fusevad.parsing import parse\n"
        "settings = parse(SpliceSettings, json.loads(sys.argv[2]), 'test')\n"
        "splice(Path(sys.argv[1]), settings, Path(sys.argv[3]), 1)"
    )
    command = [sys.executable, "-c", code, str(clips), settings, str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while len(list(tmp_path.glob(".videos.progress/[!.]*.mp4"))) < 2:
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "labels.csv").exists() and not (tmp_path / "videos").exists()
    progress = tmp_path.glob(".videos.progress/[!.]*.mp4")
    kept = {tmp_path / "videos" / path.name: path.stat().st_mtime_ns for path in progress}
    splice(clips, SMALL, tmp_path, workers=1)
    assert digests(tmp_path) == digests(spliced)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


def test_another_recipe_replaces_all_videos(clips, spliced, tmp_path):
    splice(clips, SMALL, tmp_path, workers=1)
    fewer = dataclasses.replace(SMALL, seed=4, train_normal=1)
    splice(clips, fewer, tmp_path, workers=1)
    now, before = digests(tmp_path), digests(spliced)
    assert len(list(tmp_path.glob("videos/[!.]*.mp4"))) == 9
    assert not [name for name in now if name.endswith(".mp4") and now[name] == before.get(name)]


def copy_of(clips: Path, folder: Path) -> Path:
    """The clips in another folder, linked."""
    for path in clips.rglob("*.mp4"):
        target = folder / path.relative_to(clips)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)
    (folder / "videos.txt").write_bytes((clips / "videos.txt").read_bytes())
    return folder


def test_broken_clips_are_all_named_and_nothing_is_written(clips, tmp_path, capsys):
    folder = copy_of(clips, tmp_path / "clips")
    for name in ("fight/fi003", "noFight/nofi004"):
        path = folder / f"{name}.mp4"
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FusevadError, match=r"2 of 20 clips"):
        splice(folder, SMALL, tmp_path / "out", workers=1)
    lines = [line for line in capsys.readouterr().err.splitlines() if ".mp4: " in line]
    assert len(lines) == 2 and "fi003.mp4" in lines[0] and "nofi004.mp4" in lines[1]
    assert not (tmp_path / "out").exists()


def test_a_clip_without_source_or_a_missing_clip_is_named(clips, tmp_path):
    folder = copy_of(clips, tmp_path)
    (folder / "fight/fi099.mp4").symlink_to(clips / "fight/fi001.mp4")
    with pytest.raises(FusevadError, match=r"fi099: no source"):
        find_clips(folder, 1)
    (folder / "fight/fi099.mp4").unlink()
    (folder / "noFight/nofi002.mp4").unlink()
    with pytest.raises(FusevadError, match=r"nofi002: listed in videos.txt but missing"):
        find_clips(folder, 1)


def test_a_clip_of_both_classes_is_named(clips, tmp_path):
    folder = copy_of(clips, tmp_path)
    (folder / "noFight/fi001.mp4").symlink_to(clips / "noFight/nofi001.mp4")
    with pytest.raises(FusevadError, match="clips fi001: in fight/ and in noFight/"):
        find_clips(folder, 1)


def test_a_folder_without_the_list_is_one_clear_line(tmp_path):
    with pytest.raises(FusevadError, match=r"no videos.txt here"):
        find_clips(tmp_path, 1)


def test_the_repository_may_lie_in_a_subfolder(clips, tmp_path):
    copy_of(clips, tmp_path / "clone")
    assert [c.sha256 for c in find_clips(tmp_path, 1)] == [c.sha256 for c in find_clips(clips, 1)]


@pytest.mark.slow
def test_real_clips_are_found_in_the_videos_where_the_recipe_says(real, tmp_path):
    sources = source_groups(read_sources(real / "videos.txt"))
    chosen = ("8-cqrFXPEtY", "dVi_8-NHquo", "KSybYlMepTE", "xCh8elUs3Lc", "N8omcR8KP94")
    names = [name for name, source in sources.items() if source in chosen]
    folder, lines = tmp_path / "clips", []
    for name in sorted(names, key=sources.get):
        kind = "noFight" if name.startswith("nofi") else "fight"
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / f"{name}.mp4").symlink_to(real / kind / f"{name}.mp4")
        lines += [f"https://www.youtube.com/watch?v={sources[name]}", f"{name}: 0 - 0"]
    (folder / "videos.txt").write_text("\n".join(lines))
    one = dict.fromkeys(("train_normal", "train_fight", "test_normal", "test_fight"), 1)
    settings = dataclasses.replace(SMALL, **one, clips=(2, 2), fights=(1, 1), width=320, height=240)
    splice(folder, settings, tmp_path / "out", workers=1)
    recipe = rows(tmp_path / "out/clips.csv")
    assert {row["source"] for row in recipe} <= set(chosen)
    for row in recipe:
        pictures = list(read_frames(tmp_path / f"out/videos/{row['video']}.mp4", (320, 240)))
        kind = "noFight" if row["class"] == "normal" else "fight"
        with av.open(str(real / kind / f"{row['clip']}.mp4")) as container:
            fps = container.streams.video[0].average_rate
            originals = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        for position in range(int(row["start"]), int(row["end"])):
            seconds = (position - int(row["start"]) + int(row["offset"])) / 20
            near = originals[min(int(seconds * fps + 0.5), len(originals) - 1)]
            expected = cv2.resize(near, (320, 240), interpolation=cv2.INTER_AREA)
            assert cv2.PSNR(pictures[position], expected) > 27


def clip_of(path: Path) -> Clip:
    info = probe(path)
    return Clip("a", path, "fight", "s", info.frames, info.fps, info.variable_rate, "0")


def test_sound_that_starts_late_is_late_in_its_clip(tmp_path):
    samples = tone_at(1.0, 16000, (0.2, 0.6))
    clip = clip_of(write_sounding(tmp_path / "a.mkv", 64, [samples], starts=0.9, first_frame=0.4))
    loud = np.flatnonzero(np.abs(clip_sound(clip, 0.5, 2.0, 16000)) > 0.1) / 16000
    assert (loud[0], loud[-1]) == pytest.approx((0.2, 0.6), abs=0.02)
    assert len(clip_sound(clip, 0.5, 2.0, 16000)) == 32000


def grays(clip: Clip, count: int, fps: int) -> list[int]:
    """Which frame of `write_stamped` each frame of a clip brought to `fps` is."""
    images = clip_images(clip, 0, count, fps, (64, 48))
    return [round((float(image[32:].mean()) - 20) / 5) for image in images]


def test_a_clip_that_states_1000_frames_a_second_has_the_length_of_its_time_stamps(tmp_path):
    stamps = [round(number * 1001 / 30) for number in range(30)]
    path = write_stamped(tmp_path / "a.mkv", stamps, Fraction(1, 1000), Fraction(1000))
    clip = clip_of(path)
    assert clip.length(20) == 20
    for place, number in enumerate(grays(clip, 20, 20)):
        distances = [abs(stamp - 50 * place) for stamp in stamps]
        assert distances[number] <= min(distances) + 1  # time stamps are whole milliseconds


def test_the_frames_of_a_clip_of_variable_rate_are_those_nearest_in_time(tmp_path):
    stamps = [0, 40, 80, 120, 700, 740, 1500, 1540, 1580, 1620]
    clip = clip_of(write_stamped(tmp_path / "a.mkv", stamps, Fraction(1, 1000)))
    assert clip.variable_rate and clip.length(10) == 16
    nearest = [
        min(range(10), key=lambda k: (abs(stamps[k] - 100 * time), -k)) for time in range(16)
    ]
    assert grays(clip, 16, 10) == nearest
