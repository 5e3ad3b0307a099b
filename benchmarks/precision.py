"""Agreement of embeddings in the precisions that an encoder may run in, on a CPU or a GPU.

    python benchmarks/precision.py [--encoder config/encoders/fusevad-small.yaml] [--images 120]
    python benchmarks/precision.py --model ViT-L-14     # random weights, the same for both towers

Both towers embed ten crops each of rendered frames of several videos and of motion cues counted in
these videos. The reference is float32 on the CPU. Compared with it are bfloat16, which towers use
on a GPU, and on a GPU float32 with and without TF32. Printed of each precision are the lowest and
the mean cosine to the reference, the lowest cosine after the mean embedding is taken off both (a
tower of random weights embeds all images alike, and a plain cosine then says little), and the
largest difference beside the reference's largest value.
"""

import argparse
import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch
from encoder import random_tower

from fusevad.cues.count import cue_counts, normalise
from fusevad.cues.settings import CueSettings
from fusevad.data.render.frames import iter_frames
from fusevad.data.render.plan import encoder_plans
from fusevad.data.render.settings import RenderSettings
from fusevad.encoders.clip import (
    Tower,
    load_cue_tower,
    load_image_tower,
    round_weights,
)
from fusevad.encoders.settings import EncoderSettings
from fusevad.parsing import parse, read_yaml
from fusevad.video.crops import crop_images
from fusevad.video.decode import FRAME_SIZE, SEGMENT_FRAMES
from fusevad.video.settings import CROP_COUNT

CROPS = tuple(range(CROP_COUNT))
CUES = CueSettings(windows=(16,), thresholds=(10,))


def pictures(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """At least `count` crops of frames, uint8, and as many of motion cues, float32 in 0..1."""
    videos = -(-count // CROP_COUNT)
    render = RenderSettings()
    frames, cues = [], []
    for plan in islice(encoder_plans(render, videos, seed=3), videos):
        segment = [
            cv2.resize(frame.image, FRAME_SIZE)
            for frame in islice(iter_frames(plan, render), SEGMENT_FRAMES)
        ]
        (counts,) = next(cue_counts(segment, CUES)).values()
        frames.append(crop_images(segment[0], CROPS, size))
        cues.append(crop_images(normalise(counts, CUES.windows[0], CUES), CROPS, size))
    return np.concatenate(frames), np.concatenate(cues)


def towers(arguments: argparse.Namespace) -> tuple[Tower, Tower]:
    """The towers of frames and of motion cues, float32 on the CPU."""
    if arguments.model is not None:
        tower, _ = random_tower(arguments.model, torch.device("cpu"))
        return tower, replace(tower, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    values = read_yaml(arguments.encoder) | {"name": arguments.encoder.stem}
    values.pop("align", None)
    settings = parse(EncoderSettings, values, str(arguments.encoder))
    # A GPU's towers have rounded weights already.
    with mock.patch("torch.cuda.is_available", return_value=False):
        return load_image_tower(settings), load_cue_tower(settings)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether float32 products on a GPU, in layers and convolutions, may round to TF32."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = allowed
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value


def embeddings(tower: Tower, images: np.ndarray, device: torch.device) -> dict[str, np.ndarray]:
    """Embeddings in each precision on the device, and the tower's own, named `reference`."""
    exact = replace(tower, model=copy.deepcopy(tower.model).to(device))
    found = {"reference": tower.embed(images)}
    if device.type == "cuda":
        for name, allowed in (("float32", False), ("float32 with TF32", True)):
            with tf32(allowed):
                found[name] = exact.embed(images)
    round_weights(exact.model, torch.bfloat16)
    return found | {"bfloat16": replace(exact, precision=torch.bfloat16).embed(images)}


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of each row with the same row."""
    product = (left.astype(np.float64) * right).sum(axis=1)
    return product / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def show(tower: str, found: dict[str, np.ndarray]) -> None:
    """A line a precision."""
    reference = found.pop("reference").astype(np.float64)
    for precision, vectors in found.items():
        cosine = cosines(vectors, reference)
        centred = cosines(vectors - vectors.mean(axis=0), reference - reference.mean(axis=0))
        print(
            f"{tower}, {precision}: cosine from {cosine.min():.6f}, mean {cosine.mean():.6f}; "
            f"centred from {centred.min():.6f}; largest difference "
            f"{np.abs(vectors - reference).max():.2e} of {np.abs(reference).max():.2e}"
        )


def main() -> None:
    """Compare the precisions of one encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path("config/encoders/fusevad-small.yaml")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--encoder", type=Path, default=default, help="configuration of an encoder")
    which.add_argument("--model", help="architecture of open_clip, with random weights instead")
    parser.add_argument("--images", type=int, default=120)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{arguments.model or arguments.encoder.stem}, {device}, {arguments.images} images")
    for name, tower, images in zip(
        ("frames", "motion cues"),
        (both := towers(arguments)),
        pictures(arguments.images, both[0].image_size),
        strict=True,
    ):
        show(name, embeddings(tower, images, device))


if __name__ == "__main__":
    main()
