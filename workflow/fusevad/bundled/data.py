"""Frames, motion cues and captions for training the bundled encoder.

Clips come from a namespace of scenes and seeds that the data set never uses. They are encoded to
H.264 and decoded again, so that the encoder sees the same compression as the data set.
"""

import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusevad.bundled.settings import EncoderDataSettings
from fusevad.csv_tables import read_csv, write_csv
from fusevad.cues.count import cue_counts, normalise
from fusevad.cues.settings import CueSettings, cue_name
from fusevad.data.render.dataset import render_video, renderer_digest
from fusevad.data.render.groundtruth import segment_captions
from fusevad.data.render.plan import VideoPlan, encoder_plans
from fusevad.data.render.settings import RenderSettings
from fusevad.files import atomic_path, settings_hash
from fusevad.parallel import in_processes
from fusevad.parsing import parse
from fusevad.plan.stage import STAGES
from fusevad.video.decode import SEGMENT_FRAMES, read_frames
from fusevad.video.pixels import PIXELS_VERSION

# Half of 340x256: a 112-pixel crop of it is a 224-pixel crop of the frame, halved.
STORED_SIZE = (170, 128)
_FRAMES_OF_SEGMENT = (4, 12)
_FIRST_CUE = cue_name(16, 10)


@dataclass(frozen=True, slots=True)
class EncoderData:
    """One row a segment: `frames` N x 2 x 128 x 170 x 3, `cues` N x 2 x 128 x 170, both uint8.

    The first cue of a segment is T = 16, tau = 10, the second one of the other settings.
    """

    frames: NDArray[np.uint8]
    cues: NDArray[np.uint8]
    captions: list[str]


def make_encoder_data(settings: EncoderDataSettings, folder: Path, workers: int) -> None:
    """Render the clips into `folder`: a file of arrays each, then `segments.csv`.

    Finished clips are kept, so a killed run resumes where it stopped.
    """
    render = parse(RenderSettings, settings.render, "render")
    plans = encoder_plans(render, settings.clips, settings.seed)
    # Another seed draws other scenes, not just other people in the same scenes.
    held_out = encoder_plans(render, settings.held_out_clips, settings.seed + 1)
    jobs = [(plan, "train") for plan in plans] + [(plan, "held-out") for plan in held_out]
    # Clips from other settings, another renderer or other counts must not be reused.
    versions = {"cues": STAGES["cues"].version, "pixels": PIXELS_VERSION}
    digest = settings_hash(asdict(settings) | versions | {"renderer": renderer_digest(render)})
    work = partial(_make_clip, settings=settings, render=render, folder=folder / digest)
    results = in_processes(work, [plan for plan, _ in jobs], workers, "encoder clips", "clip")
    rows = []
    for (plan, part), captions in zip(jobs, results, strict=True):
        place = {"file": f"{digest}/{plan.name}.npz", "part": part, "segment": range(len(captions))}
        rows.append(pd.DataFrame(place | {"caption": captions}))
    write_csv(pd.concat(rows, ignore_index=True), folder / "segments.csv")


def read_encoder_data(folder: Path, part: str) -> EncoderData:
    """All segments of `train` or `held-out` in memory (about 170 kB each)."""
    text = ("file", "part", "caption")
    table = read_csv(folder / "segments.csv", [*text, "segment"], text)
    table = table[table["part"] == part]
    clips = [np.load(folder / file) for file in table["file"].unique()]
    frames = np.concatenate([clip["frames"] for clip in clips])
    cues = np.concatenate([clip["cues"] for clip in clips])
    return EncoderData(frames, cues, table["caption"].tolist())


def _make_clip(
    plan: VideoPlan, settings: EncoderDataSettings, render: RenderSettings, folder: Path
) -> list[str]:
    """Write the arrays of one clip; return the captions of its segments."""
    captions = segment_captions(plan, render)
    final = folder / f"{plan.name}.npz"
    if final.exists():
        return captions
    with tempfile.TemporaryDirectory() as scratch:
        video = Path(scratch) / "clip.mp4"
        render_video(plan, render, video)
        images = list(read_frames(video))
    frames = [
        [_shrink(images[min(start + offset, len(images) - 1)]) for offset in _FRAMES_OF_SEGMENT]
        for start in range(0, len(images), SEGMENT_FRAMES)
    ]
    cue_settings = CueSettings("paper", settings.windows, settings.thresholds)
    names = {cue_name(t, tau): t for t in settings.windows for tau in settings.thresholds}
    others = [name for name in names if name != _FIRST_CUE]
    generator = np.random.default_rng(plan.seed)
    cues = []
    for counts in cue_counts(images, cue_settings):
        chosen = (_FIRST_CUE, str(generator.choice(others)))
        maps = [normalise(counts[name], names[name], cue_settings) for name in chosen]
        cues.append([np.rint(_shrink(cue) * 255).astype(np.uint8) for cue in maps])
    with atomic_path(final) as temporary:
        np.savez(temporary, frames=np.array(frames), cues=np.array(cues))
    return captions


def _shrink(image: NDArray[Any]) -> NDArray[Any]:
    return cv2.resize(image, STORED_SIZE, interpolation=cv2.INTER_AREA)
