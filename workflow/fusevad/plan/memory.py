"""Memory that training on a CPU needs; imports nothing heavy, as the Snakefile asks for it too."""

from fusevad.models.registry import find
from fusevad.train.settings import TrainSettings

# Measured at 8 to 64 samples of 64 and 256 segments: a process with its weights and optimizer, and
# what the allocator leaves in pieces, most of it with small batches.
_PROCESS_MB = 1500
# Of what is kept for the backward pass: gradients and intermediate results.
_MARGIN = 1.35
_FLOAT_MB = 4e-6
# Of CLIP ViT-L/14: the widest embeddings in use.
_WIDTH = 768


def seed_memory_mb(settings: TrainSettings, width: int = _WIDTH) -> int:
    """Memory of one seed's process at its peak, in MB, without the features.

    Those are mapped: pages of the file that all seeds share and that the system drops when it needs
    the room.

    Returns:
        an upper estimate, for samples of the greatest length and embeddings of `width`.
    """
    return round(_PROCESS_MB + _MARGIN * kept_mb(settings, width))


def kept_mb(settings: TrainSettings, width: int) -> float:
    """MB that a batch keeps for the backward pass, by the method's own estimate."""
    segments = settings.bins or settings.max_segments
    streams = len(find(settings.method).roles)
    rows = settings.batch_size * segments
    return _FLOAT_MB * rows * settings.model.kept(width, segments, streams)


def seeds_at_a_time(workers: int, memory_mb: int, settings: TrainSettings) -> int:
    """How many of `workers` processes fit into the memory; at least one."""
    return max(1, min(workers, memory_mb // seed_memory_mb(settings)))
