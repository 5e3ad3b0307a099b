"""Detectors. Each file registers one method; `build` makes it by name."""

from fusevad.models import (
    concat,
    cross_attention,
    gating,
    gaussian,
    learned_nu,
    low_rank,
    robust_student_t,
    single_stream,
    student_t,
    uncertainty_gating,
)
from fusevad.models.base import (
    Detector,
    ModelSettings,
    Output,
    build,
    method_names,
    needs_motion_cue,
)

__all__ = [
    "Detector",
    "ModelSettings",
    "Output",
    "build",
    "concat",
    "cross_attention",
    "gating",
    "gaussian",
    "learned_nu",
    "low_rank",
    "method_names",
    "needs_motion_cue",
    "robust_student_t",
    "single_stream",
    "student_t",
    "uncertainty_gating",
]
