"""Studies of trained detectors: masked features and noisy motion cues, on a tiny made-up run."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file
from scipy.stats import entropy, poisson
from sklearn.metrics import brier_score_loss

from fusevad.data.truth import read_test_videos
from fusevad.embed.store import default_device, open_streams
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import LabelledSegments
from fusevad.models.base import build
from fusevad.studies.masking import (
    bernoulli_divergence,
    brier_score,
    masked_dimensions,
    masked_streams,
)
from fusevad.studies.noise import noisy_counts
from fusevad.studies.settings import MaskingSettings, NoiseSettings
from tests.made_up_studies import DIM, SEEDS, TRAINING, World


def noise(world: World) -> NoiseSettings:
    return NoiseSettings(world.embed, "last", (0, 0.1, 20, 40))


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="module")
def masked(world, tmp_path_factory):
    settings = MaskingSettings("last", (0, 0.25, 1))
    return world.mask(world.run, tmp_path_factory.mktemp("masked"), settings)


@pytest.fixture(scope="module")
def noisy(world, tmp_path_factory):
    return world.add_noise(world.run, tmp_path_factory.mktemp("noisy"), noise(world))


def run_values(run: Path, protocol: str) -> pd.Series:
    seeds = pd.read_csv(run / "seeds.csv").query("protocol == @protocol")
    return seeds.set_index(["seed", "metric"])["value"].sort_index()


def frame_columns(world: World, run: Path, seed: int):
    """Labels and the scores' columns of all test frames of a seed, from the run's own files."""
    scores = pd.read_parquet(run / "scores.parquet").query("seed == @seed and protocol == 'last'")
    lengths = (scores["end"] - scores["start"]).to_numpy()
    labels = np.concatenate([v.labels for v in read_test_videos(world.manifest, world.intervals)])
    return labels, scores.loc[scores.index.repeat(lengths)]


def test_level_0_of_either_study_is_exactly_what_the_run_says(world, masked, noisy):
    for table in (masked[0], noisy):
        clean = table[(table["level"] == 0) & table["metric"].isin(["AUC", "AP"])]
        own = clean.set_index(["seed", "metric"])["value"].sort_index()
        assert len(own) == 2 * len(SEEDS)
        pd.testing.assert_series_equal(
            own, run_values(world.run, "last").loc[own.index], check_exact=True
        )


def test_clean_brier_and_weights_agree_with_the_runs_scores(world, masked):
    values = masked[0].query("masked == 'none'").set_index(["seed", "metric", "subset"])["value"]
    for seed in SEEDS:
        labels, frames = frame_columns(world, world.run, seed)
        assert values[seed, "KL", "all"] == 0
        expected = brier_score_loss(labels, frames["score"])
        assert values[seed, "Brier", "all"] == pytest.approx(expected, rel=1e-6)
        for stream in ("weight_rgb", "weight_motion"):
            for subset, chosen in (
                ("all", labels | ~labels),
                ("abnormal", labels),
                ("normal", ~labels),
            ):
                expected = frames[stream][chosen].mean()
                assert values[seed, stream, subset] == pytest.approx(expected, rel=1e-5)


def test_brier_and_divergence_are_those_of_sklearn_and_scipy():
    generator = np.random.default_rng(0)
    p, q = generator.uniform(0.01, 0.99, (2, 200))
    positive, negative = generator.integers(0, 9, (2, 200)).astype(float)
    segments = LabelledSegments(np.zeros(200, int), positive, negative)
    counts = np.stack([positive, negative], axis=1).astype(int)
    labels = np.repeat(np.tile([True, False], 200), counts.ravel())
    frames = np.repeat(np.arange(200), counts.sum(axis=1))
    expected = brier_score_loss(labels, p[frames])
    assert brier_score(segments, p) == pytest.approx(expected, abs=1e-12)
    expected = np.mean([entropy([p[k], 1 - p[k]], [q[k], 1 - q[k]]) for k in frames])
    assert bernoulli_divergence(segments, p, q) == pytest.approx(expected, abs=1e-12)
    one = LabelledSegments(np.zeros(1, int), np.ones(1), np.zeros(1))
    assert np.isfinite(bernoulli_divergence(one, np.array([1.0]), np.array([0.0])))


@pytest.mark.parametrize("stream", ["rgb", "motion"])
def test_masks_zero_dimensions_of_one_stream_and_never_segments(world, stream):
    streams = open_streams(world.streams, ("rgb", "motion"), "test")
    dimensions = masked_dimensions(3, 0, 0.25, DIM)
    changed = masked_streams(streams, stream, dimensions)
    other = "motion" if stream == "rgb" else "rgb"
    assert len(dimensions) == 6
    for video in read_test_videos(world.manifest, world.intervals):
        before, after = streams[stream][video.name], changed[stream][video.name]
        kept = np.setdiff1d(np.arange(DIM), dimensions)
        assert (after[..., dimensions] == 0).all()
        assert torch.equal(after[..., kept], before[..., kept])
        assert (before[..., dimensions] != 0).any()
        assert torch.equal(changed[other][video.name], streams[other][video.name])


def test_masks_grow_with_the_share_and_differ_by_seed_and_stream():
    masks = [set(masked_dimensions(0, 0, level, 768)) for level in (0.05, 0.1, 0.5)]
    assert masks[0] < masks[1] < masks[2]
    assert [len(mask) for mask in masks] == [38, 77, 384]
    others = masked_dimensions(1, 0, 0.5, 768), masked_dimensions(0, 1, 0.5, 768)
    assert all(set(other) != masks[2] for other in others)


@pytest.mark.parametrize(("method", "read"), [("image-only", "rgb"), ("motion-only", "motion")])
def test_only_streams_that_a_method_reads_are_masked(world, tmp_path, method, read):
    values, dimensions = world.mask(
        world.trained(method), tmp_path, MaskingSettings("last", (0.5,))
    )
    assert set(values["masked"]) == {"none", read}
    assert (values.query("masked == @read and metric == 'KL'")["value"] > 0).all()
    assert not values["metric"].str.startswith("weight").any()
    assert dimensions.empty


@pytest.mark.parametrize("stream", ["rgb", "motion"])
def test_changes_by_dimension_are_those_of_the_model_called_by_hand(world, masked, stream):
    place = ("rgb", "motion").index(stream)
    changes = masked[1].query("masked == @stream and level == 0.25 and seed == 1")
    dimensions = changes.loc[changes["is_masked"] == 1, "dimension"].to_numpy()
    np.testing.assert_array_equal(dimensions, masked_dimensions(1, place, 0.25, DIM))
    model = build("student-t", TRAINING.model, {"rgb": DIM, "motion": DIM}).eval()
    model.load_state_dict(load_file(world.run / "weights" / "seed-1-last.safetensors"))
    model.to(default_device())
    stores = list(open_streams(world.streams, ("rgb", "motion"), "test").stores.values())
    expected = []
    for video in read_test_videos(world.manifest, world.intervals):
        clean = [store[video.name][:, 1].float() for store in stores]
        zeroed = [x.clone() for x in clean]
        zeroed[place][:, dimensions] = 0
        for start in range(0, len(clean[0]), TRAINING.max_segments):
            before, after = (
                by_hand(model, [x[start : start + TRAINING.max_segments] for x in streams])[place]
                for streams in (clean, zeroed)
            )
            expected.append(after - before)
    mean = torch.cat(expected).mean(dim=0).numpy()
    np.testing.assert_allclose(changes["weight_change"], mean, atol=1e-6)


@torch.no_grad()
def by_hand(model, streams):
    """Weights of both streams, segments x D each."""
    mask = torch.ones(1, len(streams[0]), dtype=torch.bool, device=streams[0].device)
    named = {role: x[None] for role, x in zip(("rgb", "motion"), streams, strict=True)}
    return [weight[0].cpu() for weight in model(named, mask).weights.values()]


@pytest.mark.slow
def test_seeds_in_processes_give_the_same_tables(world, masked, tmp_path):
    again = world.mask(world.run, tmp_path, MaskingSettings("last", (0, 0.25, 1)), workers=2)
    for first, second in zip(masked, again, strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_noise_has_the_poisson_mean_and_stays_in_the_window():
    counts = np.zeros((256, 340), np.uint8)
    counts[0] = 16
    levels = (0.01, 0.1, 0.5)
    made = list(noisy_counts(counts, levels, 16, np.random.default_rng(0)))
    for level, noisy in zip(levels, made, strict=True):
        assert noisy.dtype == np.uint8
        assert (noisy[0] == 16).all()
        added = noisy[1:].astype(float)
        law = poisson(16 * level)
        expected = np.minimum(np.arange(100), 16) @ law.pmf(np.arange(100))
        assert added.mean() == pytest.approx(expected, abs=5 * law.std() / np.sqrt(added.size))
        assert (added == 0).mean() == pytest.approx(law.pmf(0), abs=0.01)
    assert (made[0] <= made[1]).all()
    assert (made[1] <= made[2]).all()


def test_noise_changes_scores_and_is_the_same_again(world, noisy, tmp_path):
    again = world.add_noise(world.run, tmp_path, noise(world))
    pd.testing.assert_frame_equal(noisy, again, check_exact=True)
    assert set(noisy["metric"]) == {"AUC", "AP", "Ano-AUC", "Ano-AP"}
    by_level = noisy.query("metric == 'AP'").pivot(index="seed", columns="level", values="value")
    assert (by_level[20] != by_level[0]).all()


def test_once_every_count_is_full_more_noise_changes_nothing(noisy):
    by_level = noisy.pivot(index=["seed", "metric"], columns="level", values="value")
    np.testing.assert_allclose(by_level[40], by_level[20])


def test_another_encoder_is_not_taken_for_noise(world, tmp_path):
    weights = tmp_path / "other.safetensors"
    torch.manual_seed(1)
    state = open_clip.create_model("studied").state_dict()
    save_file({k: v.numpy() for k, v in state.items() if k.startswith("visual.")}, weights)
    encoder = replace(world.embed.encoder, motion_cue_weights=str(weights))
    settings = NoiseSettings(replace(world.embed, encoder=encoder), "last", (0, 0.1))
    with pytest.raises(FusevadError, match="do not give the stored embeddings"):
        world.add_noise(world.run, tmp_path, settings)
    assert not (tmp_path / "noise.csv").exists()


def test_what_cannot_be_studied_is_one_clear_line(world, tmp_path):
    with pytest.raises(FusevadError, match="its weights are not kept; choose last or validation"):
        world.mask(world.run, tmp_path, MaskingSettings("oracle"))
    with pytest.raises(FusevadError, match="give each once, ascending"):
        NoiseSettings(world.embed, "last", (0.1, 0.05))
    run = partial(world.add_noise, settings=NoiseSettings(world.embed, "last", (0.1,)))
    with pytest.raises(FusevadError, match="reads no motion cues to add noise to"):
        run(world.trained("image-only"), tmp_path)
