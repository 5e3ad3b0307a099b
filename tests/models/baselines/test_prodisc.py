"""ProDisc-VAD against loops over segments, and its counts."""

import math

import pytest
import torch
from torch.nn import functional

from tests.made_up_bags import (
    LABELS,
    LENGTHS,
    MASK,
    bags,
    check_one_kind_of_video_is_no_error,
    check_padding_changes_no_loss,
    cross_entropy,
    detector,
    parameters,
    rows,
    terms,
)

VIDEOS = list(range(len(LENGTHS)))
STILL = {"prototype_dropout": 0.0}


def test_its_parameters_are_the_0_44_million_of_the_paper():
    assert parameters("prodisc", 512) == 441_345


def test_a_segment_is_mixed_with_what_its_prototypes_say_in_shares_of_ten_and_five():
    model = detector("prodisc").eval()
    x = bags().streams["rgb"][0, 0]
    shares = torch.stack([key @ x / math.sqrt(16) for key in model.keys]).softmax(dim=0)
    said = sum(share * value for share, value in zip(shares, model.values, strict=True))
    mixed = 10 * x + 5 * said
    centred = mixed - mixed.mean()
    normed = centred / (centred.square().mean() + 1e-5).sqrt()
    features = functional.gelu(model.project.weight @ normed + model.project.bias)
    output = model(bags().streams, MASK)
    torch.testing.assert_close(output.features[0, 0], features, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(output.logits[0, 0], model.layers(features)[0])


@pytest.mark.parametrize("judged_by", ["mean", "each"])
def test_both_terms_are_loops_over_videos(judged_by):
    weights = {"bag": 2.0, "contrast": 3.0, "temperature": 0.5, "judged_by": judged_by}
    output, found = terms(detector("prodisc", loss=weights, **STILL), bags())
    costs, apart = [], []
    scores = output.logits.sigmoid()
    for s, x, label in zip(
        rows(scores, VIDEOS), rows(output.features, VIDEOS), LABELS, strict=True
    ):
        n = len(s)
        if judged_by == "each":
            costs += [cross_entropy(p, label) for p in s.sort().values[-math.ceil(n / 6) :]]
        else:
            costs.append(cross_entropy(s.sort().values[-(n // 16 + 1) :].mean(), label))
        for t in {int(s.argmax()), int(s.argmin())}:
            near = [torch.cosine_similarity(x[t], other, dim=0) / 0.5 for other in x]
            apart.append(-(near[t].exp() / sum(each.exp() for each in near)).log())
    torch.testing.assert_close(found["classification"], 2 * sum(costs) / len(costs))
    torch.testing.assert_close(found["contrast"], 3 * sum(apart) / len(apart))


def test_a_video_of_equal_features_has_the_contrast_of_chance():
    model = detector("prodisc", loss={"contrast": 1.0}, **STILL)
    batch = bags()
    batch.streams["rgb"][:] = 1.0
    expected = sum(math.log(n) for n in LENGTHS) / len(LENGTHS)
    # Of equal scores the first segment is the highest and the lowest.
    assert terms(model, batch)[1]["contrast"].item() == pytest.approx(expected, rel=1e-4)


def test_padding_changes_no_loss():
    check_padding_changes_no_loss(detector("prodisc", loss={"judged_by": "each"}, **STILL))


def test_a_batch_of_one_kind_of_video_is_no_error():
    check_one_kind_of_video_is_no_error(detector("prodisc"))
