"""AVadCLIP's teacher against loops over segments, classes and videos, and its counts."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fusevad.encoders.text import ClassNames
from fusevad.models.avadclip.detector import class_prompts, focal_loss
from fusevad.models.avadclip.sound import SoundNetwork
from fusevad.models.base import build
from fusevad.models.presence import present
from fusevad.models.registry import find
from tests.made_up_bags import (
    LENGTHS,
    MASK,
    bags,
    check_one_kind_of_video_is_no_error,
    check_padding_changes_no_loss,
    detector,
    terms,
)
from tests.made_up_texts import NAMES

BOTH = ("rgb", "audio")
FUSIONS = ("adaptive", "addition", "concatenation", "cross-attention")
SOUND = 6 * (2 * 512**2 + 512 + 512)  # directions, lengths and biases of six convolutions


def parameters(method: str, width: int = 512, **model) -> int:
    known = find(method)
    clip = ClassNames(NAMES, 77, width, width)
    widths = dict.fromkeys(known.roles, width)
    with torch.device("meta"):
        made = build(method, known.model(**model), widths, known.loss(), clip)
    return sum(p.numel() for p in made.parameters())


@pytest.mark.parametrize(
    ("fusion", "more"),
    [
        ("adaptive", SOUND + 2 * (1024 * 512 + 512) + 512 * 512 + 512),
        ("addition", SOUND),
        ("concatenation", SOUND + 1024 * 512 + 512),
        ("cross-attention", SOUND + 4 * (512 * 512 + 512)),
        ("none", 0),
    ],
)
def test_its_parameters_are_vadclips_and_those_of_sound_and_fusion(fusion, more):
    assert parameters("avadclip", fusion=fusion) == parameters("vadclip") + more


def test_sound_of_another_width_is_projected():
    network = SoundNetwork(3, 8, 0.0)
    assert network(torch.randn(2, 5, 3)).shape == (2, 5, 8)


def test_the_network_of_sound_is_causal_convolutions_with_norms_and_directions_of_weights():
    torch.manual_seed(3)
    network = SoundNetwork(4, 4, 0.0)
    x = torch.randn(1, 11, 4)
    expected = x[0]
    for place, block in enumerate(network.blocks):
        gap, inner = 2**place, expected
        for convolution in block.convolutions:
            length, direction = convolution.parametrizations.weight.parameters()
            size = direction.flatten(1).norm(dim=1)[:, None, None]
            weight = length * direction / size
            rows = []
            for t in range(len(inner)):
                earlier = inner[t - gap] if t >= gap else torch.zeros(4)
                pair = weight[:, :, 0] @ earlier + weight[:, :, 1] @ inner[t]
                rows.append((pair + convolution.bias).clamp(min=0))
            inner = torch.stack(rows)
        expected = (inner + expected).clamp(min=0)
    torch.testing.assert_close(network(x)[0], expected, atol=1e-5, rtol=1e-4)


def linear(x: Tensor, layer: torch.nn.Linear) -> Tensor:
    return x @ layer.weight.T + layer.bias


def by_formula(kind: str, layers: torch.nn.Module, seen: Tensor, sound: Tensor) -> Tensor:
    """A fusion of one video by the paper's formulas, segment after segment."""
    rows = []
    for v, a in zip(seen, sound, strict=True):
        both = torch.cat((v, a))
        if kind == "addition":
            rows.append(v + a)
        elif kind == "concatenation":
            rows.append(linear(both, layers.linear))
        elif kind == "adaptive":
            gate = 1 / (1 + torch.exp(-linear(both, layers.gate)))
            first, _, last = layers.residual
            hidden = linear(both, first)
            hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
            rows.append(v + gate * linear(hidden, last))
        else:
            weight, bias = layers.attention.in_proj_weight, layers.attention.in_proj_bias
            q = weight[:16] @ v + bias[:16]
            keys, values = (sound @ weight[at : at + 16].T + bias[at : at + 16] for at in (16, 32))
            read = (keys @ q / 4).softmax(dim=0) @ values
            rows.append(v + linear(read, layers.attention.out_proj))
    return torch.stack(rows)


@pytest.mark.parametrize("kind", FUSIONS)
def test_fusions_are_their_formulas_segment_by_segment(kind):
    model = detector("avadclip", fusion=kind).eval()
    batch = bags(roles=BOTH)
    with torch.no_grad():
        seen = model.temporal(batch.streams["rgb"], MASK)
        sound = model.sound(batch.streams["audio"])
        found = model(batch.streams, MASK).features
        for video in (1, 2):
            n = LENGTHS[video]
            expected = by_formula(kind, model.fusion, seen[video, :n], sound[video, :n])
            torch.testing.assert_close(found[video, :n], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["adaptive", "addition", "cross-attention"])
def test_a_video_without_sound_is_scored_by_what_is_seen(kind):
    model = detector("avadclip", fusion=kind).eval()
    streams = dict(bags(roles=BOTH).streams)
    streams["audio"] = streams["audio"].clone()
    streams["audio"][2, : LENGTHS[2]] = 0.0
    with torch.no_grad():
        found = model(streams, MASK)
        alone = model.judge(model.temporal(streams["rgb"], MASK), MASK)
    n = LENGTHS[2]
    torch.testing.assert_close(found.logits[2, :n], alone.logits[2, :n])
    assert not torch.allclose(found.logits[0, :40], alone.logits[0, :40], atol=1e-3)


