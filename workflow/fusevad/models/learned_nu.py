"""Student-t fusion with learned degrees of freedom, by stream and feature."""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from fusevad.errors import FusevadError
from fusevad.models.base import Distribution, ModelSettings, register
from fusevad.models.gaussian import GaussianFusion

# Below, a Student-t distribution has no mean to fuse.
MINIMUM_NU = 1.0


@register("learned-nu")
class LearnedNuFusion(GaussianFusion):
    """`student-t` with one `nu` for each stream and feature, learned from `settings.nu` on.

    The factor `nu / (nu + 1)` differs between streams and does not cancel. It is still a constant
    of stream and feature, as the bias of the log-variance head is: a `gaussian` with other biases
    computes the same (tests/models/test_beyond.py), so only the way there through training differs.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        if settings.nu <= MINIMUM_NU:
            raise FusevadError(
                f"method 'learned-nu': nu starts at {settings.nu:g}; choose more than "
                f"{MINIMUM_NU:g}"
            )
        start = math.log(settings.nu - MINIMUM_NU)
        self.rgb_log_excess = nn.Parameter(torch.full((settings.dim,), start))
        self.motion_log_excess = nn.Parameter(torch.full((settings.dim,), start))

    def degrees_of_freedom(self) -> tuple[Tensor, Tensor]:
        """`nu` of RGB and motion cue, `D` each."""
        return MINIMUM_NU + self.rgb_log_excess.exp(), MINIMUM_NU + self.motion_log_excess.exp()

    def distributions(self, rgb: Tensor, motion: Tensor) -> tuple[Distribution, Distribution]:
        """As `gaussian`, with `log(nu / (nu + 1))` added to the log-variances (equation 3)."""
        plain_rgb, plain_event = super().distributions(rgb, motion)
        nu_rgb, nu_event = self.degrees_of_freedom()
        return _with_tails(plain_rgb, nu_rgb), _with_tails(plain_event, nu_event)


def _with_tails(plain: Distribution, nu: Tensor) -> Distribution:
    return replace(plain, log_variance=plain.log_variance - (1 / nu).log1p())
