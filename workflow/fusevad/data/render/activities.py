"""Normal life: walkers, people who stand and talk, and things that only look odd."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.director import Director
from fusevad.data.render.effects import Smoke
from fusevad.data.render.gait import gait, idle, smooth_step, stoop
from fusevad.data.render.people import random_body
from fusevad.data.render.skeleton import Angle
from fusevad.data.render.solids import box_faces, solid_track
from fusevad.data.render.traffic import brake, traffic


def crowd(director: Director) -> None:
    """Walkers who cross the picture throughout, and a few people who stand."""
    rng, plan = director.rng, director.plan
    people = int(rng.integers(director.settings.people[0], director.settings.people[1] + 1))
    seconds = plan.frames / plan.fps
    standing = int(rng.binomial(people, 0.25))
    for _ in range(standing):
        stander(director)
    stay = 13.0 if director.scene.layout.along else 9.0  # seconds on screen
    walkers = int(np.ceil((people - standing) * (seconds + stay) / (stay + 2)))
    for enter in np.linspace(1 - stay, seconds - 1, walkers) + rng.uniform(-1, 1, walkers):
        speed = float(rng.uniform(0.95, 1.6))
        path = director.crossing(director.lane(), bool(rng.random() < 0.5))
        start = int(enter * plan.fps)
        director.walker(path, speed, start)
        if rng.random() < 0.2:  # two who walk together
            director.walker(path + np.array([0.25, 0.5]), speed, start - 2)
    director.hear("steps", 0, seconds, min(1.0, people / 6))
    director.hear("hubbub", 0, seconds, 0.12 * people)


def stander(director: Director, kind: str | None = None) -> None:
    """Somebody who waits, looks at a phone, or talks, for the whole video."""
    rng, plan = director.rng, director.plan
    kind = kind or str(rng.choice(["wait", "phone", "phone", "talk"]))
    lane = director.lane()
    aside = (1.0 if rng.random() < 0.5 else -1.0) * rng.uniform(1.5, 3.0)
    x, y = director.focus
    place = (x + aside, lane)
    if director.scene.layout.along:  # keep behind the middle, where nobody hides it
        place = (lane, y + abs(aside))
    heading = np.full(plan.frames, rng.uniform(0, 6.28))
    position = np.tile(place, (plan.frames, 1))
    body = random_body(rng)
    director.person(idle(director.times, rng, kind), position, heading, 0, body)
    doing = {"phone": "looks at a phone", "wait": "stands waiting", "talk": "stands talking"}[kind]
    director.say(0, plan.frames, (f"{body.words} {doing} {{where}}",), 1)


def group(director: Director) -> None:
    """Three or four people who talk in a circle."""
    rng, plan = director.rng, director.plan
    count = int(rng.integers(3, 5))
    centre = np.array(director.focus)
    turn = rng.uniform(0, 6.28)
    for index in range(count):
        angle = turn + index * 2 * np.pi / count
        place = centre + 0.75 * np.array([np.cos(angle), np.sin(angle)])
        position = np.tile(place, (plan.frames, 1))
        heading = np.full(plan.frames, angle + np.pi)
        director.person(idle(director.times, rng, "talk"), position, heading, 0)
    words = {3: "three", 4: "four"}[count]
    director.hear("hubbub", 0, plan.frames / plan.fps, 0.6)
    director.say(
        0,
        plan.frames,
        (
            f"a group of {words} people talks {{where}}",
            f"{words} people stand together in conversation {{where}}",
            "a small group of people stands and chats {where}",
        ),
        2,
    )


def hurry(director: Director, start: float, stop: float) -> None:
    """Somebody jogs to catch a bus; nothing is wrong."""
    rng, plan = director.rng, director.plan
    begin = float(rng.uniform(start, max(start, stop - 4)))
    path = director.crossing(director.lane(), bool(rng.random() < 0.5))
    frame = int(begin * plan.fps)
    body = random_body(rng)
    track, _ = director.walker(path, float(rng.uniform(2.9, 3.4)), frame, body)
    if track is not None:
        director.say(
            track.start,
            track.stop,
            (f"{body.words} hurries to catch a bus {{where}}", f"{body.words} jogs {{where}}"),
            3,
        )
    director.hear("steps", begin, 4, 1.0)


def flicker(director: Director, start: float, stop: float) -> None:
    """The lights flicker for a while."""
    rng = director.rng
    begin = float(rng.uniform(start, max(start, stop - 3)))
    inside = (director.times >= begin) & (director.times < min(begin + 3, stop))
    director.gain[inside] *= rng.choice([0.72, 0.85, 1.0, 1.06], size=int(inside.sum()))
    director.hear("buzz", begin, 3, 0.6)


def bag(director: Director) -> None:
    """Somebody puts a bag down, waits beside it, and takes it along again."""
    rng, plan = director.rng, director.plan
    place = np.array(director.focus)
    side = 1.0 if rng.random() < 0.5 else -1.0
    body = random_body(rng)
    seconds = plan.frames / plan.fps
    stay = float(np.clip(0.4 * seconds, 2.5, 6))
    arrive = float(rng.uniform(0.5, max(0.6, seconds - stay - 3)))
    times = director.times
    walking = (times < arrive) | (times > arrive + stay)
    reach = 1.3 * np.where(times < arrive, times - arrive, np.maximum(times - arrive - stay, 0))
    x = place[0] + side * reach
    position = np.stack([x, np.full_like(x, place[1])], axis=1)
    speed = np.where(walking, 1.3, 0.0)
    heading = np.full(plan.frames, 0.0 if side > 0 else np.pi)
    pose = np.where(walking[:, None], gait(reach - reach[0], speed), idle(times, rng, "phone"))
    down = sum(
        smooth_step(times, t, 0.35) - smooth_step(times, t + 0.45, 0.35)
        for t in (arrive, arrive + stay - 1.0)
    )
    pose = pose * (1 - down[:, None]) + stoop(down) * down[:, None]
    pose[:, Angle.ARM_R] *= np.where(walking, 0.2, 1.0)
    director.person(pose, position, heading, 0, body)
    carried = np.stack(
        [x + 0.1, position[:, 1] - 0.36, np.where(walking, 0.32, 0.32 * (1 - down) * 0)], axis=1
    )
    _hold_bag(director, carried, heading)
    director.say(
        int(arrive * plan.fps),
        int((arrive + stay) * plan.fps),
        (
            f"{body.words} waits beside a bag {{where}}",
            f"{body.words} puts a bag down and picks it up again {{where}}",
        ),
        3,
    )


def _hold_bag(director: Director, position: np.ndarray, heading: np.ndarray) -> None:
    light = director.scene.light
    faces = box_faces((-0.26, -0.13, 0.0), (0.26, 0.13, 0.34), (60, 74, 110))
    faces += box_faces((-0.1, -0.02, 0.34), (0.1, 0.02, 0.42), (40, 40, 44), False)
    track = solid_track(
        director.scene.camera, "bag", faces, position, heading, 0, light.gain, light.sun, "a bag"
    )
    director.add(track)


def steam(director: Director) -> None:
    """White steam from a vent in the ground."""
    rng, plan = director.rng, director.plan
    x, y = director.focus
    place = (x + 1.2, min(y + 1.6, director.scene.layout.walk[3] + 0.6), 0.0)
    times = director.times
    puff = 0.42 * (0.6 + 0.4 * np.sin(times * rng.uniform(0.5, 1.0) + rng.uniform(0, 6)))
    director.effects.append(
        Smoke(
            director.scene.camera,
            place,
            1.5,
            2.2,
            0,
            puff,
            plan.fps,
            int(rng.integers(99)),
            208,
            "steam",
        )
    )
    director.hear("hiss", 0, plan.frames / plan.fps, 0.35)
    director.say(
        0,
        plan.frames,
        ("steam rises from a vent {where}", "people walk past a steaming vent {where}"),
        2,
    )


def daily_life(director: Director) -> None:
    """Everything normal in one video, with the plan's activity."""
    plan = director.plan
    seconds = plan.frames / plan.fps
    activity = plan.activity
    crowd(director)
    traffic(director, busy=activity == "cars", cyclist=activity == "cyclist")
    start, stop = _quiet_part(director)
    if activity == "standing":
        for kind in ("wait", "phone", "talk"):
            stander(director, kind)
    elif activity == "group":
        group(director)
    elif activity == "hurry":
        hurry(director, start, stop)
    elif activity == "brake":
        brake(director)
    elif activity == "flicker":
        flicker(director, start, stop)
    elif activity == "bag":
        bag(director)
    elif activity == "steam":
        steam(director)
    director.hear("indoor" if director.scene.layout.indoor else "outdoor", 0, seconds, 1.0)


def _quiet_part(director: Director) -> tuple[float, float]:
    """The longest stretch without an anomaly, in seconds."""
    plan = director.plan
    edges = [0, *[frame for interval in plan.intervals for frame in interval], plan.frames]
    gaps = list(zip(edges[0::2], edges[1::2], strict=True))
    start, stop = max(gaps, key=lambda gap: gap[1] - gap[0])
    return start / plan.fps, stop / plan.fps
