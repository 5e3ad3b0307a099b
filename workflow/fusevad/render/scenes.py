"""A place seen by its camera: the still background, what stands in front, and the light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fusevad.render.camera import Camera
from fusevad.render.furniture import furnish
from fusevad.render.layouts import LAYOUTS, Layout, Plan, Surface
from fusevad.render.raster import SUBPIXEL_BITS, ColourTarget, Track, TruthTarget
from fusevad.render.settings import RenderSettings

SUPERSAMPLING = 2
NEAR = 0.6  # metres; surfaces are cut off nearer than this
FAR = 300.0  # metres; depth where nothing is drawn


@dataclass(frozen=True)
class Light:
    """BGR factors, the sun's direction (ground metres a metre of height), shadow 0..1, noise."""

    name: str
    gain: np.ndarray
    sun: tuple[float, float]
    shadow: float
    noise: float


@dataclass(frozen=True)
class Scene:
    """Background (H, W, 3) BGR, index + 1 of the piece of furniture at each pixel, and the rest."""

    camera: Camera
    layout: Layout
    light: Light
    background: np.ndarray
    owners: np.ndarray
    furniture: tuple[Track, ...]
    surfaces: tuple[Surface, ...]

    def truth(self) -> TruthTarget:
        """Depth, ids and parts of the empty scene; furniture keeps id 0."""
        camera = self.camera
        depth = np.full((camera.height, camera.width), FAR, np.float32)
        for surface in self.surfaces:
            polygon = _outline(camera, surface)
            if polygon is None:
                continue
            mask = np.zeros(depth.shape, np.uint8)
            cv2.fillPoly(mask, [polygon], 1, cv2.LINE_8, SUBPIXEL_BITS)
            rows, columns = np.nonzero(mask)
            inverse = np.linalg.inv(_homography(camera, surface))
            weight = inverse[2] @ np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
            depth[rows, columns] = np.clip(1 / np.maximum(weight, 1 / FAR), 0, FAR)
        shape = depth.shape
        target = TruthTarget(depth, np.zeros(shape, np.uint16), np.zeros(shape, np.int32))
        for track in self.furniture:
            target.draw(track, 0)
        target.instances[:] = 0
        target.parts[:] = 0
        return target


def build_scene(
    settings: RenderSettings, number: int, scene_seed: int, video_seed: int
) -> Scene:
    """The place `scene_seed` describes (layout `number` modulo 12), in the weather of one video."""
    layout = LAYOUTS[number % len(LAYOUTS)]
    fixed = np.random.default_rng([scene_seed, 1])
    varying = np.random.default_rng([video_seed, 2])
    camera = _camera(layout, settings, fixed, varying)
    light = _light(layout, settings, fixed, varying)
    plan = Plan(fixed)
    layout.build(plan)
    large = camera.scaled(SUPERSAMPLING)
    canvas = np.full((large.height, large.width, 3), 200, np.uint8)
    for surface in plan.surfaces:
        _paint(canvas, large, surface, light.gain)
    tracks = [
        furnish(large, kind, place, heading, fixed, light.gain, light.sun)
        for kind, place, heading in plan.furniture
    ]
    tracks.sort(key=lambda track: -float(track.distance[0]))
    darken(canvas, [(track, 0) for track in tracks], light.shadow, scale=2)
    target = ColourTarget(canvas)
    owners = np.zeros(canvas.shape[:2], np.uint8)
    for number_, track in enumerate(tracks):
        target.draw(track, 0)
        for part in np.flatnonzero(track.shown[0]):
            cv2.fillConvexPoly(
                owners, track.fixed[0, part], number_ + 1, cv2.LINE_8, SUBPIXEL_BITS
            )
    if light.name == "night":
        _lamp_pools(canvas, large, plan)
    size = (camera.width, camera.height)
    background = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    small = tuple(_halved(track) for track in tracks)
    return Scene(
        camera,
        layout,
        light,
        _vignette(background),
        cv2.resize(owners, size, interpolation=cv2.INTER_NEAREST),
        small,
        tuple(plan.surfaces),
    )


def _halved(track: Track) -> Track:
    """The same furniture at the resolution of the video."""
    return Track(
        kind=track.kind,
        start=0,
        points=track.points / SUPERSAMPLING,
        depths=track.depths,
        shown=track.shown,
        order=track.order,
        distance=track.distance,
        colours=track.colours,
    )


