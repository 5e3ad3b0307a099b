"""The drawing list: tracks of convex polygons over time, and the pictures to draw them on."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from fusevad.data.render.camera import NEAREST, Camera

SUBPIXEL_BITS = 4
SUBPIXELS = 1 << SUBPIXEL_BITS
_ARC = np.linspace(np.pi / 2, 3 * np.pi / 2, 5)
CAPSULE_ANGLES = np.concatenate([_ARC, _ARC + np.pi])

Colour = tuple[int, int, int]


@dataclass(eq=False)
class Track:
    """One thing that moves (or stands) from frame `start` on, as K convex polygons a frame.

    points: pixels (n, K, V, 2); depths: metres (n, K); shown: (n, K) bool; order: (n, K), far to
    near; distance: (n,) metres, orders tracks; colours: K BGR triples; shadow: pixels
    (n, S, V, 2) of the polygons' shadows on the ground; keypoints: pixels and depth (n, 17, 3) for
    people.
    """

    kind: str
    start: int
    points: np.ndarray
    depths: np.ndarray
    shown: np.ndarray
    order: np.ndarray
    distance: np.ndarray
    colours: list[Colour]
    shadow: np.ndarray | None = None
    keypoints: np.ndarray | None = None
    words: str = ""
    identity: int = 0
    fixed: np.ndarray = field(init=False)
    shadow_fixed: np.ndarray | None = field(init=False, default=None)
    on_screen: np.ndarray = field(init=False)
    boxes: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.fixed = np.round(np.clip(self.points, -4000, 4000) * SUBPIXELS).astype(np.int32)
        if self.shadow is not None:
            scaled = np.clip(self.shadow, -4000, 4000) * (SUBPIXELS / 2)  # half-size shadow map
            self.shadow_fixed = np.round(scaled).astype(np.int32)
        low = self.points.min(axis=(1, 2))
        high = self.points.max(axis=(1, 2))
        self.boxes = np.concatenate([low, high], axis=1)
        self.on_screen = self.shown.any(axis=1) & (self.distance > 2 * NEAREST)

    @property
    def stop(self) -> int:
        """The first frame after the track's last."""
        return self.start + len(self.points)

    def clip_to(self, width: int, height: int) -> None:
        """Mark the frames in which the track can't be seen in a picture of this size."""
        box = self.boxes
        self.on_screen &= (box[:, 0] < width) & (box[:, 2] > 0)
        self.on_screen &= (box[:, 1] < height) & (box[:, 3] > 0)


@dataclass
class ColourTarget:
    """A BGR picture (H, W, 3) uint8; edges are anti-aliased."""

    image: np.ndarray

    def draw(self, track: Track, index: int) -> None:
        """Draw the track's polygons of its frame `index`, far to near."""
        points, shown, colours, image = (
            track.fixed[index],
            track.shown[index],
            track.colours,
            self.image,
        )
        for part in track.order[index].tolist():
            if shown[part]:
                cv2.fillConvexPoly(image, points[part], colours[part], cv2.LINE_AA, SUBPIXEL_BITS)


@dataclass
class TruthTarget:
    """Depth in metres, instance ids and polygon numbers (identity * 256 + part), all (H, W)."""

    depth: np.ndarray
    instances: np.ndarray
    parts: np.ndarray

    def draw(self, track: Track, index: int) -> None:
        """Draw the same polygons as ColourTarget, without anti-aliasing."""
        for part in track.order[index].tolist():
            if not track.shown[index, part]:
                continue
            points = track.fixed[index, part]
            depth = float(track.depths[index, part])
            cv2.fillConvexPoly(self.depth, points, depth, cv2.LINE_8, SUBPIXEL_BITS)
            cv2.fillConvexPoly(self.instances, points, track.identity, cv2.LINE_8, SUBPIXEL_BITS)
            number = track.identity * 256 + part
            cv2.fillConvexPoly(self.parts, points, number, cv2.LINE_8, SUBPIXEL_BITS)


def capsules(
    camera: Camera, first: np.ndarray, second: np.ndarray, radii: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Outlines of tapered capsules in the image.

    first, second: end points (n, K, 3) in metres; radii: (K, 2) in metres. Returns pixels
    (n, K, 10, 2) and the mean depth (n, K).
    """
    pixel_a, depth_a = camera.project(first)
    pixel_b, depth_b = camera.project(second)
    axis = pixel_b - pixel_a
    angle = np.arctan2(axis[..., 1], axis[..., 0])[..., None] + CAPSULE_ANGLES
    radius = np.empty_like(angle)
    radius[..., :5] = (radii[:, 0] * camera.focal / np.maximum(depth_a, NEAREST))[..., None]
    radius[..., 5:] = (radii[:, 1] * camera.focal / np.maximum(depth_b, NEAREST))[..., None]
    np.maximum(radius, 0.55, out=radius)
    points = np.empty((*angle.shape, 2))
    points[..., 0] = np.cos(angle) * radius
    points[..., 1] = np.sin(angle) * radius
    points[..., :5, :] += pixel_a[..., None, :]
    points[..., 5:, :] += pixel_b[..., None, :]
    return points, (depth_a + depth_b) / 2


def ground_shadow(points: np.ndarray, sun: tuple[float, float]) -> np.ndarray:
    """Points (..., 3) thrown along the sun's direction (metres a metre of height) to z = 0."""
    shadow = points.copy()
    shadow[..., 0] += points[..., 2] * sun[0]
    shadow[..., 1] += points[..., 2] * sun[1]
    shadow[..., 2] = 0.0
    return shadow


def far_to_near(depths: np.ndarray) -> np.ndarray:
    """Drawing order of the polygons of each frame, (n, K)."""
    return np.argsort(-depths, axis=1, kind="stable")


def shaded(colour: Colour | np.ndarray, factor: float | np.ndarray) -> Colour:
    """A BGR colour times a factor (a scalar or one per channel), clipped to 0..255."""
    values = np.clip(np.asarray(colour, dtype=float) * factor, 0, 255)
    return int(values[0]), int(values[1]), int(values[2])
