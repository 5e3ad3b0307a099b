"""The anomalies that show mostly in appearance: fire, explosion, abandoned object, vandalism,
vehicle on the pavement."""

from __future__ import annotations

import numpy as np

from fusevad.render.activities import drive
from fusevad.render.director import Director
from fusevad.render.effects import Blast, Flames, Smoke
from fusevad.render.gait import gait, smooth_step, spray
from fusevad.render.people import random_body
from fusevad.render.plan import Interval
from fusevad.render.raster import Track, capsules, far_to_near, shaded
from fusevad.render.skeleton import Joint
from fusevad.render.solids import (
    CAR_COLOURS,
    ball_track,
    box_faces,
    solid_track,
    suitcase_faces,
    vehicle_faces,
)
from fusevad.render.violence import ANOMALY

PAINTS = ((40, 40, 230), (230, 60, 40), (40, 200, 60), (220, 40, 220), (30, 220, 240), (20, 20, 20))


def _standing_thing(director: Director) -> tuple[tuple[float, float, float], str, float]:
    """Put something that can burn near the middle: (place of the fire, words, width)."""
    rng, frames = director.rng, director.plan.frames
    x, y = director.spot(0.3)
    kind = str(rng.choice(["car", "bin", "rubbish"], p=[0.35, 0.4, 0.25]))
    if director.scene.layout.indoor or director.scene.layout.along:
        kind = "bin" if kind == "car" else kind
    light = director.scene.light
    heading = 0.0
    if kind == "car":
        name = str(rng.choice(list(CAR_COLOURS)))
        faces = vehicle_faces("car", CAR_COLOURS[name])
        y, heading = director.scene.layout.walk[3] - 0.4, float(rng.choice([0.0, np.pi]))
        fire, words, width = (x + 0.6, y - 0.5, 0.9), f"a {name} car", 2.2
    elif kind == "bin":
        faces = box_faces((-0.32, -0.32, 0), (0.32, 0.32, 1.0), (60, 92, 56), taper=-0.03)
        fire, words, width = (x, y - 0.1, 0.95), "a waste bin", 0.9
    else:
        faces = []
        for _ in range(5):
            dx, dy, size = rng.uniform(-0.5, 0.3), rng.uniform(-0.3, 0.2), rng.uniform(0.3, 0.5)
            colour = ((44, 44, 46), (80, 110, 140), (110, 80, 50))[rng.integers(3)]
            faces += box_faces((dx, dy, 0), (dx + size, dy + size, size), colour, True, 0.04)
        fire, words, width = (x, y - 0.2, 0.25), "a heap of rubbish", 1.3
    position = np.tile([x, y, 0.0], (frames, 1))
    turn = np.full(frames, heading)
    director.add(
        solid_track(director.scene.camera, kind, faces, position, turn, 0, light.gain, light.sun)
    )
    return fire, words, width


def fire(director: Director, intervals: tuple[Interval, ...]) -> None:
    """Something burns with flames and dark smoke, and goes out."""
    rng, plan = director.rng, director.plan
    place, words, width = _standing_thing(director)
    camera, fps = director.scene.camera, plan.fps
    scale = director.strength
    for start, stop in intervals:
        times = np.arange(stop - start) / fps
        seconds = (stop - start) / fps
        grow = smooth_step(times, -0.3, 1.2) * (1 - smooth_step(times, seconds - 0.9, 0.9))
        seed = int(rng.integers(1, 99))
        high = width * 0.9 + 0.9
        director.effects.append(
            Smoke(camera, (place[0], place[1] + 0.05, place[2] + 0.4 * high), 2.6 * scale, 4.6 * scale,
                  start, 0.78 * grow, fps, seed)
        )
        director.effects.append(
            Flames(camera, place, width * scale, high * scale, start, grow, fps, seed)
        )
        director.hear("fire", start / fps, seconds, 1.0)
        director.hear("shouts", start / fps, min(seconds, 3), 0.35)
        director.say(
            start,
            stop,
            (
                f"{words} is on fire {{where}}, with smoke",
                "a fire burns with flames and dark smoke {where}",
                f"flames rise from {words} {{where}}",
                "something is burning {where}",
            ),
            ANOMALY,
        )


