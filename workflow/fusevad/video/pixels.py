"""Integer arithmetic on pixels: the same values on every machine, compiled by numba.

Numba caches compiled code in `__pycache__` beside this file, or in the user's cache folder. The
casts keep it from computing in 64 bits, at half the speed.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numba import int32, njit, uint8, uint16

# Raise it with every change of pixel values: motion cues of other pixels are then refused.
PIXELS_VERSION = 2

# Gray = 0.2989 R + 0.5870 G + 0.1140 B, times 10000, so that gray levels are integers.
GRAY_SCALE = 10_000

# Weights of red and blue in luma, by the H.273 number of the matrix. Unspecified means BT.601.
_BT601 = (0.299, 0.114)
_LUMA_WEIGHTS = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}

_COLOUR_BITS = 16
_FILTER_BITS = 8


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame in its final size; RGB and gray levels are computed on request.

    Attributes:
        y, cb, cr: luma and chroma, each (height, width) uint8, C-contiguous.
        coefficients: convert the planes to RGB, as in `colour_coefficients`.
    """

    y: np.ndarray
    cb: np.ndarray
    cr: np.ndarray
    coefficients: np.ndarray

    def rgb(self) -> np.ndarray:
        """(height, width, 3) uint8, a new array."""
        return rgb_of_planes(self.y, self.cb, self.cr, self.coefficients)

    def gray(self) -> np.ndarray:
        """`gray_of_rgb` of `rgb()`, without computing the RGB frame."""
        return gray_of_planes(self.y, self.cb, self.cr, self.coefficients)


@lru_cache(maxsize=16)
def colour_coefficients(matrix: int, full_range: bool) -> np.ndarray:
    """Fixed-point coefficients that convert luma and chroma to red, green and blue.

    Args:
        matrix: number of the matrix in ITU-T H.273: 1 is BT.709, 9 and 10 are BT.2020, any other
            means BT.601.
        full_range: whether luma spans 0..255 instead of 16..235.

    Returns:
        (8,) int32, in units of 2**-16: factor of luma; of Cr in red; of Cb and of Cr in green; of
        Cb in blue; then the offsets of red, green and blue.
    """
    red, blue = _LUMA_WEIGHTS.get(matrix, _BT601)
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0) if full_range else (255 / 219, 255 / 224, 16)
    factors = [
        luma,
        2 * (1 - red) * chroma,
        -2 * (1 - blue) * blue / green * chroma,
        -2 * (1 - red) * red / green * chroma,
        2 * (1 - blue) * chroma,
    ]
    y, cr_red, cb_green, cr_green, cb_blue = (round(x * 2**_COLOUR_BITS) for x in factors)
    added = 2 ** (_COLOUR_BITS - 1) - black * y
    offsets = [added - 128 * x for x in (cr_red, cb_green + cr_green, cb_blue)]
    return np.array([y, cr_red, cb_green, cr_green, cb_blue, *offsets], np.int32)


def resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize one plane bilinearly, first horizontally, then vertically, each rounded to 8 bits.

    Shrinking widens the filter (antialiasing), as swscale and Pillow do.

    Args:
        plane: (height, width) uint8.
        size: wanted width and height.

    Returns:
        (height, width) uint8, C-contiguous.
    """
    # Whole lines are blended, which is fast; for the columns, the plane is transposed.
    across = _blend_lines(cv2.transpose(plane), *_filter(plane.shape[1], size[0]))
    return _blend_lines(cv2.transpose(across), *_filter(plane.shape[0], size[1]))


@lru_cache(maxsize=64)
def _filter(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangle filter from `source` to `target` samples, whose outer edges coincide.

    Returns:
        first source sample of each target sample, (target,) int64, and the weights of it and the
        samples after it, (target, taps) uint16, which sum to 256.
    """
    # Positions and weights in units of 1 / (2 target) source samples: integers.
    unit, reach = 2 * target, 2 * max(source, target)
    centre = (2 * np.arange(target) + 1) * source - target
    position = ((centre - reach) // unit + 1)[:, None] + np.arange(-(-reach * 2 // unit))
    weight = np.maximum(reach - np.abs(unit * position - centre[:, None]), 0)
    weight[(position < 0) | (position >= source)] = 0
    taps = max(min(position.shape[1], source), 2)
    first = np.clip(position[:, 0], 0, max(source - taps, 0))
    place = np.clip(position, 0, source - 1) - first[:, None]
    folded = np.zeros((target, taps), np.int64)
    np.add.at(folded, (np.arange(target)[:, None], place), weight)
    total = folded.sum(axis=1, keepdims=True)
    rounded = (2 ** (_FILTER_BITS + 1) * folded + total) // (2 * total)
    rounded[np.arange(target), rounded.argmax(axis=1)] += 2**_FILTER_BITS - rounded.sum(axis=1)
    return first, rounded.astype(np.uint16)


@njit(cache=True)
def _blend_lines(image: np.ndarray, first: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each line of the result is a weighted mean of consecutive lines of a uint8 image."""
    result = np.empty((len(first), image.shape[1]), np.uint8)
    total = np.empty(image.shape[1], np.uint16)  # at most 255 * 256 + 128: no overflow
    last = weights.shape[1] - 1
    for target in range(len(first)):
        total[:] = uint16(2 ** (_FILTER_BITS - 1))
        for tap in range(1, last):
            line, weight = image[first[target] + tap], weights[target, tap]
            for x in range(len(line)):
                total[x] += uint16(line[x] * weight)
        # The outer two together: enlarging has no others.
        above, below = image[first[target]], image[min(first[target] + last, len(image) - 1)]
        weight, weight_below = weights[target, 0], weights[target, last]
        blended = result[target]
        for x in range(len(blended)):
            blended[x] = (
                uint16(total[x] + above[x] * weight + below[x] * weight_below) >> _FILTER_BITS
            )
    return result


@njit(inline="always")
def _level(value: int) -> int:
    """Fixed point to 0..255."""
    return min(max(value >> int32(_COLOUR_BITS), int32(0)), int32(255))


@njit(inline="always")
def _rgb(y: int, cb: int, cr: int, coefficients: np.ndarray) -> tuple[int, int, int]:
    """Red, green and blue of one pixel, 0..255; `coefficients` as in `colour_coefficients`."""
    y, cb, cr = int32(y), int32(cb), int32(cr)
    luma = int32(coefficients[0] * y)
    red = int32(luma + coefficients[1] * cr + coefficients[5])
    green = int32(luma + coefficients[2] * cb + coefficients[3] * cr + coefficients[6])
    blue = int32(luma + coefficients[4] * cb + coefficients[7])
    return _level(red), _level(green), _level(blue)


@njit(inline="always")
def _gray(red: int, green: int, blue: int) -> int:
    return int32(2989 * int32(red) + 5870 * int32(green) + 1140 * int32(blue))


@njit(cache=True)
def rgb_of_planes(
    y: np.ndarray, cb: np.ndarray, cr: np.ndarray, coefficients: np.ndarray
) -> np.ndarray:
    """RGB (height, width, 3) uint8 of planes (height, width) uint8, C-contiguous."""
    result = np.empty((*y.shape, 3), np.uint8)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            red, green, blue = _rgb(y[i, j], cb[i, j], cr[i, j], coefficients)
            result[i, j, 0] = red
            result[i, j, 1] = green
            result[i, j, 2] = blue
    return result


@njit(cache=True)
def gray_of_planes(
    y: np.ndarray, cb: np.ndarray, cr: np.ndarray, coefficients: np.ndarray
) -> np.ndarray:
    """Gray levels times GRAY_SCALE, int32, of the RGB values of `rgb_of_planes`."""
    result = np.empty(y.shape, np.int32)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            red, green, blue = _rgb(y[i, j], cb[i, j], cr[i, j], coefficients)
            result[i, j] = _gray(red, green, blue)
    return result


@njit(cache=True)
def gray_of_rgb(frame: np.ndarray) -> np.ndarray:
    """Gray levels times GRAY_SCALE, (height, width) int32, of RGB (height, width, 3) uint8."""
    result = np.empty(frame.shape[:2], np.int32)
    for i in range(frame.shape[0]):
        for j in range(frame.shape[1]):
            result[i, j] = _gray(frame[i, j, 0], frame[i, j, 1], frame[i, j, 2])
    return result


@njit(cache=True)
def count_changes(
    gray: np.ndarray, previous: np.ndarray, limits: np.ndarray, totals: np.ndarray
) -> None:
    """Add 1, modulo 256, to totals[k] where gray levels differ by more than limits[k].

    gray, previous: (height, width) int32; limits: (K,) int32; totals: (K, height, width) uint8.
    """
    for i in range(gray.shape[0]):
        for k in range(len(limits)):
            new, old, total, limit = gray[i], previous[i], totals[k, i], limits[k]
            for j in range(gray.shape[1]):
                total[j] += uint8(abs(new[j] - old[j]) > limit)
