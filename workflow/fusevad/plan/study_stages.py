"""Jobs of the studies of finished runs, of their tables and figures, of claims and the book."""

from collections.abc import Iterator
from itertools import chain

from fusevad.embed.streams.rgb.settings import RGB
from fusevad.plan.alarm_jobs import AlarmTransfer
from fusevad.plan.job import Files, Job
from fusevad.plan.method_jobs import SPEED, STUDY, TRANSFER, MethodJobs
from fusevad.plan.report_stages import figure, report, table, truth_of
from fusevad.plan.study_jobs import StudyJobs
from fusevad.plan.transfer_jobs import TransferJobs

CLAIMS = "config/claims.yaml"
# Tables of the book before its figures, in order.
BOOK_TABLES = (
    *(f"table{number}" for number in range(1, 15)),
    *("beyond", "checks", "equivalence", "selection"),
)
# Files that each study makes.
_MADE = {
    "masking": ("masking", "masking-dimensions"),
    "equivalence": ("equivalence",),
    "noise": ("noise",),
    "attention": ("attention", "attention-maps"),
}
_OF_VIDEOS = ("noise", "attention")


def studies(jobs: StudyJobs) -> Iterator[Job]:
    """Studies, their tables and figures, the paper's claims, and the book of all tables."""
    for key in jobs.jobs.config.datasets:
        yield from _of_dataset(jobs, key)
    for transfer in jobs.alarm_transfers():
        for videos in jobs.elsewhere(transfer):
            yield _transferred_scores(jobs, transfer, videos)
    for key in jobs.with_released_split:
        yield _leaks(jobs, key)
    yield from _shown(jobs)
    for name in filter(jobs.makes_table, jobs.alarm_tables):
        yield _alarms_figure(jobs, name)
    for name in filter(jobs.makes_table, jobs.transfer_tables):
        moved = jobs.transfer(name)
        for key in moved.transferred():
            yield _transfer(moved, key, f"study-transfer/{key}/{name}", moved.study)
    if jobs.jobs.config.frame_level:
        yield from _methods(MethodJobs(jobs.jobs))
        yield _claims(jobs)
    tables, figures = book_files(jobs)
    book: dict[str, Files] = {"tables": tables, "figures": figures}
    yield Job("book", "book", {}, book, (jobs.jobs.made("all.pdf"),))
    for paper, names in jobs.documents.items():
        tables = [jobs.jobs.made(f"{name}.tex") for name in names]
        outputs = (jobs.jobs.made(f"{paper}-tables.pdf"),)
        yield Job(f"tables/{paper}", "book", {}, {"tables": tables}, outputs)


def book_files(jobs: StudyJobs) -> tuple[list[str], list[str]]:
    """Tables and figures of the book, in order."""
    videos = jobs.jobs.config.with_videos
    names = [*BOOK_TABLES, *(["leaks"] if jobs.with_released_split else [])]
    figures = ["figure2", "figure3", *(f"figure4-{key}" for key in videos), "curves"]
    tables = [jobs.jobs.made(f"{name}.tex") for name in names]
    return tables, [jobs.jobs.made(f"figures/{name}.pdf") for name in figures]


def _of_dataset(jobs: StudyJobs, key: str) -> Iterator[Job]:
    for name in jobs.of_study("alarms"):
        if jobs.jobs.config.runs(key, name):
            yield _normal_scores(jobs, key, name)
            if jobs.scores_footage(key, name):
                yield _footage_scores(jobs, key, name)
    if not jobs.jobs.config.datasets[key].frame_level:
        return
    for name in jobs.of_study("locality"):
        if jobs.jobs.config.runs(key, name):
            yield _locality(jobs, key, name)
    for study, names in _MADE.items():
        if study in _OF_VIDEOS and key not in jobs.jobs.config.with_videos:
            continue
        yield Job(
            f"study-{study}/{key}",
            f"study-{study}",
            jobs.settings(study, key),
            _reads(jobs, study, key),
            tuple(jobs.study_file(key, f"{name}.csv") for name in names),
        )


