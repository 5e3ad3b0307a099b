"""Pinhole camera over a flat world: x right, y away from the camera, z up, in metres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

NEAREST = 0.3  # metres; nearer points are projected as if they were this far away


@dataclass(frozen=True)
class Camera:
    """A camera at (x, y, height), looking along +y turned by yaw, tilted down by pitch."""

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    focal: float
    width: int
    height: int

    @cached_property
    def rotation(self) -> np.ndarray:
        """Rows: the camera's right, down and forward axes in the world, shape (3, 3)."""
        cos_pitch, sin_pitch = np.cos(self.pitch), np.sin(self.pitch)
        cos_yaw, sin_yaw = np.cos(self.yaw), np.sin(self.yaw)
        forward = np.array([sin_yaw * cos_pitch, cos_yaw * cos_pitch, -sin_pitch])
        right = np.array([cos_yaw, -sin_yaw, 0.0])
        return np.stack([right, np.cross(forward, right), forward])

    @cached_property
    def matrix(self) -> np.ndarray:
        """Projection matrix from homogeneous world points to pixels, shape (3, 4)."""
        intrinsic = np.array(
            [[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1.0]]
        )
        offset = -self.rotation @ np.asarray(self.position)
        return intrinsic @ np.concatenate([self.rotation, offset[:, None]], axis=1)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (..., 2) and depth along the optical axis in metres (...) of points (..., 3)."""
        matrix = self.matrix
        image = points @ matrix[:, :3].T + matrix[:, 3]
        depth = image[..., 2]
        return image[..., :2] / np.maximum(depth, NEAREST)[..., None], depth

    def scaled(self, factor: int) -> Camera:
        """The same view with `factor` times the pixels."""
        return Camera(
            self.position,
            self.yaw,
            self.pitch,
            self.focal * factor,
            self.width * factor,
            self.height * factor,
        )

    def half_width_at(self, y: float) -> float:
        """Half of the visible width in metres at ground distance y (yaw ignored)."""
        depth = (y - self.position[1]) * np.cos(self.pitch) + self.position[2] * np.sin(self.pitch)
        return float(depth * self.width / 2 / self.focal)
