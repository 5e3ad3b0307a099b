"""Memory and time that a rule asks a cluster for, from what its jobs were measured to use.

`benchmarks/resources.csv` has the measurements. Snakemake calls what these functions return with
each attempt (`retries`): a job that was killed for memory or time asks for more the next time.
"""

from collections.abc import Callable
from typing import Any

# On what was measured: other videos, libraries, and pages of files that a cluster counts as memory.
MARGIN = 1.5


def memory(process_mb: int, worker_mb: int = 0) -> Callable[[Any, int, int], int]:
    """MB of a job as a resource of its rule.

    Args:
        process_mb: what was measured, with the first worker.
        worker_mb: what each further worker takes; there is one a thread.
    """

    def mem_mb(wildcards: Any, threads: int, attempt: int) -> int:
        return round(MARGIN * (process_mb + worker_mb * (threads - 1))) * attempt

    return mem_mb


def minutes(number: int) -> Callable[[Any, int], int]:
    """Minutes that a job may run at its first attempt, as a resource of its rule."""

    def runtime(wildcards: Any, attempt: int) -> int:
        return number * attempt

    return runtime
