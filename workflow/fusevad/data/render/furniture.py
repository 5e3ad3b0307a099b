"""Street furniture: standing tracks that are drawn into the background once."""

from __future__ import annotations

import numpy as np

from fusevad.data.render.camera import Camera
from fusevad.data.render.raster import Colour, Track, capsules, far_to_near, ground_shadow, shaded
from fusevad.data.render.solids import CAR_COLOURS, Face, box_faces, solid_track, vehicle_faces

Sun = tuple[float, float]


def _still(
    camera: Camera,
    kind: str,
    faces: list[Face],
    place: tuple[float, float],
    heading: float,
    light: np.ndarray,
    sun: Sun,
) -> Track:
    position = np.array([[place[0], place[1], 0.0]])
    return solid_track(camera, kind, faces, position, np.array([heading]), 0, light, sun)


def _tubes(
    camera: Camera,
    kind: str,
    place: tuple[float, float],
    tubes: list[tuple[tuple[float, float, float], tuple[float, float, float], float, Colour]],
    light: np.ndarray,
    sun: Sun,
) -> Track:
    """Capsules standing at a place."""
    origin = np.array([place[0], place[1], 0.0])
    first = np.array([[tube[0] for tube in tubes]]) + origin
    second = np.array([[tube[1] for tube in tubes]]) + origin
    radii = np.array([[tube[2], tube[2]] for tube in tubes])
    points, depths = capsules(camera, first, second, radii)
    shadow, _ = capsules(camera, ground_shadow(first, sun), ground_shadow(second, sun), radii)
    return Track(
        kind=kind,
        start=0,
        points=points,
        depths=depths,
        shown=depths > 0.5,
        order=far_to_near(depths),
        distance=camera.project(origin[None])[1],
        colours=[shaded(tube[3], light) for tube in tubes],
        shadow=shadow,
    )


def furnish(
    camera: Camera,
    kind: str,
    place: tuple[float, float],
    heading: float,
    rng: np.random.Generator,
    light: np.ndarray,
    sun: Sun,
) -> Track:
    """One piece of furniture: car, van, lamp, tree, bench, bin, stall, bollard, shelter, ..."""
    if kind in ("car", "van"):
        colour = CAR_COLOURS[str(rng.choice(list(CAR_COLOURS)))]
        faces = vehicle_faces(kind, colour)
        return _still(camera, kind, faces, place, heading, light, sun)
    if kind == "lamp":
        steel = (92, 94, 92)
        tubes = [
            ((0.0, 0.0, 0.0), (0.0, 0.0, 4.6), 0.06, steel),
            ((0.0, 0.0, 4.6), (0.9, 0.0, 4.8), 0.05, steel),
            ((0.6, 0.0, 4.75), (1.1, 0.0, 4.8), 0.11, (190, 235, 245)),
        ]
        return _tubes(camera, kind, place, tubes, light, sun)
    if kind in ("tree", "bush"):
        return _tubes(camera, kind, place, _tree(rng, kind == "bush"), light, sun)
    if kind == "bollard":
        tubes = [
            ((0.0, 0.0, 0.0), (0.0, 0.0, 0.85), 0.09, (60, 60, 64)),
            ((0.0, 0.0, 0.7), (0.0, 0.0, 0.78), 0.1, (220, 225, 228)),
        ]
        return _tubes(camera, kind, place, tubes, light, sun)
    if kind == "fence":
        wood = (70, 104, 136)
        tubes = [((x, 0.0, 0.0), (x, 0.0, 1.0), 0.05, wood) for x in np.linspace(-2, 2, 6)]
        tubes += [((-2.2, 0.0, z), (2.2, 0.0, z), 0.05, shaded(wood, 1.1)) for z in (0.4, 0.85)]
        return _tubes(camera, kind, place, tubes, light, sun)
    if kind == "railing":
        steel = (150, 152, 150)
        tubes = [((x, 0.0, 0.0), (x, 0.0, 1.05), 0.03, steel) for x in np.linspace(-2, 2, 9)]
        tubes += [((-2.2, 0.0, z), (2.2, 0.0, z), 0.04, steel) for z in (0.55, 1.05)]
        return _tubes(camera, kind, place, tubes, light, sun)
    return _still(camera, kind, _boxes(kind, rng), place, heading, light, sun)


def _tree(
    rng: np.random.Generator, bush: bool
) -> list[tuple[tuple[float, float, float], tuple[float, float, float], float, Colour]]:
    """Trunk and a crown of leaf balls, lit from above."""
    tubes = []
    base, size = (2.9, 1.15) if not bush else (0.55, 0.5)
    if not bush:
        tubes.append(((0.0, 0.0, 0.0), (0.05, 0.0, 2.6), 0.14, (44, 66, 84)))
    green = np.array([46, 104, 66]) * rng.uniform(0.75, 1.15)
    for _ in range(70):
        x, y, z = rng.normal(0, 0.5, 3)
        shrink = min(1.0, 1.0 / float(np.sqrt(x * x + y * y + z * z)))
        x, y, z = x * shrink, y * shrink, z * shrink
        centre = (x * size, y * size, base + z * size * 0.8)
        colour = shaded(green, 0.85 + 0.3 * z + rng.uniform(-0.12, 0.12))
        tubes.append((centre, centre, size * rng.uniform(0.13, 0.3), colour))
    return tubes


