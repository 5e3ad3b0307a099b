"""The anomaly of people who throw stones."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.director import ANOMALY, Director
from fusevad.data.render.gait import idle, smooth_step
from fusevad.data.render.gait import throw as throw_pose
from fusevad.data.render.people import random_body
from fusevad.data.render.plan import Interval
from fusevad.data.render.skeleton import Joint
from fusevad.data.render.solids import ball_track


def throwing(director: Director, intervals: tuple[Interval, ...]) -> None:
    """One or two people throw stones at a wall or a window, again and again."""
    rng, fps = director.rng, director.plan.fps
    x0, x1, wall = director.scene.layout.wall
    reach = 0.75 * director.scene.camera.half_width_at(wall)
    aim = np.array([np.clip((x0 + x1) / 2, -reach, reach), wall - 0.1, 1.5])
    x, y = director.focus
    away = -1.0 if aim[0] > x else 1.0
    if abs(aim[0] - x) < 1.8:
        x = float(aim[0] + away * 2.2)
    thrower = _thrower(director, np.array([x, y]), aim, intervals)
    if rng.random() < 0.6:
        _thrower(director, np.array([x + away * 0.9, y - 0.5]), aim, intervals)
    for start, stop in intervals:
        director.hear("shouts", start / fps, (stop - start) / fps, 0.6)
        director.say(
            start,
            stop,
            (
                f"{thrower} throws stones at a wall {{where}}",
                "somebody throws stones {where}",
                "a rioter hurls objects {where}",
                "a person is throwing things {where}",
            ),
            ANOMALY,
        )


def _thrower(
    director: Director, place: np.ndarray, aim: np.ndarray, intervals: tuple[Interval, ...]
) -> str:
    """Somebody who throws from `place` at `aim` (metres); returns a description."""
    rng, plan = director.rng, director.plan
    times, fps = director.times, plan.fps
    angle = float(np.arctan2(aim[1] - place[1], aim[0] - place[0]))
    period = float(rng.uniform(1.0, 1.2)) / director.strength
    active, phase = np.zeros(plan.frames), np.zeros(plan.frames)
    for start, stop in intervals:
        begin, end = start / fps, stop / fps
        active += smooth_step(times, begin, 0.2) - smooth_step(times, end - 0.2, 0.2)
        phase = np.where(times >= begin, times - begin, phase)
    pose = idle(times, rng, "wait") * (1 - active[:, None])
    pose += throw_pose(phase, period) * active[:, None]
    body = random_body(rng, str(rng.choice(["black", "red", "blue", "green"])))
    position = np.tile(place, (plan.frames, 1))
    _, world = director.person(pose, position, np.full(plan.frames, angle), 0, body)
    for start, stop in intervals:
        for release in np.arange(start / fps + 0.52 * period, stop / fps - 0.3, period):
            frame = int(release * fps)
            target = aim + rng.normal(0, 0.5, 3) * (1, 0, 0.6)
            _stone(director, world[frame, Joint.HAND_R], target, frame, stop)
            director.hear("glass" if rng.random() < 0.5 else "thud", release + 0.6, 0.5, 0.9)
    return body.words


def _stone(director: Director, hand: np.ndarray, target: np.ndarray, frame: int, stop: int) -> None:
    """A stone from hand to target that falls down and lies there until frame `stop`."""
    fps, rng = director.plan.fps, director.rng
    flight = max(float(np.linalg.norm(target - hand)) / 8.0, 0.25)
    times = np.arange(stop - frame) / fps
    if len(times) < 2:
        return
    share = np.clip(times / flight, 0, 1)[:, None]
    path = hand * (1 - share) + target * share
    path[:, 2] += 4 * 0.35 * share[:, 0] * (1 - share[:, 0])
    after = np.maximum(times - flight, 0)
    path[:, 2] = np.maximum(path[:, 2] - 4.9 * after**2, 0.1)
    path[:, 1] -= 1.2 * np.minimum(after, 0.6)
    colour = ((30, 34, 40), (225, 228, 232), (40, 60, 170))[rng.integers(3)]
    director.add(ball_track(director.scene.camera, path, frame, 0.13, colour, "stone"))
