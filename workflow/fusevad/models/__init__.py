"""Detectors. Each file registers one method; `build` makes it by name."""

from fusevad.models import (
    concat,
    cross_attention,
    gating,
    gaussian,
    single_stream,
    student_t,
)
from fusevad.models.base import Detector, ModelSettings, Output, build, method_names

__all__ = [
    "Detector",
    "ModelSettings",
    "Output",
    "build",
    "concat",
    "cross_attention",
    "gating",
    "gaussian",
    "method_names",
    "single_stream",
    "student_t",
]
