"""Fire and explosions."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.director import ANOMALY, Director
from fusevad.data.render.effects import Blast, Flames, Smoke
from fusevad.data.render.gait import smooth_step
from fusevad.data.render.plan import Interval
from fusevad.data.render.solids import (
    CAR_COLOURS,
    ball_track,
    box_faces,
    solid_track,
    vehicle_faces,
)


def _standing_thing(director: Director) -> tuple[tuple[float, float, float], str, float]:
    """Put something that can burn near the middle: (place of the fire, words, width)."""
    rng, frames = director.rng, director.plan.frames
    x, y = director.focus
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
        fire, words, width = (x, y - 0.1, 0.95), "a waste bin", 1.15
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
            Smoke(
                camera,
                (place[0], place[1] + 0.05, place[2] + 0.4 * high),
                3.2 * scale,
                5.2 * scale,
                start,
                0.85 * grow,
                fps,
                seed,
            )
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
        director.effects.append(Smoke(camera, low, 7.0, 8.5, start, 0.95 * thick, fps, seed, 62))
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
    radius = float(rng.uniform(0.04, 0.1))
    director.add(ball_track(director.scene.camera, path, start, radius, colour, "debris"))
