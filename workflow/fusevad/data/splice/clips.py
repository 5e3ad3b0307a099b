"""The clips on disk: which ones decode, their lengths, and their picture and sound at one rate."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fusevad.data.label_tables import NORMAL
from fusevad.data.splice.sources import read_sources, source_groups
from fusevad.errors import FusevadError, refuse
from fusevad.files import sha256
from fusevad.parallel import in_processes
from fusevad.video.decode import VideoInfo, frame_edges, probe, read_frames
from fusevad.video.sound import sound_parts

FIGHT = "fight"
LIST = "videos.txt"
FOLDERS = {FIGHT: "fight", NORMAL: "noFight"}
_AGAIN = "fetch the data set again"


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip; `source` is its group of source videos.

    `frames`, `fps` and `variable_rate` are the file's own values, as in `VideoInfo`.
    """

    name: str
    path: Path
    kind: str
    source: str
    frames: int
    fps: float
    variable_rate: bool
    sha256: str

    def length(self, fps: int) -> int:
        """Number of frames at the rate `fps`; at least one."""
        return max(1, int(self.frames * fps / self.fps))


def find_clips(folder: Path, workers: int) -> list[Clip]:
    """All clips of the repository in `folder`, sorted by name, each decoded once.

    `folder` is the repository itself or contains it as a subfolder.

    Raises:
        FusevadError: clips can't be decoded, have no source, or are listed but missing; all such
            clips are named.
    """
    folder = _repository(folder)
    sources = read_sources(folder / LIST)
    clips = [
        (path.stem, kind, path)
        for kind, name in FOLDERS.items()
        for path in sorted((folder / name).glob("*.mp4"))
    ]
    _check_names(folder, [name for name, _, _ in clips], set(sources))
    found = {name: (kind, path) for name, kind, path in clips}
    names = sorted(found)
    outcomes = list(
        in_processes(_probe, [found[name][1] for name in names], workers, "reading clips", "clip")
    )
    bad = [outcome for outcome in outcomes if isinstance(outcome, str)]
    if bad:
        refuse(bad, f"{folder}: {len(bad)} of {len(names)} clips can't be used; get them again")
    groups = source_groups(sources)
    return [
        Clip(
            name=name,
            path=found[name][1],
            kind=found[name][0],
            source=groups[name],
            frames=info.frames,
            fps=info.fps,
            variable_rate=info.variable_rate,
            sha256=digest,
        )
        for name, (info, digest) in zip(names, outcomes, strict=True)
    ]


def clips_digest(clips: list[Clip]) -> str:
    """A hash of the clips' content and sources, independent of their folder."""
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(f"{clip.name} {clip.kind} {clip.source} {clip.sha256}\n".encode())
    return digest.hexdigest()


def clip_images(
    clip: Clip, start: int, count: int, fps: int, size: tuple[int, int]
) -> Iterator[np.ndarray]:
    """BGR frames (height, width, 3) start, ..., start + count - 1 of a clip resampled to `fps`.

    Each is the clip's frame nearest in time, without blending, so a clip with a lower rate repeats
    frames. The picture is stretched to `size` (width, height).

    Raises:
        FusevadError: the clip has too few frames.
    """
    wanted = _nearest(clip, np.arange(start, start + count), fps)
    position = 0
    for index, image in enumerate(read_frames(clip.path, size)):
        while position < count and wanted[position] == index:
            yield cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
            position += 1
        if position == count:
            return
    raise FusevadError(f"{clip.path}: fewer than its {clip.frames} frames decode now; {_AGAIN}")


def _nearest(clip: Clip, numbers: np.ndarray, fps: int) -> list[int]:
    """For each frame at `fps`, the number of the clip's frame that begins nearest to it."""
    if clip.variable_rate:
        begins = frame_edges(clip.path, clip.frames)[:-1]
        return np.searchsorted((begins[1:] + begins[:-1]) / 2, numbers / fps, "right").tolist()
    nearest = (numbers * clip.fps / fps + 0.5).astype(np.int64)
    return np.minimum(nearest, clip.frames - 1).tolist()


def clip_sound(clip: Clip, start: float, seconds: float, rate: int) -> np.ndarray:
    """Mono samples in -1..1, (round(seconds * rate),) float32, from second `start` of a clip.

    Time counts from its first frame; where the clip has no sound, it is silent.

    Raises:
        FusevadError: the sound can't be decoded.
    """
    first, count = round(start * rate), round(seconds * rate)
    (samples,) = sound_parts(clip.path, (first, first + count), rate, least_share=0)
    return np.zeros(count, np.float32) if samples is None else samples.clip(-1, 1)


def _repository(folder: Path) -> Path:
    places = [path.parent for path in (folder / LIST, *sorted(folder.glob(f"*/{LIST}")))]
    for place in places:
        if (place / LIST).is_file():
            return place
    raise FusevadError(f"{folder}: no {LIST} here or in a subfolder; {_AGAIN}")


def _check_names(folder: Path, clips: list[str], listed: set[str]) -> None:
    found = set(clips)
    if not found:
        raise FusevadError(f"{folder}: no clips in fight/ and noFight/; {_AGAIN}")
    for names, what in (
        (Counter(clips) - Counter(found), "in fight/ and in noFight/; remove each from one"),
        (found - listed, "no source in videos.txt, so they can't be split; add it there"),
        (listed - found, f"listed in videos.txt but missing; {_AGAIN}"),
    ):
        if names:
            raise FusevadError(f"{folder}: clips {', '.join(sorted(names))}: {what}")


def _probe(path: Path) -> tuple[VideoInfo, str] | str:
    try:
        return probe(path), sha256(path)
    except FusevadError as error:
        reason = str(error).partition(";")[0]  # its advice is for videos that may be skipped
        return f"{reason}; {_AGAIN}"
