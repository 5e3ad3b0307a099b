"""Anomalies of things that should not be where they are: luggage, paint, a vehicle."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.director import ANOMALY, Director
from fusevad.data.render.gait import gait, smooth_step, spray
from fusevad.data.render.people import random_body
from fusevad.data.render.plan import Interval
from fusevad.data.render.raster import Track, capsules, far_to_near, shaded
from fusevad.data.render.skeleton import Joint
from fusevad.data.render.solids import ball_track, solid_track, suitcase_faces
from fusevad.data.render.traffic import drive

PAINTS = ((40, 40, 230), (230, 60, 40), (40, 200, 60), (220, 40, 220), (30, 220, 240), (20, 20, 20))


# corners of a pen's way in a unit square
LETTERS = {
    "N": ((0, 0), (0, 1), (1, 0), (1, 1)),
    "Z": ((0, 1), (1, 1), (0, 0), (1, 0)),
    "A": ((0, 0), (0.5, 1), (1, 0), (0.75, 0.45), (0.25, 0.45)),
    "K": ((0, 0), (0, 1), (0, 0.45), (1, 1), (0.4, 0.6), (1, 0)),
    "S": ((1, 0.9), (0.5, 1), (0, 0.8), (1, 0.3), (0.5, 0), (0, 0.1)),
    "M": ((0, 0), (0.1, 1), (0.5, 0.3), (0.9, 1), (1, 0)),
    "E": ((1, 1), (0, 1), (0, 0.5), (0.8, 0.5), (0, 0.5), (0, 0), (1, 0)),
    "O": ((0.5, 0), (0, 0.4), (0.2, 0.95), (0.8, 0.95), (1, 0.4), (0.5, 0)),
}


def abandoned(director: Director, intervals: tuple[Interval, ...]) -> None:
    """Somebody leaves a suitcase and walks off; perhaps comes back for it at the end."""
    rng, plan = director.rng, director.plan
    times, fps = director.times, plan.fps
    (start, stop) = intervals[0]
    x, y = director.focus
    if director.scene.layout.along:
        x = director.middle[0]
    side = 1.0 if rng.random() < 0.5 else -1.0
    speed = 1.5
    leave, back = start / fps - 1.4, stop / fps + 0.1
    body = random_body(rng)
    offset = np.where(
        times < leave - 0.6,
        (times - (leave - 0.6)) * speed,
        np.where(times < leave, 0.0, (times - leave) * speed),
    )
    heading = np.zeros(plan.frames)
    if stop < plan.frames:
        turn = (leave + back) / 2
        offset = np.where(times > turn, (back - times) * speed, offset)
        heading = np.where((times > turn), np.pi, heading)
    if side < 0:
        heading = np.pi - heading
    position = np.stack([x + side * offset, np.full_like(offset, y + 0.45)], axis=1)
    moving = np.abs(np.gradient(offset)) * fps
    director.person(gait(np.abs(offset - offset[0]), moving), position, heading, 0, body)
    with_owner = (times < leave - 0.6) | (times >= back)
    case = np.stack([np.where(with_owner, x + side * offset, x), np.full_like(offset, y)], axis=1)
    name = str(rng.choice(["red", "blue", "yellow", "green"]))
    light = director.scene.light
    colour = {
        "red": (40, 40, 200),
        "blue": (190, 90, 40),
        "yellow": (40, 190, 230),
        "green": (70, 150, 50),
    }[name]
    size = np.concatenate([case, np.zeros((plan.frames, 1))], axis=1)
    director.add(
        solid_track(
            director.scene.camera,
            "suitcase",
            suitcase_faces(colour, 0.62 * director.strength),
            size,
            np.full(plan.frames, 1.1 * side),
            0,
            light.gain,
            light.sun,
            f"a {name} suitcase",
        )
    )
    director.say(
        start,
        stop,
        (
            f"a {name} suitcase stands alone {{where}}",
            f"an abandoned {name} suitcase {{where}}",
            "an unattended suitcase is left {where}",
            f"somebody has left a {name} suitcase behind {{where}}",
        ),
        ANOMALY,
    )
    director.say(0, plan.frames, (f"{body.words} with a suitcase {{where}}",), 2)


def vandalism(director: Director, intervals: tuple[Interval, ...]) -> None:
    """Somebody sprays graffiti on a wall."""
    rng, plan = director.rng, director.plan
    fps = plan.fps
    start, stop = intervals[0]
    x0, x1, wall = director.scene.layout.wall
    reach = director.scene.camera.half_width_at(wall) * 0.95
    x0, x1 = max(x0, -reach), min(x1, reach)
    width = min(x1 - x0 - 0.2, 2.2 * director.strength)
    # As near to the middle of the picture as the wall allows.
    wanted = -width / 2 + float(rng.uniform(-0.8, 0.8))
    left = min(max(wanted, x0 + 0.1), x1 - 0.1 - width)
    _paint(director, left, width, wall - 0.02, start, stop)
    arrive = start - int(0.2 * fps)
    walk = np.arange(arrive) / fps
    x = left + np.concatenate(
        [(walk - arrive / fps) * 1.4, np.linspace(0, width, plan.frames - arrive)]
    )
    position = np.stack([x, np.full(plan.frames, wall - 0.75)], axis=1)
    working = np.arange(plan.frames) >= arrive
    heading = np.where(working, np.pi / 2 - 0.25, 0.0)
    walking = gait(x - x[0], np.where(working, 0.0, 1.4))
    pose = np.where(working[:, None], spray(director.times, rng), walking)
    body = random_body(rng, str(rng.choice(["black", "gray", "red", "green"])))
    _, world = director.person(pose, position, heading, 0, body)
    can = world[:, Joint.HAND_R] + np.array([0.0, 0.05, 0.05])
    director.add(
        ball_track(director.scene.camera, can[arrive:], arrive, 0.07, (60, 60, 220), "can")
    )
    director.hear("spray", start / fps, (stop - start) / fps, 0.7)
    director.say(
        start,
        stop,
        (
            f"{body.words} sprays graffiti on a wall {{where}}",
            "a vandal paints graffiti on a wall {where}",
            "fresh graffiti spreads over a wall {where}",
            "somebody damages a wall with spray paint {where}",
        ),
        ANOMALY,
    )


def _paint(
    director: Director, left: float, width: float, wall: float, start: int, stop: int
) -> None:
    """Large letters of bright paint that appear from left to right during the interval."""
    rng, frames = director.rng, director.plan.frames - start
    letters = max(round(width / (0.5 * director.strength)), 2)
    pitch = width / letters
    first, second, colours = [], [], []
    paint = rng.permutation(len(PAINTS))[:3]
    names = rng.permutation(list(LETTERS))
    for letter in range(letters):
        corner = np.array(LETTERS[str(names[letter % len(names)])]) * (
            0.8 * pitch,
            1.15 * director.strength,
        )
        corner += rng.normal(0, 0.04, corner.shape)
        world = np.stack(
            [
                left + (letter + 0.1) * pitch + corner[:, 0],
                np.full(len(corner), wall),
                0.4 + corner[:, 1] + 0.15 * rng.random(),
            ],
            axis=1,
        )
        first.append(world[:-1])
        second.append(world[1:])
        colours += [PAINTS[paint[letter % 3]]] * (len(corner) - 1)
    a = np.concatenate(first)[None].repeat(frames, axis=0)
    b = np.concatenate(second)[None].repeat(frames, axis=0)
    count = a.shape[1]
    radius = 0.09 * director.strength
    points, depths = capsules(director.scene.camera, a, b, np.full((count, 2), radius))
    foot = float(director.scene.camera.project(np.array([left + width / 2, wall, 0.0]))[1])
    appear = np.linspace(0.02, 0.5, count) * (stop - start)
    shown = np.arange(frames)[:, None] >= appear[None]
    director.add(
        Track(
            kind="graffiti",
            start=start,
            points=points,
            depths=depths,
            shown=shown,
            order=far_to_near(np.zeros_like(depths)),
            distance=np.full(frames, foot - 0.15),
            colours=[shaded(colour, director.scene.light.gain) for colour in colours],
        )
    )


def vehicle(director: Director, intervals: tuple[Interval, ...]) -> None:
    """A car drives slowly onto the pavement, stops among people, and drives off."""
    rng, plan = director.rng, director.plan
    fps = plan.fps
    (start, stop) = intervals[0]
    seconds = (stop - start) / fps
    y = director.middle[1]
    reach = director.scene.camera.half_width_at(y) + 1.2
    forward = rng.random() < 0.5
    path = np.array([[-reach - 1.4, y - 0.3], [0, y + 0.3], [reach + 1.4, y - 0.2]])
    path = path if forward else path[::-1]
    times = np.arange(stop - start) / fps
    speed = 1.0 - 0.9 * (
        smooth_step(times, 0.3 * seconds, 0.8) - smooth_step(times, 0.68 * seconds, 0.8)
    )
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    speed *= length / (speed.sum() / fps) * 1.02
    track = drive(director, path, speed, start / fps)
    words = track.words if track is not None else "a car"
    director.hear("horn", start / fps + 0.35 * seconds, 0.9, 0.8)
    director.hear("shouts", start / fps + 0.4 * seconds, 1.5, 0.4)
    director.say(
        start,
        stop,
        (
            f"{words} drives where people walk {{where}}",
            f"{words} on the pavement among pedestrians {{where}}",
            "a vehicle has left the road and stands on the pavement {where}",
            f"{words} is driving on the walkway {{where}}",
        ),
        ANOMALY,
    )
