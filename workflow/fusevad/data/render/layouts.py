"""The content of a kind of place: surfaces, furniture, where people walk, where cars drive.

Every layout looks along +y from a camera at x = 0, y = 0. Surfaces are listed far to near, as
they are painted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fusevad.data.render import textures
from fusevad.data.render.raster import Colour

SCALE = 22  # texture pixels a metre
Rect = tuple[float, float, float, float]  # x0, x1, y0, y1


@dataclass(frozen=True)
class Surface:
    """A textured rectangle: its top left corner, unit vectors along the texture's rows and
    columns, and the texture at `scale` pixels a metre."""

    origin: np.ndarray
    right: np.ndarray
    down: np.ndarray
    texture: np.ndarray
    scale: float
    light: float
    panel: bool  # stands among the furniture, which may be behind it


@dataclass
class Plan:
    """The surfaces and furniture of a layout."""

    rng: np.random.Generator
    surfaces: list[Surface] = field(default_factory=list)
    furniture: list[tuple[str, tuple[float, float], float]] = field(default_factory=list)

    def ground(self, rect: Rect, texture: np.ndarray, scale: float = SCALE) -> None:
        """A rectangle on the ground."""
        x0, _, _, y1 = rect
        self._add((x0, y1, 0), (1, 0, 0), (0, -1, 0), texture, scale, 1.0)

    def front(
        self, x0: float, y: float, z1: float, texture: np.ndarray, scale: float = SCALE
    ) -> None:
        """A wall that faces the camera; (x0, y, z1) is its top left corner."""
        self._add((x0, y, z1), (1, 0, 0), (0, 0, -1), texture, scale, 0.94)

    def side(self, x: float, y0: float, y1: float, z1: float, texture: np.ndarray) -> None:
        """A wall along the view, left or right of the camera."""
        if x < 0:
            self._add((x, y0, z1), (0, 1, 0), (0, 0, -1), texture, SCALE, 0.82)
        else:
            self._add((x, y1, z1), (0, -1, 0), (0, 0, -1), texture, SCALE, 0.7)

    def panel(self, x0: float, y: float, z1: float, texture: np.ndarray) -> None:
        """A free-standing wall that faces the camera, 0.4 m thick."""
        self._add((x0, y, z1), (1, 0, 0), (0, 0, -1), texture, SCALE, 0.94, True)
        top = np.full((px(0.4), texture.shape[1], 3), texture.mean(axis=(0, 1)), np.float32)
        top = np.clip(top * 1.12, 0, 245).astype(np.uint8)
        self._add((x0, y + 0.4, z1), (1, 0, 0), (0, -1, 0), top, SCALE, 1.0, True)

    def ceiling(self, rect: Rect, z: float, texture: np.ndarray) -> None:
        """A rectangle overhead."""
        self._add((rect[0], rect[3], z), (1, 0, 0), (0, -1, 0), texture, SCALE, 1.0)

    def _add(
        self,
        origin: tuple[float, float, float],
        right: tuple[float, float, float],
        down: tuple[float, float, float],
        texture: np.ndarray,
        scale: float,
        light: float,
        panel: bool = False,
    ) -> None:
        vectors = (np.asarray(item, dtype=float) for item in (origin, right, down))
        self.surfaces.append(Surface(*vectors, texture, scale, light, panel))

    def put(self, kind: str, x: float, y: float, heading: float = 0.0) -> None:
        """Place a piece of furniture, moved a little at random."""
        dx, dy = self.rng.uniform(-0.35, 0.35, 2)
        self.furniture.append((kind, (x + dx, y + dy * 0.5), heading))

    def maybe(self, kind: str, x: float, y: float, heading: float = 0.0) -> None:
        """Place a piece of furniture in three of four scenes."""
        if self.rng.random() < 0.75:
            self.put(kind, x, y, heading)

    def tones(self, *colours: Colour) -> Colour:
        """One of the colours, a little lighter or darker."""
        base = np.array(colours[self.rng.integers(len(colours))]) * self.rng.uniform(0.88, 1.1)
        return tuple(int(v) for v in np.clip(base, 0, 245))


@dataclass(frozen=True)
class Layout:
    """A kind of place; `where` reads after "on/in/along"; wall: x0, x1, y, of a paintable wall."""

    name: str
    where: tuple[str, ...]
    walk: Rect
    wall: tuple[float, float, float]
    build: Callable[[Plan], None]
    lanes: tuple[tuple[float, int], ...] = ()  # y of the lane, direction of travel along x
    along: bool = False  # people walk towards and away from the camera
    indoor: bool = False
    pavement: bool = True  # a vehicle would be out of place where people walk


def px(metres: float, scale: float = SCALE) -> int:
    """Metres to texture pixels, at least 2."""
    return max(int(metres * scale), 2)


def backdrop(plan: Plan, y: float = 60.0) -> None:
    """Sky at distance y, and ground up to it."""
    scale = 4
    plan.front(-y, y, y * 0.8, textures.sky(px(y, scale), px(2 * y, scale), plan.rng), scale)
    ground = textures.rough(px(52, 5), px(90, 5), plan.tones((96, 104, 108)), plan.rng)
    plan.ground((-45, 45, 3, 55), ground, 5)


def road(plan: Plan, y0: float, y1: float, zebra: float | None = None) -> None:
    """A road along x with edge lines, a dashed middle and kerbs, and a zebra crossing at x."""
    width, depth = 40.0, y1 - y0
    picture = textures.rough(px(depth), px(width), plan.tones((82, 80, 80)), plan.rng, 5, 7)
    middle = px(depth / 2)
    white = (205, 210, 210)
    for left in range(0, picture.shape[1], 4 * SCALE):
        picture[middle - 1 : middle + 2, left : left + 2 * SCALE] = white
    for row in (px(0.3), picture.shape[0] - px(0.3)):
        picture[row - 1 : row + 2] = (180, 186, 186)
    if zebra is not None:
        centre = px(width / 2 + zebra)
        for top in range(px(0.35), picture.shape[0] - px(0.4), SCALE):
            picture[top : top + SCALE // 2, centre - 2 * SCALE : centre + 2 * SCALE] = white
    plan.ground((-20, 20, y0, y1), picture)
    for y in (y0, y1):
        kerb = textures.paving(px(0.3), px(width), (150, 156, 160), plan.rng, (20, 22))
        plan.ground((-20, 20, y - 0.15, y + 0.15), kerb)


def pavement(plan: Plan, y0: float, y1: float, colour: Colour, slab: int = 16) -> None:
    """A strip of slabs along x between two distances."""
    texture = textures.paving(px(y1 - y0), px(40), colour, plan.rng, (slab, slab))
    plan.ground((-20, 20, y0, y1), texture)


def houses(plan: Plan, y: float, height: float, shop: bool = True) -> None:
    """A row of house fronts at distance y."""
    plan.front(-20, y, height, textures.facade(40, height, SCALE, plan.rng, shop))
