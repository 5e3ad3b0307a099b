"""The jobs that some jobs or files need, from the first on."""

from collections.abc import Iterable

from fusevad.errors import FusevadError
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan


def with_upstream(plan: Plan, names: Iterable[str]) -> dict[str, Job]:
    """The named jobs and all jobs before them, in plan order."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [other.name for other in plan.upstream(plan.jobs[name])]
    return {name: job for name, job in plan.jobs.items() if name in found}


def needed_for(plan: Plan, target: str) -> dict[str, Job]:
    """The jobs that make a file, in plan order.

    Raises:
        FusevadError: no job makes it.
    """
    maker = plan.producer(target)
    if maker is None:
        raise FusevadError(f"{target}: no job of this configuration makes it; correct the path")
    return with_upstream(plan, [maker.name])