def _camera(
    layout: Layout,
    settings: RenderSettings,
    fixed: np.random.Generator,
    varying: np.random.Generator,
) -> Camera:
    """A camera on a pole that looks at the middle of the walking area."""
    middle = (layout.walk[2] + layout.walk[3]) / 2
    height = fixed.uniform(3.0, 3.6) if layout.indoor else fixed.uniform(4.0, 5.4)
    height += varying.uniform(-0.15, 0.15)
    x = fixed.uniform(-1.0, 1.0)
    yaw = fixed.uniform(-0.12, 0.12) + varying.uniform(-0.02, 0.02)
    pitch = np.arctan2(height - 1.0, middle) + fixed.uniform(-0.01, 0.03)
    distance = np.hypot(middle, height - 0.9)
    pixels = (fixed.uniform(*settings.figure_pixels) + varying.uniform(-2, 2)) * settings.width
    focal = pixels / 320 * distance / 1.75
    position = (float(x - np.tan(yaw) * middle), 0.0, float(height))
    return Camera(position, float(yaw), float(pitch), focal, settings.width, settings.height)


def _light(
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
        return Light("indoor", np.array([0.94, 0.98, 1.0]) * contrast, (0.08, 0.1), 0.3, noise)
    kind = str(varying.choice(["sun", "clouds", "evening", "night"], p=[0.42, 0.3, 0.16, 0.12]))
    length, shadow, gain = {
        "sun": (0.75, 0.55, (0.97, 1.0, 1.04)),
        "clouds": (0.12, 0.32, (0.93, 0.91, 0.9)),
        "evening": (1.3, 0.42, (0.66, 0.78, 0.92)),
        "night": (0.3, 0.35, (0.56, 0.5, 0.47)),
    }[kind]
    sun = (float(np.sin(angle) * length), float(np.cos(angle) * length * 0.6))
    return Light(kind, np.array(gain) * contrast, sun, shadow, noise * (1.5 if kind == "night" else 1))


def _homography(camera: Camera, surface: Surface) -> np.ndarray:
    """Texture pixels to image pixels (homogeneous; the third row gives the depth)."""
    columns = [surface.right / surface.scale, surface.down / surface.scale, surface.origin]
    world = np.concatenate([np.stack(columns, axis=1), [[0, 0, 1.0]]])
    return camera.matrix @ world


def _outline(camera: Camera, surface: Surface) -> np.ndarray | None:
    """The surface's polygon in sub-pixels (V, 2), cut at the near plane; None if out of sight."""
    height, width = np.array(surface.texture.shape[:2]) / surface.scale
    corners = [
        surface.origin + surface.right * u + surface.down * v
        for u, v in ((0, 0), (width, 0), (width, height), (0, height))
    ]
    depths = camera.project(np.stack(corners))[1]
    kept: list[np.ndarray] = []
    for index in range(4):
        after = (index + 1) % 4
        if depths[index] >= NEAR:
            kept.append(corners[index])
        if (depths[index] >= NEAR) != (depths[after] >= NEAR):
            share = (NEAR - depths[index]) / (depths[after] - depths[index])
            kept.append(corners[index] + share * (corners[after] - corners[index]))
    if len(kept) < 3:
        return None
    points = camera.project(np.stack(kept))[0]
    return np.round(np.clip(points, -9000, 9000) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _paint(canvas: np.ndarray, camera: Camera, surface: Surface, gain: np.ndarray) -> None:
    """Warp a surface's texture into the canvas."""
    polygon = _outline(camera, surface)
    if polygon is None:
        return
    low = np.maximum(polygon.min(axis=0) >> SUBPIXEL_BITS, 0)
    high = np.minimum((polygon.max(axis=0) >> SUBPIXEL_BITS) + 2, (camera.width, camera.height))
    if (high <= low).any():
        return
    (left, top), (right, bottom) = low, high
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    matrix = shift @ _homography(camera, surface)
    warped = cv2.warpPerspective(
        surface.texture,
        matrix,
        (int(right - left), int(bottom - top)),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    factors = tuple(float(v) for v in gain * surface.light)
    warped = cv2.multiply(warped, (*factors, 1.0))
    mask = np.zeros(warped.shape[:2], np.uint8)
    moved = polygon - (np.array([left, top]) << SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(mask, [moved], 255, cv2.LINE_8, SUBPIXEL_BITS)
    cv2.copyTo(warped, mask, canvas[top:bottom, left:right])


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


def _lamp_pools(canvas: np.ndarray, camera: Camera, plan: Plan) -> None:
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


def _vignette(image: np.ndarray) -> np.ndarray:
    """Darker corners and a slight blur, as of a cheap lens."""
    height, width = image.shape[:2]
    rows = np.linspace(-1, 1, height)[:, None] ** 2
    columns = np.linspace(-1, 1, width)[None] ** 2
    fall = (1 - 0.1 * (rows + columns))[..., None]
    return cv2.GaussianBlur((image * fall).astype(np.uint8), (0, 0), 0.55)
