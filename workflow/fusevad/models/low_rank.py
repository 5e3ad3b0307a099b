"""Gaussian fusion with correlated features: low-rank plus diagonal covariance of each modality."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from fusevad.models.base import Blueprint
from fusevad.models.gaussian import Fused, GaussianFusion, fuse
from fusevad.models.output import Distribution


class LowRankFusion(GaussianFusion):
    """`gaussian` with a third head a modality, for the `covariance_rank` factors of its covariance.

    A modality's disagreement in one feature then also moves the features correlated with it.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        factors = self.dim * self.settings.covariance_rank
        self.rgb_factors = nn.Linear(self.dim, factors)
        self.motion_factors = nn.Linear(self.dim, factors)

    def distributions(self, rgb: Tensor, motion: Tensor) -> dict[str, Distribution]:
        """Like `gaussian`, with factors `B x T x D x R`."""
        plain = super().distributions(rgb, motion)
        return {
            "rgb": replace(plain["rgb"], factors=self._factors(self.rgb_factors(rgb))),
            "motion": replace(plain["motion"], factors=self._factors(self.motion_factors(motion))),
        }

    def _factors(self, x: Tensor) -> Tensor:
        # With this scale, the correlated share of a feature's variance does not grow with the rank.
        rank = self.settings.covariance_rank
        return x.unflatten(-1, (-1, rank)) / rank**0.5

    def combine(self, distributions: Mapping[str, Distribution]) -> Fused:
        """Fused mean from the full covariances; weights and precision from their diagonals.

        The true weights are `D x D` matrices whose diagonals need not be in [0, 1]. The reported
        weights, which the sequential update also uses, are those of each feature on its own.
        """
        marginals = {name: _marginal(each) for name, each in distributions.items()}
        rgb, motion = distributions["rgb"], distributions["motion"]
        mean = low_rank_fuse(rgb, motion, self.settings.epsilon)
        return replace(fuse(marginals, self.settings), mean=mean)


def _marginal(distribution: Distribution) -> Distribution:
    added = distribution.factors.square().sum(dim=-1).log1p()
    return Distribution(distribution.mean, distribution.log_variance + added)


def low_rank_fuse(rgb: Distribution, motion: Distribution, epsilon: float) -> Tensor:
    """Mean of the normalised product of two normal densities with low-rank covariances.

    With covariances `A` (RGB) and `B` (motion cue) it is `a + A (A + B)^-1 (b - a)`. The sum of the
    diagonal parts, `V`, is taken out: `A + B = V^1/2 (I + G G^T) V^1/2` with `G` of `D x 2R`, so
    that Woodbury's identity leaves one `2R x 2R` system a segment, with no eigenvalue below 1.

    Args:
        rgb: with factors `B x T x D x R`.
        motion: likewise.
        epsilon: added to the diagonal variances.

    Returns:
        `B x T x D`.
    """
    log_rgb = (rgb.log_variance.exp() + epsilon).log()
    log_motion = (motion.log_variance.exp() + epsilon).log()
    log_total = torch.logaddexp(log_rgb, log_motion)
    root_rgb = ((log_rgb - log_total) / 2).exp()
    root_motion = ((log_motion - log_total) / 2).exp()
    scaled = torch.cat(
        (root_rgb[..., None] * rgb.factors, root_motion[..., None] * motion.factors), dim=-1
    )
    difference = ((motion.mean - rgb.mean) * (-log_total / 2).exp())[..., None]
    identity = torch.eye(scaled.shape[-1], dtype=scaled.dtype, device=scaled.device)
    inner = identity + scaled.mT @ scaled
    # `cholesky_ex` skips the check, which waits on GPUs and cannot fail here.
    lower = torch.linalg.cholesky_ex(inner).L
    found = torch.cholesky_solve(scaled.mT @ difference, lower)
    # `A` has a term in `rgb.factors^T rest`. That product would magnify the rounding of `rest`, and
    # is already known: by the push-through identity it is the first half of `found`.
    rest = (difference - scaled @ found).squeeze(-1)
    common = (rgb.factors @ found[..., : rgb.factors.shape[-1], :]).squeeze(-1)
    return rgb.mean + (log_rgb / 2).exp() * (root_rgb * rest + common)
