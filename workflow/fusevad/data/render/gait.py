"""What bodies do: pose arrays (n, 16) over time for walking, running, fighting, falling, ..."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.skeleton import Angle, rest


def gait(distance: np.ndarray, speed: np.ndarray, phase: float = 0.0) -> np.ndarray:
    """Walking or running along a path.

    distance: (n,) metres covered; speed: (n,) metres a second, which decides between a walk
    (1.3 m/s) and a run (from about 3 m/s); standing still gives legs together.
    """
    run = np.clip((speed - 1.7) / 1.6, 0, 1)
    go = np.clip(speed / 0.5, 0, 1)
    stride = 1.4 + run * np.clip(0.55 * speed - 0.6, 0, 1.6)
    cycle = phase + 2 * np.pi * np.cumsum(np.diff(distance, prepend=distance[:1]) / stride)
    swing = go * (0.48 + 0.3 * run)
    pose = rest(len(distance))
    for leg, shift in ((0, 0.0), (1, np.pi)):
        wave = cycle + shift
        pose[:, Angle.THIGH_L + leg] = swing * np.sin(wave) + 0.15 * run * go
        lift = np.clip(np.cos(wave + 0.25), 0, 1)
        pose[:, Angle.KNEE_L + leg] = go * (0.08 + 0.2 * run + (0.85 + 0.75 * run) * lift)
        pose[:, Angle.ARM_L + leg] = -go * (0.45 + 0.4 * run) * np.sin(wave) - 0.05 * run
        pose[:, Angle.ELBOW_L + leg] = 0.25 + 1.25 * run + 0.15 * np.cos(wave) * go
        pose[:, Angle.OUT_L + leg] = 0.12 + 0.08 * run
    pose[:, Angle.LEAN] = 0.03 * go + 0.24 * run
    pose[:, Angle.TWIST] = 0.14 * go * np.sin(cycle)
    return pose


def _wave(times: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth irregular wave in about -1..1."""
    total = np.zeros_like(times)
    for factor in (1.0, 1.7, 2.9):
        total += np.sin(2 * np.pi * (rate * factor * times + rng.random())) / 2
    return total


def idle(times: np.ndarray, rng: np.random.Generator, kind: str) -> np.ndarray:
    """Standing and 'wait'ing, on the 'phone', or 'talk'ing with the hands; times in seconds."""
    pose = rest(len(times))
    sway = _wave(times, 0.2, rng)
    pose[:, Angle.LEAN] = 0.03 + 0.03 * sway
    pose[:, Angle.SIDE] = 0.05 * _wave(times, 0.15, rng)
    pose[:, Angle.TWIST] = 0.15 * _wave(times, 0.12, rng)
    pose[:, Angle.SPREAD] = 0.1
    pose[:, [Angle.OUT_L, Angle.OUT_R]] = 0.14
    pose[:, [Angle.ELBOW_L, Angle.ELBOW_R]] = 0.3
    if kind == "phone":
        pose[:, Angle.ARM_R] = 0.75 + 0.05 * sway
        pose[:, Angle.ELBOW_R] = 1.7
        pose[:, Angle.LEAN] += 0.06
    elif kind == "talk":
        for arm in (0, 1):
            lively = np.clip(_wave(times, 0.35, rng), 0, 1)
            pose[:, Angle.ARM_L + arm] = 0.2 + 0.5 * lively
            pose[:, Angle.ELBOW_L + arm] = 0.5 + 1.0 * lively
            pose[:, Angle.OUT_L + arm] = 0.15 + 0.3 * lively
    return pose


