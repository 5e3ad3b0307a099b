"""What moves where and how far: histograms of optical flow in the cells of a picture."""

import numpy as np
from numpy.typing import NDArray

from fusevad.embed.streams.flow.settings import FlowSettings


def histograms(flow: np.ndarray, settings: FlowSettings) -> NDArray[np.float32]:
    """Histograms of the directions of flow.

    Args:
        flow: (pictures, height, width, 2), pixels a frame to the right and down.
        settings: cells, directions and what counts as still.

    Returns:
        (pictures, grid x grid x (directions + 1)): for each cell, by rows, the distance moved in
        each direction (of equal angles, the first to the right, clockwise), and the share of
        pixels that are still; distances are summed over the cell and divided by its pixels.
    """
    count, height, width = flow.shape[:3]
    distance = np.hypot(flow[..., 0], flow[..., 1])
    moves = distance >= settings.still
    turn = np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi) * settings.directions
    direction = np.where(
        moves, np.rint(turn).astype(int) % settings.directions, settings.directions
    )
    rows = np.arange(height) * settings.grid // height
    columns = np.arange(width) * settings.grid // width
    cell = rows[:, None] * settings.grid + columns
    bins = settings.directions + 1
    places = (np.arange(count)[:, None, None] * settings.grid**2 + cell) * bins + direction
    sums = np.bincount(
        places.ravel(), np.where(moves, distance, 1.0).ravel(), count * settings.dim
    ).reshape(count, settings.grid**2, bins)
    pixels = np.bincount(cell.ravel(), minlength=settings.grid**2)
    return (sums / pixels[:, None]).reshape(count, -1).astype(np.float32)
