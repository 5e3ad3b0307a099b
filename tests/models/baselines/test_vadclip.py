"""VadCLIP against loops over windows, segments and classes, and its counts."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fusevad.encoders.text import ClassNames
from fusevad.errors import FusevadError
from fusevad.models.base import build
from fusevad.models.baselines.local_graphs import similarities
from fusevad.models.baselines.settings import VadCLIPSettings
from fusevad.models.registry import find
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
from tests.made_up_texts import LENGTHS as WORDS
from tests.made_up_texts import NAMES, class_texts

VIDEOS = list(range(len(LENGTHS)))


@pytest.mark.parametrize(("settings", "millions"), [({}, 12.64), ({"blocks": 1}, 9.49)])
def test_its_parameters_are_those_of_ucf_crime_and_xd_violence_beside_clip(settings, millions):
    known = find("vadclip")
    clip = ClassNames(NAMES, 77, 512, 512)  # ViT-B/16
    model = build("vadclip", known.model(**settings), {"rgb": 512}, known.loss(), clip)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def gelu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-1.702 * x))


def norm(x: Tensor, layer: torch.nn.LayerNorm) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return (
        layer.weight * centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        + layer.bias
    )


def network(x: Tensor, layers: torch.nn.Sequential) -> Tensor:
    first, _, last = layers
    return gelu(x @ first.weight.T + first.bias) @ last.weight.T + last.bias


def attended(x: Tensor, attention: torch.nn.MultiheadAttention) -> Tensor:
    q, k, v = (x @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, dim=-1)
    read = (q @ k.T / math.sqrt(x.shape[-1])).softmax(dim=-1) @ v
    return read @ attention.out_proj.weight.T + attention.out_proj.bias


def graph(x: Tensor, weights: Tensor, layers) -> Tensor:
    for layer in layers:
        skipped = x
        if layer.skip is not None:
            skipped = functional.conv1d(x.T[None], layer.skip.weight, layer.skip.bias, padding=2)[
                0
            ].T
        x = gelu(weights @ x @ layer.weight + skipped)
    return x


def encoded(model, x: Tensor) -> Tensor:
    """The temporal model on one video, by the paper's formulas, windows one after the other."""
    temporal = model.temporal
    x = x + temporal.places[: len(x)]
    for block in temporal.blocks:
        normed = norm(x, block.attention_norm)
        x = x + torch.cat([attended(part, block.attention) for part in normed.split(8)])
        x = x + network(norm(x, block.feed_forward_norm), block.feed_forward)
    similar = torch.zeros(len(x), len(x))
    near = torch.zeros(len(x), len(x))
    for i, first in enumerate(x):
        for j, second in enumerate(x):
            cosine = first @ second / (first.norm() * second.norm())
            similar[i, j] = cosine if cosine > 0.7 else 0.0
            near[i, j] = math.exp(-abs(i - j) / math.e)
    weights = similar.exp() / similar.exp().sum(dim=1, keepdim=True)
    parts = graph(x, weights, temporal.similar), graph(x, near, temporal.near)
    return torch.cat(parts, dim=-1) @ temporal.out.weight.T + temporal.out.bias


@pytest.fixture(scope="module")
def small():
    """A detector and what it says of bags, in training."""
    model = detector("vadclip")
    with torch.no_grad():
        return model, model(bags().streams, MASK)


def test_scores_are_those_of_the_papers_formulas_video_by_video(small):
    model, output = small
    for video in (1, 2):
        with torch.no_grad():
            x = encoded(model, bags().streams["rgb"][video, : LENGTHS[video]])
            refined = x + network(x, model.refine)
            expected = (refined @ model.classifier.weight.T + model.classifier.bias)[:, 0]
        found = output.logits[video, : LENGTHS[video]]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def texts_by_loop(model) -> list[Tensor]:
    """Each class's text, its tokens put among the learned vectors of their places."""
    texts = class_texts(16)
    found = []
    for tokens, words in zip(texts.tokens, WORDS, strict=True):
        places = list(model.prompts.context.detach()[: 22 + words])
        places[0], places[-1] = tokens[0], tokens[words + 1]
        places[11 : 11 + words] = tokens[1 : 1 + words]
        end = torch.tensor([len(places) - 1])
        found.append(texts.tower.encode(torch.stack(places)[None], end)[0])
    return found


def test_texts_are_ten_learned_vectors_a_name_and_ten_more_read_at_the_end_token(small):
    model, output = small
    torch.testing.assert_close(output.texts, torch.stack(texts_by_loop(model)))


def test_similarities_are_cosines_to_texts_that_a_videos_own_prompt_shifts(small):
    model, output = small
    for video in (1, 2):
        n = LENGTHS[video]
        with torch.no_grad():
            x = encoded(model, bags().streams["rgb"][video, :n])
            prompt = sum(
                logit * each for logit, each in zip(output.binary[video, :n], x, strict=True)
            )
            for c, text in enumerate(texts_by_loop(model)):
                shifted = text + prompt / prompt.norm()
                shifted = shifted + network(shifted, model.prompt)
                cosines = x @ shifted / (x.norm(dim=-1) * shifted.norm()) / 0.07
                found = output.similarities[video, :n, c]
                torch.testing.assert_close(found, cosines, atol=2e-4, rtol=1e-3)