def explosion(director: Director, intervals: tuple[Interval, ...]) -> None:
    """A flash and a fireball, then a column of smoke, while people flee."""
    rng, plan = director.rng, director.plan
    place, words, _ = _standing_thing(director)
    camera, fps = director.scene.camera, plan.fps
    for start, stop in intervals:
        seconds = (stop - start) / fps
        times = np.arange(stop - start) / fps
        seed = int(rng.integers(1, 99))
        radius = 1.7 * director.strength
        thick = smooth_step(times, 0.1, 0.8) * (1 - smooth_step(times, seconds - 0.8, 0.8))
        low = (place[0], place[1] + 0.1, 0.0)
        director.effects.append(
            Smoke(camera, low, 5.5, 7.5, start, 0.92 * thick, fps, seed, 68)
        )
        glow = 0.75 * smooth_step(times, 0.3, 0.5) * (1 - smooth_step(times, seconds - 0.9, 0.9))
        director.effects.append(Flames(camera, low, 1.4, 1.7, start, glow, fps, seed))
        director.effects.append(Blast(camera, (*place[:2], 0.8), radius, start, fps, seed))
        for _ in range(12):
            _debris(director, np.array([place[0], place[1] - 0.2, 0.6]), start)
        shake = np.exp(-np.arange(stop - start) / (0.35 * fps))[:, None]
        director.offset[start:stop] += 2.2 * shake * rng.normal(0, 1, (stop - start, 2))
        for _ in range(3):
            path = director.crossing(director.lane(), bool(rng.random() < 0.5))
            half = path[0] + (path[1] - path[0]) * 0.55
            path = np.stack([half, path[1]])
            director.walker(path, float(rng.uniform(4, 5)), start + int(0.3 * fps))
        director.hear("boom", start / fps, 2.2, 1.0)
        director.hear("screams", start / fps + 0.5, min(seconds, 4), 0.8)
        director.hear("fire", start / fps + 0.8, max(seconds - 0.8, 0.2), 0.5)
        flash = min(start + int(1.5 * fps), stop)
        director.say(
            start,
            flash,
            ("an explosion with a fireball {where}", "a bright explosion {where}"),
            ANOMALY + 1,
        )
        director.say(
            start,
            stop,
            (
                "a cloud of smoke after an explosion {where}",
                f"smoke rises {{where}} where {words} has exploded",
                "an explosion leaves thick smoke {where}, people flee",
            ),
            ANOMALY,
        )


def _debris(director: Director, place: np.ndarray, start: int) -> None:
    """A piece that's thrown out by a blast."""
    rng, fps = director.rng, director.plan.fps
    times = np.arange(min(int(1.4 * fps), director.plan.frames - start)) / fps
    if len(times) < 2:
        return
    velocity = np.array([rng.normal(0, 3), rng.normal(-1, 1.5), rng.uniform(3, 7)])
    path = place + times[:, None] * velocity
    path[:, 2] = np.maximum(path[:, 2] - 4.9 * times**2, 0.05)
    colour = (40, 90, 190) if rng.random() < 0.4 else (34, 34, 36)
    radius = float(rng.uniform(0.05, 0.14))
    director.add(ball_track(director.scene.camera, path, start, radius, colour, "debris"))


def abandoned(director: Director, intervals: tuple[Interval, ...]) -> None:
    """Somebody leaves a suitcase and walks off; perhaps comes back for it at the end."""
    rng, plan = director.rng, director.plan
    times, fps = director.times, plan.fps
    (start, stop) = intervals[0]
    x, y = director.spot(0.2)
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
    colour = {"red": (40, 40, 200), "blue": (190, 90, 40), "yellow": (40, 190, 230),
              "green": (70, 150, 50)}[name]
    size = np.concatenate([case, np.zeros((plan.frames, 1))], axis=1)
    director.add(
        solid_track(
            director.scene.camera, "suitcase", suitcase_faces(colour), size,
            np.full(plan.frames, 1.1 * side), 0, light.gain, light.sun, f"a {name} suitcase",
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
    reach = director.scene.camera.half_width_at(wall) * 0.72
    x0, x1 = max(x0, -reach), min(x1, reach)
    left = float(rng.uniform(x0 + 0.2, max(x0 + 0.3, x1 - 3.0)))
    width = min(x1 - left - 0.2, 3.0)
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
    """Scribbled strokes of bright paint that appear from left to right during the interval."""
    rng, frames = director.rng, director.plan.frames - start
    strokes, letters = 6, max(int(width / 0.55), 2)
    first, second, colours = [], [], []
    paint = rng.permutation(len(PAINTS))[:3]
    for letter in range(letters):
        corner = rng.uniform(0, 1, (strokes + 1, 2)) * (0.75, 1.25)
        corner[::2, 1] = rng.uniform(0.0, 0.25, len(corner[::2]))
        corner[1::2, 1] = rng.uniform(0.9, 1.3, len(corner[1::2]))
        world = np.stack(
            [left + letter * 0.55 + corner[:, 0], np.full(strokes + 1, wall), 0.75 + corner[:, 1]],
            axis=1,
        )
        first.append(world[:-1])
        second.append(world[1:])
        colours += [PAINTS[paint[letter % 3]]] * strokes
    a = np.concatenate(first)[None].repeat(frames, axis=0)
    b = np.concatenate(second)[None].repeat(frames, axis=0)
    count = a.shape[1]
    radius = 0.085 * director.strength
    points, depths = capsules(director.scene.camera, a, b, np.full((count, 2), radius))
    appear = np.linspace(0.02, 0.8, count) * (stop - start)
    shown = np.arange(frames)[:, None] >= appear[None]
    director.add(
        Track(
            kind="graffiti",
            start=start,
            points=points,
            depths=depths,
            shown=shown,
            order=far_to_near(np.zeros_like(depths)),
            distance=depths.max(axis=1) + 0.3,
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
    speed = 1.0 - 0.9 * (smooth_step(times, 0.3 * seconds, 0.8) - smooth_step(
        times, 0.68 * seconds, 0.8))
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


APPEARANCE_STAGES = {
    "fire": fire,
    "explosion": explosion,
    "abandoned-object": abandoned,
    "vandalism": vandalism,
    "vehicle-on-pavement": vehicle,
}
