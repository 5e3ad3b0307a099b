"""Memory that training on a CPU needs; imports nothing heavy, as the Snakefile asks for it too."""

from collections.abc import Mapping
from typing import Any

# Of the settings that decide, where a set of hyperparameters does not name them.
DEFAULTS = {"batch_size": 64, "max_segments": 256}
MODEL_DEFAULTS = {
    "dim": 768,
    "layers": 2,
    "heads": 8,
    "refinement_steps": 10,
    "covariance_rank": 4,
    "robust_iterations": 3,
}

# Measured at 8 to 64 samples of 64 and 256 segments: a process with its weights and optimizer, and
# what the allocator leaves in pieces, most of it with small batches.
_PROCESS_MB = 1500
# Of what is kept for the backward pass: gradients and intermediate results.
_MARGIN = 1.35
_FLOAT_MB = 4e-6


def seed_memory_mb(settings: Mapping[str, Any]) -> int:
    """Memory of one seed's process at its peak, in MB, without the features.

    Those are mapped: pages of the file that all seeds share and that the system drops when it needs
    the room.

    Args:
        settings: of training, as in `TrainSettings`; keys that are missing have its defaults.

    Returns:
        an upper estimate: batches as long as `max_segments`, and two streams.
    """
    values = DEFAULTS | dict(settings)
    model = MODEL_DEFAULTS | dict(settings.get("model", {}))
    samples = values["batch_size"] * values["max_segments"]
    # Attention between the streams is one more layer of each.
    layers = model["layers"] + (values["method"] == "cross-attention")
    # B x T x D that are kept: 16 a layer, 2 a refinement step, a dozen in heads, fusion and losses.
    kept = 16 * layers + 2 * model["refinement_steps"] + 12
    if values["method"] == "low-rank":
        kept += 9 * model["covariance_rank"]
    if values["method"] == "robust-student-t":
        kept += 14 * model["robust_iterations"]
    # B x heads x T x T: 4 a layer and stream.
    attention = 8 * layers * model["heads"] * values["max_segments"]
    activations = _FLOAT_MB * samples * (kept * model["dim"] + attention)
    return round(_PROCESS_MB + _MARGIN * activations)


def seeds_at_a_time(workers: int, memory_mb: int, settings: Mapping[str, Any]) -> int:
    """How many of `workers` processes fit into the memory; at least one."""
    return max(1, min(workers, memory_mb // seed_memory_mb(settings)))
