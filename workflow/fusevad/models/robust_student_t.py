"""Student-t fusion that does not cancel: weights fall with the residual to the fused state."""

from torch import Tensor

from fusevad.models.base import Distribution, ModelSettings, register
from fusevad.models.gaussian import GaussianFusion, fuse


@register("robust-student-t")
class RobustStudentTFusion(GaussianFusion):
    """The location that two Student-t observations make most likely, by reweighting.

    `nu` acts in the weights alone; the KL term is that of `gaussian`.
    """

    def combine(
        self, distributions: tuple[Distribution, Distribution]
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """See `robust_fuse`."""
        return robust_fuse(distributions, self.settings)


def robust_fuse(
    distributions: tuple[Distribution, Distribution], settings: ModelSettings
) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
    """Iteratively reweighted least squares of a Student-t location, element-wise.

    From the inverse-variance mean on, `robust_iterations` times: with `r` the distance of a
    modality's mean from the fused one, its weight is `(nu + 1) / (nu + r^2 / variance) / variance`.
    No step lowers the likelihood. Between two observations there is no majority: the step moves
    towards the one of smaller variance, the more the further they are apart, and equal variances
    stay at the middle.

    Returns:
        As `fuse`.
    """
    rgb, motion = distributions
    nu = settings.nu
    fused, weights, total = fuse(distributions, settings)
    precisions = weights[0] * total, weights[1] * total
    added = settings.epsilon if settings.epsilon_in == "weights" else 0.0
    for _ in range(settings.robust_iterations):
        weight_rgb, weight_motion = (
            precision * (nu + 1) / (nu + (modality.mean - fused).square() * precision)
            for modality, precision in zip(distributions, precisions, strict=True)
        )
        total = weight_rgb + weight_motion + added
        weights = weight_rgb / total, weight_motion / total
        fused = weights[0] * rgb.mean + weights[1] * motion.mean
    return fused, weights, total
