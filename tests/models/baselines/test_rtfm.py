"""RTFM against loops, the released architecture as an independent computation, and its counts."""

import math

import pytest
import torch
from torch import nn

from fusevad.models.baselines.bags import FeatureOutput
from fusevad.models.baselines.masked import MaskedBatchNorm, SegmentConv
from fusevad.models.baselines.rtfm import NonLocal, TemporalNetwork, score_norm
from fusevad.models.output import Batch
from tests.made_up_bags import (
    ANOMALOUS,
    LABELS,
    LENGTHS,
    MASK,
    NORMAL,
    bags,
    check_one_kind_of_video_is_no_error,
    check_padding_changes_no_loss,
    cross_entropy,
    detector,
    parameters,
    rows,
    terms,
)


@pytest.mark.parametrize(
    ("width", "millions"), [(512, 1.81), (768, 3.78), (1024, 6.49), (2048, 24.72)]
)
def test_its_parameters_are_those_of_branches_of_a_quarter_of_the_width(width, millions):
    assert parameters("rtfm", width) / 1e6 == pytest.approx(millions, abs=0.005)


def released_temporal_network(w: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The released `Aggregate` on one unpadded video `T x D`, with plain operations."""

    def convolve(x, weight, bias, dilation):
        out = torch.zeros(len(x), len(weight))
        for t in range(len(x)):
            for tap in range(3):
                at = t + (tap - 1) * dilation
                if 0 <= at < len(x):
                    out[t] += weight[:, :, tap] @ x[at]
        return out if bias is None else out + bias

    def normed(x, prefix):
        scale = w[f"{prefix}.weight"] / (w[f"{prefix}.running_var"] + 1e-5).sqrt()
        return (x - w[f"{prefix}.running_mean"]) * scale + w[f"{prefix}.bias"]

    def linear(x, prefix):
        return x @ w[f"{prefix}.weight"].T + w[f"{prefix}.bias"]

    parts = []
    for i, dilation in enumerate((1, 2, 4)):
        out = convolve(x, w[f"dilated.{i}.weight"], w[f"dilated.{i}.bias"], dilation)
        parts.append(normed(out.relu(), f"norms.{i}"))
    reduced = (x @ w["reduce.weight"].T).relu()
    theta, phi, g = (linear(reduced, f"non_local.{name}") for name in ("theta", "phi", "g"))
    seen = (theta @ phi.T / len(x)) @ g
    parts.append(reduced + normed(linear(seen, "non_local.out"), "non_local.norm"))
    fused = convolve(torch.cat(parts, dim=1), w["fuse.weight"], None, 1)
    return x + normed(fused.relu(), "norm")


def test_the_temporal_network_repeats_the_released_computation_on_padded_videos():
    torch.manual_seed(3)
    network = TemporalNetwork(16)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.normal_()
    network.eval()
    x = bags().streams["rgb"]
    with torch.inference_mode():
        found = network(x, MASK)
        for video, row in enumerate(rows(x, list(range(len(LENGTHS))))):
            expected = released_temporal_network(network.state_dict(), row)
            torch.testing.assert_close(found[video, : len(row)], expected, atol=1e-4, rtol=1e-4)


def test_a_batch_norm_learns_from_real_segments_alone():
    norm, plain = MaskedBatchNorm(16), nn.BatchNorm1d(16)
    x = bags().streams["rgb"]
    found = norm(x, MASK)
    torch.testing.assert_close(found[MASK], plain(x[MASK]))
    assert not found[~MASK].any()
    torch.testing.assert_close(norm.running_mean, plain.running_mean)


def test_a_convolution_sees_padding_as_the_end_of_the_video():
    torch.manual_seed(4)
    conv = SegmentConv(16, 5, 3, dilation=2)
    x = bags().streams["rgb"]
    alone = conv(x[1:2, :7], MASK[1:2, :7])
    torch.testing.assert_close(conv(x, MASK)[1, :7], alone[0])


def test_the_non_local_block_starts_as_the_identity():
    x = bags().streams["rgb"]
    torch.testing.assert_close(NonLocal(16)(x, MASK)[MASK], x[MASK])


def selected(features: torch.Tensor, count) -> list[list[int]]:
    return [
        row.norm(dim=-1).topk(count(len(row))).indices.tolist()
        for row in rows(features, list(range(len(LENGTHS))))
    ]


@pytest.mark.parametrize(
    ("how", "count"), [("sixteenth", lambda n: n // 16 + 1), ("tenth", lambda n: max(1, n // 10))]
)
def test_every_term_is_a_loop_over_the_segments_of_largest_magnitude(how, count):
    weights = {"magnitude": 0.5, "score_norm": 0.25, "score_steps": 0.125, "margin": 300.0}
    model = detector("rtfm", loss={"selected": how, **weights})
    output, found = terms(model, bags())
    scores, chosen = output.logits.sigmoid(), selected(output.features, count)
    videos = [scores[i, places].mean() for i, places in enumerate(chosen)]
    expected = [cross_entropy(p, label) for p, label in zip(videos, LABELS, strict=True)]
    torch.testing.assert_close(found["classification"], sum(expected) / len(expected))
    sizes = [output.features[i, places].mean(dim=0).norm() for i, places in enumerate(chosen)]
    margin = 300 * math.sqrt(16 / 2048)
    gaps = [((margin - sizes[a]).abs() + sizes[n]) ** 2 for a in ANOMALOUS for n in NORMAL]
    torch.testing.assert_close(found["magnitude"], 0.5 * sum(gaps) / len(gaps))
    squares = [(s**2).mean() for s in rows(scores, ANOMALOUS)]
    torch.testing.assert_close(
        found["score_norm"], 0.25 * (32 * 32 * sum(squares) / len(squares)).sqrt()
    )
    steps = [
        32 / len(s) * sum((s[t + 1] - s[t]) ** 2 for t in range(len(s) - 1))
        for s in rows(scores, ANOMALOUS)
    ]
    torch.testing.assert_close(found["score_steps"], 0.125 * 32 * sum(steps) / len(steps))


def test_videos_whose_segments_all_score_1_have_losses():
    """Scores saturate at 1 in float32, and sums of equal shares of them may exceed 1."""
    lengths = torch.arange(1, 257)
    mask = torch.arange(256) < lengths[:, None]
    features = torch.randn(256, 256, 16, generator=torch.Generator().manual_seed(5))
    output = FeatureOutput(torch.full((256, 256), 30.0), features=features)
    batch = Batch({"rgb": features}, mask, torch.ones(256))
    assert detector("rtfm").losses(output, batch)["classification"] == pytest.approx(0, abs=1e-6)


def test_of_a_released_batch_the_norm_of_scores_is_that_of_one_vector():
    scores = torch.rand(32, 32, generator=torch.Generator().manual_seed(0))
    found = score_norm(scores, torch.ones(32, 32, dtype=torch.bool))
    torch.testing.assert_close(found, scores.flatten().norm())


def test_a_bag_of_hand_made_magnitudes_is_judged_by_its_largest_segments():
    model = detector("rtfm", loss={"selected": "tenth"})
    features = torch.zeros(*MASK.shape, 16)
    features[..., 0] = 0.1
    logits = torch.full(MASK.shape, -2.0)
    for video in range(len(LENGTHS)):
        features[video, 0, 0] = 5.0  # of 40 segments 4 are selected, of 33 three, else one
        logits[video, 0] = 1.0
    features[:, 1:4, 0] = 3.0
    output = FeatureOutput(logits, features=features)
    found = model.losses(output, bags())["classification"]
    high, low = torch.tensor(1.0).sigmoid(), torch.tensor(-2.0).sigmoid()
    videos = [(high + 3 * low) / 4, high, (high + 2 * low) / 3, high, high]
    expected = [cross_entropy(p, label) for p, label in zip(videos, LABELS, strict=True)]
    torch.testing.assert_close(found, sum(expected) / len(expected))


def test_selection_dropout_selects_among_the_segments_that_are_left():
    plain = detector("rtfm")
    dropped = detector("rtfm", selection_dropout=0.7)
    features = torch.rand(200, 40, 16, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(200, 40, dtype=torch.bool)
    best = features.norm(dim=-1).argmax(dim=1)
    for model, low, high in ((plain, 1.0, 1.0), (dropped, 0.15, 0.45)):
        chosen = model._select(features, mask)
        assert chosen.sum(dim=1).tolist() == [3] * 200
        share = chosen[torch.arange(200), best].float().mean()
        assert low <= share <= high


def test_without_its_temporal_network_it_scores_each_segment_alone():
    model = detector("rtfm", temporal_network=False).eval()
    x = bags().streams["rgb"]
    shuffled = torch.randperm(40, generator=torch.Generator().manual_seed(5))
    full = torch.ones_like(MASK)
    plain = model({"rgb": x}, full).logits[:, shuffled]
    torch.testing.assert_close(model({"rgb": x[:, shuffled]}, full).logits, plain)
    assert parameters("rtfm", 2048, temporal_network=False) == 1_114_881


def test_padding_changes_no_loss():
    check_padding_changes_no_loss(detector("rtfm", feature_dropout=0.0))


def test_a_batch_of_one_kind_of_video_is_no_error():
    check_one_kind_of_video_is_no_error(detector("rtfm"))
