"""Optical flow as a stream: histograms of directions, by DIS and by RAFT with random weights."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torchvision.models.optical_flow import raft_small

from fusevad.data.manifest import Video
from fusevad.data.render.frames import Stage, direct
from fusevad.data.render.groundtruth import optical_flow
from fusevad.data.render.plan import plan
from fusevad.data.render.settings import RenderSettings
from fusevad.embed.run import embed_shard
from fusevad.embed.streams.flow.embedder import SIZE, FlowSource, pair_starts
from fusevad.embed.streams.flow.histograms import histograms
from fusevad.embed.streams.flow.settings import FlowSettings
from fusevad.embed.streams.registry import parse_settings
from fusevad.errors import FusevadError
from fusevad.files import sha256
from tests.made_up_tables import write_table

COARSE = FlowSettings("flow", grid=2, directions=4)


def write_moving(path: Path, frames: int, step: tuple[float, float]) -> Path:
    """A smooth texture that moves `step` pixels (x, y) a frame, of the size that is embedded."""
    width, height = SIZE
    noise = np.random.default_rng(0).random((2 * height, 2 * width), np.float32)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
    with av.open(str(path), "w", options={}) as container:
        stream = container.add_stream("libx264", rate=20, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for time in range(frames):
            left, top = width / 2 - step[0] * time, height / 2 - step[1] * time
            moved = np.float32([[1, 0, left], [0, 1, top]])
            image = cv2.warpAffine(
                texture, moved, SIZE, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            )
            gray = np.repeat(image[..., None], 3, axis=2).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(gray, format="rgb24")))
        container.mux(stream.encode())
    return path


def of_file(path: Path, frames: int) -> Video:
    return Video("a", path, "train", ("normal",), frames, 20.0, *SIZE, sha256(path))


def slow_histogram(flow: np.ndarray, settings: FlowSettings) -> np.ndarray:
    """One pixel after the other."""
    height, width, _ = flow.shape
    grid, directions = settings.grid, settings.directions
    sums, pixels = np.zeros((grid, grid, directions + 1)), np.zeros((grid, grid, 1))
    for y in range(height):
        for x in range(width):
            cell = y * grid // height, x * grid // width
            distance = float(np.hypot(*flow[y, x]))
            angle = np.degrees(np.arctan2(flow[y, x, 1], flow[y, x, 0]))
            turned = [(angle - 360 * k / directions + 180) % 360 - 180 for k in range(directions)]
            nearest = int(np.argmin(np.abs(turned)))
            still = distance < settings.still
            sums[cell][directions if still else nearest] += 1 if still else distance
            pixels[cell] += 1
    return (sums / pixels).ravel()


def test_histograms_are_those_of_a_loop_over_pixels():
    flow = np.random.default_rng(0).normal(0, 1, (2, 13, 18, 2)).astype(np.float32)
    expected = [slow_histogram(each, COARSE) for each in flow]
    np.testing.assert_allclose(histograms(flow, COARSE), expected, rtol=1e-5)


def test_a_picture_without_motion_is_still_and_no_row_of_zeros():
    found = histograms(np.zeros((1, 8, 8, 2), np.float32), COARSE).reshape(4, 5)
    np.testing.assert_array_equal(found, [[0, 0, 0, 0, 1]] * 4)


@pytest.mark.parametrize(
    ("step", "direction"), [((2, 0), 0), ((0, 2), 1), ((-2, 0), 2), ((0, -2), 3)]
)
def test_dis_finds_which_way_and_how_far_a_texture_moves(tmp_path, step, direction):
    video = of_file(write_moving(tmp_path / "a.mp4", 4, step), 4)
    (chunk,) = FlowSource(COARSE).chunks(video)
    cells = chunk.images.mean(axis=0).reshape(4, 5)
    assert cells[:, direction] == pytest.approx(2, rel=0.1)
    assert np.delete(cells, direction, axis=1).max() < 0.1


def test_dis_agrees_with_the_true_flow_of_a_rendered_scene():
    settings = RenderSettings(noise=(0, 0), width=SIZE[0], height=SIZE[1])
    running = next(video for video in plan(settings) if video.label == "running")
    stage = Stage(direct(running, settings))
    (start, stop), dis = running.intervals[0], cv2.DISOpticalFlow_create(1)
    found, true = [], []
    for time in np.linspace(start, stop - 2, 4).astype(int):
        first, second = (cv2.cvtColor(stage.image(k), cv2.COLOR_BGR2GRAY) for k in (time, time + 1))
        found.append(dis.calc(first, second, None))
        true.append(optical_flow(stage, time))
    pairs = (histograms(np.stack(each), FlowSettings("flow")) for each in (found, true))
    agreement = np.corrcoef(*pairs)[:4, 4:]
    assert np.diag(agreement).mean() > 0.7
    # Each agrees best with the true flow of its own moment.
    assert agreement.argmax(axis=1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("frames", [1, 2, 16, 17, 31, 40])
@pytest.mark.parametrize("pairs", [1, 4, 16])
def test_every_segment_has_pairs_within_the_video(frames, pairs):
    starts = pair_starts(frames, pairs)
    assert {start // 16 for start in starts} == set(range(-(-frames // 16)))
    assert len(starts) == len(set(starts))
    assert all(start + 1 < frames for start in starts if start % 16)


def shard_of(tmp_path: Path, settings: FlowSettings, frames: int) -> np.ndarray:
    path = write_moving(tmp_path / "a.mp4", frames, (1, 0))
    rows = [("a", path, "train", "normal", frames, 20.0, *SIZE, sha256(path))]
    write_table(tmp_path, "manifest", rows)
    embed_shard(tmp_path / "manifest.csv", 0, 1, settings, tmp_path / "shard-0.safetensors")
    return load_file(tmp_path / "shard-0.safetensors")["a"]


def test_a_shard_has_one_crop_and_a_row_for_each_segment(tmp_path):
    settings = parse_settings({"stream": "flow"})
    found = shard_of(tmp_path, settings, 33)
    assert found.shape == (3, 1, settings.dim) and found.dtype == np.float16
    # The last segment is a single frame, which has no other one to move to.
    assert found[2].reshape(16, 9)[:, -1] == pytest.approx(1)


def test_raft_is_the_other_estimator(tmp_path):
    torch.manual_seed(0)
    save_file(raft_small().state_dict(), tmp_path / "raft.safetensors")
    weights = str(tmp_path / "raft.safetensors")
    settings = FlowSettings("flow", "raft-small", weights, pairs=1)
    assert shard_of(tmp_path, settings, 17).shape == (2, 1, settings.dim)


def test_wrong_weights_are_one_line(tmp_path):
    with pytest.raises(FusevadError, match="flow: estimator raft-small needs weights"):
        FlowSettings("flow", "raft-small")
    with pytest.raises(FusevadError, match="flow: estimator dis takes no weights"):
        FlowSettings("flow", weights="raft.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    settings = FlowSettings("flow", "raft-small", str(tmp_path / "other.safetensors"))
    with pytest.raises(FusevadError, match=r"other\.safetensors: no tensor .*use weights of this"):
        shard_of(tmp_path, settings, 2)
