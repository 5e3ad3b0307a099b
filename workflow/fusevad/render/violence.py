"""The anomalies that show mostly in motion: running, fighting, fall, throwing, chase."""

from __future__ import annotations

import numpy as np

from fusevad.render.director import Director
from fusevad.render.gait import collapsed, fall_between, fight, gait, grapple, idle, smooth_step
from fusevad.render.gait import throw as throw_pose
from fusevad.render.people import random_body
from fusevad.render.plan import Interval
from fusevad.render.skeleton import Joint
from fusevad.render.solids import ball_track

ANOMALY = 9  # priority of an anomaly's captions


def running(director: Director, intervals: tuple[Interval, ...]) -> None:
    """A crowd runs across in panic."""
    rng, fps = director.rng, director.plan.fps
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


def fighting(director: Director, intervals: tuple[Interval, ...]) -> None:
    """Two people who stand and talk come to blows."""
    rng, plan = director.rng, director.plan
    times = director.times
    centre = np.array(director.spot(0.5))
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
    place = np.array(director.spot(0.4))
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


def throwing(director: Director, intervals: tuple[Interval, ...]) -> None:
    """Somebody throws stones at a wall or a window, again and again."""
    rng, plan = director.rng, director.plan
    times, fps = director.times, plan.fps
    place = np.array(director.spot(0.4))
    target_x = float(np.mean(director.scene.layout.wall[:2]))
    target = np.array([target_x, director.scene.layout.wall[2] - 0.1, 1.5])
    if abs(target_x - place[0]) < 1.5:
        place[0] = np.clip(target_x - np.sign(target_x - place[0] + 0.01) * 2.4, -3.0, 3.0)
    angle = float(np.arctan2(target[1] - place[1], target[0] - place[0]))
    period = 1.3 / director.strength
    active = np.zeros(plan.frames)
    phase = np.zeros(plan.frames)
    for start, stop in intervals:
        begin, end = start / fps, stop / fps
        active += smooth_step(times, begin, 0.2) - smooth_step(times, end - 0.2, 0.2)
        phase = np.where(times >= begin, times - begin, phase)
    pose = idle(times, rng, "wait") * (1 - active[:, None])
    pose += throw_pose(phase, period) * active[:, None]
    body = random_body(rng)
    position = np.tile(place, (plan.frames, 1))
    _, world = director.person(pose, position, np.full(plan.frames, angle), 0, body)
    for start, stop in intervals:
        for release in np.arange(start / fps + 0.52 * period, stop / fps - 0.7, period):
            frame = int(release * fps)
            hand = world[frame, Joint.HAND_R]
            _stone(director, hand, target + rng.normal(0, 0.5, 3) * (1, 0, 0.5), frame)
            director.hear("glass" if rng.random() < 0.5 else "thud", release + 0.6, 0.5, 0.9)
        director.hear("shouts", start / fps, (stop - start) / fps, 0.6)
        director.say(
            start,
            stop,
            (
                f"{body.words} throws stones at a wall {{where}}",
                "somebody throws stones {where}",
                "a rioter hurls objects {where}",
                "a person is throwing things {where}",
            ),
            ANOMALY,
        )


def _stone(director: Director, hand: np.ndarray, target: np.ndarray, frame: int) -> None:
    """A stone from hand to target that falls down and comes to rest."""
    fps, rng = director.plan.fps, director.rng
    flight = max(float(np.linalg.norm(target - hand)) / 9.0, 0.25)
    times = np.arange(min(int(1.6 * fps), director.plan.frames - frame)) / fps
    if len(times) < 2:
        return
    share = np.clip(times / flight, 0, 1)[:, None]
    path = hand * (1 - share) + target * share
    path[:, 2] += 4 * 0.35 * share[:, 0] * (1 - share[:, 0])
    after = np.maximum(times - flight, 0)
    path[:, 2] = np.maximum(path[:, 2] - 4.9 * after**2, 0.1)
    path[:, 1] -= 1.2 * np.minimum(after, 0.6)
    colour = ((40, 44, 50), (210, 214, 220), (40, 60, 150))[rng.integers(3)]
    director.add(ball_track(director.scene.camera, path, frame, 0.11, colour, "stone"))


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
            frames = stop - begin
            body = random_body(rng, str(colours[index]))
            track, _ = director.walker(path, speed, begin, body, frames)
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


MOTION_STAGES = {
    "running": running,
    "fighting": fighting,
    "fall": fall,
    "throwing": throwing,
    "chase": chase,
}