def test_sound_that_ends_early_counts_as_none_from_there_on():
    model = detector("avadclip", fusion="addition").eval()
    streams = dict(bags(roles=BOTH).streams)
    streams["audio"] = streams["audio"].clone()
    streams["audio"][0, 30:40] = 0.0
    heard = present(streams["audio"], MASK)
    assert heard[0].tolist() == [True] * 30 + [False] * 10
    assert torch.equal(heard[1:], MASK[1:])
    with torch.no_grad():
        found = model(streams, MASK).features
        seen = model.temporal(streams["rgb"], MASK)
    torch.testing.assert_close(found[0, 30:40], seen[0, 30:40])
    assert not torch.allclose(found[0, :30], seen[0, :30], atol=1e-3)


def test_without_fusion_it_is_vadclip_with_the_same_weights():
    model = detector("avadclip", fusion="none").eval()
    plain = detector("vadclip", window=4).eval()
    plain.load_state_dict(model.state_dict())
    streams = bags(roles=BOTH).streams
    with torch.no_grad():
        torch.testing.assert_close(
            model(streams, MASK).similarities, plain(streams, MASK).similarities
        )


def test_a_prompt_by_class_is_attention_over_segments_weighted_by_their_scores():
    generator = torch.Generator().manual_seed(5)
    texts, x = torch.randn(3, 6, generator=generator), torch.randn(5, 40, 6, generator=generator)
    binary = torch.randn(5, 40, generator=generator)
    found = class_prompts(texts, x, binary, MASK)
    for video, n in enumerate(LENGTHS):
        for c, text in enumerate(texts):
            products = torch.stack([text @ row / row.norm() for row in x[video, :n]])
            shares = products.exp() / products.exp().sum()
            total = sum(
                share * torch.sigmoid(score) * row
                for share, score, row in zip(shares, binary[video], x[video], strict=False)
            )
            torch.testing.assert_close(found[video, c], total / total.norm())


def test_prompts_shift_the_texts_as_released_or_as_written_or_not_at_all():
    streams = bags(roles=BOTH).streams
    said = {}
    for kind in ("uniform", "per-class", "none"):
        model = detector("avadclip", prompt=kind).eval()
        with torch.no_grad():
            output = model(streams, MASK)
            said[kind] = output.similarities[0, :40]
            texts, x = output.texts, output.features[0, :40]
            if kind == "uniform":
                total = sum(a * row for a, row in zip(output.binary[0, :40], x, strict=True))
                moved = texts + total / total.norm()
                wanted = moved + model.prompt(moved)
            elif kind == "per-class":
                shown = class_prompts(texts, output.features, output.binary, MASK)[0]
                wanted = model.prompt(shown + texts) + texts
            else:
                wanted = texts
            cosines = functional.cosine_similarity(x[:, None], wanted[None], dim=-1) / 0.07
        torch.testing.assert_close(said[kind], cosines, atol=2e-4, rtol=1e-3)
    assert not hasattr(detector("avadclip", prompt="none"), "prompt")


def test_the_focal_term_is_a_loop_over_videos():
    generator = torch.Generator().manual_seed(5)
    bag = torch.randn(4, 3, generator=generator)
    shares = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1]])
    expected = []
    for row, share in zip(bag, shares, strict=True):
        p = row.exp() / row.exp().sum()
        likely = sum(y * each for y, each in zip(share, p, strict=True))
        total = sum(y * each.log() for y, each in zip(share, p, strict=True))
        expected.append(-((1 - likely) ** 2) * total)
    torch.testing.assert_close(focal_loss(bag, shares, 2.0), sum(expected) / 4)


def test_its_terms_are_vadclips_and_the_focal_term_of_the_same_classes():
    batch = bags(roles=BOTH)
    model = detector("avadclip", loss={"text_alignment": 0.7, "focal": 0.4, "focal_share": 0.3})
    output, found = terms(model, batch)
    assert set(found) == {"classification", "text_alignment", "text_separation", "focal"}
    focal = []
    for v, shown in enumerate(batch.classes):
        n, k = LENGTHS[v], LENGTHS[v] // 16 + 1
        bag = torch.stack([c.sort().values[-k:].mean() for c in output.similarities[v, :n].T])
        p = bag.softmax(dim=0)
        at = [NAMES.index(name) for name in shown or ("normal",)]
        likely, logs = p[at].mean(), p[at].log().mean()
        focal.append(-((1 - likely) ** 2) * logs)
    torch.testing.assert_close(found["focal"], 0.4 * 0.3 * sum(focal) / len(focal))


def test_without_language_there_is_one_head_and_no_focal_term():
    _, found = terms(detector("avadclip", language=False), bags(roles=BOTH))
    assert set(found) == {"classification"}


@pytest.mark.parametrize("fusion", [*FUSIONS, "none"])
@pytest.mark.parametrize("prompt", ["uniform", "per-class", "none"])
def test_padding_changes_no_loss(fusion, prompt):
    model = detector("avadclip", fusion=fusion, prompt=prompt, sound_dropout=0.0)
    check_padding_changes_no_loss(model)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_batch_of_one_kind_of_video_is_no_error(fusion):
    check_one_kind_of_video_is_no_error(detector("avadclip", fusion=fusion))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_batch_without_any_sound_has_finite_gradients(fusion):
    model = detector("avadclip", fusion=fusion)
    batch = bags(roles=BOTH)
    silent = batch.streams | {"audio": torch.zeros_like(batch.streams["audio"])}
    _, found = terms(model, replace(batch, streams=silent))
    sum(found.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
