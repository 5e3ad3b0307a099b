"""Procedural textures: BGR uint8 pictures at a given number of pixels a metre."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from fusevad.data.render.raster import Colour

TILE = 512


@lru_cache(maxsize=1)
def fractal_tile() -> np.ndarray:
    """A wrap-around tile of fractal noise, (512, 512) float32 with mean 0 and deviation 1."""
    rng = np.random.default_rng(20240)
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(2, 9):
        size = 2**octave
        coarse = rng.normal(size=(size, size)).astype(np.float32)
        coarse = np.pad(coarse, 2, mode="wrap")
        factor = TILE // size
        fine = cv2.resize(coarse, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        total += fine[2 * factor : 2 * factor + TILE, 2 * factor : 2 * factor + TILE] * (
            0.62 ** (octave - 2)
        )
    return (total - total.mean()) / total.std()


@lru_cache(maxsize=1)
def grain_tile() -> np.ndarray:
    """A wrap-around tile of fine grain, (512, 512) float32 with mean 0 and deviation 1."""
    rng = np.random.default_rng(20241)
    grain = cv2.GaussianBlur(rng.normal(size=(TILE, TILE)).astype(np.float32), (0, 0), 0.8)
    return (grain - grain.mean()) / grain.std()


def field(tile: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A (height, width) piece of a wrap-around tile from a random place."""
    top, left = rng.integers(0, TILE, 2)
    rows = (np.arange(height) + top) % TILE
    columns = (np.arange(width) + left) % TILE
    return tile[rows[:, None], columns]


