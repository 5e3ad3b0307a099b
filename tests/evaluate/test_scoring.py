"""Scoring whole videos: long ones in batches that memory has room for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fusevad.embed.store import HeldEmbeddings, Streams
from fusevad.evaluate.scoring import TrainedDetector
from fusevad.models.base import build
from tests.made_up_training import DIM, small

ROLES = ("rgb", "motion")


@pytest.fixture
def detector() -> TrainedDetector:
    torch.manual_seed(0)
    settings = small("student-t", max_segments=4, test_crops=[0, 1])
    return TrainedDetector(build("student-t", settings.model, dict.fromkeys(ROLES, DIM)), settings)


def held(segments: int) -> Streams:
    """Random embeddings of one video, in two crops."""
    random = np.random.default_rng(0)
    stores = {}
    for role in ROLES:
        vectors = random.normal(size=(segments, 2, DIM)).astype(np.float16)
        tensors = {"a": torch.from_numpy(vectors)}
        stores[role] = HeldEmbeddings(Path("a.mp4"), tensors, torch.device("cpu"))
    return Streams(stores)


@pytest.mark.parametrize("segments", [1, 4, 203])
def test_each_chunk_is_scored_as_if_alone_and_crops_are_averaged(detector, segments):
    streams = held(segments)
    found = detector.score(streams, ["a"]).segments["a"][:, 0]
    expected = torch.zeros(segments)
    for crop in (0, 1):
        for start in range(0, segments, 4):
            chunk = {r: streams[r]["a"][start : start + 4, crop].float()[None] for r in ROLES}
            mask = torch.ones(1, chunk["rgb"].shape[1], dtype=torch.bool)
            with torch.inference_mode():
                logits = detector.model(chunk, mask).logits[0]
            expected[start : start + 4] += logits.sigmoid() / 2
    assert torch.allclose(found, expected, atol=1e-6)


def test_no_batch_grows_with_the_length_of_a_video(detector):
    rows = []
    detector.model.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[1])))
    detector.score(held(1000), ["a"])
    assert max(rows) <= 16
    assert sum(rows) == 2 * 250
