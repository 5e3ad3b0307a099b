"""Things without a surface: fire, smoke, steam, blasts and their glow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np

from fusevad.data.render.camera import NEAREST, Camera
from fusevad.data.render.textures import TILE, fractal_tile

ROWS, COLUMNS = 64, 40  # size of the procedural sprites before scaling


class Effect(Protocol):
    """Something that is blended over the picture; it has no depth or instance of its own."""

    start: int
    stop: int
    distance: float
    words: str

    def draw(self, image: np.ndarray, frame: int) -> None: ...


@lru_cache(maxsize=1)
def _flicker_tile() -> np.ndarray:
    """Soft noise that wraps around, (1024, 1024): the 512 tile repeated, mean 0, deviation 1."""
    soft = cv2.GaussianBlur(np.tile(fractal_tile(), (2, 2)), (0, 0), 2.2)
    soft -= cv2.GaussianBlur(soft, (0, 0), 14)
    return soft / soft.std()


def _noise(row: float, column: float, stretch: int = 1) -> np.ndarray:
    """A (ROWS, COLUMNS) window of soft noise at a place that wraps around."""
    top, left = int(row) % TILE, int(column) % TILE
    tile = _flicker_tile()
    return tile[top : top + ROWS * stretch : stretch, left : left + COLUMNS * stretch : stretch]


@lru_cache(maxsize=1)
def _fire_colours() -> np.ndarray:
    """BGR and opacity by heat 0..255, (256, 4) float32."""
    heat = np.linspace(0, 1, 256)
    knots = [0.0, 0.15, 0.35, 0.6, 0.85, 1.0]
    blue = np.interp(heat, knots, [10, 10, 15, 40, 150, 235])
    green = np.interp(heat, knots, [10, 30, 95, 185, 240, 252])
    red = np.interp(heat, knots, [60, 170, 245, 255, 255, 255])
    alpha = np.interp(heat, [0, 0.05, 0.3, 1], [0, 0.15, 0.85, 1.0])
    return np.stack([blue, green, red, alpha], axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _grid() -> tuple[np.ndarray, np.ndarray]:
    """x in -1..1 and height in 0 (bottom) .. 1 (top) of the sprite, (ROWS, COLUMNS)."""
    x = np.linspace(-1, 1, COLUMNS, dtype=np.float32)[None].repeat(ROWS, axis=0)
    up = np.linspace(1, 0, ROWS, dtype=np.float32)[:, None].repeat(COLUMNS, axis=1)
    return x, up


def blend(
    image: np.ndarray,
    colour: np.ndarray,
    alpha: np.ndarray,
    centre: tuple[float, float],
    size: tuple[float, float],
) -> None:
    """Blend a sprite over the picture, in place.

    colour: (h, w, 3) float32; alpha: (h, w) float32 in 0..1; centre, size: pixels (x, y).
    """
    width, height = max(int(size[0]), 2), max(int(size[1]), 2)
    left, top = int(centre[0] - width / 2), int(centre[1] - height / 2)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, image.shape[1]), min(top + height, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    sprite = cv2.resize(np.dstack([colour, alpha]), (width, height))
    sprite = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
    weight = sprite[..., 3:]
    roi = image[y0:y1, x0:x1]
    roi[:] = np.clip(roi * (1 - weight) + sprite[..., :3] * weight, 0, 255).astype(np.uint8)


def _glow(image: np.ndarray, centre: tuple[float, float], radius: float, strength: float) -> None:
    """Warm light on everything around a fire."""
    yy, xx = np.mgrid[-1:1:24j, -1:1:24j]
    fall = np.clip(1 - np.sqrt(xx**2 + yy**2), 0, 1).astype(np.float32) ** 2 * strength
    colour = np.full((24, 24, 3), (50, 140, 250), np.float32)
    blend(image, colour, fall, centre, (2 * radius, 2 * radius))


@dataclass
class Flames:
    """A fire on something at `place` (x, y, z metres); strength: (n,) 0..1 of its full size."""

    camera: Camera
    place: tuple[float, float, float]
    width: float
    height: float
    start: int
    strength: np.ndarray
    fps: int
    seed: int
    words: str = "fire"

    def __post_init__(self) -> None:
        (pixel,), (depth,) = self.camera.project(np.array([self.place]))
        self.pixel = pixel
        self.distance = float(depth) - 0.4
        self.metre = self.camera.focal / max(float(depth), NEAREST)
        self.stop = self.start + len(self.strength)

    def draw(self, image: np.ndarray, frame: int) -> None:
        """Draw the fire of one frame."""
        strength = float(self.strength[frame - self.start])
        if strength < 0.03:
            return
        time = frame / self.fps
        x, up = _grid()
        sway = 0.2 * np.sin(7.0 * time + 4.0 * up + self.seed) * up
        heat = 1.15 - 1.1 * np.abs(x + sway) * (0.65 + 1.3 * up) - 1.05 * up
        heat += 0.34 * _noise(75 * time + self.seed, self.seed * 7)
        heat += 0.26 * _noise(130 * time, self.seed * 13 + 200)
        heat -= 6 * np.clip(0.13 - up + 0.16 * x * x, 0, 1)  # round off the base
        heat *= np.clip((1 - np.abs(x)) * 6, 0, 1)
        index = np.clip(heat * 230, 0, 255).astype(np.uint8)
        lut = _fire_colours()[index]
        flicker = 0.88 + 0.12 * np.sin(time * 23 + self.seed) * np.sin(time * 11.3)
        width = self.width * self.metre * (0.55 + 0.45 * strength) * 1.5
        height = self.height * self.metre * strength * flicker * 1.35
        u, v = self.pixel
        _glow(
            image, (u, v - height * 0.3), self.width * self.metre * 2.2, 0.42 * strength * flicker
        )
        blend(image, lut[..., :3], lut[..., 3], (u, v - height * 0.5 + 2), (width, height))


@dataclass
class Smoke:
    """A plume that rises from `place`; gray: 0 black .. 255 steam; strength: (n,) opacity 0..1."""

    camera: Camera
    place: tuple[float, float, float]
    width: float
    height: float
    start: int
    strength: np.ndarray
    fps: int
    seed: int
    gray: float = 55.0
    words: str = "smoke"

    def __post_init__(self) -> None:
        (pixel,), (depth,) = self.camera.project(np.array([self.place]))
        self.pixel = pixel
        self.distance = float(depth) - 0.35
        self.metre = self.camera.focal / max(float(depth), NEAREST)
        self.stop = self.start + len(self.strength)

    def draw(self, image: np.ndarray, frame: int) -> None:
        """Draw the plume of one frame."""
        strength = float(self.strength[frame - self.start])
        if strength < 0.02:
            return
        time = frame / self.fps
        x, up = _grid()
        lean = 0.22 * np.sin(0.5 * time + self.seed) * up
        billow = _noise(34 * time + self.seed * 3, self.seed * 11)
        fine = _noise(52 * time, self.seed * 5 + 300)
        plume = 1 - np.abs(x + lean + 0.09 * billow) / (0.3 + 0.55 * np.sqrt(up))
        alpha = np.clip(2.2 * plume + 0.22 * billow * (plume > 0), 0, 1)
        alpha *= np.clip(up * 6, 0, 1) * np.clip((1 - up) * 2.2, 0, 1) * strength
        alpha *= np.clip((1 - np.abs(x)) * 3.5, 0, 1)
        tone = np.clip(self.gray + 15 * billow + 9 * fine + 30 * up, 0, 255)
        colour = np.repeat(tone[..., None], 3, axis=2).astype(np.float32)
        u, v = self.pixel
        width, height = self.width * self.metre, self.height * self.metre
        blend(image, colour, alpha.astype(np.float32), (u, v - height / 2), (width, height))


@dataclass
class Blast:
    """A flash and a fireball that grows to `radius` metres within a second."""

    camera: Camera
    place: tuple[float, float, float]
    radius: float
    start: int
    fps: int
    seed: int
    words: str = "explosion"

    def __post_init__(self) -> None:
        (pixel,), (depth,) = self.camera.project(np.array([self.place]))
        self.pixel = pixel
        self.distance = float(depth) - 0.6
        self.metre = self.camera.focal / max(float(depth), NEAREST)
        self.stop = self.start + int(1.6 * self.fps)

    def draw(self, image: np.ndarray, frame: int) -> None:
        """Draw flash and fireball of one frame."""
        time = (frame - self.start) / self.fps
        flash = max(0.0, 1 - time / 0.22)
        if flash > 0:
            cv2.convertScaleAbs(image, image, alpha=1 + 0.5 * flash, beta=105 * flash)
        size = self.radius * min(1.0, 0.35 + 1.1 * (1 - np.exp(-5 * time)))
        x, up = _grid()
        distance = np.sqrt(x**2 + (2 * up - 1) ** 2)
        heat = 1.5 - 1.5 * distance - 0.55 * time
        heat += 0.3 * _noise(60 * time + self.seed, self.seed * 7)
        heat += 0.2 * _noise(25 * time, self.seed * 3, 2)
        heat *= np.clip((1.6 - time) * 2.2, 0, 1)
        lut = _fire_colours()[np.clip(heat * 215, 0, 255).astype(np.uint8)]
        u, v = self.pixel
        rise = (0.35 * size + 0.9 * time) * self.metre
        _glow(image, (u, v), 3.2 * self.radius * self.metre, 0.5 * max(0.0, 1 - time))
        diameter = 2.3 * size * self.metre
        blend(image, lut[..., :3], lut[..., 3], (u, v - rise), (diameter, diameter))
