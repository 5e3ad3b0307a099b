"""MIL ranking against loops over pairs and segments."""

import pytest
import torch

from fusevad.models.output import Output
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
    ("width", "count"), [(512, 279_105), (768, 410_177), (1024, 541_249), (4096, 2_114_113)]
)
def test_its_parameters_are_those_of_three_layers(width, count):
    assert parameters("mil", width) == count


def test_the_ranking_loss_is_a_loop_over_all_pairs_of_videos():
    output, found = terms(detector("mil"), bags())
    s = output.logits.sigmoid()
    pairs = [
        max(torch.tensor(0.0), 1 - a.max() + n.max())
        for a in rows(s, ANOMALOUS)
        for n in rows(s, NORMAL)
    ]
    torch.testing.assert_close(found["ranking"], sum(pairs) / len(pairs))


def test_smoothness_and_sparsity_are_loops_over_anomalous_videos_as_of_32_segments():
    model = detector("mil", loss={"smoothness": 0.5, "sparsity": 0.25})
    output, found = terms(model, bags())
    smooth, sparse = [], []
    for s in rows(output.logits.sigmoid(), ANOMALOUS):
        steps = sum((s[t] - s[t + 1]) ** 2 for t in range(len(s) - 1))
        smooth.append(32 / len(s) * steps)
        sparse.append(32 / len(s) * sum(s))
    torch.testing.assert_close(found["smoothness"], 0.5 * sum(smooth) / 3)
    torch.testing.assert_close(found["sparsity"], 0.25 * sum(sparse) / 3)


def test_weights_are_the_squares_of_all_layers_without_biases():
    model = detector("mil", loss={"weights": 2.0})
    _, found = terms(model, bags())
    squares = sum(w.double().pow(2).sum() for n, w in model.named_parameters() if "weight" in n)
    torch.testing.assert_close(found["weights"].double(), 2 * squares, rtol=1e-5, atol=0)


def test_the_common_loss_is_the_cross_entropy_of_the_highest_sixteenth_plus_one():
    output, found = terms(detector("mil", loss={"objective": "bce"}), bags())
    expected = [
        cross_entropy(row[:n].sigmoid().sort().values[-(n // 16 + 1) :].mean(), label)
        for row, n, label in zip(output.logits, LENGTHS, LABELS, strict=True)
    ]
    torch.testing.assert_close(found["bce"], sum(expected) / len(expected))
    assert "ranking" not in found


def test_a_bag_of_hand_made_scores_costs_what_the_paper_says():
    scores = torch.full(MASK.shape, 0.05)
    for video, value in enumerate((0.8, 0.3, 0.6, 0.1, 0.6)):  # 1 and 3 are normal
        scores[video, 0] = value
    found = detector("mil").losses(Output(scores.logit()), bags())
    hinges = [0.5, 0.3, 0.7, 0.5, 0.7, 0.5]
    assert found["ranking"].item() == pytest.approx(sum(hinges) / 6, abs=1e-5)


def test_the_second_layer_is_linear_and_the_score_a_sigmoid_of_the_third():
    model = detector("mil").eval()
    w = list(model.parameters())
    x = bags().streams["rgb"][0, 0]
    unit = x / x.square().sum().sqrt()
    hidden = (w[0] @ unit + w[1]).clamp(min=0)
    expected = w[4] @ (w[2] @ hidden + w[3]) + w[5]
    torch.testing.assert_close(model(bags().streams, MASK).logits[0, 0], expected[0])


def test_a_scaled_embedding_has_the_same_score_unless_told_otherwise():
    streams = bags().streams
    larger = {"rgb": 3 * streams["rgb"]}
    for normalise in (True, False):
        model = detector("mil", normalise=normalise).eval()
        same = torch.allclose(model(streams, MASK).logits, model(larger, MASK).logits, atol=1e-5)
        assert same == normalise


def test_padding_changes_no_loss():
    for objective in ("ranking", "bce"):
        check_padding_changes_no_loss(
            detector("mil", loss={"objective": objective}, unit_dropout=0.0)
        )


def test_a_batch_of_one_kind_of_video_is_no_error():
    check_one_kind_of_video_is_no_error(detector("mil"))
