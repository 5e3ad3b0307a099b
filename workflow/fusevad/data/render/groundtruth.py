"""Ground truth of a rendered video: depth, masks, key points, flow and captions."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from fusevad.data.render.captions import captions
from fusevad.data.render.frames import Frame, Stage, direct
from fusevad.data.render.plan import VideoPlan
from fusevad.data.render.settings import RenderSettings
from fusevad.data.render.skeleton import KEYPOINTS
from fusevad.errors import FusevadError
from fusevad.files import atomic_path
from fusevad.video.decode import SEGMENT_FRAMES

KINDS = ("depth", "masks", "keypoints", "flow")


def segment_captions(plan: VideoPlan, settings: RenderSettings) -> list[str]:
    """One English sentence for every 16 frames."""
    return captions(direct(plan, settings))


def optical_flow(stage: Stage, frame: int) -> np.ndarray:
    """Motion of every pixel from `frame` to the next, (H, W, 2) float32 in pixels (x, y).

    Every drawn polygon moves by the affine map that best fits its corners' motion; the background
    moves only with the camera's shake. Fire, smoke and shadows have no flow of their own.
    """
    parts = stage.truth(frame).parts
    offset = stage.director.offset
    shake = offset[frame + 1] - offset[frame]
    flow = np.empty((*parts.shape, 2), np.float32)
    flow[:] = shake
    for track, index in stage.visible(frame):
        if index + 1 >= len(track.points):
            continue
        base = track.identity * 256
        present = np.unique(parts[(parts >= base) & (parts < base + 256)])
        for number in present:
            before = track.points[index, number - base] + offset[frame]
            motion = track.points[index + 1, number - base] + offset[frame + 1] - before
            rows, columns = np.nonzero(parts == number)
            flow[rows, columns] = _affine(before, motion, np.stack([columns, rows], axis=1) + 0.5)
    return flow


def _affine(points: np.ndarray, motion: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The least-squares affine motion of points (V, 2), evaluated at other places (n, 2)."""
    centre = points.mean(axis=0)
    ones = np.ones((len(points), 1))
    solution, *_ = np.linalg.lstsq(np.hstack([points - centre, ones]), motion, rcond=1e-3)
    return np.hstack([where - centre, np.ones((len(where), 1))]) @ solution


def render_ground_truth(
    plan: VideoPlan, settings: RenderSettings, folder: Path, kinds: tuple[str, ...] = KINDS
) -> None:
    """Write the requested kinds as `{name}.{kind}.npz`, and captions as `{name}.captions.csv`.

    depth: (F, H, W) float16 metres; masks: (F, H, W) uint16 ids; keypoints: (F, P, 17, 3) float32
    x, y, visible, NaN while a person is out of sight, with `ids` (P,); flow: (F - 1, H, W, 2)
    float16 pixels.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise FusevadError(
            f"render: unknown ground truth '{unknown[0]}'; choose from: {', '.join(KINDS)}"
        )
    stage = Stage(direct(plan, settings))
    frames = [Frame(index, np.empty(0), "", stage) for index in range(plan.frames)]
    arrays: dict[str, dict[str, np.ndarray]] = {}
    if "depth" in kinds:
        arrays["depth"] = {"depth": np.stack([f.depth().astype(np.float16) for f in frames])}
    if "masks" in kinds:
        arrays["masks"] = {"masks": np.stack([f.instances() for f in frames])}
    if "keypoints" in kinds:
        arrays["keypoints"] = _keypoints(stage, frames)
    if "flow" in kinds:
        flow = [optical_flow(stage, index) for index in range(plan.frames - 1)]
        arrays["flow"] = {"flow": np.stack(flow).astype(np.float16)}
    for kind, content in arrays.items():
        with atomic_path(folder / f"{plan.name}.{kind}.npz") as temporary:
            np.savez_compressed(temporary, **content)
    path = folder / f"{plan.name}.captions.csv"
    with atomic_path(path) as temporary, temporary.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("start", "end", "caption"))
        for number, text in enumerate(captions(stage.director)):
            start = number * SEGMENT_FRAMES
            writer.writerow((start, min(start + SEGMENT_FRAMES, plan.frames), text))


def _keypoints(stage: Stage, frames: list[Frame]) -> dict[str, np.ndarray]:
    ids = [track.identity for track in stage.director.tracks if track.keypoints is not None]
    points = np.full((len(frames), len(ids), KEYPOINTS, 3), np.nan, np.float32)
    for frame in frames:
        for identity, values in frame.keypoints().items():
            points[frame.index, ids.index(identity)] = values
    return {"keypoints": points, "ids": np.array(ids, np.int32)}
