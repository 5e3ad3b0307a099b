"""The anomalies of moving people: running, fighting, fall, chase."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.director import ANOMALY, Director
from fusevad.data.render.gait import (
    collapsed,
    fall_between,
    fight,
    gait,
    grapple,
    idle,
    smooth_step,
    stoop,
)
from fusevad.data.render.people import random_body
from fusevad.data.render.plan import Interval


def running(director: Director, intervals: tuple[Interval, ...]) -> None:
    """A crowd runs across in panic; the first of them stood about until then."""
    rng, fps = director.rng, director.plan.fps
    _startled(director, intervals[0])
    for start, stop in intervals:
        seconds = (stop - start) / fps
        forward = bool(rng.random() < 0.5)
        x0, x1, y0, y1 = director.scene.layout.walk
        low, high = (x0, x1) if director.scene.layout.along else (y0, y1)
        for enter in np.arange(-0.4, seconds - 1.2, 0.42 / director.strength):
            speed = float(rng.uniform(4.2, 5.6))
            path = director.crossing(float(rng.uniform(low, high)), forward)
            length = float(np.linalg.norm(path[1] - path[0]))
            begin = start + int(enter * fps)
            frames = min(int(length / speed * fps), stop - begin + int(0.2 * fps))
            if frames < 2:
                continue
            weave = np.array([[0, 0], [0.3, 0.6], [-0.3, -0.6], [0, 0]]) * rng.uniform(0.2, 0.8)
            points = path[0] + np.linspace(0, 1, 4)[:, None] * (path[1] - path[0]) + weave
            director.walker(points, speed, max(begin, 0), frames=frames)
        director.hear("screams", start / fps, seconds, 0.9)
        director.hear("running", start / fps, seconds, 1.0)
        director.say(
            start,
            stop,
            (
                "people run in panic {where}",
                "a crowd flees {where}, running",
                "several people are running away {where}",
                "a crowd of people runs across {where}",
            ),
            ANOMALY,
        )


def _startled(director: Director, interval: Interval) -> None:
    """People who stand in view and break into a run when the interval starts."""
    rng, fps = director.rng, director.plan.fps
    start, stop = interval
    frames = np.arange(director.plan.frames)
    forward = bool(rng.random() < 0.5)
    for _ in range(4):
        ends = director.crossing(director.lane(), forward)
        here = ends[0] + rng.uniform(0.3, 0.55) * (ends[1] - ends[0])
        late = start / fps + rng.uniform(0.0, 0.35)
        speed = float(rng.uniform(4.2, 5.4)) * smooth_step(frames / fps, late, 0.35)
        leave = np.linalg.norm(ends[1] - here) / 4.2
        count = min(int((late + leave + 0.5) * fps), stop + int(0.4 * fps), len(frames))
        director.walker(np.stack([here, ends[1]]), speed[:count], 0, frames=count)


def fighting(director: Director, intervals: tuple[Interval, ...]) -> None:
    """Two people who stand and talk come to blows."""
    rng, plan = director.rng, director.plan
    times = director.times
    centre = np.array(director.focus)
    active = np.zeros(plan.frames)
    for start, stop in intervals:
        begin, end = start / plan.fps, stop / plan.fps
        active += smooth_step(times, begin, 0.25) - smooth_step(times, end - 0.3, 0.3)
    turn = rng.uniform(-0.5, 0.5) + active * (
        0.9 * np.sin(times * 0.9 + rng.uniform(0, 6)) + 0.3 * np.sin(times * 2.3)
    )
    close = np.floor(times / 1.6).astype(int)
    grappling = (rng.random(close.max() + 1) < 0.4)[close].astype(float)
    grappling = np.convolve(np.pad(grappling, 3, mode="edge"), np.ones(7) / 7, "valid")
    apart = 1.1 - active * (0.42 + 0.14 * grappling) + 0.1 * active * np.sin(times * 6)
    sway = 0.35 * active * np.sin(times * 1.7 + 1) + 0.15 * active * np.sin(times * 4.1)
    middle = centre + np.stack([sway, 0.3 * sway], axis=1)
    colours = rng.permutation(["red", "blue", "white", "black", "yellow", "orange"])
    for index in (0, 1):
        angle = turn + index * np.pi
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        position = middle + direction * (apart / 2)[:, None]
        blows = fight(times, rng, director.strength)
        hold = grapple(times, rng)
        mixed = blows * (1 - grappling[:, None]) + hold * grappling[:, None]
        calm = idle(times, rng, "talk")
        pose = calm * (1 - active[:, None]) + mixed * active[:, None]
        body = random_body(rng, str(colours[index]))
        director.person(pose, position, angle + np.pi, 0, body)
    for start, stop in intervals:
        seconds = (stop - start) / plan.fps
        for hit in np.arange(0.2, seconds, 0.55):
            director.hear("thud", start / plan.fps + hit + rng.uniform(0, 0.2), 0.3, 0.7)
        director.hear("shouts", start / plan.fps, seconds, 1.0)
        director.say(
            start,
            stop,
            (
                "two people are fighting {where}",
                "two people punch and kick each other {where}",
                "a fight between two people {where}",
                "two men grapple in a violent fight {where} while others walk by",
            ),
            ANOMALY,
        )
    director.say(0, plan.frames, ("two people stand talking {where}",), 2)


def fall(director: Director, intervals: tuple[Interval, ...]) -> None:
    """Somebody collapses while walking, lies there, and gets up at the end."""
    rng, plan = director.rng, director.plan
    times = director.times
    place = np.array(director.focus)
    side = 1.0 if rng.random() < 0.5 else -1.0
    (start, stop), fps = intervals[0], plan.fps
    begin, end = start / fps, stop / fps
    speed = 1.25
    lying = (times >= begin) & (times < end)
    reach = np.where(times < begin, times - begin, np.maximum(times - end, 0.0)) * speed
    reach += 0.5 * smooth_step(times, begin, 0.6)
    position = np.stack([place[0] + side * reach, np.full_like(reach, place[1])], axis=1)
    if director.scene.layout.along:
        position = np.stack([np.full_like(reach, place[0]), place[1] - side * reach], axis=1)
    angle = (0.0 if side > 0 else np.pi) - (np.pi / 2 if director.scene.layout.along else 0.0)
    walking = gait(reach - reach[0], np.where(lying, 0.05, speed))
    down = collapsed(times, rng, 1.0 if rng.random() < 0.6 else -1.0)
    pose = fall_between(walking, down, times, begin, 0.75)
    up = smooth_step(times, end - 1.1, 1.1)[:, None]
    pose = pose * (1 - up) + walking * up
    body = random_body(rng)
    director.person(pose, position, np.full(plan.frames, angle), 0, body)
    if end - begin > 3:
        _helper(director, place, begin + 2.0, end + 0.5)
    director.hear("thud", begin + 0.55, 0.4, 1.0)
    director.hear("cry", begin + 0.1, 0.8, 0.9)
    director.say(
        start,
        stop,
        (
            f"{body.words} has fallen and lies on the ground {{where}}",
            "a person collapses and lies on the ground {where}",
            "somebody lies motionless on the ground {where}",
            f"{body.words} falls down {{where}}",
        ),
        ANOMALY,
    )


def _helper(director: Director, place: np.ndarray, arrive: float, leave: float) -> None:
    """A passer-by who comes, bends over somebody at `place`, and goes on; times in seconds."""
    rng, times = director.rng, director.times
    side = 1.0 if rng.random() < 0.5 else -1.0
    way = np.where(times < arrive, arrive - times, np.minimum(leave - times, 0)) * 1.5
    still = (times >= arrive) & (times < leave)
    way = np.where(still, 0.0, way)
    x = place[0] - side * (way + 0.1)
    position = np.stack([x, np.full_like(x, place[1] + 0.75)], axis=1)
    heading = np.where(still, -np.pi / 2, 0.0 if side > 0 else np.pi)
    bent = smooth_step(times, arrive, 0.5) - smooth_step(times, leave - 0.5, 0.5)
    pose = gait(way[0] - way, np.where(still, 0.0, 1.5)) * (1 - bent[:, None])
    pose += stoop(0.8 * bent)
    director.person(pose, position, heading, 0)


def chase(director: Director, intervals: tuple[Interval, ...]) -> None:
    """One person runs from another, with sharp turns."""
    rng, plan = director.rng, director.plan
    fps = plan.fps
    x0, x1, y0, y1 = director.scene.layout.walk
    for start, stop in intervals:
        seconds = (stop - start) / fps
        speed = 4.6 * min(1.1, 0.8 + 0.25 * director.strength)
        reach = director.scene.camera.half_width_at((y0 + y1) / 2)
        side = 1.0 if rng.random() < 0.5 else -1.0
        points = [np.array([-side * (reach + 0.3), rng.uniform(y0 + 0.6, y1 - 0.6)])]
        if director.scene.layout.along:
            points = [np.array([rng.uniform(x0 + 1, x1 - 1), 17.0])]
        length = 0.0
        while length < speed * (seconds + 1):
            x = side * rng.uniform(0.25, 0.75) * min(reach, x1)
            after = np.array([x, rng.uniform(y0 + 0.3, y1 - 0.4)])
            length += float(np.linalg.norm(after - points[-1]))
            points.append(after)
            side = -side
        path = np.stack(points)
        colours = rng.permutation(["red", "yellow", "white", "blue", "green", "orange"])
        for index, lag in ((0, 0.0), (1, 0.38)):
            begin = start + int(lag * fps)
            body = random_body(rng, str(colours[index]))
            director.walker(path, speed, begin, body, max(stop - begin, 1))
        director.hear("running", start / fps, seconds, 1.0)
        director.hear("shouts", start / fps, seconds, 0.8)
        director.say(
            start,
            stop,
            (
                "one person chases another {where}",
                "a man runs after another person {where}",
                "two people in a chase {where}, one fleeing from the other",
                "somebody is being chased {where}",
            ),
            ANOMALY,
        )