def _boxes(kind: str, rng: np.random.Generator) -> list[Face]:
    """Furniture made of boxes, in drawing order for a camera in front."""
    if kind == "bench":
        wood = (58, 92, 132)
        faces = []
        for x in (-0.7, 0.7):
            faces += box_faces((x - 0.05, -0.2, 0), (x + 0.05, 0.2, 0.42), (70, 70, 72))
        faces += box_faces((-0.9, 0.2, 0.42), (0.9, 0.26, 0.9), wood)
        return faces + box_faces((-0.9, -0.25, 0.42), (0.9, 0.25, 0.5), shaded(wood, 1.1))
    if kind == "bin":
        colour = ((54, 96, 50), (86, 84, 82), (120, 78, 40))[rng.integers(3)]
        faces = box_faces((-0.28, -0.28, 0), (0.28, 0.28, 0.95), colour, taper=-0.03)
        return faces + box_faces((-0.31, -0.31, 0.95), (0.31, 0.31, 1.05), shaded(colour, 0.7))
    if kind == "planter":
        faces = box_faces((-0.7, -0.4, 0), (0.7, 0.4, 0.5), (120, 130, 138))
        return faces + box_faces((-0.64, -0.34, 0.5), (0.64, 0.34, 0.85), (54, 112, 70), taper=0.1)
    if kind == "shelter":
        glass = (150, 142, 130)
        faces = box_faces((-1.8, 0.5, 0), (1.8, 0.56, 2.3), glass)
        for x in (-1.8, 1.75):
            faces += box_faces((x, -0.5, 0), (x + 0.06, -0.44, 2.3), (80, 80, 80))
        faces += box_faces((-1.2, 0.1, 0.4), (1.2, 0.45, 0.48), (70, 100, 130))
        return faces + box_faces((-1.95, -0.6, 2.3), (1.95, 0.65, 2.42), (90, 62, 40))
    if kind == "stall":
        stripe = tuple(int(v) for v in rng.integers(40, 210, 3))
        faces = box_faces((-1.2, -0.5, 0), (1.2, 0.5, 0.9), (70, 104, 140))
        for x in np.linspace(-1.0, 0.7, 5):
            fruit = tuple(int(v) for v in rng.integers(40, 230, 3))
            faces += box_faces((x, -0.45, 0.9), (x + 0.35, 0.4, 1.05), fruit, False)
        for x in (-1.25, 1.2):
            faces += box_faces((x, -0.6, 0), (x + 0.05, -0.55, 2.2), (90, 90, 92))
        for index, x in enumerate(np.linspace(-1.4, 1.0, 7)):
            colour = stripe if index % 2 else (225, 228, 230)
            faces += box_faces((x, -0.9, 2.1), (x + 0.4, 0.7, 2.3), colour)
        return faces
    if kind == "pillar":
        return box_faces((-0.3, -0.3, 0), (0.3, 0.3, 4.2), (168, 172, 176))
    if kind == "train":
        faces = box_faces((-14, -1.4, 0.4), (14, 1.4, 3.4), (190, 186, 180))
        faces += _strip(-1.42, (0.5, 1.1), (150, 60, 40), -14, 14)
        for x in np.arange(-13.4, 13, 2.2):
            colour = (60, 52, 46) if int(x) % 3 else (130, 120, 60)
            faces += _strip(-1.43, (1.6, 2.6), colour, x, x + 1.7)
        return faces
    if kind == "fountain":
        faces = box_faces((-1.5, -1.1, 0), (1.5, 1.1, 0.5), (150, 160, 168))
        faces += _lid((-1.3, -0.9), (1.3, 0.9), 0.51, (190, 170, 120))
        return faces + box_faces((-0.2, -0.2, 0.5), (0.2, 0.2, 1.5), (160, 168, 176))
    if kind == "kiosk":
        colour = tuple(int(v) for v in rng.integers(60, 180, 3))
        faces = box_faces((-1.3, -0.9, 0), (1.3, 0.9, 2.4), colour)
        faces += _strip(-0.92, (1.0, 1.9), (110, 110, 100), -1.0, 1.0)
        return faces + box_faces((-1.5, -1.3, 2.4), (1.5, 1.0, 2.55), shaded(colour, 0.7))
    raise KeyError(kind)


def _strip(
    y: float, heights: tuple[float, float], colour: Colour, x0: float, x1: float
) -> list[Face]:
    """A coloured rectangle on the side of a box that faces the camera."""
    low, high = heights
    return [Face(((x0, y, low), (x1, y, low), (x1, y, high), (x0, y, high)), colour)]


def _lid(
    low: tuple[float, float], high: tuple[float, float], z: float, colour: Colour
) -> list[Face]:
    """A coloured rectangle on top of a box."""
    (x0, y0), (x1, y1) = low, high
    return [Face(((x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)), colour)]
