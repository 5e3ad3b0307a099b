"""A place as its camera sees it: the still background, the furniture in front, and the light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fusevad.data.render.camera import Camera
from fusevad.data.render.furniture import furnish
from fusevad.data.render.layouts import Layout, Plan, Surface
from fusevad.data.render.lighting import Light, choose_light, darken, lamp_pools
from fusevad.data.render.places import LAYOUTS
from fusevad.data.render.raster import SUBPIXEL_BITS, ColourTarget, Track, TruthTarget
from fusevad.data.render.settings import RenderSettings

SUPERSAMPLING = 2
NEAR = 0.6  # metres; surfaces are cut off nearer than this
FAR = 300.0  # metres; depth where nothing is drawn


@dataclass(frozen=True)
class Scene:
    """Background (H, W, 3) BGR; owners (H, W): which standing thing is seen at each pixel, 0 for
    none; standing: the distance in metres of thing 1, 2, ..."""

    camera: Camera
    layout: Layout
    light: Light
    background: np.ndarray
    owners: np.ndarray
    standing: tuple[float, ...]
    furniture: tuple[Track, ...]
    surfaces: tuple[Surface, ...]

    def truth(self) -> TruthTarget:
        """Depth, ids and parts of the empty scene; furniture keeps id 0."""
        camera = self.camera
        depth = np.full((camera.height, camera.width), FAR, np.float32)
        shape = depth.shape
        target = TruthTarget(depth, np.zeros(shape, np.uint16), np.zeros(shape, np.int32))
        for piece in _far_to_near(camera, self.surfaces, self.furniture):
            if isinstance(piece, Track):
                target.draw(piece, 0)
            else:
                _measure(depth, camera, piece)
        target.instances[:] = 0
        target.parts[:] = 0
        return target


def build_scene(settings: RenderSettings, number: int, scene_seed: int, video_seed: int) -> Scene:
    """The place of `scene_seed` (layout `number` modulo 12), in the weather of one video."""
    layout = LAYOUTS[number % len(LAYOUTS)]
    fixed = np.random.default_rng([scene_seed, 1])
    varying = np.random.default_rng([video_seed, 2])
    camera = _camera(layout, settings, fixed, varying)
    light = choose_light(layout, settings, fixed, varying)
    plan = Plan(fixed)
    layout.build(plan)
    large = camera.scaled(SUPERSAMPLING)
    canvas = np.full((large.height, large.width, 3), 200, np.uint8)
    tracks = [
        furnish(large, kind, place, heading, fixed, light.gain, light.sun)
        for kind, place, heading in plan.furniture
    ]
    tracks.sort(key=lambda track: -float(track.distance[0]))
    owners, standing = _compose(canvas, large, plan, tracks, light)
    if light.name == "night":
        lamp_pools(canvas, large, plan)
    size = (camera.width, camera.height)
    background = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    small = tuple(_halved(track) for track in tracks)
    return Scene(
        camera,
        layout,
        light,
        _vignette(background),
        cv2.resize(owners, size, interpolation=cv2.INTER_NEAREST),
        standing,
        small,
        tuple(plan.surfaces),
    )


def _compose(
    canvas: np.ndarray, camera: Camera, plan: Plan, tracks: list[Track], light: Light
) -> tuple[np.ndarray, tuple[float, ...]]:
    """Paint surfaces, shadows and furniture; returns Scene's `owners` and `standing`."""
    distances: list[float] = []
    owners = np.zeros(canvas.shape[:2], np.uint8)
    target = ColourTarget(canvas)
    shadows = False
    for piece in _far_to_near(camera, tuple(plan.surfaces), tuple(tracks)):
        standing = isinstance(piece, Track) or piece.panel
        if standing and not shadows:
            darken(canvas, [(track, 0) for track in tracks], light.shadow, scale=2)
            shadows = True
        if standing:
            distances.append(_distance(camera, piece))
        number = len(distances)
        if isinstance(piece, Track):
            target.draw(piece, 0)
            polygons = [piece.fixed[0, part] for part in np.flatnonzero(piece.shown[0])]
        else:
            _paint(canvas, camera, piece, light.gain)
            outline = _outline(camera, piece)
            polygons = [] if outline is None else [outline]
        for polygon in polygons:
            cv2.fillConvexPoly(owners, polygon, number, cv2.LINE_8, SUBPIXEL_BITS)
    return owners, tuple(distances)


def _distance(camera: Camera, piece: Surface | Track) -> float:
    """Depth in metres of the foot of a standing thing."""
    if isinstance(piece, Track):
        return float(piece.distance[0])
    middle = piece.origin + piece.right * piece.texture.shape[1] / piece.scale / 2
    return float(camera.project(middle * (1.0, 1.0, 0.0))[1])


def _far_to_near(
    camera: Camera, surfaces: tuple[Surface, ...], furniture: tuple[Track, ...]
) -> list[Surface | Track]:
    """Drawing order: fixed surfaces as listed, then panels and furniture by distance."""
    standing = [*furniture, *(surface for surface in surfaces if surface.panel)]
    standing.sort(key=lambda piece: -_distance(camera, piece))
    return [*(surface for surface in surfaces if not surface.panel), *standing]


def _measure(depth: np.ndarray, camera: Camera, surface: Surface) -> None:
    """Write a surface's depth in metres where it is visible, in place."""
    polygon = _outline(camera, surface)
    if polygon is None:
        return
    mask = np.zeros(depth.shape, np.uint8)
    cv2.fillPoly(mask, [polygon], 1, cv2.LINE_8, SUBPIXEL_BITS)
    rows, columns = np.nonzero(mask)
    inverse = np.linalg.inv(_homography(camera, surface))
    weight = inverse[2] @ np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
    depth[rows, columns] = np.clip(1 / np.maximum(weight, 1 / FAR), 0, FAR)


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


def _vignette(image: np.ndarray) -> np.ndarray:
    """Darker corners and a slight blur, as of a cheap lens."""
    height, width = image.shape[:2]
    rows = np.linspace(-1, 1, height)[:, None] ** 2
    columns = np.linspace(-1, 1, width)[None] ** 2
    fall = (1 - 0.1 * (rows + columns))[..., None]
    return cv2.GaussianBlur((image * fall).astype(np.uint8), (0, 0), 0.55)
