"""`fusevad plan`: what a target will take, before it is made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from fusevad.cli.app import RUN, verb
from fusevad.cli.configured import ConfigFiles, Configured, ConfigValues, configuration

if TYPE_CHECKING:
    from fusevad.plan.costs import StageCost
    from fusevad.plan.sizes import Size

_HEADINGS = ("stage", "jobs", "core hours", "GPU hours", "written, GB", "read, GB")
_GB = 1e9


@verb(RUN, "fusevad plan --configfile config/paper.yaml", cls=Configured)
def plan(
    target: Annotated[
        str | None, typer.Argument(help="File that a job makes; else the configuration's Table 1.")
    ] = None,
    times: Annotated[
        int, typer.Option(help="Plan so many times the data, too; 1: not.", min=1, max=1_000_000)
    ] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    configfile: ConfigFiles = None,
    config: ConfigValues = None,
) -> None:
    """Say jobs, hours, disk and traffic of TARGET by stage, from measured rates."""
    from fusevad.data.sizes import sizes_of
    from fusevad.plan.costs import stage_costs
    from fusevad.plan.needed import needed_for
    from fusevad.plan.rates import Rates, measured_rates, recorded_rates
    from fusevad.plan.sizes import Workload
    from fusevad.plan.stages import plan as plan_of

    chosen = configuration(configfile, config)
    whole = plan_of(chosen)
    jobs = needed_for(whole, target or f"{chosen.home}/table1.tex").values()
    workload = Workload(chosen, sizes_of(chosen.every.values()))
    measured = measured_rates(whole.jobs.values(), workload, chosen.home)
    rates = Rates(recorded_rates() | measured)
    found = {number: stage_costs(jobs, workload, rates, number) for number in sorted({1, times})}
    if as_json:
        print(json.dumps(_values(found, workload.sizes), indent=2))
        return
    for line in _lines(found, workload.sizes):
        print(line)


def _values(
    found: Mapping[int, Sequence["StageCost"]], sizes: Mapping[str, "Size"]
) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "datasets": {key: asdict(size) for key, size in sizes.items()},
        "plans": [
            {"times": times, "stages": [asdict(each) for each in costs]}
            for times, costs in found.items()
        ],
    }


def _lines(
    found: Mapping[int, Sequence["StageCost"]], sizes: Mapping[str, "Size"]
) -> Iterator[str]:
    from fusevad.plan.costs import total

    for times, costs in found.items():
        if times > 1:
            yield f"{times} times the data, in shards as large as now"
        yield from _table([*map(_cells, costs), _cells(total(costs))])
        yield ""
    yield "Core hours: on CPUs alone. GPU hours: in their place, for stages that use a GPU."
    yield "Written stays on disk. Read: each input once a job, and downloads."
    yield "-: not measured, or no GPU is used; no part of the total."
    for key, size in sizes.items():
        yield (
            f"{key}: {size.videos:.0f} videos, {size.frames / 1e6:.2f} M frames, by {size.known}"
        )
    for text in dict.fromkeys(text for cost in found[1] for text in cost.rates):
        yield f"rate of {text}"


def _cells(cost: "StageCost") -> tuple[str, ...]:
    hours = (_hours(cost.core_hours), _hours(cost.gpu_hours))
    return (cost.stage, str(cost.jobs), *hours, _gigabytes(cost.written), _gigabytes(cost.read))


def _hours(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _gigabytes(value: float) -> str:
    return f"{value / _GB:,.1f}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of text; the first to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    for row in (_HEADINGS, *rows):
        first, *others = (
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *others]).rstrip()
