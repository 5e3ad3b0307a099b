"""Student-t fusion with learned degrees of freedom, by stream and feature."""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from fusevad.models.base import Blueprint
from fusevad.models.gaussian import GaussianFusion
from fusevad.models.output import Distribution

# At or below this, a Student-t distribution has no mean to fuse; `LearnedNuSettings` starts above.
MINIMUM_NU = 1.0


class LearnedNuFusion(GaussianFusion):
    """`student-t` with one learned `nu` for each stream and feature, starting at `settings.nu`.

    The factor `nu / (nu + 1)` differs between streams and does not cancel. It is still a constant
    of stream and feature, like the bias of the log-variance head: a `gaussian` with other biases
    computes the same (tests/models/test_beyond.py), so only the path of training differs.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        start = math.log(self.settings.nu - MINIMUM_NU)
        self.rgb_log_excess = nn.Parameter(torch.full((self.dim,), start))
        self.motion_log_excess = nn.Parameter(torch.full((self.dim,), start))

    def degrees_of_freedom(self) -> tuple[Tensor, Tensor]:
        """`nu` of RGB and motion cue, `D` each."""
        return MINIMUM_NU + self.rgb_log_excess.exp(), MINIMUM_NU + self.motion_log_excess.exp()

    def distributions(self, rgb: Tensor, motion: Tensor) -> dict[str, Distribution]:
        """Like `gaussian`, with `log(nu / (nu + 1))` added to the log-variances (equation 3)."""
        plain = super().distributions(rgb, motion)
        nu_rgb, nu_motion = self.degrees_of_freedom()
        return {
            "rgb": _with_tails(plain["rgb"], nu_rgb),
            "motion": _with_tails(plain["motion"], nu_motion),
        }


def _with_tails(plain: Distribution, nu: Tensor) -> Distribution:
    return replace(plain, log_variance=plain.log_variance - (1 / nu).log1p())
