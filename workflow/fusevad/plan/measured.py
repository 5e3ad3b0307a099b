"""Memory and time of finished jobs, by rule, from the benchmark files that Snakemake wrote.

Only files with Snakemake's extended columns say which rule wrote them (`benchmark-extended` in
`profiles/default`).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.plan.benchmark_files import BenchmarkFile
from fusevad.plan.requests import MARGIN

# A job's time depends on its neighbours and on the file system; its first attempt gets this factor.
_TIME = 3
_LEAST_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished job.

    Attributes:
        rule: name of its rule.
        seconds: that it ran.
        mb: memory of all its processes at their highest; None: not measured.
        threads: that it ran with.
    """

    rule: str
    seconds: float
    mb: float | None
    threads: int


def measured_jobs(results: Path) -> list[Measured]:
    """All jobs of a results folder whose benchmark files name their rule.

    Raises:
        FusevadError: there are none, or a file is damaged.
    """
    jobs = [job for file in sorted(results.glob("**/benchmarks/*.tsv")) for job in _read(file)]
    if not jobs:
        raise FusevadError(
            f"{results}: no benchmark file names its rule; run the workflow with profiles/default"
        )
    return jobs


def proposed_lines(jobs: Sequence[Measured]) -> Iterator[str]:
    """YAML of `set-resources` for a profile: what each rule's jobs need, and why as a comment."""
    by_rule = defaultdict(list)
    for job in jobs:
        by_rule[job.rule].append(job)
    yield "set-resources:"
    for rule, own in sorted(by_rule.items()):
        seconds = max(job.seconds for job in own)
        threads = max(job.threads for job in own)
        memory = max((job.mb for job in own if job.mb is not None), default=None)
        used = "memory not measured" if memory is None else f"{memory:.0f} MB"
        yield f"  {rule}: # {used}, {seconds:.0f} s at most; jobs: {len(own)}, threads: {threads}"
        if memory is not None:
            yield f"    mem_mb: {math.ceil(MARGIN * memory)}"
        yield f"    runtime: {max(_LEAST_MINUTES, math.ceil(_TIME * seconds / 60))}"


def _read(file: Path) -> Iterator[Measured]:
    found = BenchmarkFile(file)
    if "rule_name" not in found.columns:
        return
    for row in found.rows:
        rule, memory = found.word(row, "rule_name"), found.number(row, "max_rss")
        seconds, threads = found.known(row, "s"), found.known(row, "threads")
        yield Measured(rule, seconds, memory, int(threads))
