"""A GPU that runs out of memory while frames are embedded."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from tests.faults.project import DATA, Project, Reference, one_line
from tests.faults.trial import Fault, promise

_SHARD = DATA / "embeddings/fusevad-small.stride-16/rgb/shard-0.safetensors"
# Cosine of embeddings that were computed in batches of other sizes, at least.
_SAME = 0.9999
# Read by every Python that starts: an allocator that has room for so many pictures at once.
_ALLOCATOR = """
import torch
from fusevad.encoders.clip import Tower

def _scarce(self, images):
    if len(images) > {pictures}:
        raise torch.OutOfMemoryError("made up")
    return _forward(self, images)

_forward = Tower.forward
Tower.forward = _scarce
"""


def faults(reference: Reference, seed: int) -> Iterator[Fault]:
    """Memory for a few pictures, or for none."""
    tries = {f"room for {room}": partial(_scarce, reference, room) for room in (7, 3, 1)}
    promised = (
        "the batch halves until it fits, with the same embeddings but for rounding; one line if "
        "not even one picture fits"
    )
    name = "A GPU out of memory (a made-up allocator in the embedding job)"
    yield Fault(name, promised, tries | {"no room": partial(_none, reference)})


def _scarce(reference: Reference, room: int, folder: Path) -> dict[str, int]:
    project = reference.copy(folder, _SHARD)
    reference.job_well(project, _SHARD, **_with_room(project, room))
    found, expected = (load_file(each.folder / _SHARD) for each in (project, reference.project))
    promise(found.keys() == expected.keys(), "other videos")
    least = min(_cosine(found[video], expected[video]) for video in expected)
    promise(least >= _SAME, f"embeddings with a cosine of {least} to the undisturbed ones")
    return {}


def _none(reference: Reference, folder: Path) -> dict[str, int]:
    project = reference.copy(folder, _SHARD)
    one_line(reference.job(project, _SHARD, **_with_room(project, 0)), "GPU: out of memory")
    return {}


def _with_room(project: Project, pictures: int) -> dict[str, str]:
    """Variables under which a job has room for so many pictures at once."""
    first = project.folder / "scarce"
    first.mkdir()
    (first / "sitecustomize.py").write_text(_ALLOCATOR.format(pictures=pictures))
    return {"PYTHONPATH": f"{first}:{project.folder / 'workflow'}"}


def _cosine(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first.astype(np.float64), second.astype(np.float64)
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return float(((first * second).sum(axis=-1) / norms).min())
