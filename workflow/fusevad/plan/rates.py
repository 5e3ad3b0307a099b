"""How long a unit of work takes: as recorded, or as jobs of these results took."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.plan.benchmark_files import BenchmarkFile
from fusevad.plan.job import Job
from fusevad.plan.sizes import Work, Workload

RECORDED = Path("benchmarks/rates.csv")
# Stages that may have run on a GPU, which benchmark files don't say.
ON_GPUS = ("align", "embed", "search", "train")
_COLUMNS = ("rate", "unit", "core_seconds", "gpu_seconds", "source")


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds a unit: of one core, and of a GPU where the stage uses one; None: not measured."""

    core: float | None
    gpu: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates by their key, and the unit of each."""

    by_key: Mapping[str, Rate]

    def of(self, work: Work) -> Rate | None:
        """The most specific rate that is known; None without any."""
        return next((self.by_key[key] for key in work.rate if key in self.by_key), None)


def recorded_rates(table: Path = RECORDED) -> dict[str, Rate]:
    """The rates of a table.

    Raises:
        FusevadError: the table is missing or damaged.
    """
    if not table.is_file():
        raise FusevadError(f"{table}: missing; run this in the repository, or restore the file")
    with table.open(newline="") as opened:
        reader = csv.DictReader(opened)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise FusevadError(f"{table}: its columns must be {', '.join(_COLUMNS)}; correct it")
        rows = list(reader)
    try:
        return {
            row["rate"]: Rate(
                _seconds(row["core_seconds"]), _seconds(row["gpu_seconds"]), row["source"]
            )
            for row in rows
        }
    except ValueError as error:
        raise FusevadError(f"{table}: {error}; correct it") from error


def _seconds(text: str) -> float | None:
    if not text:
        return None
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text} are no seconds")
    return value


def measured_rates(jobs: Iterable[Job], workload: Workload, home: str) -> dict[str, Rate]:
    """Rates of finished jobs that use no GPU, from their benchmark files.

    The highest of each rate counts: a job that resumed did less than all of its work.

    Args:
        jobs: of the configuration.
        workload: sizes of the data sets as they were when the jobs ran.
        home: folder of the configuration's own results.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for job in jobs:
        if job.stage in ON_GPUS or workload.dataset(job) is None:
            continue
        file = benchmark_file(job, home)
        if not file.is_file():
            continue
        work = workload.of(job)
        found[work.rate[0]].append(_core_seconds(file) / work.units)
    return {
        key: Rate(max(rates), None, f"measured here, jobs: {len(rates)}")
        for key, rates in found.items()
    }


def benchmark_file(job: Job, home: str) -> Path:
    """Where Snakemake writes what a data set's job used."""
    stage, dataset, *rest = job.name.split("/")
    folder = "results" if job.unit in ("data", "cues", "embeddings") else home
    return Path(folder) / dataset / "benchmarks" / f"{'-'.join((stage, *rest))}.tsv"


def _core_seconds(file: Path) -> float:
    found = BenchmarkFile(file)
    row = next(iter(found.rows), {})
    # A job that ended before it could be measured has no times of processors.
    seconds = found.number(row, "cpu_time")
    return found.known(row, "s") if seconds is None else seconds
