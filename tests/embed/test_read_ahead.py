"""Decoding ahead: the same chunks in the same order, little memory, and clear ends."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fusevad.data.manifest import Video
from fusevad.embed.image_sources import Chunk, FrameSource
from fusevad.embed.read_ahead import _CHUNKS_AHEAD, reading_ahead
from fusevad.errors import FusevadError
from fusevad.files import sha256
from tests.made_up_videos import write_video

pytestmark = pytest.mark.slow


def video(name: str, frames: int, path: Path = Path("none.mp4")) -> Video:
    digest = sha256(path) if path.is_file() else name
    return Video(name, path, "train", ("normal",), frames, 20.0, 64, 48, digest)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Chunks of one number; writes down how far it is, and dies or fails where it is told."""

    folder: Path
    bad: str = ""

    def chunks(self, video):
        for number in range(video.frames):
            if video.name == self.bad:
                raise FusevadError(f"{video.name}: bad")
            if video.name == "killer":
                os.kill(os.getpid(), signal.SIGKILL)
            (self.folder / video.name).write_text(str(number + 1))
            # 80 kB: more than a pipe holds.
            images = np.full((1, 100, 100), 1000.0 * ord(video.name[-1]) + number)
            yield Chunk(np.array([number]), images)


def read(source, videos, workers):
    with reading_ahead(source, videos, workers) as stream:
        return [
            (video.name, [(int(chunk.segments[0]), float(chunk.images.sum())) for chunk in chunks])
            for video, chunks in stream
        ]


def test_processes_give_the_same_chunks_in_the_same_order(tmp_path):
    videos = [video(name, frames) for name, frames in zip("abc", (3, 20, 2), strict=True)]
    here = read(MadeUp(tmp_path), videos, 0)
    assert [name for name, _ in here] == list("abc")
    assert read(MadeUp(tmp_path), videos, 2) == here
    assert read(MadeUp(tmp_path), videos, 9) == here


def test_frames_of_videos_are_the_same_from_a_process(tmp_path):
    path = write_video(tmp_path / "a.mp4", 20, (160, 120))
    source = FrameSource((0, 7), 32, 3)
    assert read(source, [video("a", 20, path)], 1) == read(source, [video("a", 20, path)], 0)


def test_a_process_stops_when_enough_waits(tmp_path):
    with reading_ahead(MadeUp(tmp_path), [video("a", 500)], 1) as stream:
        _, chunks = next(stream)
        next(chunks)
        made = []
        while len(made) < 3 or made[-1] != made[-3]:  # it stands still
            time.sleep(0.3)
            made.append(int((tmp_path / "a").read_text() or 0))
        # Besides the queue: the one used here, and one in the hands of each of two threads.
        assert 1 < made[-1] <= _CHUNKS_AHEAD + 3


def test_a_bad_video_is_named_when_its_turn_comes(tmp_path):
    done = []
    with (
        pytest.raises(FusevadError, match="c: bad"),
        reading_ahead(MadeUp(tmp_path, "c"), [video(n, 2) for n in "abcd"], 2) as stream,
    ):
        for each, chunks in stream:
            list(chunks)
            done.append(each.name)
    assert done == ["a", "b"]


def test_a_killed_process_is_said(tmp_path):
    with pytest.raises(FusevadError, match=r"none\.mp4: the process that reads it was killed"):
        read(MadeUp(tmp_path), [video("killer", 1)], 1)


KILLED = """
import multiprocessing, os, pathlib, signal, sys
from tests.embed.test_read_ahead import MadeUp, video
from fusevad.embed.read_ahead import reading_ahead

if __name__ == "__main__":
    with reading_ahead(MadeUp(pathlib.Path(sys.argv[1])), [video("a", 500)], 1) as stream:
        _, chunks = next(stream)
        next(chunks)
        print(multiprocessing.active_children()[0].pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_process_outlives_a_killed_run(root, tmp_path):
    (tmp_path / "run.py").write_text(KILLED)
    killed = subprocess.run(
        [sys.executable, tmp_path / "run.py", tmp_path],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL
    process = Path("/proc") / killed.stdout.strip()
    deadline = time.monotonic() + 20
    while process.exists() and "State:\tZ" not in (process / "status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
