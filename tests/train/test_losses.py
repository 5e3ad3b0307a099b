"""The training objective against torch.distributions and slow loops."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from fusevad.models.base import Distribution, Output
from fusevad.train.losses import LossSettings, kl_to_standard_normal, objective, top_k_mean


def random_output(batch: int = 4, length: int = 40, dim: int = 6, seed: int = 0) -> Output:
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(4, batch, length, dim, generator=generator)
    logits = torch.randn(batch, length, generator=generator)
    return Output(logits, (Distribution(draws[0], draws[1]), Distribution(draws[2], draws[3])))


LENGTHS = torch.tensor([40, 1, 16, 33])
MASK = torch.arange(40) < LENGTHS[:, None]
LABELS = torch.tensor([1, 0, 1, 0])


def test_kl_is_that_of_torch_distributions():
    distribution = random_output().distributions[0]
    expected = kl_divergence(
        Normal(distribution.mean, (distribution.log_variance / 2).exp()), Normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl_to_standard_normal(distribution), expected)


def test_a_video_is_judged_by_its_highest_sixteenth_plus_one():
    scores = random_output().logits.sigmoid()
    expected = [
        row[:n].topk(int(n / 16 + 1)).values.mean()
        for row, n in zip(scores, LENGTHS.tolist(), strict=True)
    ]
    torch.testing.assert_close(top_k_mean(scores, MASK, 16), torch.stack(expected))


def test_the_objective_equals_a_loop_over_real_segments():
    output, settings = random_output(), LossSettings(kl=0.3, cosine=0.7, norm=0.2)
    rgb, motion = output.distributions
    kl, alignment = [], []
    for video, n in enumerate(LENGTHS.tolist()):
        for t in range(n):
            a, b = rgb.mean[video, t], motion.mean[video, t]
            cosine = 1 - (a @ b) / (a.norm() * b.norm())
            alignment.append(0.7 * cosine + 0.2 * (a.norm() - b.norm()).abs())
            kl.append(
                sum(
                    kl_divergence(
                        Normal(d.mean[video, t], (d.log_variance[video, t] / 2).exp()),
                        Normal(0.0, 1.0),
                    ).mean()
                    for d in (rgb, motion)
                )
            )
    videos = top_k_mean(output.logits.sigmoid(), MASK, 16)
    y = LABELS.float()
    classification = -(y * videos.log() + (1 - y) * (1 - videos).log()).mean()
    expected = classification + 0.3 * torch.stack(kl).mean() + torch.stack(alignment).mean()
    terms = objective(output, LABELS, MASK, settings)
    torch.testing.assert_close(terms.total, expected)
    torch.testing.assert_close(terms.classification, classification)


def test_padding_changes_no_term():
    output = random_output()
    spoiled = Output(
        torch.where(MASK, output.logits, 50.0),
        tuple(
            Distribution(
                torch.where(MASK[..., None], d.mean, 9.0),
                torch.where(MASK[..., None], d.log_variance, 3.0),
            )
            for d in output.distributions
        ),
    )
    clean = objective(output, LABELS, MASK, LossSettings())
    torch.testing.assert_close(objective(spoiled, LABELS, MASK, LossSettings()), clean)


def test_the_released_average_counts_padding():
    output = random_output()
    masked = objective(output, LABELS, MASK, LossSettings())
    released = objective(output, LABELS, MASK, LossSettings(mask_padding=False))
    rgb, motion = output.distributions
    expected = kl_to_standard_normal(rgb).mean() + kl_to_standard_normal(motion).mean()
    torch.testing.assert_close(released.kl, expected)
    assert released.kl != pytest.approx(masked.kl.item())


def test_methods_without_distributions_have_the_classification_loss_alone():
    terms = objective(Output(random_output().logits), LABELS, MASK, LossSettings())
    assert terms.total == terms.classification
    assert terms.kl == terms.alignment == 0
