"""Jobs, hours, disk and traffic of a target by stage, before it is made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.plan.job import Job
from fusevad.plan.rates import ON_GPUS, Rates
from fusevad.plan.sizes import Size, Workload

# Measured bytes of a segment's motion cues at one window and threshold, and of a test segment's
# scores in all epochs and seeds (docs/reproduce.md).
CUE_BYTES, SCORE_BYTES = 12_000, 1_000
# Of a file of weights, by the square of the width: of the largest method of Table 1, measured at
# widths of 128 and 768.
_WEIGHT_BYTES = 105


@dataclass(frozen=True, slots=True)
class StageCost:
    """What the jobs of a stage take.

    Attributes:
        core_hours: of one core, all on CPUs; None: no rate is measured.
        gpu_hours: of a GPU, for stages that use one; None: without a GPU, or not measured.
        written: bytes of outputs, which stay on disk.
        read: bytes of inputs, each once a job; downloads too.
        rates: where the rates come from.
    """

    stage: str
    jobs: int
    core_hours: float | None
    gpu_hours: float | None
    written: float
    read: float
    rates: tuple[str, ...]


def stage_costs(
    jobs: Iterable[Job], workload: Workload, rates: Rates, times: int = 1
) -> list[StageCost]:
    """Costs by stage, in the order of the jobs.

    Args:
        jobs: all that are run.
        workload: with the sizes of data sets.
        rates: seconds a unit of work.
        times: how many times as much data; shards stay as large, so there are more of them.
    """
    known = list(jobs)
    sizes = {key: _times(size, times) for key, size in workload.sizes.items()}
    larger = replace(workload, sizes=sizes)
    files = {path: number for job in known for path, number in _written(job, larger).items()}
    by_stage: dict[str, list[StageCost]] = {}
    for job in known:
        count = times if job.step != job.name else 1
        by_stage.setdefault(job.stage, []).append(_cost(job, count, larger, rates, files))
    return [_sum(stage, own) for stage, own in by_stage.items()]


def total(costs: Iterable[StageCost]) -> StageCost:
    """All stages together; hours are those that are known."""
    return replace(_sum("total", list(costs)), rates=())


def _times(size: Size, times: int) -> Size:
    """A data set with `times` as many videos of the same lengths."""
    names = ("videos", "training", "frames", "segments", "test_segments", "bytes")
    return replace(size, **{name: times * getattr(size, name) for name in names})


def _cost(
    job: Job, count: int, workload: Workload, rates: Rates, files: Mapping[str, float]
) -> StageCost:
    """The cost of a job; for larger data, of the `count` shards that take a shard's place."""
    work = workload.of(job)
    rate = rates.of(work)
    core = None if rate is None or rate.core is None else rate.core * work.units / 3600
    gpu = None if rate is None or rate.gpu is None else rate.gpu * work.units / 3600
    return StageCost(
        job.stage,
        count,
        core,
        gpu if job.stage in ON_GPUS else None,
        sum(files[path] for path in job.outputs) + _downloaded(job, workload),
        _read(job, workload, files),
        (f"{work.rate[-1]}: {rate.source if rate else 'not measured'}",),
    )


def _written(job: Job, workload: Workload) -> dict[str, float]:
    """Bytes of each output; what is small beside them counts as nothing."""
    found = dict.fromkeys(job.outputs, 0.0)
    key = workload.dataset(job)
    if key is None:
        return found
    size, config = workload.sizes[key], workload.config
    if job.videos:
        found[job.videos] = size.bytes
    share, width = size.segments * workload.share(job), workload.width(key)
    if job.stage in ("cues", "camera-cues"):
        settings = job.settings.get("cues", job.settings)
        cues = len(settings["windows"]) * len(settings["thresholds"])
        return dict.fromkeys(job.outputs, share * cues * CUE_BYTES)
    if job.stage == "embed":
        return dict.fromkeys(job.outputs, share * len(config.crops(key)) * width * 2)
    if job.stage == "import-features":
        _, *shards, _ = job.outputs
        one = size.segments * len(config.crops(key)) * width * 2 / len(shards)
        return found | dict.fromkeys(shards, one)
    if job.stage == "train":
        history, scores, *weights = job.outputs
        assert len(weights) == len(job.options["seeds"]) * len(KEPT_PROTOCOLS)
        one = float(_WEIGHT_BYTES * width**2)
        return {history: 0.0, scores: size.test_segments * SCORE_BYTES} | dict.fromkeys(
            weights, one
        )
    return found


def _downloaded(job: Job, workload: Workload) -> float:
    """Bytes that a download brings: the videos of the data sets that own the raw data."""
    if job.stage != "fetch":
        return 0.0
    source = job.name.split("/")[1]
    of_source = [
        workload.sizes[key].bytes
        for key in workload.config.with_videos
        if workload.config.every[key].source == source
    ]
    return max(of_source, default=0.0)


def _read(job: Job, workload: Workload, files: Mapping[str, float]) -> float:
    """Bytes of inputs; of the videos, the job's share."""
    if job.stage == "fetch":
        return _downloaded(job, workload)
    key = workload.dataset(job)
    videos = set(job.reads.get("videos", ()))
    found = sum(files.get(path, 0.0) for path in job.inputs if path not in videos)
    if key is not None and (job.reads_videos or videos):
        found += workload.sizes[key].bytes * workload.share(job)
    return found


def _sum(stage: str, costs: list[StageCost]) -> StageCost:
    core = [each.core_hours for each in costs if each.core_hours is not None]
    gpu = [each.gpu_hours for each in costs if each.gpu_hours is not None]
    return StageCost(
        stage,
        sum(each.jobs for each in costs),
        sum(core) if core else None,
        sum(gpu) if gpu else None,
        sum(each.written for each in costs),
        sum(each.read for each in costs),
        tuple(dict.fromkeys(text for each in costs for text in each.rates)),
    )
