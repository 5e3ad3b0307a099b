"""Encode a film that browsers play and seek in."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

# Of a second: fine enough for the time stamps of every common rate.
_TICK = Fraction(1, 90_000)
# Seconds between pictures that decode alone: a browser decodes at most so much for a seek.
_KEY_SECONDS = 1.0


def encode_film(
    pictures: Iterable[NDArray[np.uint8]],
    size: tuple[int, int],
    edges: NDArray[np.floating],
    path: Path,
    crf: int = 27,
) -> None:
    """Write RGB pictures as H.264 in MP4, its index in front; overwrites `path`.

    Without pictures that refer to later ones, the film begins at second 0 in every browser.

    Args:
        pictures: (height, width, 3).
        size: their width and height, both even.
        edges: (pictures + 1,) seconds; picture k is shown from edge k to edge k + 1.
        path: an `.mp4`.
        crf: quality, 0 (best) to 51.
    """
    rate = Fraction((len(edges) - 1) / float(edges[-1])).limit_denominator(1000)
    options = {"movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = _TICK
        keys = max(1, round(_KEY_SECONDS * rate))
        stream.options = {
            "preset": "veryfast",
            "crf": str(crf),
            "g": str(keys),
            "bf": "0",
            "threads": "1",
        }
        last = -1
        for number, picture in enumerate(pictures):
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            # Pictures of one time are a tick apart: a film has no two at once.
            last = max(round(float(edges[number]) / _TICK), last + 1)
            frame.pts, frame.time_base = last, _TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
