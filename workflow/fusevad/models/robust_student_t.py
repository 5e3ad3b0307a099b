"""Student-t fusion that does not cancel: weights fall with the residual to the fused state."""

from collections.abc import Mapping

from fusevad.models.gaussian import Fused, GaussianFusion, fuse, weighted
from fusevad.models.output import Distribution
from fusevad.models.settings import RobustStudentTSettings


class RobustStudentTFusion(GaussianFusion):
    """The location that two Student-t observations make most likely, by reweighting.

    `nu` acts only in the weights; the KL term is `gaussian`'s.
    """

    def combine(self, distributions: Mapping[str, Distribution]) -> Fused:
        """See `robust_fuse`."""
        return robust_fuse(distributions, self.settings)


def robust_fuse(
    distributions: Mapping[str, Distribution], settings: RobustStudentTSettings
) -> Fused:
    """Iteratively reweighted least squares of a Student-t location, element-wise.

    Starting at the inverse-variance mean, `robust_iterations` times: with `r` the distance of a
    modality's mean from the fused mean, its weight is `(nu + 1) / (nu + r^2 / variance) /
    variance`. No step lowers the likelihood. Two observations have no majority: the step moves
    towards the one with the smaller variance, the more the further they are apart, and equal
    variances stay in the middle.
    """
    nu = settings.nu
    fused = fuse(distributions, settings)
    precisions = {name: weight * fused.precision for name, weight in fused.weights.items()}
    added = settings.epsilon if settings.epsilon_in == "weights" else 0.0
    for _ in range(settings.robust_iterations):
        shares = {
            name: precision
            * (nu + 1)
            / (nu + (distributions[name].mean - fused.mean).square() * precision)
            for name, precision in precisions.items()
        }
        fused = weighted(distributions, shares, sum(shares.values()) + added)
    return fused
