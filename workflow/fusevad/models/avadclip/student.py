"""AVadCLIP's student: one stream alone, taught by the features of what is seen and heard."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn

from fusevad.models.avadclip.detector import Prompted
from fusevad.models.base import Blueprint
from fusevad.models.baselines.masked import SegmentConv
from fusevad.models.baselines.vadclip import VadCLIPOutput
from fusevad.models.output import Batch

_HIDDEN = 512
_LEAST = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentOutput(VadCLIPOutput):
    """What the distillation reads besides.

    Attributes:
        log_variance: of the teacher's features about the student's, `B x T x D`.
    """

    log_variance: Tensor


class AVadCLIPStudent(Prompted):
    """Residual convolutions make features like the teacher's, of a learned uncertainty."""

    def __init__(self, blueprint: Blueprint) -> None:
        (stream,) = blueprint.method.streams
        given = width = blueprint.widths[stream]
        if stream == "audio" and blueprint.classes is not None:
            # Its tower is not the one of the texts and of the teacher's features.
            width = blueprint.classes.features
        super().__init__(replace(blueprint, widths={stream: width}))
        self.widths = blueprint.widths
        self.enter = nn.Linear(given, width) if given != width else None
        self.enhancements = nn.ModuleList(
            SegmentConv(width, width, 3) for _ in range(self.settings.enhancements)
        )
        self.variance = VarianceBranch(width)

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> StudentOutput:
        """See `Detector.forward`; the only stream is the method's."""
        (stream,) = self.streams
        x = streams[stream] if self.enter is None else self.enter(streams[stream])
        x = self.temporal(x, mask)
        log_variance = -self.variance(x, mask)
        for enhancement in self.enhancements:
            x = x + enhancement(x, mask).relu()
        judged = self.judge(x, mask)
        known = {field.name: getattr(judged, field.name) for field in fields(judged)}
        return StudentOutput(**known, log_variance=log_variance)

    def losses(self, output: StudentOutput, batch: Batch) -> dict[str, Tensor]:
        """The losses of both heads, and the distance to the teacher's features."""
        distance = uncertain_distance(
            output.features - batch.teacher.features,
            output.log_variance,
            halved=self.settings.uncertainty == "released",
        )
        distilled = self.loss.uncertain * distance[batch.mask].mean()
        return super().losses(output, batch) | {"distillation": distilled}


class VarianceBranch(nn.Module):
    """`x + ReLU(Conv1(Conv3(ReLU(Conv1 x))))`, the negative log-variance, as in the code."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Linear(width, _HIDDEN)
        self.middle = SegmentConv(_HIDDEN, _HIDDEN, 3)
        self.leave = nn.Linear(_HIDDEN, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`B x T x D` and `B x T` to `B x T x D`."""
        return x + self.leave(self.middle(self.enter(x).relu(), mask)).relu()


def uncertain_distance(error: Tensor, log_variance: Tensor, halved: bool) -> Tensor:
    """`e^2 / s^2 + ln s^2` of each feature (equation 11), or as the code has it.

    As in the code, 1e-6 is added to the variance, without which the distance has no bound: nothing
    keeps the variance from 0 where the weight is small.

    Args:
        error: of features.
        log_variance: `ln s^2`.
        halved: `e^2 / (2 s^2) + ln s^2`, whose best `s^2` is half the squared error.
    """
    share = math.log(2 if halved else 1)
    # The logarithm of the whole denominator: the variance itself can overflow.
    whole = torch.logaddexp(log_variance + share, torch.full_like(log_variance, math.log(_LEAST)))
    return error.square() * (-whole).exp() + log_variance
