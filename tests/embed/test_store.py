"""Stored embeddings as training and scoring read them."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusevad.embed.store import (
    EmbeddingStore,
    Streams,
    bin_segments,
    open_streams,
    pool_segments,
)
from fusevad.errors import FusevadError
from fusevad.train.inputs import TrainData
from tests.made_up_embeddings import write_stream
from tests.made_up_training import small, write_training_data

SETTINGS = small("student-t")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainData:
    return write_training_data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("n", [11, 40, 299])
def test_long_videos_are_pooled_by_the_mean_of_each_bin(n):
    x = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    borders = np.linspace(0, n, 11, dtype=np.int32)
    expected = np.stack([x[a:b].mean(0) for a, b in itertools.pairwise(borders)])
    pooled = pool_segments(torch.tensor(x), 10)
    np.testing.assert_allclose(pooled.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("n", [1, 3, 8, 11, 299])
def test_bins_are_those_of_the_released_codes_of_rtfm_and_ur_dmu(n):
    x = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    borders = np.linspace(0, n, 9, dtype=int)
    expected = [x[a:b].mean(0) if a != b else x[a] for a, b in itertools.pairwise(borders)]
    binned = bin_segments(torch.tensor(x), 8)
    np.testing.assert_allclose(binned.numpy(), np.stack(expected), atol=1e-6)


def test_test_videos_are_cut_in_chunks_that_keep_every_segment(data):
    streams = open_streams(data.streams, ("rgb", "motion"), "test")
    names = pd.read_csv(data.streams["rgb"])["video"]
    names = [name for name in names if streams.length(name) > 10][:2]
    chunks = streams.test_chunks(names, [1, 0], 10)
    kept = chunks.streams["rgb"][chunks.mask]
    expected = torch.cat([streams["rgb"][n][:, c].float() for n in names for c in (1, 0)])
    assert torch.equal(kept, expected)
    assert chunks.streams["rgb"].shape[1] == 10


def store(folder: Path, **sizes: tuple[int, int, int]) -> EmbeddingStore:
    rng = np.random.default_rng(0)
    tensors = {name: rng.normal(size=size).astype(np.float16) for name, size in sizes.items()}
    return EmbeddingStore(write_stream(folder, tensors), torch.device("cpu"))


def test_a_stream_without_crops_is_shared_by_the_crops_of_the_others(tmp_path):
    rgb, sound = store(tmp_path / "rgb", a=(3, 2, 8)), store(tmp_path / "audio", a=(3, 1, 5))
    streams = Streams({"rgb": rgb, "audio": sound})
    assert streams.crops == 2
    assert streams.widths == {"rgb": 8, "audio": 5}
    samples = streams.training_samples([("a", 0), ("a", 1)], lambda x: x)
    assert torch.equal(samples.streams["rgb"], rgb["a"].float().transpose(0, 1))
    for row in samples.streams["audio"]:
        assert torch.equal(row, sound["a"][:, 0].float())
    chunks = streams.test_chunks(["a"], [1, 0], 10)
    assert torch.equal(chunks.streams["rgb"][0], rgb["a"][:, 1].float())
    assert torch.equal(chunks.streams["audio"][1], sound["a"][:, 0].float())


@pytest.mark.parametrize(
    ("second", "error"),
    [((3, 1, 8), "sizes that differ"), ((3, 2, 4), "sizes that differ"), ((0, 2, 8), "are 0")],
)
def test_videos_of_other_crops_or_widths_within_a_stream_are_an_error(tmp_path, second, error):
    with pytest.raises(FusevadError, match=error):
        store(tmp_path, a=(3, 2, 8), b=second)


def test_a_video_of_other_lengths_in_two_streams_is_named_before_it_is_pooled(tmp_path):
    for role, length in (("rgb", 30), ("motion", 29)):
        store(tmp_path / role, a=(5, 1, 8), b=(length, 1, 8))
    indices = {role: tmp_path / role / "index.csv" for role in ("rgb", "motion")}
    with pytest.raises(FusevadError, match="of video b of streams rgb and motion have different"):
        open_streams(indices, ("rgb", "motion"), "test")


def test_streams_of_other_crops_or_lengths_are_an_error(tmp_path):
    ten, five = store(tmp_path / "ten", a=(3, 10, 8)), store(tmp_path / "five", a=(3, 5, 8))
    with pytest.raises(FusevadError, match=r"5 crops of stream motion.*has 10"):
        Streams({"rgb": ten, "motion": five})
    longer = store(tmp_path / "longer", a=(4, 10, 8))
    with pytest.raises(FusevadError, match="streams rgb and motion have different numbers"):
        Streams({"rgb": ten, "motion": longer}).test_chunks(["a"], [0], 10)
