"""Fusion of low-rank plus diagonal covariances against dense inverses and torch.distributions."""

from dataclasses import replace

import numpy as np
import torch
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal, kl_divergence

from fusevad.models.gaussian import fuse
from fusevad.models.losses import kl_to_standard_normal
from fusevad.models.low_rank import low_rank_fuse
from fusevad.models.output import Distribution
from fusevad.models.settings import GaussianSettings
from tests.made_up_distributions import batch, make, random_distributions


def covariances(distribution: Distribution) -> np.ndarray:
    """Dense covariances, `N x D x D`, from the definition."""
    deviation = distribution.log_variance.div(2).exp().flatten(0, 1).numpy()
    factors = distribution.factors.flatten(0, 1).numpy()
    inner = np.eye(factors.shape[1]) + factors @ factors.transpose(0, 2, 1)
    return deviation[:, :, None] * inner * deviation[:, None, :]


def test_low_rank_fusion_equals_dense_inverses():
    rgb, motion = random_distributions(2, 5, 24, rank=4).values()
    fused = low_rank_fuse(rgb, motion, epsilon=0.0).flatten(0, 1).numpy()
    for i, (a, b) in enumerate(zip(covariances(rgb), covariances(motion), strict=True)):
        first, second = np.linalg.inv(a), np.linalg.inv(b)
        means = (d.mean.flatten(0, 1)[i].numpy() for d in (rgb, motion))
        expected = np.linalg.inv(first + second) @ (first @ next(means) + second @ next(means))
        np.testing.assert_allclose(fused[i], expected, rtol=1e-8, atol=1e-8)


def test_low_rank_fusion_keeps_single_precision_at_a_width_of_768():
    exact = random_distributions(1, 3, 768, rank=4).values()
    single = tuple(
        Distribution(d.mean.float(), 5 * d.log_variance.float(), d.factors.float()) for d in exact
    )
    double = tuple(replace(d, log_variance=5 * d.log_variance) for d in exact)
    torch.testing.assert_close(
        low_rank_fuse(*single, 1e-8).double(), low_rank_fuse(*double, 1e-8), atol=1e-3, rtol=1e-4
    )


def test_low_rank_fusion_without_factors_is_gaussian():
    distributions = {
        role: replace(d, factors=torch.zeros_like(d.factors))
        for role, d in random_distributions(2, 3, 16, rank=4).items()
    }
    plain = GaussianSettings()
    fused = low_rank_fuse(*distributions.values(), plain.epsilon)
    torch.testing.assert_close(fused, fuse(distributions, plain).mean)


def test_kl_of_a_low_rank_covariance_is_that_of_torch_distributions():
    distribution = random_distributions(2, 3, 24, rank=4)["rgb"]
    deviation = distribution.log_variance.div(2).exp()
    own = LowRankMultivariateNormal(
        distribution.mean, deviation[..., None] * distribution.factors, deviation.square()
    )
    standard = LowRankMultivariateNormal(
        torch.zeros(24, dtype=torch.float64),
        torch.zeros(24, 1, dtype=torch.float64),
        torch.ones(24, dtype=torch.float64),
    )
    actual = kl_to_standard_normal(distribution).sum(dim=-1)
    torch.testing.assert_close(actual, kl_divergence(own, standard))
    dense = MultivariateNormal(
        distribution.mean, torch.tensor(covariances(distribution)).unflatten(0, (2, 3))
    )
    normal = MultivariateNormal(standard.mean, torch.eye(24, dtype=torch.float64))
    torch.testing.assert_close(actual, kl_divergence(dense, normal))


def test_low_rank_weights_are_those_of_the_marginals():
    model = make("low-rank")
    with torch.inference_mode():
        output = model(*batch(9))
    spread = [
        np.stack([np.diag(c) for c in covariances(d)]).reshape(4, 9, 16)
        for d in output.distributions.values()
    ]
    np.testing.assert_allclose(
        output.weights["rgb"], spread[1] / (spread[0] + spread[1]), atol=1e-5
    )
