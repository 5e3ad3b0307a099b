"""IEF-VAD with Student-t noise (equations 2, 3 and 5)."""

import math

from torch import Tensor

from fusevad.models.gaussian import GaussianFusion


class StudentTFusion(GaussianFusion):
    """Gaussian fusion with the Laplace-approximated variance of a Student-t distribution.

    With one `nu` for both modalities the factor cancels in the normalised weights, so this fuses
    exactly as `gaussian` does and differs only in the KL term (docs/findings.md).
    """

    def effective_log_variance(self, log_variance: Tensor) -> Tensor:
        """`log(variance) + log(nu / (nu + 1))` (IEF-VAD, equation 3)."""
        nu = self.settings.nu
        return log_variance + math.log(nu / (nu + 1))
