"""IEF-VAD with Gaussian noise: inverse-variance fusion of two modalities (equations 1 and 4)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fusevad.models.base import Blueprint, Detector
from fusevad.models.layers import Refinement, TemporalEncoder
from fusevad.models.losses import fusion_losses
from fusevad.models.output import Batch, Distribution, Output
from fusevad.models.settings import GaussianSettings


@dataclass(frozen=True, slots=True)
class Fused:
    """A fused state.

    Attributes:
        mean: `B x T x D`.
        weights: of each stream, normalised, `B x T x D`.
        precision: in total, `B x T x D`.
    """

    mean: Tensor
    weights: dict[str, Tensor]
    precision: Tensor


class GaussianFusion(Detector):
    """Each modality gives a mean and a log-variance; precise modalities get a larger weight."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint)
        settings, dim = self.settings, self.dim
        self.rgb_encoder = TemporalEncoder(settings, dim)
        self.motion_encoder = TemporalEncoder(settings, dim)
        self.rgb_mean = nn.Linear(dim, dim)
        self.motion_mean = nn.Linear(dim, dim)
        self.rgb_log_variance = nn.Linear(dim, dim)
        self.motion_log_variance = nn.Linear(dim, dim)
        self.refinement = Refinement(settings, dim)
        self.classifier = nn.Linear(dim, 1)

    def effective_log_variance(self, log_variance: Tensor) -> Tensor:
        """Log-variance for weights and KL; for a Gaussian, the predicted one."""
        return log_variance

    def distributions(self, rgb: Tensor, motion: Tensor) -> dict[str, Distribution]:
        """Heads of both modalities on encoded streams, `B x T x D` each (equation 1)."""
        return {
            "rgb": Distribution(
                self.rgb_mean(rgb), self.effective_log_variance(self.rgb_log_variance(rgb))
            ),
            "motion": Distribution(
                self.motion_mean(motion),
                self.effective_log_variance(self.motion_log_variance(motion)),
            ),
        }

    def combine(self, distributions: Mapping[str, Distribution]) -> Fused:
        """The fused state; see `fuse`."""
        return fuse(distributions, self.settings)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> Output:
        """See `Detector.forward`."""
        rgb = self.rgb_encoder(streams["rgb"], mask)
        motion = self.motion_encoder(streams["motion"], mask)
        distributions = self.distributions(rgb, motion)
        fused = self.combine(distributions)
        state = fused.mean
        if self.settings.sequential_update:
            state = sequential_update(state, 1 / fused.precision, self.settings)
        logits = self.classifier(self.refinement(state)).squeeze(-1)
        return Output(logits, distributions, fused.weights)

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """See `fusion_losses` (equation 7)."""
        return fusion_losses(output, batch, self.loss)


def fuse(distributions: Mapping[str, Distribution], settings: GaussianSettings) -> Fused:
    """Inverse-variance fusion, element-wise (IEF-VAD, equation 4).

    `epsilon_in: variance` is the paper's `w = 1 / (variance + epsilon)`; `weights` is the released
    code's `w / (w_rgb + w_event + epsilon)`.
    """
    if settings.epsilon_in == "variance":
        precisions = {
            name: 1 / (each.log_variance.exp() + settings.epsilon)
            for name, each in distributions.items()
        }
        return weighted(distributions, precisions, sum(precisions.values()))
    precisions = {name: (-each.log_variance).exp() for name, each in distributions.items()}
    return weighted(distributions, precisions, sum(precisions.values()) + settings.epsilon)


def weighted(
    distributions: Mapping[str, Distribution], precisions: Mapping[str, Tensor], total: Tensor
) -> Fused:
    """The mean of all streams, each weighted by its precision's share in the `total`."""
    weights = {name: precision / total for name, precision in precisions.items()}
    mean = sum(weights[name] * each.mean for name, each in distributions.items())
    return Fused(mean, weights, total)


def sequential_update(mean: Tensor, variance: Tensor, settings: GaussianSettings) -> Tensor:
    """Running fusion of the segments of a video (IEF-VAD, equations 5 and 6).

    The state starts at the first segment and includes each next one by its precision: a Kalman
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
