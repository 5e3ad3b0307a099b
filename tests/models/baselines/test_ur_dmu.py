"""UR-DMU against loops over videos and segments, the released computation and its counts."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from fusevad.models.baselines.distances import DistanceAttention, distance_weights
from fusevad.models.baselines.settings import URDMUSettings
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

QUIET = {"block_dropout": 0.0, "latent_noise": False}
VIDEOS = list(range(len(LENGTHS)))


@pytest.mark.parametrize(("width", "millions"), [(512, 5.71), (768, 6.10), (1024, 6.49)])
def test_its_parameters_are_counted_as_the_papers_that_compare_with_it_do(width, millions):
    assert parameters("ur-dmu", width) / 1e6 == pytest.approx(millions, abs=0.005)


def test_a_profiler_that_overlooks_memories_norms_and_the_variance_counts_6_16_million():
    named = dict(detector("ur-dmu", 1024).named_parameters())
    seen = [p.numel() for n, p in named.items() if not any(w in n for w in OVERLOOKED)]
    assert sum(seen) == 6_164_737


OVERLOOKED = ("memory", "_norms", "latent_log_variance")


def test_padding_too_far_for_a_float32_changes_no_weight_of_a_short_video():
    mask = torch.arange(512)[None] < torch.tensor([[3], [512]])
    weights = distance_weights(mask, "rows")
    assert weights.isfinite().all()
    torch.testing.assert_close(weights[0, :3, :3], distance_weights(mask[:1, :3], "rows")[0])


def test_distances_weigh_real_segments_by_a_decay_and_sum_to_one():
    rows_, released = (distance_weights(MASK, kind) for kind in ("rows", "released"))
    for video, n in enumerate(LENGTHS):
        plain = torch.tensor([[math.exp(-abs(i - j) / math.e) for j in range(n)] for i in range(n)])
        torch.testing.assert_close(rows_[video, :n, :n], plain / plain.sum(1, keepdim=True))
        torch.testing.assert_close(released[video, :n, :n], plain / plain.sum(0, keepdim=True))
        for found in (rows_, released):
            assert not found[video, :, n:].any()
    torch.testing.assert_close(rows_[0, :40].sum(1), torch.ones(40))
    torch.testing.assert_close(released[0, :40].sum(0), torch.ones(40))
    assert released[0, 0].sum() < 0.9


@pytest.mark.parametrize("kind", ["rows", "released"])
def test_attention_repeats_the_released_computation_head_by_head(kind):
    torch.manual_seed(1)
    attention = DistanceAttention(URDMUSettings(block_dropout=0.0, distance_weights=kind))
    x = torch.randn(len(LENGTHS), max(LENGTHS), 512)
    found = attention(x, MASK)
    for video, row in enumerate(rows(x, VIDEOS)):
        n = len(row)
        q, k, v, t = (row @ attention.project.weight.T).chunk(4, dim=-1)
        near = distance_weights(torch.ones(1, n, dtype=torch.bool), kind)[0]
        read = []
        for head in range(4):
            part = slice(128 * head, 128 * (head + 1))
            softmax = (q[:, part] @ k[:, part].T / math.sqrt(128)).softmax(dim=-1)
            read += [softmax @ v[:, part], near @ t[:, part]]
        expected = attention.out[0](torch.cat(read, dim=-1))
        torch.testing.assert_close(found[video, :n], expected, atol=1e-5, rtol=1e-5)


def test_a_memory_is_attended_by_sigmoids_and_judged_by_its_highest_sixteenth_plus_one():
    model = detector("ur-dmu")
    slots = model.normal_memory.slots
    assert slots.abs().max() <= 1 / math.sqrt(512)
    x = 50 * torch.randn(512, generator=torch.Generator().manual_seed(2))
    each = [1 / (1 + torch.exp(-(x @ slot) / math.sqrt(512))) for slot in slots]
    attention, raw = model.normal_memory(x[None, None])
    expected = sum(sorted(each)[-4:]) / 4
    torch.testing.assert_close(attention[0, 0], expected)
    torch.testing.assert_close(
        raw[0, 0], sum(a * slot for a, slot in zip(each, slots, strict=True))
    )


def test_scores_are_of_features_and_the_sum_of_what_is_read():
    model = detector("ur-dmu", **QUIET)
    output = model(bags().streams, MASK)
    reads = model.latent_mean(output.normal.raw) + model.latent_mean(output.anomaly.raw)
    both = torch.cat((output.features, reads), dim=-1)
    torch.testing.assert_close(output.logits, model.head(both)[..., 0])


def best(scores: torch.Tensor, video: int) -> list[int]:
    n = LENGTHS[video]
    return scores[video, :n].topk(n // 16 + 1).indices.tolist()


def test_every_term_is_a_loop_over_videos():
    weights = {"memory": 0.3, "triplet": 0.4, "latent_distance": 0.5, "latent_margin": 7.0}
    output, found = terms(detector("ur-dmu", loss=weights, **QUIET), bags())
    a_att, n_att = output.anomaly.attention, output.normal.attention
    scores = output.logits.sigmoid()
    bag = [
        cross_entropy(scores[v, best(scores, v)].mean(), label)
        for v, label in zip(VIDEOS, LABELS, strict=True)
    ]
    torch.testing.assert_close(found["classification"], sum(bag) / len(bag))

    a_loss = [cross_entropy(a_att[v, best(a_att, v)].mean(), 1.0) for v in ANOMALOUS]
    p_loss = [cross_entropy(1 - n_att[v, best(1 - n_att, v)].mean(), 1.0) for v in ANOMALOUS]
    n_loss = [cross_entropy(p, 1.0) for row in rows(n_att, NORMAL) for p in row]
    q_loss = [cross_entropy(p, 0.0) for row in rows(a_att, NORMAL) for p in row]
    memory = sum(sum(each) / len(each) for each in (a_loss, p_loss, n_loss, q_loss))
    torch.testing.assert_close(found["memory"], 0.3 * memory)

    triplets, gaps = [], []
    for n in NORMAL:
        for a in ANOMALOUS:
            x = output.features
            three = [x[n, best(n_att, n)], x[a, best(n_att, a)], x[a, best(a_att, a)]]
            anchor, positive, negative = (e.mean(0) / e.mean(0).norm() for e in three)
            near, far = (anchor - positive).norm(), (anchor - negative).norm()
            triplets.append((near - far + 1).clamp(min=0))
            low = output.normal.mean[n, best(n_att, n)].mean(0).norm()
            high = output.anomaly.mean[a, best(a_att, a)].mean(0).norm()
            gaps.append((7 - high + low).clamp(min=0))
    torch.testing.assert_close(
        found["triplet"], 0.4 * sum(triplets) / len(triplets), atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(found["latent_distance"], 0.5 * sum(gaps) / len(gaps))


def test_the_kl_term_is_a_mean_over_normal_videos_alone_and_matches_torch_distributions():
    model = detector("ur-dmu", loss={"latent_kl": 0.7})
    output, found = terms(model, bags())
    log_variance = model.latent_log_variance(output.normal.raw)
    each = [
        kl_divergence(Normal(mean, (lv / 2).exp()), Normal(0.0, 1.0))
        for mean, lv in zip(
            rows(output.normal.mean, NORMAL), rows(log_variance, NORMAL), strict=True
        )
    ]
    torch.testing.assert_close(found["latent_kl"], 0.7 * torch.cat(each).mean())


def test_the_kl_weight_is_the_released_sum_over_200_segments():
    mean, log_variance = torch.randn(2, 3, 200, 8, generator=torch.Generator().manual_seed(0))
    released = (-0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1)).mean()
    each = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(0.001 * released, 0.2 * each.mean())


def test_only_normal_videos_are_sampled_and_only_in_training():
    model = detector("ur-dmu", block_dropout=0.0)
    with torch.no_grad():
        normal = model(bags().streams, MASK).normal
        noise = model._latent(normal, bags())[0] - normal.mean
        assert noise[NORMAL].abs().amin() > 0 or noise[NORMAL].std() > 0.1
        assert not noise[ANOMALOUS].any()
        log_variance = model.latent_log_variance(normal.raw)[NORMAL]
        ratio = noise[NORMAL] / (log_variance / 2).exp()
        assert ratio.mean().abs() < 0.05 and ratio.std().item() == pytest.approx(1, abs=0.05)
        again = model.eval()(bags().streams, MASK).logits
        torch.testing.assert_close(model(bags().streams, MASK).logits, again)


def test_without_memories_the_transformer_is_scored_alone_by_the_video_loss():
    model = detector("ur-dmu", memory_slots=0)
    assert set(terms(model, bags())[1]) == {"classification"}
    left = parameters("ur-dmu", 1024) - parameters("ur-dmu", 1024, memory_slots=0)
    assert left == 2 * 60 * 512 + 2 * (512 * 512 + 512) + 512 * 128


def test_without_noise_there_is_no_variance_and_no_kl():
    found = terms(detector("ur-dmu", **QUIET), bags())[1]
    assert set(found) == {"classification", "memory", "triplet", "latent_distance"}
    left = parameters("ur-dmu", 64) - parameters("ur-dmu", 64, latent_noise=False)
    assert left == 512 * 512 + 512


def test_the_convolution_of_its_embedding_ends_where_the_video_does():
    model = detector("ur-dmu").eval()
    x = bags().streams["rgb"][1:2, :7]
    w, b = model.transformer.embed.weight, model.transformer.embed.bias
    expected = functional.conv1d(x.mT, w, b, padding=1).mT
    torch.testing.assert_close(model.transformer.embed(x, MASK[1:2, :7]), expected)


def test_padding_changes_no_loss():
    check_padding_changes_no_loss(detector("ur-dmu", **QUIET))


def test_a_batch_of_one_kind_of_video_is_no_error():
    check_one_kind_of_video_is_no_error(detector("ur-dmu"))
