"""Jobs of tables and figures of finished runs."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from fusevad.plan.job import Files, Job
from fusevad.plan.jobs import PUBLISHED_CLASSES, Jobs
from fusevad.plan.stage import Unit

PUBLISHED_TABLE1 = "config/published/table01.csv"
TABLE_FORMS = ("tex", "csv", "tabular.tex", "html")


def report(
    name: str,
    kind: str,
    settings: dict[str, Any],
    reads: dict[str, Files],
    outputs: tuple[str, ...],
    unit: Unit,
    reads_videos: bool = False,
) -> Job:
    """The job of `fusevad report KIND`."""
    job = f"report/{name}"
    options = {"kind": kind}
    return Job(
        job, "report", settings, reads, outputs, options, unit=unit, reads_videos=reads_videos
    )


def table(
    jobs: Jobs, name: str, kind: str, settings: dict[str, Any], reads: dict[str, Files]
) -> Job:
    """The job of a table; its footnotes count the videos that lack a stream of its rows."""
    outputs = tuple(jobs.made(f"{name}.{form}") for form in TABLE_FORMS)
    if indices := _partial(settings):
        reads = {**reads, "partial": indices}
    return report(name, kind, settings, reads, outputs, "tables")


def _partial(settings: Mapping[str, Any]) -> list[str]:
    """Indices of the streams of a table's rows that videos may lack."""
    rows = [*settings.get("experiments", ()), *settings.get("ours", ())]
    rows += [row["run"] for row in settings.get("rows", ())]
    rows += [settings[key] for key in ("experiment", "compared_with") if key in settings]
    by_dataset = chain.from_iterable(row.get("partial", {}).values() for row in rows)
    return list(dict.fromkeys(index for own in by_dataset for index in own.values()))


def figure(
    jobs: Jobs,
    name: str,
    kind: str,
    settings: dict[str, Any],
    reads: dict[str, Files],
    reads_videos: bool = False,
) -> Job:
    """The job of a figure."""
    outputs = (jobs.made(f"figures/{name}.pdf"), jobs.made(f"figures/{name}.png"))
    return report(name, kind, settings, reads, outputs, "figures", reads_videos)


def truth_of(jobs: Jobs) -> dict[str, Files]:
    """Manifests and tables of anomalies of all data sets."""
    return {
        "manifest": jobs.dataset_files("manifest.csv"),
        "intervals": jobs.dataset_files("intervals.csv"),
    }


def reports(jobs: Jobs) -> Iterator[Job]:
    """Table 1, classes, ablations, metrics and the figures of runs."""
    yield from _main_tables(jobs)
    yield from _ablations(jobs)
    yield from _figures(jobs)


def _main_tables(jobs: Jobs) -> Iterator[Job]:
    rows, ours = jobs.config.table1, jobs.config.table1_ours
    seeds = jobs.run_files(rows, "seeds.csv")
    skipped = jobs.dataset_files("skipped.csv")
    reads: dict[str, Files] = {
        "runs": seeds + jobs.run_files(ours, "seeds.csv"),
        "skipped": skipped,
        "published": PUBLISHED_TABLE1,
    }
    yield table(jobs, "table1", "table1", jobs.table1(PUBLISHED_TABLE1), reads)
    if jobs.config.frame_level:
        reads = {
            "runs": jobs.run_files(rows, "classes.csv"),
            **truth_of(jobs),
            "skipped": skipped,
            "published": PUBLISHED_CLASSES,
        }
        yield table(jobs, "classes", "classes", jobs.report(rows, PUBLISHED_CLASSES), reads)
    outputs = tuple(jobs.made(name) for name in ("metrics.json", "metrics.csv", "numbers.tex"))
    yield report("metrics", "metrics", jobs.report(rows), {"runs": seeds}, outputs, "metrics")


def _ablations(jobs: Jobs) -> Iterator[Job]:
    for name in filter(jobs.makes_ablation, jobs.config.ablations):
        reads = {"runs": jobs.ablation_files(name), "published": jobs.published(name)}
        yield table(jobs, name, "ablation", jobs.ablation(name), reads)


def _figures(jobs: Jobs) -> Iterator[Job]:
    radar, rows = jobs.config.radar, jobs.config.table1
    if jobs.config.frame_level:
        runs: dict[str, Files] = {"runs": jobs.run_files(radar, "classes.csv")}
        yield figure(jobs, "figure2", "radar", jobs.report(radar), runs)
        scores: dict[str, Files] = {"runs": jobs.run_files(rows, "scores.parquet")}
        yield figure(jobs, "curves", "curves", jobs.report(rows), scores | truth_of(jobs))
    seeds = jobs.run_files((*rows, *jobs.config.table1_ours), "seeds.csv")
    yield figure(jobs, "table1-seeds", "seeds", jobs.table1_seeds(), {"runs": seeds})
    name = jobs.config.timelines
    for key in jobs.config.embedded:
        reads: dict[str, Files] = {
            "manifest": jobs.manifest(key),
            "intervals": jobs.intervals(key),
            "cues": jobs.cues_of(key, name),
            "run": f"{jobs.run(key, name)}/scores.parquet",
            "videos": jobs.videos(key),
        }
        settings = jobs.timelines(key, name)
        yield figure(jobs, f"timelines-{key}", "timelines", settings, reads, reads_videos=True)
