"""IEF-VAD with Gaussian noise: inverse-variance fusion of two modalities (equations 1 and 4)."""

import torch
from torch import Tensor, nn

from fusevad.models.base import Detector, Distribution, ModelSettings, Output, register
from fusevad.models.layers import Refinement, TemporalEncoder


@register("gaussian")
class GaussianFusion(Detector):
    """Each modality gives a mean and a log-variance; precise modalities weigh more."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        dim = settings.dim
        self.rgb_encoder = TemporalEncoder(settings)
        self.motion_encoder = TemporalEncoder(settings)
        self.rgb_mean = nn.Linear(dim, dim)
        self.motion_mean = nn.Linear(dim, dim)
        self.rgb_log_variance = nn.Linear(dim, dim)
        self.motion_log_variance = nn.Linear(dim, dim)
        self.refinement = Refinement(settings)
        self.classifier = nn.Linear(dim, 1)

    def effective_log_variance(self, log_variance: Tensor) -> Tensor:
        """Log-variance that enters weights and KL; for a Gaussian the predicted one."""
        return log_variance

    def distributions(self, rgb: Tensor, motion: Tensor) -> tuple[Distribution, Distribution]:
        """Heads of both modalities on encoded streams, `B x T x D` each (equation 1)."""
        return (
            Distribution(
                self.rgb_mean(rgb), self.effective_log_variance(self.rgb_log_variance(rgb))
            ),
            Distribution(
                self.motion_mean(motion),
                self.effective_log_variance(self.motion_log_variance(motion)),
            ),
        )

    def combine(
        self, distributions: tuple[Distribution, Distribution]
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """Fused mean, normalised weights and total precision, as `fuse`."""
        return fuse(distributions, self.settings)

    def forward(self, rgb: Tensor, motion: Tensor, mask: Tensor) -> Output:
        """See `Detector.forward`."""
        rgb, motion = self.rgb_encoder(rgb, mask), self.motion_encoder(motion, mask)
        distributions = self.distributions(rgb, motion)
        fused, weights, precision = self.combine(distributions)
        if self.settings.sequential_update:
            fused = sequential_update(fused, 1 / precision, self.settings)
        logits = self.classifier(self.refinement(fused)).squeeze(-1)
        return Output(logits, distributions, weights)


def fuse(
    distributions: tuple[Distribution, Distribution], settings: ModelSettings
) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
    """Inverse-variance fusion, element-wise (IEF-VAD, equation 4).

    `epsilon_in: variance` is the paper's `w = 1 / (variance + epsilon)`; `weights` is the released
    code's `w / (w_rgb + w_event + epsilon)`.

    Returns:
        Fused mean, normalised weights of the two modalities, and total precision; all `B x T x D`.
    """
    rgb, motion = distributions
    if settings.epsilon_in == "variance":
        precision_rgb = 1 / (rgb.log_variance.exp() + settings.epsilon)
        precision_event = 1 / (motion.log_variance.exp() + settings.epsilon)
        total = precision_rgb + precision_event
    else:
        precision_rgb = (-rgb.log_variance).exp()
        precision_event = (-motion.log_variance).exp()
        total = precision_rgb + precision_event + settings.epsilon
    weights = precision_rgb / total, precision_event / total
    return weights[0] * rgb.mean + weights[1] * motion.mean, weights, total


def sequential_update(mean: Tensor, variance: Tensor, settings: ModelSettings) -> Tensor:
    """Running fusion of the segments of a video (IEF-VAD, equations 5 and 6).

    The state starts at the first segment and takes in each next one by its precision: a Kalman
    filter of a constant, or of a random walk if `process_noise` > 0 is added to the state's
    variance at every step. Without process noise the state's variance goes to 0 and later segments
    count less and less.

    Args:
        mean: `B x T x D` observations.
        variance: `B x T x D`, their variances.
        settings: epsilon and process noise.

    Returns:
        The state after each segment, `B x T x D`.
    """
    state, state_variance = mean[:, 0], variance[:, 0]
    states = [state]
    for step in range(1, mean.shape[1]):
        prior = 1 / (state_variance + settings.process_noise + settings.epsilon)
        precision = 1 / (variance[:, step] + settings.epsilon)
        state_variance = 1 / (prior + precision)
        state = (prior * state + precision * mean[:, step]) * state_variance
        states.append(state)
    return torch.stack(states, dim=1)
