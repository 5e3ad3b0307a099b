"""Training objective of IEF-VAD: top-k multiple-instance loss, KL and alignment (equation 7)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fusevad.models.base import Distribution, Output
from fusevad.parsing import FORBID


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Weights of the terms (IEF-VAD, section 4 and appendix I).

    Attributes:
        kl: weight of the KL terms.
        cosine: weight of `1 - cos(mean_rgb, mean_event)` (the paper's lambda 1).
        norm: weight of `| |mean_rgb| - |mean_event| |` (the paper's lambda 2).
        top_k_divisor: a video of `n` segments is judged by its `n // top_k_divisor + 1` highest.
        mask_padding: leave padded segments out of the KL and alignment terms; the released code
            averages over them too.
    """

    __pydantic_config__ = FORBID

    kl: float = 1.0
    cosine: float = 0.5
    norm: float = 0.5
    top_k_divisor: int = 16
    mask_padding: bool = True


@dataclass(frozen=True, slots=True)
class LossTerms:
    """Total loss and its parts, scalars; `alignment` is weighted, `kl` is before its weight."""

    total: Tensor
    classification: Tensor
    kl: Tensor
    alignment: Tensor


def top_k_mean(scores: Tensor, mask: Tensor, divisor: int) -> Tensor:
    """Mean of each video's `n // divisor + 1` highest scores over its `n` real segments.

    Args:
        scores: `B x T` in [0, 1].
        mask: `B x T`.
        divisor: see `LossSettings.top_k_divisor`.

    Returns:
        `B` video scores.
    """
    lengths = mask.sum(dim=1)
    k = lengths // divisor + 1
    highest = scores.masked_fill(~mask, -1.0).sort(dim=1, descending=True).values
    chosen = torch.arange(scores.shape[1], device=scores.device) < k[:, None]
    return (highest * chosen).sum(dim=1) / k


def kl_to_standard_normal(distribution: Distribution) -> Tensor:
    """`KL(N(mean, covariance) || N(0, I))` by feature: `B x T x D`, to be summed over `D`.

    With `factors`, what they add to the log-determinant belongs to no feature alone and is spread
    evenly over them.
    """
    mean, log_variance = distribution.mean, distribution.log_variance
    kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance)
    factors = distribution.factors
    if factors is None:
        return kl
    trace = log_variance.exp() * factors.square().sum(dim=-1)
    identity = torch.eye(factors.shape[-1], dtype=factors.dtype, device=factors.device)
    inner = identity + factors.mT @ factors
    # `cholesky_ex` spares the check (a wait on GPUs): no eigenvalue is below 1.
    log_determinant = 2 * torch.linalg.cholesky_ex(inner).L.diagonal(0, -2, -1).log().sum(dim=-1)
    return kl + 0.5 * (trace - log_determinant[..., None] / mean.shape[-1])


def objective(output: Output, labels: Tensor, mask: Tensor, settings: LossSettings) -> LossTerms:
    """Loss of a batch.

    Args:
        output: of a detector, for `B` videos of `T` segments.
        labels: `B`, 1 for a video with an anomaly, else 0.
        mask: `B x T`, true at real segments.
        settings: weights of the terms.
    """
    video_scores = top_k_mean(output.logits.sigmoid(), mask, settings.top_k_divisor)
    classification = functional.binary_cross_entropy(video_scores, labels.to(video_scores.dtype))
    if not output.distributions:
        zero = torch.zeros_like(classification)
        return LossTerms(classification, classification, zero, zero)
    counted = mask if settings.mask_padding else torch.ones_like(mask)
    rgb, motion = output.distributions
    kl = sum(kl_to_standard_normal(d).mean(dim=-1)[counted].mean() for d in (rgb, motion))
    cosine = 1 - functional.cosine_similarity(rgb.mean, motion.mean, dim=-1)
    norm = (rgb.mean.norm(dim=-1) - motion.mean.norm(dim=-1)).abs()
    alignment = (settings.cosine * cosine + settings.norm * norm)[counted].mean()
    total = classification + settings.kl * kl + alignment
    return LossTerms(total, classification, kl, alignment)
