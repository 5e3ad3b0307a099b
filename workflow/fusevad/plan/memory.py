"""Memory of training on a CPU; imports nothing heavy, as the Snakefile uses it too."""

from fusevad.models.registry import find
from fusevad.train.settings import TrainSettings

# Measured at 8 to 64 samples of 64 and 256 segments: a process with its weights and optimizer, and
# fragmentation of the allocator, which is largest with small batches.
_PROCESS_MB = 1500
# Factor on what is kept for the backward pass: gradients and intermediate results.
_MARGIN = 1.35
_FLOAT_MB = 4e-6
# Features of CLIP ViT-L/14: no other stream that is embedded here has more.
WIDEST_HERE = 768


def seed_memory_mb(settings: TrainSettings, width: int) -> int:
    """Peak memory of one seed's process, in MB, without the features.

    Features are mapped files, which all seeds share and which the system drops when it needs the
    memory.

    Returns:
        an upper bound, for samples of the greatest length and embeddings of `width`.
    """
    fixed = _PROCESS_MB + _FLOAT_MB * settings.model.besides
    return round(fixed + _MARGIN * kept_mb(settings, width))


def kept_mb(settings: TrainSettings, width: int) -> float:
    """MB that a batch keeps for the backward pass, by the method's own estimate."""
    segments = settings.bins or settings.max_segments
    streams = len(find(settings.method).roles)
    rows = settings.batch_size * min(settings.crops_in_bag, settings.crops_per_epoch) * segments
    return _FLOAT_MB * rows * settings.model.kept(width, segments, streams)


def seeds_at_a_time(workers: int, memory_mb: int, settings: TrainSettings, width: int) -> int:
    """How many of `workers` processes fit into the memory; at least one."""
    return max(1, min(workers, memory_mb // seed_memory_mb(settings, width)))
