"""Any number of people, each with 17 key points, as one vector."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

KEYPOINTS = 17
# A constant, and as many features as the bundled CLIP's embeddings less one.
DIM = 128
# Of a person: points within its box and whether they are seen, the box's centre and its sides.
_OF_PERSON = 3 * KEYPOINTS + 4


def embed_people(
    people: Iterable[NDArray[np.floating]], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Sum of rectified random features of each person, behind a constant 1: (DIM,).

    So the order of people does not matter, their number does, and a picture of nobody is no row of
    zeros.

    Args:
        people: (17, 3) each, of x and y in pixels, and whether the point is seen; COCO's order.
        size: width and height of the picture.
    """
    weights, offsets = _features()
    total = np.zeros(DIM - 1)
    for points in people:
        total += np.maximum(weights @ _person(points, size) + offsets, 0)
    return np.concatenate(([1.0], total)).astype(np.float32)


def _person(points: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.floating]:
    places, seen = points[:, :2], points[:, 2] > 0
    low, high = places.min(axis=0), places.max(axis=0)
    side = np.maximum(high - low, 1.0)
    within = (places - (low + high) / 2) / side.max()
    box = np.concatenate(((low + high) / 2, high - low)) / np.array([*size, *size])
    return np.concatenate((within.ravel(), seen, box))


@cache
def _features() -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Weights and offsets, the same on every machine."""
    random = np.random.default_rng(17)
    weights = random.normal(0, 1 / np.sqrt(_OF_PERSON), (DIM - 1, _OF_PERSON))
    return weights, random.normal(0, 0.1, DIM - 1)
