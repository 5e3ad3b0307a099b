"""Videos that a test writes or spoils, and real clips where they are beside the repository."""

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fusevad.errors import FusevadError
from fusevad.video.decode import probe, read_frames

CLIPS = Path(__file__).parents[2] / "shared/data/surveillance-fight"
RATE = 16000  # of sound


def write_video(
    path: Path,
    frames: int,
    size: tuple[int, int] = (64, 48),
    fps: int = 20,
    seed: int = 0,
    codec: str = "libx264",
    **options: str,
) -> Path:
    """Encode moving blocks on a textured background; returns `path`."""
    random = np.random.default_rng(seed)
    width, height = size
    background = np.kron(random.integers(0, 200, (height // 8, width // 8, 3)), np.ones((8, 8, 1)))
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for time in range(frames):
            image = background.copy()
            left = (3 * time) % (width - 12)
            image[8:28, left : left + 12] = [220, 30 + 2 * (time % 50), 90]
            frame = av.VideoFrame.from_ndarray(image.astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first `share` of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Make longer writes fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def error_of(path: Path) -> str:
    """What reading a video says of it: one line that names the file."""
    with pytest.raises(FusevadError) as caught:
        list(read_frames(path))
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    with pytest.raises(FusevadError) as probed:
        probe(path)
    assert str(probed.value) == message
    return message


def write_stamped(
    path: Path,
    stamps: Sequence[int],
    clock: Fraction,
    rate: Fraction = Fraction(25),
    codec: str = "libx264",
    sound_seconds: float = 0,
    **options: str,
) -> Path:
    """Encode a frame for each time stamp, a number of steps of the clock; returns `path`.

    Frame k is a flat gray of its own, 20 + 5 (k modulo 40), with noise that makes packets large.
    """
    random = np.random.default_rng(0)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = clock
        stream.codec_context.max_b_frames = 0
        sound = container.add_stream("aac", rate=RATE, layout="mono") if sound_seconds else None
        for number, stamp in enumerate(stamps):
            picture = np.full((48, 64, 3), 20 + 5 * (number % 40), np.uint8)
            picture[:16] = random.integers(0, 256, (16, 64, 3))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for start in range(0, int(sound_seconds * RATE), 1024):
            tone = np.sin(np.arange(start, start + 1024) / 9).astype(np.float32)[None]
            block = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            block.sample_rate, block.pts, block.time_base = (
                RATE,
                start,
                Fraction(1, RATE),
            )
            container.mux(sound.encode(block))
        if sound is not None:
            container.mux(sound.encode())
    return path


def with_one_time(path: Path, picture: int, sound: int) -> Path:
    """A Matroska file of 8 s; a picture and a packet of sound have the time of the one before."""
    whole = path.with_name("whole.mkv")
    write_stamped(
        whole, range(0, 8000, 40), Fraction(1, 1000), codec="mjpeg", sound_seconds=8 if sound else 0
    )
    number = {"video": picture, "audio": sound}
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        streams = {each: target.add_stream_from_template(each) for each in source.streams}
        seen: dict[str, list[int]] = {"video": [], "audio": []}
        for packet in source.demux():
            kind = packet.stream.type
            if packet.pts is None:
                continue
            if number[kind] and len(seen[kind]) == number[kind]:
                packet.pts = packet.dts = seen[kind][-1]
            seen[kind].append(packet.pts)
            packet.stream = streams[packet.stream]
            target.mux(packet)
    return path


def in_another_container(path: Path, other: Path) -> Path:
    """The packets of a video in a file of another format, at `other`."""
    with av.open(str(path)) as source, av.open(str(other), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return other


def frames_of(film: Path) -> list[av.VideoFrame]:
    """All frames of a video, decoded without the code under test."""
    with av.open(str(film)) as container:
        return list(container.decode(video=0))


def shown(film: Path) -> list[bytes]:
    """The pictures of a film: x264 may write other bytes for them on processors with AVX-512."""
    return [frame.to_ndarray().tobytes() for frame in frames_of(film)]
