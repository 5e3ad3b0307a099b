"""Boxes, vehicles, bicycles and street furniture as tracks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fusevad.data.render.camera import Camera
from fusevad.data.render.raster import Colour, Track, capsules, far_to_near, ground_shadow, shaded

SIDES = 12  # corners of every face; faces with fewer repeat their last one
CAR_COLOURS = {
    "red": (40, 36, 176),
    "blue": (158, 84, 36),
    "white": (222, 222, 218),
    "silver": (172, 170, 166),
    "black": (44, 40, 40),
    "green": (70, 104, 44),
    "yellow": (44, 186, 220),
}
GLASS = (84, 72, 58)


@dataclass(frozen=True)
class Face:
    """A convex polygon in an object's own frame (forward, left, up) in metres."""

    corners: tuple[tuple[float, float, float], ...]
    colour: Colour
    shadow: bool = False


def _padded(face: Face) -> np.ndarray:
    corners = list(face.corners)
    return np.array(corners + [corners[-1]] * (SIDES - len(corners)))


def placed(local: np.ndarray, position: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Local points (..., 3) moved to n places: position (n, 3), heading (n,); (n, ..., 3)."""
    extra = (1,) * (local.ndim - 1)
    cos, sin = (f(heading).reshape(-1, *extra) for f in (np.cos, np.sin))
    world = np.empty((len(position), *local.shape))
    world[..., 0] = local[..., 0] * cos - local[..., 1] * sin
    world[..., 1] = local[..., 0] * sin + local[..., 1] * cos
    world[..., 2] = local[..., 2]
    return world + position.reshape(-1, *extra, 3)


def solid_track(
    camera: Camera,
    kind: str,
    faces: list[Face],
    position: np.ndarray,
    heading: np.ndarray,
    start: int,
    light: np.ndarray,
    sun: tuple[float, float],
    words: str = "",
) -> Track:
    """A rigid object from faces listed in drawing order, corners counter-clockwise outside.

    position: (n, 3) metres; heading: (n,) radians.
    """
    world = placed(np.stack([_padded(face) for face in faces]), position, heading)
    points, depth = camera.project(world)
    a, b, c = points[:, :, 0], points[:, :, 1], points[:, :, 2]
    area = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )
    order = np.tile(np.arange(len(faces)), (len(position), 1))
    casting = [index for index, face in enumerate(faces) if face.shadow]
    shadow = None
    if casting:
        shadow = camera.project(ground_shadow(world[:, casting], sun))[0]
        shadow = np.concatenate([shadow, shadow[:, :, :1]], axis=2)
    return Track(
        kind=kind,
        start=start,
        points=points,
        depths=depth.mean(axis=2),
        shown=(area < 0) & (depth.min(axis=2) > 0.5),
        order=order,
        distance=camera.project(position)[1],
        colours=[shaded(face.colour, light) for face in faces],
        shadow=shadow,
        words=words,
    )


def box_faces(
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    colour: Colour,
    shadow: bool = True,
    taper: float = 0.0,
    slide: float = 0.0,
) -> list[Face]:
    """A box, its top shorter by `taper` metres at both ends and moved by `slide`."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    t0, t1, s = x0 + taper + slide, x1 - taper + slide, taper * 0.25
    bottom = [(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)]
    top = [(t0, y0 + s, z1), (t1, y0 + s, z1), (t1, y1 - s, z1), (t0, y1 - s, z1)]
    faces = [Face(tuple(reversed(bottom)), shaded(colour, 0.35), shadow)]
    for index, factor in enumerate((0.62, 0.8, 0.74, 0.7)):
        after = (index + 1) % 4
        corners = (bottom[index], bottom[after], top[after], top[index])
        faces.append(Face(corners, shaded(colour, factor), False))
    faces.append(Face(tuple(top), shaded(colour, 1.06), shadow))
    return faces


def _disc(x: float, y: float, radius: float, colour: Colour, outward: int) -> Face:
    angles = np.linspace(0, 2 * np.pi, SIDES, endpoint=False) * outward
    corners = tuple(
        (x + radius * np.cos(t), y, radius_z + radius * np.sin(t))
        for t, radius_z in ((t, max(radius, 0.32)) for t in angles)
    )
    return Face(corners, colour)


def _glass(
    ends: tuple[float, float], width: float, heights: tuple[float, float], slopes: float
) -> list[Face]:
    """Side windows, windscreen and rear window just outside a tapered cabin."""
    (back, front), (low, high) = ends, heights
    rise = high - low

    def at(share: float, outer: float, sign: int) -> float:
        return outer - sign * slopes * share

    faces = []
    for side in (-1, 1):
        y_low, y_high = side * (width + 0.01), side * (width - slopes * 0.22)
        middle = (back + front) / 2
        for x0, x1, lean0, lean1 in ((back, middle, 1, 0), (middle, front, 0, -1)):
            x0, x1 = x0 + 0.08, x1 - 0.06
            corners = [
                (x0 + lean0 * slopes * 0.15, y_low, low + rise * 0.12),
                (x1 + lean1 * slopes * 0.15, y_low, low + rise * 0.12),
                (x1 + lean1 * slopes * 0.8, y_high, low + rise * 0.85),
                (x0 + lean0 * slopes * 0.8, y_high, low + rise * 0.85),
            ]
            faces.append(Face(tuple(corners if side < 0 else reversed(corners)), GLASS))
    w_low, w_high = width * 0.9, width * 0.82
    for sign, outer in ((1, front), (-1, back)):
        x_low, x_high = at(0.1, outer, sign) + sign * 0.01, at(0.88, outer, sign) + sign * 0.01
        corners = [
            (x_low, -sign * w_low, low + rise * 0.1),
            (x_low, sign * w_low, low + rise * 0.1),
            (x_high, sign * w_high, low + rise * 0.88),
            (x_high, -sign * w_high, low + rise * 0.88),
        ]
        faces.append(Face(tuple(corners), shaded(GLASS, 1.25)))
    return faces


def _lights(x: float, width: float, z: float, colour: Colour, sign: int) -> list[Face]:
    faces = []
    for side in (-1, 1):
        y0, y1 = sorted((side * width * 0.62, side * width * 0.95))
        corners = [(x, y0, z), (x, y1, z), (x, y1, z + 0.17), (x, y0, z + 0.17)]
        faces.append(Face(tuple(corners if sign > 0 else reversed(corners)), colour))
    return faces


def vehicle_faces(kind: str, colour: Colour) -> list[Face]:
    """A 'car' (4.3 m) or a 'van' (5 m): body, cabin, glass, lights and wheels."""
    if kind == "van":
        half, width, deck, roof = 2.5, 0.95, 1.05, 2.2
        cabin, slopes = (-2.48, 1.9), 0.35
    else:
        half, width, deck, roof = 2.15, 0.86, 0.88, 1.48
        cabin, slopes = (-1.75, 1.05), 0.62
    faces = box_faces((-half, -width, 0.28), (half, width, deck), colour, taper=0.1)
    faces += _lights(half - 0.03, width, 0.55, (200, 240, 250), 1)
    faces += _lights(-half + 0.03, width, 0.55, (30, 30, 200), -1)
    plate = [(0.25, 0.45), (-0.25, 0.45), (-0.25, 0.56), (0.25, 0.56)]
    for sign in (-1, 1):
        corners = [(sign * (half - 0.01), -sign * y, z) for y, z in plate]
        faces.append(Face(tuple(corners), (215, 225, 225)))
    for side in (-1, 1):
        for x in (-half * 0.62, half * 0.64):
            y = side * (width + 0.02)
            faces.append(_disc(x, y, 0.34, (26, 26, 28), -side))
            faces.append(_disc(x, y * 1.005, 0.18, (150, 150, 152), -side))
    faces += box_faces(
        (cabin[0], -width * 0.97, deck), (cabin[1], width * 0.97, roof), colour, taper=slopes
    )
    return faces + _glass(cabin, width * 0.97, (deck, roof), slopes)


def bicycle_track(
    camera: Camera,
    position: np.ndarray,
    heading: np.ndarray,
    start: int,
    colour: Colour,
    light: np.ndarray,
    sun: tuple[float, float],
) -> Track:
    """A bicycle; position: (n, 3) metres of the point on the ground between the wheels."""
    ring = np.linspace(0, 2 * np.pi, 11)
    first, second, radii, colours = [], [], [], []
    for hub in (-0.52, 0.52):
        for a, b in pairwise(ring):
            first.append((hub + 0.33 * np.cos(a), 0.0, 0.34 + 0.33 * np.sin(a)))
            second.append((hub + 0.33 * np.cos(b), 0.0, 0.34 + 0.33 * np.sin(b)))
            radii.append(0.028)
            colours.append((34, 34, 36))
    frame = [
        ((-0.52, 0, 0.34), (-0.1, 0, 0.34)),
        ((-0.1, 0, 0.34), (-0.22, 0, 0.88)),
        ((-0.18, 0, 0.72), (0.36, 0, 0.8)),
        ((-0.1, 0, 0.34), (0.36, 0, 0.8)),
        ((0.52, 0, 0.34), (0.34, 0, 0.98)),
        ((0.34, -0.22, 1.0), (0.34, 0.22, 1.0)),
    ]
    for a, b in frame:
        first.append(a)
        second.append(b)
        radii.append(0.032)
        colours.append(colour)
    start_points = placed(np.array(first), position, heading)
    end_points = placed(np.array(second), position, heading)
    pairs = np.array(radii)[:, None].repeat(2, axis=1)
    points, depths = capsules(camera, start_points, end_points, pairs)
    shadow, _ = capsules(
        camera, ground_shadow(start_points, sun), ground_shadow(end_points, sun), pairs
    )
    return Track(
        kind="bicycle",
        start=start,
        points=points,
        depths=depths,
        shown=depths > 0.5,
        order=far_to_near(depths),
        distance=camera.project(position)[1] + 0.02,
        colours=[shaded(item, light) for item in colours],
        shadow=shadow[:, ::2],
    )


def ball_track(
    camera: Camera, path: np.ndarray, start: int, radius: float, colour: Colour, kind: str
) -> Track:
    """A small thing that flies along path (n, 3) metres."""
    points, depths = capsules(camera, path[:, None], path[:, None], np.array([[radius, radius]]))
    return Track(
        kind=kind,
        start=start,
        points=points,
        depths=depths,
        shown=depths > 0.5,
        order=far_to_near(depths),
        distance=camera.project(path)[1] - 0.3,
        colours=[colour],
    )


def suitcase_faces(colour: Colour, size: float) -> list[Face]:
    """A large upright suitcase with dark ribs and a pulled-out handle; at size 1 0.92 m high."""
    faces = box_faces((-0.2, -0.34, 0.07), (0.2, 0.34, 0.92), colour)
    dark = shaded(colour, 0.45)
    for x, sign in ((0.205, 1), (-0.205, -1)):
        for y in (-0.18, 0.0, 0.18):
            low, high = (y - 0.03) * sign, (y + 0.03) * sign
            corners = ((x, low, 0.12), (x, high, 0.12), (x, high, 0.88), (x, low, 0.88))
            faces.append(Face(corners, dark))
    for side in (-0.14, 0.12):
        faces += box_faces((-0.015, side, 0.92), (0.015, side + 0.025, 1.22), (60, 60, 62))
    faces += box_faces((-0.03, -0.16, 1.2), (0.03, 0.16, 1.27), (40, 40, 42))
    return [
        replace(face, corners=tuple((size * x, size * y, size * z) for x, y, z in face.corners))
        for face in faces
    ]
