"""Losses that methods share: a video by its highest or lowest segments, KL, alignment, teacher."""

import torch
from torch import Tensor
from torch.nn import functional

from fusevad.models.output import Batch, Distribution, Output
from fusevad.models.settings import BagLoss, FusionLoss


def highest_count(mask: Tensor, divisor: int) -> Tensor:
    """`n // divisor + 1` of a video's `n` real segments, at most `n`: `B x T` to `B`."""
    lengths = mask.sum(dim=1)
    return (lengths // divisor + 1).minimum(lengths)


def top_k_mean(scores: Tensor, mask: Tensor, divisor: int) -> Tensor:
    """Mean of the highest scores of each video, `highest_count` of them.

    Args:
        scores: `B x T` in [0, 1].
        mask: `B x T`.
        divisor: see `BagLoss.top_k_divisor`.

    Returns:
        `B` video scores.
    """
    k = highest_count(mask, divisor)
    highest = scores.masked_fill(~mask, -1.0).sort(dim=1, descending=True).values
    chosen = torch.arange(scores.shape[1], device=scores.device) < k[:, None]
    return (highest * chosen).sum(dim=1) / k


def video_loss(output: Output, batch: Batch, settings: BagLoss) -> Tensor:
    """Cross-entropy between the videos' labels and the means of their highest scores."""
    videos = top_k_mean(output.logits.sigmoid(), batch.mask, settings.top_k_divisor)
    return functional.binary_cross_entropy(videos, batch.labels.to(videos.dtype))


def background_loss(output: Output, batch: Batch, settings: BagLoss) -> Tensor:
    """`-log(1 - m)`, weighted, averaged over videos; `m`: mean of a video's lowest scores.

    Top-k losses are content with a video whose segments all score alike; this term is not: it keeps
    the lowest segments of anomalous videos at 0 as well (docs/methods/local.md).
    """
    scores = output.logits.sigmoid()
    k = (batch.mask.sum(dim=1) * settings.background_share).floor().clamp(min=1)
    lowest = scores.masked_fill(~batch.mask, 2.0).sort(dim=1).values
    chosen = torch.arange(scores.shape[1], device=scores.device) < k[:, None]
    means = (lowest * chosen).sum(dim=1) / k
    return settings.background * functional.binary_cross_entropy(means, torch.zeros_like(means))


def kl_to_standard_normal(distribution: Distribution) -> Tensor:
    """`KL(N(mean, covariance) || N(0, I))` by feature: `B x T x D`, to be summed over `D`.

    The part of the log-determinant that `factors` add belongs to no single feature and is spread
    evenly over all.
    """
    mean, log_variance = distribution.mean, distribution.log_variance
    kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance)
    factors = distribution.factors
    if factors is None:
        return kl
    trace = log_variance.exp() * factors.square().sum(dim=-1)
    identity = torch.eye(factors.shape[-1], dtype=factors.dtype, device=factors.device)
    inner = identity + factors.mT @ factors
    # `cholesky_ex` skips the check, which waits on GPUs: no eigenvalue is below 1.
    log_determinant = 2 * torch.linalg.cholesky_ex(inner).L.diagonal(0, -2, -1).log().sum(dim=-1)
    return kl + 0.5 * (trace - log_determinant[..., None] / mean.shape[-1])


def fusion_losses(output: Output, batch: Batch, settings: FusionLoss) -> dict[str, Tensor]:
    """The terms of IEF-VAD (equation 7), weighted: `classification`, `kl`, `alignment`.

    KL is summed over streams; alignment is between the first two.
    """
    classification = video_loss(output, batch, settings)
    counted = batch.mask if settings.mask_padding else torch.ones_like(batch.mask)
    distributions = list(output.distributions.values())
    kl = sum(kl_to_standard_normal(d).mean(dim=-1)[counted].mean() for d in distributions)
    first, second = (d.mean for d in distributions[:2])
    cosine = 1 - functional.cosine_similarity(first, second, dim=-1)
    norm = (first.norm(dim=-1) - second.norm(dim=-1)).abs()
    return {
        "classification": classification,
        "kl": settings.kl * kl,
        "alignment": (settings.cosine * cosine + settings.norm * norm)[counted].mean(),
    }


def teacher_loss(output: Output, teacher: Output, mask: Tensor) -> Tensor:
    """Cross-entropy between the student's and the teacher's scores, over real segments."""
    targets = teacher.logits[mask].sigmoid()
    return functional.binary_cross_entropy_with_logits(output.logits[mask], targets)
