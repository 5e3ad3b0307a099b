"""Motion cues from event streams: counted by hand, and against those made from frames."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fusevad.cues.camera import make_camera_cues
from fusevad.cues.count import cue_counts
from fusevad.cues.settings import CameraCueSettings, CueSettings
from fusevad.data.recorded.settings import EventSettings, LayoutSettings
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.video.decode import probe
from tests.made_up_cues import stored_counts
from tests.made_up_tables import write_table
from tests.made_up_videos import write_stamped

FPS = 30


class Stream:
    """A video of the manifest and a folder with its events."""

    def __init__(self, folder: Path, frames: int) -> None:
        self.folder = folder
        row = ("a", folder / "a.mp4", "test", "normal", frames, FPS, 320, 240, "0" * 64)
        write_table(folder, "manifest", [row])

    def write(self, times, columns, rows) -> None:
        """Events in any order; times in microseconds."""
        order = np.argsort(times, kind="stable")
        (self.folder / "raw").mkdir(exist_ok=True)
        arrays = {"t": times, "x": columns, "y": rows, "p": np.zeros(len(times), np.int8)}
        ordered = {name: np.asarray(array)[order] for name, array in arrays.items()}
        np.savez(self.folder / "raw" / "a.npz", **ordered)

    def cues(self, windows=(16,), thresholds=(0,), sensor=(1280, 720)) -> dict[str, np.ndarray]:
        settings = CameraCueSettings(
            CueSettings("camera", windows, thresholds),
            LayoutSettings(events=EventSettings(33_333, *sensor)),
        )
        out = self.folder / "cues" / "shard-0.h5"
        manifest = self.folder / "manifest.csv"
        make_camera_cues(manifest, self.folder / "raw", 0, 1, settings, out)
        return {
            f"T{window}-thr{threshold}": stored_counts(out, manifest, "a", window, threshold)
            for window in windows
            for threshold in thresholds
        }


@pytest.fixture
def stream(tmp_path) -> Stream:
    return Stream(tmp_path, 40)


def at(frame: float) -> int:
    """Microseconds of a frame."""
    return round(frame * 1e6 / FPS)


def test_a_cell_counts_once_a_frame_if_it_has_more_events_than_the_threshold(stream):
    # Frame 3 has three events in the first cell, frame 20 one; the last cell has one in frame 39.
    times = [at(3.1), at(3.2), at(3.9), at(20.5), at(39.5)]
    stream.write(times, [0, 3, 1, 2, 1279], [0, 1, 2, 0, 719])
    cues = stream.cues(thresholds=(0, 1, 3))
    first = {name: cue[:, 0, 0].tolist() for name, cue in cues.items()}
    assert first == {"T16-thr0": [1, 1, 0], "T16-thr1": [1, 0, 0], "T16-thr3": [0, 0, 0]}
    assert cues["T16-thr0"][:, 255, 339].tolist() == [0, 0, 1]
    assert cues["T16-thr0"].sum() == 3


@pytest.mark.slow
def test_a_camera_that_sees_what_differs_gives_the_cues_of_the_frames(stream):
    """A sensor of the frames' size, and an event wherever gray levels differ by more than 10."""
    random = np.random.default_rng(0)
    frames = (100 + random.integers(-9, 10, (40, 256, 340, 1))).repeat(3, axis=3).astype(np.uint8)
    changed = np.abs(np.diff(frames[..., 0].astype(int), axis=0)) > 10
    numbers, rows, columns = np.nonzero(changed)
    stream.write([at(number + 1.5) for number in numbers], columns, rows)
    windows = (4, 16, 64)
    found = stream.cues(windows, sensor=(340, 256))
    expected = list(cue_counts(frames, CueSettings("paper", windows, (10,))))
    for window in windows:
        counts = np.stack([each[f"T{window}-thr10"] for each in expected])
        np.testing.assert_array_equal(found[f"T{window}-thr0"], counts)
    assert found["T16-thr0"].max() > 3