def _reads(jobs: StudyJobs, study: str, key: str) -> dict[str, Files]:
    """Inputs of a study of a data set."""
    plain = jobs.jobs
    experiment = jobs.paired if study == "equivalence" else plain.config.study_experiment
    reads: dict[str, Files] = {"manifest": plain.manifest(key), "intervals": plain.intervals(key)}
    if study in _OF_VIDEOS:
        reads["cues"] = plain.cues_of(key, experiment)
    if study == "attention":
        towers = (plain.encoder_weights(key, stream) for stream in (RGB, jobs.cue_stream))
        weights = list(dict.fromkeys(chain.from_iterable(towers)))
        return reads | {"weights": weights, "videos": plain.videos(key)}
    if study == "noise":
        # Files that no job makes are sources of the embeddings already.
        weights = plain.encoder_weights(key, jobs.cue_stream)
        reads["tower"] = [path for path in weights if path.startswith("results/")]
    return reads | _run_reads(jobs, key, experiment)


def _run_reads(jobs: StudyJobs, key: str, experiment: str) -> dict[str, Files]:
    """A finished run, and the streams that its detectors score."""
    plain = jobs.jobs
    streams = list(plain.streams(key, experiment).values())
    return {
        "streams": streams,
        "embeddings": plain.embeddings(key, streams),
        "run": f"{plain.run(key, experiment)}/history.csv",
        "weights": plain.weights(key, experiment),
    }


def _normal_scores(jobs: StudyJobs, key: str, experiment: str) -> Job:
    """Scores of the normal training videos, from which thresholds of alarms come."""
    return Job(
        f"study-alarms/{key}/{experiment}",
        "study-alarms",
        jobs.weights_settings,
        {"manifest": jobs.jobs.manifest(key), **_run_reads(jobs, key, experiment)},
        (jobs.study_file(key, f"normal-scores/{experiment}.parquet"),),
    )


def _footage_scores(jobs: StudyJobs, key: str, experiment: str) -> Job:
    """Scores of the data set's normal footage, by the runs that learned from the data set."""
    plain = jobs.jobs
    footage = plain.config.footage[key].key
    streams = list(plain.streams(footage, experiment).values())
    return Job(
        f"study-footage/{key}/{experiment}",
        "study-alarms",
        {
            **jobs.weights_settings,
            "videos": "footage",
            **plain.scored_places(footage, key, experiment),
        },
        {
            "manifest": plain.manifest(footage),
            **_run_reads(jobs, key, experiment),
            "streams": streams,
            "embeddings": plain.embeddings(footage, streams),
        },
        (jobs.study_file(key, f"footage/{experiment}.parquet"),),
    )


def _transferred_scores(jobs: StudyJobs, transfer: AlarmTransfer, videos: str) -> Job:
    """Scores of another data set's videos, from which its alarms and thresholds come."""
    plain, key = jobs.jobs, jobs.scored_dataset(transfer.tested_on, videos)
    streams = list(plain.streams(key, transfer.experiment).values())
    return Job(
        f"study-alarms/{transfer.tested_on}/{transfer.trained_on}/{transfer.experiment}/{videos}",
        "study-alarms",
        {
            **jobs.weights_settings,
            "videos": videos,
            **plain.scored_places(key, transfer.trained_on, transfer.experiment),
        },
        {
            "manifest": plain.manifest(key),
            **_run_reads(jobs, transfer.trained_on, transfer.experiment),
            "streams": streams,
            "embeddings": plain.embeddings(key, streams),
        },
        (jobs.transfer_file(transfer, videos),),
    )


def _alarms_figure(jobs: StudyJobs, name: str) -> Job:
    """Events found against false alarms, with the thresholds of the table of that name."""
    table_csv = jobs.jobs.made(f"{name}.csv")
    reads: dict[str, Files] = {"table": table_csv, "files": jobs.figure_files(name)}
    outputs = tuple(jobs.jobs.made(f"figures/{name}.{form}") for form in ("pdf", "png"))
    settings = jobs.alarms_figure(name)
    return report(f"figures/{name}", "alarms-figure", settings, reads, outputs, "figures")


def _locality(jobs: StudyJobs, key: str, experiment: str) -> Job:
    """How far evidence travels in the videos that a run scores."""
    plain = jobs.jobs
    return Job(
        f"study-locality/{key}/{experiment}",
        "study-locality",
        jobs.weights_settings,
        {
            "manifest": plain.manifest(key),
            "intervals": plain.intervals(key),
            **_run_reads(jobs, key, experiment),
        },
        (jobs.study_file(key, f"locality/{experiment}.csv"),),
    )


