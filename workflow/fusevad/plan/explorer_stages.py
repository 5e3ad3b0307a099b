"""Jobs of the explorer: films of the test videos, and the page of the runs of Table 1."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from fusevad.cues.settings import MotionCue
from fusevad.plan.job import Files, Job
from fusevad.plan.jobs import Jobs
from fusevad.plan.report_stages import truth_of

# Files of a run that the page shows.
_SHOWN = ("seeds.csv", "classes.csv", "scores.parquet")


def explorer(jobs: Jobs) -> Iterator[Job]:
    """The films of each data set whose videos are read, and the page of all data sets."""
    for key in jobs.config.embedded:
        yield _films(jobs, key)
    yield _page(jobs)


def _films(jobs: Jobs, key: str) -> Job:
    cue = _cue(jobs)
    table, folder = _made_films(jobs, key)
    reads: dict[str, Files] = {
        "manifest": jobs.manifest(key),
        "cues": jobs.cues_of(key, jobs.config.timelines),
        "videos": jobs.videos(key),
    }
    settings = {"window": cue.window, "threshold": cue.threshold}
    return Job(f"films/{key}", "films", settings, reads, (table, folder), videos=folder)


def _page(jobs: Jobs) -> Job:
    rows = (*jobs.config.table1, *jobs.config.table1_ours)
    films = {key: _made_films(jobs, key) for key in jobs.config.embedded}
    cue = _cue(jobs)
    below = f"Below: motion cue, T = {cue.window} frames, threshold {cue.threshold}; dark: changes"
    settings: dict[str, Any] = jobs.report(rows) | {
        "events": jobs.config.studies["alarms"]["events"],
        "films": {key: table for key, (table, _) in films.items()},
        "cues": dict.fromkeys(films, below),
        "first": jobs.config.timelines,
    }
    reads: dict[str, Files] = {
        "runs": [path for name in _SHOWN for path in jobs.run_files(rows, name)],
        **truth_of(jobs),
        "films": list(chain.from_iterable(films.values())),
        "videos": [folder for key in jobs.config.datasets for folder in jobs.videos(key)],
    }
    outputs = (jobs.made("explorer/index.html"), jobs.made("explorer/page"))
    return Job("explorer", "explorer", settings, reads, outputs)


def _made_films(jobs: Jobs, key: str) -> tuple[str, str]:
    """The table of a data set's films, and their folder."""
    place = jobs.made(f"explorer/films/{key}")
    return f"{place}/films.csv", f"{place}/videos"


def _cue(jobs: Jobs) -> MotionCue:
    """The motion cue under the films: the one that timelines show."""
    return jobs.config.experiments[jobs.config.timelines].motion_cue
