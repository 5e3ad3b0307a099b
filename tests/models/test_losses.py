"""The training objective against torch.distributions and slow loops."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from fusevad.models.losses import (
    fusion_losses,
    kl_to_standard_normal,
    teacher_loss,
    top_k_mean,
    video_loss,
)
from fusevad.models.output import Batch, Distribution, Output
from fusevad.models.settings import BagLoss, FusionLoss


def random_output(batch: int = 4, length: int = 40, dim: int = 6, seed: int = 0) -> Output:
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(4, batch, length, dim, generator=generator)
    logits = torch.randn(batch, length, generator=generator)
    distributions = {
        "rgb": Distribution(draws[0], draws[1]),
        "motion": Distribution(draws[2], draws[3]),
    }
    return Output(logits, distributions)


LENGTHS = torch.tensor([40, 1, 16, 33])
MASK = torch.arange(40) < LENGTHS[:, None]
LABELS = torch.tensor([1, 0, 1, 0])
BATCH = Batch({}, MASK, LABELS.float())


def test_kl_is_that_of_torch_distributions():
    distribution = random_output().distributions["rgb"]
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


def test_a_divisor_of_one_means_all_real_segments_and_no_padding():
    scores = random_output().logits.sigmoid()
    expected = [row[:n].mean() for row, n in zip(scores, LENGTHS.tolist(), strict=True)]
    torch.testing.assert_close(top_k_mean(scores, MASK, 1), torch.stack(expected))


def test_the_sum_of_the_terms_equals_a_loop_over_real_segments():
    output, settings = random_output(), FusionLoss(kl=0.3, cosine=0.7, norm=0.2)
    rgb, motion = output.distributions.values()
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
    terms = fusion_losses(output, BATCH, settings)
    torch.testing.assert_close(sum(terms.values()), expected)
    torch.testing.assert_close(terms["classification"], classification)


def test_padding_changes_no_term():
    output = random_output()
    spoiled = Output(
        torch.where(MASK, output.logits, 50.0),
        {
            role: Distribution(
                torch.where(MASK[..., None], d.mean, 9.0),
                torch.where(MASK[..., None], d.log_variance, 3.0),
            )
            for role, d in output.distributions.items()
        },
    )
    clean = fusion_losses(output, BATCH, FusionLoss())
    torch.testing.assert_close(fusion_losses(spoiled, BATCH, FusionLoss()), clean)


def test_the_released_average_counts_padding():
    output = random_output()
    masked = fusion_losses(output, BATCH, FusionLoss())
    released = fusion_losses(output, BATCH, FusionLoss(mask_padding=False))
    expected = sum(kl_to_standard_normal(d).mean() for d in output.distributions.values())
    torch.testing.assert_close(released["kl"], expected)
    assert released["kl"] != pytest.approx(masked["kl"].item())


def test_the_video_loss_is_the_cross_entropy_of_the_highest_scores():
    output = random_output()
    videos = top_k_mean(output.logits.sigmoid(), MASK, 8)
    expected = -torch.where(LABELS.bool(), videos, 1 - videos).log().mean()
    torch.testing.assert_close(video_loss(output, BATCH, BagLoss(top_k_divisor=8)), expected)


def test_a_student_is_nearest_its_teacher_at_the_teachers_scores_and_padding_is_no_matter():
    teacher = Output(random_output(seed=1).logits)
    own = teacher_loss(teacher, teacher, MASK)
    spoiled = Output(torch.where(MASK, teacher.logits, 50.0))
    torch.testing.assert_close(teacher_loss(spoiled, teacher, MASK), own)
    p = teacher.logits[MASK].sigmoid()
    torch.testing.assert_close(own, -(p * p.log() + (1 - p) * (1 - p).log()).mean())
    assert teacher_loss(random_output(), teacher, MASK) > own