def _leaks(jobs: StudyJobs, key: str) -> Job:
    fetched = f"results/fetched/{jobs.jobs.config.datasets[key].source}.json"
    outputs = (jobs.study_file(key, "leaks.csv"),)
    settings = jobs.jobs.origin(key)
    return Job(f"study-leaks/{key}", "study-leaks", settings, {"fetched": fetched}, outputs)


def _shown(jobs: StudyJobs) -> Iterator[Job]:
    plain = jobs.jobs
    for name, values in plain.config.study_tables.items():
        if values["study"] == STUDY or not jobs.makes_table(name):  # `_methods`
            continue
        reads: dict[str, Files] = {
            "files": jobs.table_files(name),
            "published": jobs.published(name),
        }
        yield table(plain, name, values["study"], jobs.table(name), reads)
    for key in plain.config.datasets if jobs.confused else ():
        reads = {"run": f"{plain.run(key, jobs.confused)}/confusion.csv"}
        yield figure(plain, f"confusion-{key}", "confusion", jobs.confusion(key), reads)
    reads = {"studies": jobs.study_files("masking-dimensions.csv")}
    yield figure(plain, "figure3", "weight-surface", jobs.surfaces(), reads)
    for key in plain.config.with_videos:
        reads = {
            "maps": jobs.study_file(key, "attention-maps.csv"),
            "manifest": plain.manifest(key),
            "cues": plain.cues_of(key, plain.config.study_experiment),
            "videos": plain.videos(key),
        }
        settings = jobs.attention_maps(key)
        yield figure(plain, f"figure4-{key}", "attention-maps", settings, reads, reads_videos=True)


def _methods(jobs: MethodJobs) -> Iterator[Job]:
    """The table of all methods, for readers and for machines, and what is measured for it."""
    plain = jobs.jobs
    for key in plain.config.datasets if jobs.tables else ():
        yield _speed(jobs, key)
    for key in jobs.transferred():
        yield _transfer(jobs, key, f"study-transfer/{key}", TRANSFER)
    for name in jobs.tables:
        reads: dict[str, Files] = {"files": jobs.table_files(), "published": jobs.published}
        yield table(plain, name, STUDY, jobs.table(name), reads)
        rows: dict[str, Files] = {
            "table": plain.made(f"{name}.csv"),
            "speeds": [jobs.file(key, SPEED) for key in plain.config.datasets],
        }
        outputs = (plain.made("leaderboard.json"),)
        yield Job("leaderboard", "leaderboard", jobs.leaderboard(), rows, outputs)


def _speed(jobs: MethodJobs, key: str) -> Job:
    plain, indices = jobs.jobs, list(jobs.streams(key).values())
    reads: dict[str, Files] = {
        "manifest": plain.manifest(key),
        "streams": indices,
        "embeddings": plain.embeddings(key, indices),
        "weights": jobs.first_weights(key),
        "teachers": jobs.first_teachers(key),
        "encoder": jobs.encoder_files(key),
        "texts": jobs.texts(key),
    }
    found = (jobs.file(key, SPEED),)
    return Job(f"study-speed/{key}", "study-speed", jobs.speed(key), reads, found)


def _transfer(jobs: TransferJobs, key: str, name: str, study: str) -> Job:
    """Runs on other data sets, tested on this one."""
    plain, indices = jobs.jobs, list(jobs.streams(key).values())
    reads: dict[str, Files] = {
        "manifest": plain.manifest(key),
        "intervals": plain.intervals(key),
        "streams": indices,
        "embeddings": plain.embeddings(key, indices),
        "histories": jobs.transferred_histories(key),
        "weights": jobs.transferred_weights(key),
    }
    settings = {"runs": jobs.transfers(key)}
    return Job(name, "study-transfer", settings, reads, (jobs.file(key, study),))


def _claims(jobs: StudyJobs) -> Job:
    names = ("noise", "masking", "masking-dimensions")
    reads: dict[str, Files] = {
        "runs": jobs.claim_files(CLAIMS),
        "studies": [file for name in names for file in jobs.study_files(f"{name}.csv")],
        **truth_of(jobs.jobs),
        "claims": CLAIMS,
    }
    outputs = (jobs.jobs.made("claims.md"), jobs.jobs.made("claims.html"))
    return report("claims", "claims", jobs.claims(CLAIMS), reads, outputs, "claims")
