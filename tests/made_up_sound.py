"""Videos with sound that a test writes."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FPS = 20
SIZE = (64, 48)


def tone_at(seconds: float, rate: int, burst: tuple[float, float]) -> np.ndarray:
    """Silence with a tone of 500 Hz from `burst[0]` to `burst[1]`, float32."""
    times = np.arange(int(seconds * rate)) / rate
    on = (times >= burst[0]) & (times < burst[1])
    return (0.5 * np.sin(2 * np.pi * 500 * times) * on).astype(np.float32)


def write_sounding(
    path: Path,
    frames: int,
    channels: Sequence[np.ndarray] = (),
    rate: int = 16000,
    codec: str = "pcm_s16le",
    starts: float = 0.0,
    first_frame: float = 0.0,
    clock: Fraction = Fraction(1, 1000),
) -> Path:
    """A video with sound of some channels, which starts at a time of its own; returns `path`.

    Args:
        path: its suffix says the container.
        frames: number of flat pictures.
        channels: samples in -1..1 of each channel; none for a video without sound.
        rate: samples a second.
        codec: of the sound.
        starts: seconds at which the sound starts.
        first_frame: seconds at which the first picture is shown.
        clock: seconds of a step of the pictures' time stamps.
    """
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.time_base = clock
        video.codec_context.max_b_frames = 0
        layout = "stereo" if len(channels) == 2 else "mono"
        sound = container.add_stream(codec, rate=rate, layout=layout) if len(channels) else None
        for number in range(frames):
            picture = np.full((SIZE[1], SIZE[0], 3), 20 + number % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round((first_frame + number / FPS) / clock), clock
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None:
            _encode(container, sound, np.stack(channels), rate, layout, starts)
    return path


def _encode(container, sound, samples: np.ndarray, rate: int, layout: str, starts: float) -> None:
    size = sound.codec_context.frame_size or 1024
    planar = sound.codec_context.format.name.endswith("p")
    for start in range(0, samples.shape[1], size):
        block = samples[:, start : start + size]
        if sound.codec_context.format.name.startswith("s16"):
            block = np.rint(block * 32767).astype(np.int16)
        block = block if planar else block.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block), sound.codec_context.format.name, layout
        )
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round(starts * rate) + start
        container.mux(sound.encode(frame))
    container.mux(sound.encode())
