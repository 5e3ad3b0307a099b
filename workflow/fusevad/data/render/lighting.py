"""Weather and time of day, shadows on the ground, and lamps at night."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fusevad.data.render.camera import Camera
from fusevad.data.render.layouts import Layout, Plan
from fusevad.data.render.raster import SUBPIXEL_BITS, Track
from fusevad.data.render.settings import RenderSettings


@dataclass(frozen=True)
class Light:
    """BGR factors, the sun's direction (ground metres a metre of height), shadow 0..1, noise."""

    name: str
    gain: np.ndarray
    sun: tuple[float, float]
    shadow: float
    noise: float


def choose_light(
    layout: Layout,
    settings: RenderSettings,
    fixed: np.random.Generator,
    varying: np.random.Generator,
) -> Light:
    """Sun, clouds, evening or night; artificial light indoors."""
    contrast = varying.uniform(*settings.contrast)
    noise = varying.uniform(*settings.noise)
    angle = fixed.uniform(-0.9, 0.9)
    if layout.indoor:
        return Light("indoor", np.array([1.0, 1.04, 1.06]) * contrast, (0.08, 0.1), 0.3, noise)
    kind = str(varying.choice(["sun", "clouds", "evening", "night"], p=[0.42, 0.3, 0.16, 0.12]))
    length, shadow, gain = {
        "sun": (0.75, 0.55, (1.06, 1.1, 1.14)),
        "clouds": (0.12, 0.32, (1.04, 1.02, 1.0)),
        "evening": (1.3, 0.42, (0.76, 0.9, 1.04)),
        "night": (0.3, 0.35, (0.74, 0.66, 0.6)),
    }[kind]
    sun = (float(np.sin(angle) * length), float(np.cos(angle) * length * 0.6))
    noise *= 1.5 if kind == "night" else 1.0
    return Light(kind, np.array(gain) * contrast, sun, shadow, noise)


def darken(
    image: np.ndarray, casting: list[tuple[Track, int]], strength: float, scale: int = 1
) -> None:
    """Darken a picture, in place, where the tracks' shadows fall; `scale` as of the tracks."""
    height, width = image.shape[:2]
    shade = np.full((height // 2, width // 2), 255, np.uint8)
    level = int(255 * (1 - strength))
    drawn = False
    for track, index in casting:
        if track.shadow_fixed is None:
            continue
        for polygon in track.shadow_fixed[index]:
            cv2.fillConvexPoly(shade, polygon, level, cv2.LINE_8, SUBPIXEL_BITS)
            drawn = True
    if drawn:
        shade = cv2.blur(shade, (3 * scale, 3 * scale))
        shade = cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.multiply(image, cv2.merge((shade, shade, shade)), image, 1 / 255)


def lamp_pools(canvas: np.ndarray, camera: Camera, plan: Plan) -> None:
    """Warm pools of light under the lamps (or one in the middle), in place."""
    places = [(x + 0.9, y) for kind, (x, y), _ in plan.furniture if kind == "lamp"] or [(0.0, 10.0)]
    rows, columns = np.mgrid[0 : camera.height : 4, 0 : camera.width : 4]
    glow = np.zeros(rows.shape, np.float32)
    for x, y in places:
        (u, v), _ = camera.project(np.array([x, y, 0.5]))
        glow += np.exp(-(((columns - u) / 200) ** 2) - ((rows - v) / 120) ** 2)
    glow = cv2.resize(glow, (camera.width, camera.height))[..., None]
    gain = 1 + glow * np.array([0.55, 0.8, 0.95])
    np.copyto(canvas, np.clip(canvas * gain, 0, 255).astype(np.uint8))