def rough(
    height: int,
    width: int,
    colour: Colour,
    rng: np.random.Generator,
    blotch: float = 6.0,
    grain: float = 5.0,
) -> np.ndarray:
    """A surface of one colour with blotches and grain, both in gray levels."""
    variation = blotch * field(fractal_tile(), height, width, rng)
    variation += grain * field(grain_tile(), height, width, rng)
    picture = variation[..., None] + np.asarray(colour, np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def paving(
    height: int, width: int, colour: Colour, rng: np.random.Generator, size: tuple[int, int]
) -> np.ndarray:
    """Slabs of size (rows, columns) pixels, each a little different, with dark joints."""
    picture = rough(height, width, colour, rng, 5, 3).astype(np.int16)
    rows, columns = size
    slabs = rng.normal(0, 5, (height // rows + 1, width // columns + 1)).astype(np.float32)
    big = cv2.resize(slabs, None, fx=columns, fy=rows, interpolation=cv2.INTER_NEAREST)
    picture += big[:height, :width, None].astype(np.int16)
    picture[::rows] -= 28
    picture[:, ::columns] -= 28
    return np.clip(picture, 0, 255).astype(np.uint8)


def bricks(
    height: int, width: int, colour: Colour, rng: np.random.Generator, row: int = 5
) -> np.ndarray:
    """Running-bond brickwork with `row` pixels a course."""
    picture = rough(height, width, colour, rng, 6, 4).astype(np.int16)
    length = row * 3
    shades = rng.normal(0, 9, (height // row + 1, width // length + 2))
    rows = np.arange(height) // row
    columns = (np.arange(width)[None] + (rows[:, None] % 2) * (length // 2)) // length
    picture += shades[rows[:, None], columns][..., None].astype(np.int16)
    picture[::row] += 22
    joints = (np.arange(width)[None] + (rows[:, None] % 2) * (length // 2)) % length == 0
    picture[joints] += 22
    return np.clip(picture, 0, 255).astype(np.uint8)


def grass(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A lawn."""
    picture = rough(height, width, (52, 112, 86), rng, 9, 12)
    return picture


def water(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A dark river with horizontal ripples."""
    ripples = cv2.resize(field(grain_tile(), height, max(width // 6, 1), rng), (width, height))
    picture = ripples[..., None] * 12 + np.array([120, 100, 72], np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def sky(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Clouds on a pale sky, brighter towards the horizon."""
    clouds = cv2.GaussianBlur(field(fractal_tile(), height, width, rng), (0, 0), 6)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    base = np.array([225, 195, 165], np.float32) * (0.85 + 0.15 * down[..., None])
    return np.clip(base + 16 * clouds[..., None], 0, 255).astype(np.uint8)


def facade(
    width_m: float,
    height_m: float,
    scale: int,
    rng: np.random.Generator,
    shop: bool = True,
) -> np.ndarray:
    """A house front: brick or plaster, rows of windows, doors and shop fronts below."""
    height, width = int(height_m * scale), int(width_m * scale)
    palette = ((110, 130, 168), (150, 172, 190), (168, 178, 182), (92, 104, 140), (186, 198, 206))
    colour = palette[rng.integers(len(palette))]
    draw = bricks if rng.random() < 0.5 else rough
    picture = draw(height, width, colour, rng)
    floor = int(3.1 * scale)
    bay = int(rng.uniform(2.0, 2.8) * scale)
    for bottom in range(height - floor - int(0.7 * scale), int(1.5 * scale), -floor):
        for left in range(bay // 4, width - bay // 2, bay):
            _window(picture, left, bottom - int(1.5 * scale), bay // 2, int(1.5 * scale), rng)
    if shop:
        _shop_fronts(picture, scale, rng)
    else:
        for left in range(bay // 4, width - bay // 2, bay):
            if rng.random() < 0.3:
                _door(picture, left, height, scale, rng)
            else:
                top = height - int(2.3 * scale)
                _window(picture, left, top, bay // 2, int(1.4 * scale), rng)
    return picture


def _window(
    picture: np.ndarray, left: int, top: int, width: int, height: int, rng: np.random.Generator
) -> None:
    """Paint one window with frame, glass and sill."""
    cv2.rectangle(picture, (left - 1, top - 1), (left + width, top + height), (215, 222, 225), -1)
    glass = tuple(int(v) for v in np.array([95, 82, 68]) * rng.uniform(0.6, 1.4))
    cv2.rectangle(picture, (left + 1, top + 1), (left + width - 2, top + height - 2), glass, -1)
    middle = left + width // 2
    cv2.line(picture, (middle, top), (middle, top + height), (205, 212, 215), 1)
    sill = (150, 156, 160)
    cv2.line(picture, (left - 2, top + height + 1), (left + width + 1, top + height + 1), sill, 2)


def _door(
    picture: np.ndarray, left: int, bottom: int, scale: int, rng: np.random.Generator
) -> None:
    """Paint one door standing on the ground."""
    colour = tuple(int(v) for v in rng.integers(30, 140, 3))
    right = left + int(1.0 * scale)
    cv2.rectangle(picture, (left, bottom - int(2.2 * scale)), (right, bottom), colour, -1)
    cv2.rectangle(picture, (left, bottom - int(2.2 * scale)), (right, bottom), (200, 205, 208), 1)


def _shop_fronts(picture: np.ndarray, scale: int, rng: np.random.Generator) -> None:
    """Paint shops along the ground floor: glass, a coloured sign with lettering, a door."""
    height, width = picture.shape[:2]
    left = 0
    words = ("BAKERY", "BOOKS", "CAFE", "MARKET", "PHONES", "FLOWERS", "HOTEL", "BANK", "PIZZA")
    while left < width - 3 * scale:
        right = min(left + int(rng.uniform(4, 6.5) * scale), width)
        colour = tuple(int(v) for v in rng.integers(40, 190, 3))
        top = height - int(3.0 * scale)
        cv2.rectangle(picture, (left, top), (right, height), (70, 74, 78), -1)
        glass = tuple(int(v) for v in np.array([120, 118, 108]) * rng.uniform(0.6, 1.3))
        inner = (left + scale // 4, top + int(0.8 * scale))
        cv2.rectangle(picture, inner, (right - scale // 4, height - scale // 3), glass, -1)
        for _ in range(5):  # goods behind the glass
            x = int(rng.integers(left + scale // 3, max(right - scale, left + scale // 3 + 1)))
            y = height - scale // 3 - int(rng.integers(scale // 4, scale))
            goods = tuple(int(v) for v in rng.integers(40, 220, 3))
            cv2.rectangle(picture, (x, y), (x + scale // 2, height - scale // 3), goods, -1)
        cv2.rectangle(picture, (left, top), (right - 2, top + int(0.65 * scale)), colour, -1)
        text = words[rng.integers(len(words))]
        size = 0.5 * scale / 22
        origin = (left + scale // 3, top + int(0.5 * scale))
        cv2.putText(picture, text, origin, cv2.FONT_HERSHEY_DUPLEX, size, (240, 240, 240), 1)
        _door(picture, right - int(1.4 * scale), height, scale, rng)
        left = right