def test_events_of_a_video_of_variable_rate_fall_into_the_frames_that_were_shown(tmp_path):
    stamps = np.cumsum([0] + [20] * 19 + [400] * 20)  # 40 frames of 8.4 s
    path = write_stamped(tmp_path / "a.mkv", stamps.tolist(), Fraction(1, 1000))
    info = probe(path)
    assert info.variable_rate and info.frames == 40
    stream = Stream(tmp_path, 40)
    row = ("a", path, "test", "normal", 40, info.fps, 64, 48, sha256(path), True)
    write_table(tmp_path, "manifest", [row])
    times = [stamps[number] * 1000 + 10_000 for number in (0, 15, 16, 19, 25, 32, 39)]
    stream.write(times, [0] * 7, [0] * 7)
    assert stream.cues()["T16-thr0"][:, 0, 0].tolist() == [2, 3, 2]
    # Another video of as many frames and the same mean rate, then in a new manifest.
    write_stamped(path, [0, *(stamps[-1] - stamps[-2::-1]).tolist()], Fraction(1, 1000))
    assert probe(path) == info
    (tmp_path / "cues/shard-0.h5").unlink()
    with pytest.raises(FusevadError, match=r"a\.mkv: not the file that the manifest was made from"):
        stream.cues()


def test_streams_that_do_not_fit_are_one_line(stream):
    stream.write([at(39.0)], [5], [5])
    (stream.folder / "raw" / "a.npz").rename(stream.folder / "raw" / "b.npz")
    with pytest.raises(FusevadError, match=r"1 of 1 videos have no event stream, the first is a;"):
        stream.cues()
    stream.write([at(400.0)], [5], [5])
    with pytest.raises(FusevadError, match=r"a\.npz: events up to 13\.3 s of a video of 1\.3 s;"):
        stream.cues()
    stream.write([at(39.0)], [1280], [5])
    with pytest.raises(FusevadError, match=r"a\.npz: events outside 1280x720"):
        stream.cues()
    assert not list((stream.folder / "cues").glob("*.h5"))


def test_a_video_whose_rate_is_not_known_is_one_line(stream):
    row = ("a", "a.npy", "test", "normal", 40, 0, 0, 0, "0" * 64)
    write_table(stream.folder, "manifest", [row])
    stream.write([at(39.0)], [5], [5])
    with pytest.raises(FusevadError, match=r"a\.npy: its rate is 0 in the manifest"):
        stream.cues()


def test_a_stream_that_changed_is_counted_again(stream):
    stream.write([at(3.0), at(39.0)], [0, 0], [0, 0])
    assert stream.cues()["T16-thr0"][:, 0, 0].tolist() == [1, 0, 1]
    stream.write([at(3.0), at(4.1), at(39.0)], [0, 0, 0], [0, 0, 0])
    assert stream.cues()["T16-thr0"][:, 0, 0].tolist() == [2, 0, 1]


def test_cues_are_counted_again_if_the_rate_of_the_same_video_turns_out_to_vary(tmp_path):
    stamps = np.cumsum([0] + [20] * 19 + [400] * 20)
    path = write_stamped(tmp_path / "a.mkv", stamps.tolist(), Fraction(1, 1000))
    stream = Stream(tmp_path, 40)
    found = []
    for varies in (False, True):
        row = ("a", path, "test", "normal", 40, 4.8, 64, 48, sha256(path), varies)
        write_table(tmp_path, "manifest", [row])
        stream.write([stamp * 1000 + 10_000 for stamp in stamps[[0, 15, 39]]], [0] * 3, [0] * 3)
        found.append(stream.cues()["T16-thr0"][:, 0, 0].tolist())
    assert found[0] != found[1] == [2, 0, 1]


def test_cues_of_another_video_of_the_same_length_and_rate_are_counted_again(tmp_path):
    stamps = np.cumsum([0] + [20] * 19 + [400] * 20)
    others = stamps[-1] - stamps[::-1]
    stream = Stream(tmp_path, 40)
    found = []
    for shown in (stamps, others):
        path = write_stamped(tmp_path / "a.mkv", shown.tolist(), Fraction(1, 1000))
        row = ("a", path, "test", "normal", 40, 4.8, 64, 48, sha256(path), True)
        write_table(tmp_path, "manifest", [row])
        stream.write([stamp * 1000 + 10_000 for stamp in stamps[[0, 15, 39]]], [0] * 3, [0] * 3)
        found.append(stream.cues()["T16-thr0"][:, 0, 0].tolist())
    assert found[0] != found[1]
