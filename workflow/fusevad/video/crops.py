"""The ten crops of 224x224 pixels from a 340x256 frame that the literature embeds."""

import cv2
import numpy as np

from fusevad.video.decode import FRAME_SIZE

CROP_SIZE = 224

_RIGHT = FRAME_SIZE[0] - CROP_SIZE
_BOTTOM = FRAME_SIZE[1] - CROP_SIZE
# (top, left) of centre, top left, top right, bottom left, bottom right: the released code's order.
_CORNERS = (
    (_BOTTOM // 2, _RIGHT // 2),
    (0, 0),
    (0, _RIGHT),
    (_BOTTOM, 0),
    (_BOTTOM, _RIGHT),
)


def crop_images(
    image: np.ndarray, crops: tuple[int, ...], size: int, out: np.ndarray | None = None
) -> np.ndarray:
    """Cut crops out of a frame or a motion cue and resize them for an encoder.

    Crop 0 is the centre, 1 to 4 are the corners (top left, top right, bottom left, bottom right),
    5 to 9 are the mirror images of 0 to 4.

    Args:
        image: (256, 340, channels) uint8, (256, 340) float32, or, if `size` is 224, the uint8
            counts of a motion cue.
        crops: numbers of the wanted crops, 0..9.
        size: side of the result in pixels; 224 keeps the pixels as they are.
        out: where to write the result, such as a part of the encoder's batch; allocating memory
            costs more than the crops themselves.

    Returns:
        (crops, size, size[, channels]) of the image's type. Shrinking averages areas
        (antialiased); enlarging is bicubic.
    """
    shape = (len(crops), size, size, *image.shape[2:])
    result = np.empty(shape, image.dtype) if out is None else out
    resized: dict[int, np.ndarray] = {}
    for position, crop in enumerate(crops):
        corner = crop % len(_CORNERS)
        if corner not in resized:
            resized[corner] = _resize(_cut(image, corner), size)
        if crop < len(_CORNERS):
            result[position] = resized[corner]
        else:
            cv2.flip(resized[corner], 1, dst=result[position])
    return result


def _cut(image: np.ndarray, corner: int) -> np.ndarray:
    top, left = _CORNERS[corner]
    return image[top : top + CROP_SIZE, left : left + CROP_SIZE]


def _resize(image: np.ndarray, size: int) -> np.ndarray:
    if size == CROP_SIZE:
        return image
    interpolation = cv2.INTER_AREA if size < CROP_SIZE else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=interpolation)
