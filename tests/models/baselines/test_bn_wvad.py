"""BN-WVAD against loops over pairs of segments, closed forms and its counts."""

import math

import pytest
import torch
from torch import Tensor

from fusevad.models.baselines.bn_wvad import mahalanobis, mean_hinge, score_norms, select
from fusevad.models.baselines.settings import BNWVADLoss
from tests.made_up_bags import (
    ANOMALOUS,
    LABELS,
    LENGTHS,
    MASK,
    NORMAL,
    bags,
    check_one_kind_of_video_is_no_error,
    check_padding_changes_no_loss,
    detector,
    parameters,
    rows,
    terms,
)

VIDEOS = list(range(len(LENGTHS)))


@pytest.mark.parametrize(("width", "millions"), [(512, 5.0), (1024, 5.8)])
def test_its_parameters_are_the_5_8_million_of_the_paper_on_i3d(width, millions):
    assert parameters("bn-wvad", width) / 1e6 == pytest.approx(millions, abs=0.05)


def test_a_distance_is_of_mahalanobis_to_the_running_mean():
    norm = torch.nn.BatchNorm1d(3)
    norm.running_mean[:] = torch.tensor([1.0, -2.0, 0.5])
    norm.running_var[:] = torch.tensor([4.0, 0.25, 1.0])
    x = torch.tensor([[[3.0, -1.0, 2.5]]])
    # Steps of 1, 2 and 2 standard deviations.
    torch.testing.assert_close(mahalanobis(x, norm), torch.tensor([[3.0]]), atol=1e-4, rtol=0)


def test_a_feature_at_the_mean_has_a_finite_gradient():
    norm = torch.nn.BatchNorm1d(3)
    x = torch.zeros(1, 1, 3, requires_grad=True)
    mahalanobis(x, norm).sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("scored_by", ["product", "distance", "classifier"])
def test_a_score_is_the_sum_of_distances_times_the_classifiers_brought_below_one(scored_by):
    model = detector("bn-wvad", scored_by=scored_by).eval()
    output = model(bags().streams, MASK)
    x = model.transformer(bags().streams["rgb"], MASK)
    distance = torch.zeros(MASK.shape)
    for layer, norm in zip(model.layers, model.norms, strict=True):
        x = x @ layer.weight.T + layer.bias
        standard = (x - norm.running_mean) / (norm.running_var + 1e-5).sqrt()
        distance += standard.square().sum(-1).sqrt()
        x = (standard * norm.weight + norm.bias).relu()
    classified = (x @ model.head.weight.T + model.head.bias)[..., 0].sigmoid()
    raw = {"product": distance * classified, "distance": distance}
    expected = classified if scored_by == "classifier" else raw[scored_by] / (1 + raw[scored_by])
    torch.testing.assert_close(output.logits.sigmoid()[MASK], expected[MASK])


def test_statistics_are_of_real_segments_and_distances_are_to_those_after_the_batch():
    model = detector("bn-wvad")
    output = model(bags().streams, MASK)
    features = model.layers[0](model.transformer(bags().streams["rgb"], MASK))[MASK]
    mean, variance = 0.1 * features.mean(0), 0.9 + 0.1 * features.var(0)
    torch.testing.assert_close(model.norms[0].running_mean, mean)
    torch.testing.assert_close(model.norms[0].running_var, variance)
    expected = ((features - mean).square() / (variance + 1e-5)).sum(-1).sqrt()
    torch.testing.assert_close(output.distances[0][MASK], expected)


def farthest(distances: Tensor, videos: list[int], count: int) -> set[tuple[int, int]]:
    """Video and segment of the `count` largest distances of some videos."""
    places = [(v, t) for v in videos for t in range(LENGTHS[v])]
    return set(sorted(places, key=lambda place: -distances[place])[:count])


def chosen_by_loop(distances: Tensor, selected: str) -> set[tuple[int, int]]:
    if selected == "sixteenth":
        return set().union(*(farthest(distances, [v], LENGTHS[v] // 16 + 1) for v in VIDEOS))
    total = sum(LENGTHS[v] for v in ANOMALOUS)
    chosen = farthest(distances, ANOMALOUS, int(0.4 * total))
    for v in ANOMALOUS:
        chosen |= farthest(distances, [v], max(1, int(0.2 * LENGTHS[v])))
    share = len(chosen) / total
    for v in NORMAL:
        chosen |= farthest(distances, [v], min(LENGTHS[v], int(share * LENGTHS[v]) + 1))
    return chosen


@pytest.mark.parametrize("selected", ["sample-and-batch", "sixteenth"])
def test_the_farthest_of_each_video_and_of_the_batch_are_selected(selected):
    generator = torch.Generator().manual_seed(4)
    distances = torch.rand(MASK.shape, generator=generator) + torch.arange(5)[:, None]
    found = select(distances, bags(), BNWVADLoss(selection=selected))
    assert {tuple(place.tolist()) for place in found.nonzero()} == chosen_by_loop(
        distances, selected
    )


@pytest.mark.parametrize("selected", ["sample-and-batch", "sixteenth"])
def test_every_term_is_a_loop_over_videos_and_pairs(selected):
    weights = {"normal_scores": 0.7, "separation": (2.0, 3.0), "selection": selected}
    output, found = terms(detector("bn-wvad", loss=weights), bags())
    norms = [
        math.sqrt(200 / len(row)) * sum(p**2 for p in row).sqrt()
        for row in rows(output.classified, NORMAL)
    ]
    torch.testing.assert_close(found["normal_scores"], 0.7 * sum(norms) / len(norms))
    for i, distances in enumerate(output.distances):
        chosen = chosen_by_loop(distances.detach(), selected)
        hinges = [
            max(distances[n] - distances[a] + 1, torch.tensor(0.0))
            for n in chosen
            for a in chosen
            if not LABELS[n[0]] and LABELS[a[0]]
        ]
        expected = weights["separation"][i] * sum(hinges) / len(hinges)
        torch.testing.assert_close(found[f"separation_{i + 1}"], expected)


def test_the_hinge_over_all_pairs_and_its_gradients_are_a_table_of_pairs():
    generator = torch.Generator().manual_seed(5)
    near, far = (3 * torch.rand(n, dtype=torch.float64, generator=generator) for n in (40, 70))
    near.requires_grad_(), far.requires_grad_()
    table = (near[:, None] - far + 1).relu().mean()
    torch.testing.assert_close(mean_hinge(near, far), table)
    expected = torch.autograd.grad(table, (near, far))
    torch.testing.assert_close(torch.autograd.grad(mean_hinge(near, far), (near, far)), expected)


def test_the_norm_of_200_equal_scores_is_that_of_the_released_code():
    scores = torch.full((1, 200), 0.3)
    found = score_norms(scores, torch.ones(1, 200, dtype=torch.bool))
    torch.testing.assert_close(found, torch.tensor([0.3 * math.sqrt(200)]))
    halved = score_norms(scores, torch.arange(200)[None] < 50)
    torch.testing.assert_close(halved, found)


def test_padding_changes_no_loss():
    check_padding_changes_no_loss(detector("bn-wvad"))


def test_a_batch_of_one_kind_of_video_is_no_error():
    check_one_kind_of_video_is_no_error(detector("bn-wvad"))
