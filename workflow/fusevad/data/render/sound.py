"""Sounds made from noise and sines: ambience, steps, engines, voices, impacts, fire."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from fusevad.data.render.director import SoundEvent

Maker = Callable[[int, int, np.random.Generator], np.ndarray]


@lru_cache(maxsize=1)
def _white() -> np.ndarray:
    """A million samples of white noise, from which pieces are cut."""
    return np.random.default_rng(20243).normal(size=1 << 20).astype(np.float32)


def _noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    start = int(rng.integers(0, len(_white()) - samples)) if samples < len(_white()) else 0
    return np.resize(_white()[start : start + samples], samples)


def _smooth(signal: np.ndarray, width: int) -> np.ndarray:
    """A low-pass filter: moving average, deviation kept at about 1."""
    if width <= 1:
        return signal
    return cv2.blur(signal.reshape(1, -1), (width, 1)).ravel() * np.float32(np.sqrt(width))


def _band(samples: int, low: int, high: int, rng: np.random.Generator) -> np.ndarray:
    """Noise between two moving-average widths (low > high)."""
    noise = _noise(samples, rng)
    return _smooth(noise, high) - _smooth(noise, low) * np.float32(np.sqrt(high / low))


def _decay(samples: int, rate: int, seconds: float) -> np.ndarray:
    return np.exp(-np.arange(samples, dtype=np.float32) / (rate * seconds))


def _bursts(
    samples: int, rate: int, every: float, length: float, rng: np.random.Generator
) -> np.ndarray:
    """An envelope of short bursts about every `every` seconds."""
    envelope = np.zeros(samples, np.float32)
    shape = _decay(int(length * 4 * rate), rate, length)
    time = rng.uniform(0, every)
    while time * rate < samples:
        start = int(time * rate)
        piece = shape[: samples - start] * np.float32(rng.uniform(0.4, 1))
        envelope[start : start + len(piece)] += piece
        time += rng.uniform(0.6, 1.4) * every
    return envelope


def _voices(
    samples: int, rate: int, rng: np.random.Generator, pitch: float, every: float, rough: float
) -> np.ndarray:
    """Gliding harmonic tones in bursts, as of people who shout."""
    times = np.arange(samples, dtype=np.float32) / rate
    total = np.zeros(samples, np.float32)
    for _ in range(3):
        base = pitch * rng.uniform(0.8, 1.4)
        glide = base * (1 + 0.25 * np.sin(times * rng.uniform(3, 7) + rng.uniform(0, 6)))
        phase = np.cumsum(2 * np.pi * glide / rate, dtype=np.float64).astype(np.float32)
        tone = np.sin(phase) + 0.6 * np.sin(2 * phase) + 0.35 * np.sin(3 * phase)
        total += tone * _bursts(samples, rate, every, 0.16, rng)
    return total * 0.3 + rough * _band(samples, 9, 3, rng) * _bursts(samples, rate, every, 0.2, rng)


def _tone(samples: int, rate: int, *frequencies: float) -> np.ndarray:
    times = np.arange(samples, dtype=np.float32) / rate
    return sum(np.sin(2 * np.pi * f * times) for f in frequencies) / len(frequencies)


def _engine(samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    arch = np.sin(np.pi * np.linspace(0, 1, samples, dtype=np.float32))
    hum = np.sign(_tone(samples, rate, rng.uniform(55, 90)))
    return (_smooth(hum, 12) * 0.12 + 0.5 * _smooth(_noise(samples, rng), 30)) * arch


MAKERS: dict[str, Maker] = {
    "outdoor": lambda n, rate, rng: 0.05 * _smooth(_noise(n, rng), 40),
    "indoor": lambda n, rate, rng: (
        0.03 * _smooth(_noise(n, rng), 12) + 0.012 * _tone(n, rate, 100, 200)
    ),
    "steps": lambda n, rate, rng: (
        0.35 * _bursts(n, rate, 0.3, 0.012, rng) * _smooth(_noise(n, rng), 6)
    ),
    "running": lambda n, rate, rng: (
        0.55 * _bursts(n, rate, 0.09, 0.014, rng) * _smooth(_noise(n, rng), 6)
    ),
    "hubbub": lambda n, rate, rng: (
        0.05 * _band(n, 40, 9, rng) * (0.4 + _smooth(np.abs(_noise(n, rng)), 900) / 24)
    ),
    "engine": _engine,
    "brakes": lambda n, rate, rng: (
        0.3 * (_tone(n, rate, 1830, 2410) + 0.3 * _noise(n, rng)) * _decay(n, rate, 0.4)
    ),
    "horn": lambda n, rate, rng: 0.5 * _tone(n, rate, 392, 494, 784),
    "hiss": lambda n, rate, rng: 0.12 * (_noise(n, rng) - _smooth(_noise(n, rng), 3)),
    "spray": lambda n, rate, rng: (
        0.25 * _noise(n, rng) * np.minimum(1, _bursts(n, rate, 0.6, 0.2, rng))
    ),
    "buzz": lambda n, rate, rng: (
        0.15 * np.sign(_tone(n, rate, 100)) * _bursts(n, rate, 0.3, 0.1, rng)
    ),
    "shouts": lambda n, rate, rng: 0.5 * _voices(n, rate, rng, 260, 0.5, 0.25),
    "screams": lambda n, rate, rng: 0.6 * _voices(n, rate, rng, 820, 0.5, 0.15),
    "cry": lambda n, rate, rng: 0.7 * _voices(n, rate, rng, 380, 0.35, 0.1),
    "thud": lambda n, rate, rng: (
        (0.8 * _tone(n, rate, 72) + 0.5 * _smooth(_noise(n, rng), 20)) * _decay(n, rate, 0.06)
    ),
    "glass": lambda n, rate, rng: (
        0.5
        * (_tone(n, rate, 3100, 4270, 5390) + 0.5 * _noise(n, rng))
        * _bursts(n, rate, 0.08, 0.03, rng)
        * _decay(n, rate, 0.2)
    ),
    "fire": lambda n, rate, rng: (
        0.14 * _smooth(_noise(n, rng), 24)
        + 0.7 * _noise(n, rng) * _bursts(n, rate, 0.06, 0.003, rng)
    ),
    "boom": lambda n, rate, rng: (
        (1.1 * _smooth(_noise(n, rng), 60) + 0.8 * _tone(n, rate, 42)) * _decay(n, rate, 0.5)
    ),
}


def soundtrack(events: list[SoundEvent], seconds: float, rate: int, seed: int) -> np.ndarray:
    """Mix all events to mono samples (int(seconds * rate),) float32 in -1..1."""
    total = np.zeros(int(seconds * rate), np.float32)
    for number, event in enumerate(events):
        start = int(event.start * rate)
        samples = min(int(event.seconds * rate), len(total) - max(start, 0))
        if samples < rate // 50:
            continue
        rng = np.random.default_rng([seed, 6, number])
        piece = MAKERS[event.kind](samples, rate, rng) * event.loudness
        start = max(start, 0)
        total[start : start + samples] += piece.astype(np.float32)
    return np.tanh(0.9 * total)
