"""Cars that keep to their lanes, and cyclists."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.director import Director, follow
from fusevad.data.render.gait import pedal, smooth_step
from fusevad.data.render.raster import Track
from fusevad.data.render.solids import CAR_COLOURS, bicycle_track, solid_track, vehicle_faces


def traffic(director: Director, busy: bool, cyclist: bool) -> None:
    """Cars that keep to their lanes, and cyclists at the edge of the road."""
    rng, plan = director.rng, director.plan
    lanes = director.scene.layout.lanes
    if not lanes:
        return
    seconds = plan.frames / plan.fps
    for y, direction in lanes:
        time = float(rng.uniform(-2, 3))
        while time < seconds:
            ride = cyclist and rng.random() < 0.6
            speed = float(rng.uniform(4, 5.5) if ride else rng.uniform(7, 10))
            path = _lane_path(director, y, direction)
            if ride:
                cycle(director, path, speed, int(time * plan.fps))
            else:
                drive(director, path, np.full(int(60 / speed * plan.fps), speed), time)
            time += float(rng.uniform(3.5, 6) if busy or cyclist else rng.uniform(6, 13))


def _lane_path(director: Director, y: float, direction: int) -> np.ndarray:
    reach = director.scene.camera.half_width_at(y) + 4.0
    path = np.array([[-reach, y], [reach, y]])
    return path if direction > 0 else path[::-1]


def drive(
    director: Director,
    path: np.ndarray,
    speeds: np.ndarray,
    start: float,
    kind: str | None = None,
) -> Track | None:
    """A car or van along a path (m, 2) at speeds (n,), from `start` seconds on."""
    rng, plan = director.rng, director.plan
    position, heading, gone = follow(path, speeds, plan.fps)
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    moving = gone < length - 0.01
    frames = np.arange(len(gone)) + int(start * plan.fps)
    keep = np.flatnonzero(moving & (frames >= 0) & (frames < plan.frames))
    if len(keep) < 2:
        return None
    name = str(rng.choice(list(CAR_COLOURS)))
    kind = kind or ("van" if rng.random() < 0.2 else "car")
    place = np.concatenate([position[keep], np.zeros((len(keep), 1))], axis=1)
    light = director.scene.light
    track = solid_track(
        director.scene.camera,
        kind,
        vehicle_faces(kind, CAR_COLOURS[name]),
        place,
        heading[keep],
        int(frames[keep[0]]),
        light.gain,
        light.sun,
        words=f"a {name} {kind}",
    )
    director.add(track)
    director.hear("engine", frames[keep[0]] / plan.fps, len(keep) / plan.fps, 0.5)
    return track


def cycle(director: Director, path: np.ndarray, speed: float, start: int) -> None:
    """A bicycle with a rider."""
    rng, plan = director.rng, director.plan
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    frames = int(length / speed * plan.fps)
    position, heading, gone = follow(path, np.full(frames, speed), plan.fps)
    first, last = max(-start, 0), min(frames, plan.frames - start)
    if last - first < 2:
        return
    keep = slice(first, last)
    ground = np.concatenate([position, np.zeros((frames, 1))], axis=1)
    colour = list(CAR_COLOURS.values())[rng.integers(len(CAR_COLOURS))]
    light = director.scene.light
    bicycle = bicycle_track(
        director.scene.camera,
        ground[keep],
        heading[keep],
        start + first,
        colour,
        light.gain,
        light.sun,
    )
    director.add(bicycle)
    saddle = ground.copy()
    saddle[:, 0] -= 0.2 * np.cos(heading)
    saddle[:, 1] -= 0.2 * np.sin(heading)
    saddle[:, 2] = 0.3
    director.person(pedal(gone), saddle, heading, start)
    director.say(
        start + first,
        start + last,
        ("a cyclist rides on the road {where}", "somebody rides a bicycle {where}"),
        2,
    )


def brake(director: Director) -> None:
    """A car brakes hard, waits and drives on."""
    rng, plan = director.rng, director.plan
    y, direction = director.scene.layout.lanes[-1]
    seconds = plan.frames / plan.fps
    begin = float(rng.uniform(0.5, seconds / 2))
    times = np.arange(int(14 * plan.fps)) / plan.fps
    reach = director.scene.camera.half_width_at(y) + 4
    stop_at = (reach + rng.uniform(-1, 1)) / 9
    speeds = 9 * (
        1 - smooth_step(times, stop_at - 0.45, 0.9) + smooth_step(times, stop_at + 2.5, 2)
    )
    drive(director, _lane_path(director, y, direction), speeds, begin, "car")
    director.hear("brakes", begin + stop_at - 0.4, 0.9, 0.8)
    director.say(
        int((begin + stop_at - 1) * plan.fps),
        int((begin + stop_at + 3) * plan.fps),
        ("a car brakes hard on the road {where}", "a car stops on the road {where}"),
        3,
    )
