"""Encode frames and sound to an mp4 file: H.264 and AAC from PyAV's own libraries."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from fusevad.data.render.settings import RenderSettings

AUDIO_BLOCK = 1024


def write_video(
    path: Path,
    images: Iterable[np.ndarray],
    samples: np.ndarray,
    fps: int,
    settings: RenderSettings,
) -> None:
    """Write BGR images (H, W, 3) and mono samples in -1..1 to `path`; overwrites it."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height = settings.width, settings.height
        video.pix_fmt = "yuv420p"
        video.time_base = Fraction(1, fps)
        video.options = {"preset": settings.preset, "crf": str(settings.crf), "threads": "1"}
        audio = container.add_stream("aac", rate=settings.sample_rate, layout="mono")
        audio.bit_rate = 32000
        audio.options = {"aac_coder": "fast"}  # the default coder takes five times as long
        for index, image in enumerate(images):
            planes = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for start in range(0, len(samples), AUDIO_BLOCK):
            block = np.ascontiguousarray(samples[None, start : start + AUDIO_BLOCK])
            sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            sound.sample_rate = settings.sample_rate
            sound.pts, sound.time_base = start, Fraction(1, settings.sample_rate)
            container.mux(audio.encode(sound))
        container.mux(audio.encode())