def test_every_term_is_a_loop_over_videos_and_classes(small):
    weights = {"text_alignment": 0.7, "text_separation": 0.3}
    output, found = terms(detector("vadclip", loss=weights), bags())
    binary, aligned = [], []
    for v, (label, shown) in enumerate(zip(LABELS, bags().classes, strict=True)):
        n, k = LENGTHS[v], LENGTHS[v] // 16 + 1
        highest = output.binary[v, :n].sigmoid().sort().values[-k:]
        binary.append(cross_entropy(highest.mean(), label))
        bag = [column.sort().values[-k:].mean() for column in output.similarities[v, :n].T]
        total = sum(value.exp() for value in bag)
        names = shown or ("normal",)
        shares = [(bag[NAMES.index(name)].exp() / total).log() for name in names]
        aligned.append(-sum(shares) / len(names))
    torch.testing.assert_close(found["classification"], sum(binary) / len(binary))
    torch.testing.assert_close(found["text_alignment"], 0.7 * sum(aligned) / len(aligned))
    normal, *others = output.texts
    alike = [(normal @ other / (normal.norm() * other.norm())).abs() for other in others]
    torch.testing.assert_close(found["text_separation"], 0.3 * sum(alike) / len(alike))


def test_similarities_of_a_graph_below_a_threshold_count_as_none():
    x = torch.tensor([[[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [9.0, 9.0]]])
    found = similarities(x, torch.tensor([[True, True, True, False]]))[0]
    row = torch.tensor([1.0, 0.8, 0.0]).exp()
    torch.testing.assert_close(found[0, :3], row / row.sum())
    assert not found[:, 3].any()


def test_classes_have_probabilities_outside_training_and_a_score_of_their_own():
    binary, classes = detector("vadclip").eval(), detector("vadclip", head="classes").eval()
    output = binary(bags().streams, MASK)
    assert tuple(output.classes) == NAMES
    torch.testing.assert_close(sum(output.classes.values()), torch.ones(MASK.shape))
    scored = classes(bags().streams, MASK).logits.sigmoid()
    torch.testing.assert_close(scored, 1 - output.classes["normal"], atol=1e-5, rtol=1e-4)


def test_a_text_is_learned_through_the_frozen_tower():
    model = detector("vadclip")
    before = {name: each.clone() for name, each in model.prompts.frame.tower.weights.items()}
    sum(terms(model, bags())[1].values()).backward()
    read = model.prompts.context.grad.abs().sum(dim=1) > 0
    # Of 25 places in the longest text start, end and a first token of names are given to all.
    given = [0, 11, *range(24, 32)]
    assert (~read).nonzero().flatten().tolist() == given
    assert not any(weight.requires_grad for weight in before.values())
    assert not [name for name in model.state_dict() if "tower" in name]


def test_a_trained_detector_scores_without_the_text_tower():
    model = detector("vadclip").eval()
    settings = VadCLIPSettings()
    loss = find("vadclip").loss()
    alone = build("vadclip", settings, {"rgb": 16}, loss, class_texts(16).classes).eval()
    alone.load_state_dict(model.state_dict())
    for first, second in zip(
        model(bags().streams, MASK).classes.values(),
        alone(bags().streams, MASK).classes.values(),
        strict=True,
    ):
        assert torch.equal(first, second)
    with pytest.raises(FusevadError, match="without a text tower they can't be learned"):
        alone.train()(bags().streams, MASK)


def test_texts_that_changed_in_training_are_embedded_anew_where_it_is_left():
    model = detector("vadclip").eval()
    before = model.prompts.features.clone()
    with torch.no_grad():
        model.train().prompts.context *= -9.0
    assert not torch.allclose(model.eval().prompts.features, before)
    torch.testing.assert_close(model.prompts.features, torch.stack(texts_by_loop(model)))


def test_without_language_there_is_one_head_and_no_text():
    model = detector("vadclip", language=False)
    output, found = terms(model, bags())
    assert set(found) == {"classification"} and not output.classes
    left = parameters("vadclip", 16) - parameters("vadclip", 16, language=False)
    context, prompt = 32 * 8, 2 * 16 * 64 + 64 + 16
    assert left == context + prompt


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ({"context": 14}, "class 'vehicle-on-pavement': its name and 28 learned vectors have 33"),
        ({"places": 30}, "40 segments, and positions for 30"),
        ({"block_heads": 3}, "3 heads do not divide an embedding of 16"),
        ({"language": False, "head": "classes"}, "told apart by texts alone"),
    ],
)
def test_what_does_not_fit_is_one_line(model, error):
    with pytest.raises(FusevadError, match=error):
        detector("vadclip", **model)(bags().streams, MASK)


def test_a_text_tower_of_another_width_is_one_line():
    with pytest.raises(FusevadError, match="text tower has 24 features, and stream rgb has 16"):
        build("vadclip", VadCLIPSettings(), {"rgb": 16}, texts=class_texts(24))


def test_padding_changes_no_loss():
    check_padding_changes_no_loss(detector("vadclip"))


def test_padding_changes_no_probability_of_a_class():
    model = detector("vadclip").eval()
    plain = model(bags().streams, MASK)
    longer = functional.pad(bags().streams["rgb"], (0, 0, 0, 9), value=5.0)
    padded = model({"rgb": longer}, functional.pad(MASK, (0, 9)))
    for name in NAMES:
        for before, after in zip(
            rows(plain.classes[name], VIDEOS), rows(padded.classes[name], VIDEOS), strict=True
        ):
            torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)


def test_a_batch_of_one_kind_of_video_is_no_error():
    check_one_kind_of_video_is_no_error(detector("vadclip"))
