"""Floating-point operations of a detector, counted and not measured: the same on any machine."""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fusevad.evaluate.scoring import TrainedDetector


def flops_per_segment(detector: TrainedDetector) -> float:
    """Of a chunk of `max_segments` segments, by the segment, over all crops that are scored.

    Multiplications and additions of matrix products and convolutions count, others do not.
    """
    model, length = detector.model, detector.settings.max_segments
    device = next(model.parameters()).device
    streams = {
        role: torch.zeros(1, length, model.widths[role], device=device) for role in model.streams
    }
    mask = torch.ones(1, length, dtype=torch.bool, device=device)
    # With gradients and plain attention: torch counts nothing of its fused layers.
    with (
        torch.enable_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        model(streams, mask)
    return counter.get_total_flops() / length * len(detector.settings.test_crops)