def fight(times: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Punches, kicks and grappling; `strength` scales the pace."""
    pose = rest(len(times))
    pace = 1.7 * strength
    turn = times * pace + rng.random()
    move = np.floor(turn).astype(int)
    inside = turn - move
    hit = np.exp(-(((inside - 0.45) / 0.16) ** 2))
    choice = rng.integers(0, 5, move.max() + 1)[move]
    pose[:, [Angle.ARM_L, Angle.ARM_R]] = 0.75
    pose[:, [Angle.ELBOW_L, Angle.ELBOW_R]] = 1.5
    pose[:, [Angle.OUT_L, Angle.OUT_R]] = 0.3
    for arm in (0, 1):
        punch = hit * ((choice == arm) | (choice == 2))
        pose[:, Angle.ARM_L + arm] += 0.85 * punch
        pose[:, Angle.ELBOW_L + arm] -= 1.35 * punch
    kick = hit * (choice == 3)
    pose[:, Angle.THIGH_R] = 1.35 * kick - 0.2
    pose[:, Angle.KNEE_R] = 0.35 - 0.2 * kick
    pose[:, Angle.THIGH_L] = 0.25
    pose[:, Angle.KNEE_L] = 0.35
    duck = hit * (choice == 4)
    pose[:, Angle.LEAN] = 0.22 + 0.7 * duck - 0.35 * kick + 0.15 * _wave(times, 0.8, rng)
    pose[:, Angle.SIDE] = 0.25 * _wave(times, 0.9, rng)
    pose[:, Angle.TWIST] = 0.7 * hit * np.where(choice == 0, 1, -1)
    pose[:, Angle.SPREAD] = 0.2
    return pose


def grapple(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Holding the other by the shoulders, pushing and pulling."""
    pose = rest(len(times))
    push = _wave(times, 1.0, rng)
    pose[:, [Angle.ARM_L, Angle.ARM_R]] = (1.25 + 0.25 * push)[:, None]
    pose[:, [Angle.ELBOW_L, Angle.ELBOW_R]] = (0.5 - 0.35 * push)[:, None]
    pose[:, Angle.LEAN] = 0.45 + 0.2 * push
    pose[:, Angle.SIDE] = 0.35 * _wave(times, 0.7, rng)
    pose[:, Angle.THIGH_L] = 0.5 + 0.3 * _wave(times, 1.1, rng)
    pose[:, Angle.THIGH_R] = -0.35 + 0.3 * _wave(times, 1.1, rng)
    pose[:, [Angle.KNEE_L, Angle.KNEE_R]] = 0.45
    pose[:, Angle.SPREAD] = 0.2
    return pose


def smooth_step(times: np.ndarray, start: float, duration: float) -> np.ndarray:
    """0 before `start`, 1 after `start + duration`, smooth between."""
    x = np.clip((times - start) / max(duration, 1e-6), 0, 1)
    return x * x * (3 - 2 * x)


def collapsed(times: np.ndarray, rng: np.random.Generator, forward: float) -> np.ndarray:
    """Lying on the ground, face down (`forward` > 0) or on the back, moving a little."""
    pose = rest(len(times))
    pose[:, Angle.TIP] = forward * 1.5
    stir = 0.1 * _wave(times, 0.3, rng)
    pose[:, Angle.ARM_L] = rng.uniform(0.5, 2.6) + stir
    pose[:, Angle.ARM_R] = rng.uniform(-0.3, 1.2)
    pose[:, Angle.OUT_L] = 0.8
    pose[:, Angle.OUT_R] = 0.6
    pose[:, Angle.ELBOW_L] = 0.6
    pose[:, Angle.KNEE_L] = rng.uniform(0.3, 1.0)
    pose[:, Angle.THIGH_L] = rng.uniform(0.1, 0.6)
    pose[:, Angle.SPREAD] = 0.25
    return pose


def fall_between(
    before: np.ndarray, after: np.ndarray, times: np.ndarray, start: float, duration: float
) -> np.ndarray:
    """From one pose to lying, with the speed of falling and arms thrown up; (n, 16)."""
    x = np.clip((times - start) / duration, 0, 1)
    weight = (x**2.2)[:, None]
    pose = before * (1 - weight) + after * weight
    flail = np.sin(np.pi * x)
    pose[:, [Angle.ARM_L, Angle.ARM_R]] += (1.3 * flail)[:, None]
    pose[:, [Angle.OUT_L, Angle.OUT_R]] += (0.5 * flail)[:, None]
    pose[:, [Angle.KNEE_L, Angle.KNEE_R]] += (0.8 * flail)[:, None]
    pose[:, [Angle.THIGH_L, Angle.THIGH_R]] += (0.3 * flail)[:, None]
    return pose


def throw(times: np.ndarray, period: float) -> np.ndarray:
    """Wind up and throw with the right arm, every `period` seconds; released at 0.55 of it."""
    pose = rest(len(times))
    x = (times / period) % 1.0
    wind = smooth_step(x, 0.1, 0.3) - smooth_step(x, 0.42, 0.16)
    release = smooth_step(x, 0.42, 0.16) - smooth_step(x, 0.65, 0.25)
    stoop = smooth_step(x, 0.75, 0.12) - smooth_step(x, 0.88, 0.12)
    pose[:, Angle.ARM_R] = 0.2 + 2.7 * wind + 1.5 * release
    pose[:, Angle.ELBOW_R] = 0.3 + 1.3 * wind
    pose[:, Angle.OUT_R] = 0.2 + 0.3 * wind
    pose[:, Angle.ARM_L] = 0.2 + 1.0 * wind
    pose[:, Angle.LEAN] = -0.3 * wind + 0.5 * release + 0.75 * stoop
    pose[:, Angle.TWIST] = -0.8 * wind + 0.5 * release
    pose[:, Angle.THIGH_L] = 0.15 + 0.45 * release + 0.5 * stoop
    pose[:, Angle.THIGH_R] = -0.3 - 0.2 * release + 0.5 * stoop
    pose[:, Angle.KNEE_L] = 0.1 + 0.3 * release + 0.9 * stoop
    pose[:, Angle.KNEE_R] = 0.15 + 0.9 * stoop
    pose[:, Angle.SPREAD] = 0.15
    return pose


def stoop(weight: np.ndarray) -> np.ndarray:
    """Bending down with both arms to the ground, by a weight (n,) of 0..1."""
    pose = rest(len(weight))
    pose[:, Angle.LEAN] = 1.0 * weight
    pose[:, [Angle.THIGH_L, Angle.THIGH_R]] = (0.7 * weight)[:, None]
    pose[:, [Angle.KNEE_L, Angle.KNEE_R]] = (1.2 * weight)[:, None]
    pose[:, [Angle.ARM_L, Angle.ARM_R]] = (0.9 * weight)[:, None]
    pose[:, [Angle.OUT_L, Angle.OUT_R]] = 0.12
    return pose


def spray(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The right arm stretched towards a wall, waving a spray can."""
    pose = idle(times, rng, "wait")
    pose[:, Angle.ARM_R] = 1.65 + 0.35 * _wave(times, 0.7, rng)
    pose[:, Angle.ELBOW_R] = 0.15
    pose[:, Angle.OUT_R] = 0.1 + 0.4 * _wave(times, 0.5, rng)
    pose[:, Angle.TWIST] = 0.2 * _wave(times, 0.4, rng)
    return pose


def pedal(distance: np.ndarray) -> np.ndarray:
    """Riding a bicycle; distance: (n,) metres gone."""
    pose = rest(len(distance))
    cycle = distance * 2 * np.pi / 4.5
    for leg, shift in ((0, 0.0), (1, np.pi)):
        pose[:, Angle.THIGH_L + leg] = 0.85 + 0.4 * np.sin(cycle + shift)
        pose[:, Angle.KNEE_L + leg] = 1.15 + 0.5 * np.sin(cycle + shift + 0.9)
    pose[:, [Angle.ARM_L, Angle.ARM_R]] = 1.15
    pose[:, [Angle.ELBOW_L, Angle.ELBOW_R]] = 0.35
    pose[:, Angle.LEAN] = 0.5
    return pose
