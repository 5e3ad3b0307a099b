"""The plan of a configuration: every job that its rules in `workflow/rules/` can run.

In the order of the rule files. Inputs have the names that the rules' commands use.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from fusevad.config.datasets import Dataset
from fusevad.config.model import Config
from fusevad.cues.settings import CAMERA
from fusevad.embed.streams.registry import kind_of
from fusevad.embed.streams.rgb.settings import RGB
from fusevad.encoders.settings import local_files
from fusevad.plan.bundle_jobs import BundleJobs, bundles
from fusevad.plan.explorer_stages import explorer
from fusevad.plan.job import Files, Job
from fusevad.plan.jobs import Jobs
from fusevad.plan.lineage import Plan
from fusevad.plan.report_stages import reports
from fusevad.plan.study_jobs import StudyJobs
from fusevad.plan.study_stages import studies

# Of a run, what tables and figures read.
JUDGED = ("seeds.csv", "classes.csv", "scores.parquet")


def plan(config: Config) -> Plan:
    """All jobs of a configuration, except those that need motion cues or crops which it lacks."""
    jobs = Jobs(config)
    every = list(
        chain(
            _data(jobs),
            _cues(jobs),
            _embeddings(jobs),
            _runs(jobs),
            reports(jobs),
            explorer(jobs),
            studies(StudyJobs(jobs)),
            bundles(BundleJobs(StudyJobs(jobs))),
        )
    )
    return Plan(_possible(every), config.name, every)


def _possible(jobs: Iterable[Job]) -> list[Job]:
    """The jobs whose inputs in `results/` are all made by jobs that are possible themselves."""
    found = list(jobs)
    while True:
        made = {path for job in found for path in job.outputs}
        possible = [
            job
            for job in found
            if all(path in made for path in job.inputs if path.startswith("results/"))
        ]
        if len(possible) == len(found):
            return found
        found = possible


def _data(jobs: Jobs) -> Iterator[Job]:
    for source in jobs.fetched:
        outputs = (f"results/fetched/{source}.json",)
        yield Job(f"fetch/{source}", "fetch", jobs.fetch(source), {}, outputs)
    for key, dataset in jobs.config.every.items():
        yield _source(jobs, key, dataset)
        yield _manifest(jobs, key)
    if "rendered" in jobs.config.datasets:
        picture = (jobs.made("figures/rendered.png"),)
        shown = {**jobs.source_tables("rendered"), "videos": jobs.videos("rendered")}
        yield Job("contact-sheet/rendered", "contact-sheet", {}, shown, picture)


def _source(jobs: Jobs, key: str, dataset: Dataset) -> Job:
    stage = {"recorded": "labels", "own": "own-labels"}.get(dataset.origin, dataset.origin)
    reads: dict[str, Files] = (
        {"fetched": f"results/fetched/{dataset.source}.json"} if dataset.fetch else {}
    )
    options: dict[str, Any] = {}
    if stage == "labels":
        options["videos"] = key not in jobs.config.without_videos
        options["on_bad_video"] = jobs.config.on_bad_video
    videos = jobs.videos(key)
    outputs = (*jobs.source_tables(key).values(), *videos)
    name, settings = f"{stage}/{key}", jobs.origin(key)
    if stage == "own-labels":
        # The tables' content counts, wherever they are.
        reads, settings = dict(settings), {}
    return Job(name, stage, settings, reads, outputs, options, videos="".join(videos))


def _manifest(jobs: Jobs, key: str) -> Job:
    reads: dict[str, Files] = {**jobs.source_tables(key)}
    outputs = tuple(f"results/{key}/{name}.csv" for name in ("manifest", "intervals", "skipped"))
    options: dict[str, Any] = {"on_bad_video": jobs.config.on_bad_video}
    if key in jobs.config.features:
        options |= jobs.features_content(key)
    if key in jobs.config.without_videos:
        settings = jobs.features(key)
        stage = "manifest-from-features"
        return Job(f"manifest/{key}", stage, settings, reads, outputs, options)
    reads["videos"] = jobs.videos(key)
    options |= {"past_end": jobs.past_end(key)}
    settings = jobs.features(key) if key in jobs.config.features else {}
    return Job(f"manifest/{key}", "manifest", settings, reads, outputs, options)


def _cues(jobs: Jobs) -> Iterator[Job]:
    for key in (*jobs.config.with_videos, *jobs.untrained):
        options = {"shards": jobs.config.every[key].shards}
        for definition in ("paper", "released"):
            step = f"cues/{key}/{definition}"
            reads = {"manifest": jobs.manifest(key), "videos": jobs.videos(key)}
            for shard, file in enumerate(jobs.cue_shards(key, definition)):
                settings = jobs.cues(definition)
                yield Job(f"{step}/{shard}", "cues", settings, reads, (file,), options, step)
    for key, events in jobs.config.events.items():
        options = {"shards": jobs.config.datasets[key].shards}
        step = f"cues/{key}/{CAMERA}"
        fetched = f"results/fetched/{events.source}.json"
        reads = {"manifest": jobs.manifest(key), "events": fetched}
        for shard, file in enumerate(jobs.cue_shards(key, CAMERA)):
            settings = jobs.camera_cues(key)
            yield Job(f"{step}/{shard}", "camera-cues", settings, reads, (file,), options, step)


def _embeddings(jobs: Jobs) -> Iterator[Job]:
    for key in jobs.config.features:
        for stream in jobs.imported_streams(key):
            yield _imported(jobs, key, stream)
    for key in (*jobs.config.embedded, *jobs.untrained):
        if jobs.learns_tower(key):
            yield _tower(jobs, key)
        for stream in jobs.embedded(key):
            yield from _embedded(jobs, key, stream)
    for key in jobs.config.datasets:
        if jobs.config.text_tower(key):
            yield _class_texts(jobs, key)
    model = jobs.config.encoder_settings["model"]
    yield Job(
        "event-clip",
        "event-clip",
        {"model": model},
        {"model": local_files([model])},
        ("results/encoders/event-clip.safetensors",),
    )


def _class_texts(jobs: Jobs, key: str) -> Job:
    settings = jobs.class_texts(key)
    values = (settings["model"], settings["pretrained"])
    reads: dict[str, Files] = {"manifest": jobs.manifest(key), "weights": local_files(values)}
    name = f"class-texts/{key}/{settings['name']}.texts"
    return Job(name, "class-texts", settings, reads, (jobs.class_texts_file(key),))


def _imported(jobs: Jobs, key: str, stream: str) -> Job:
    index = jobs.index(key, stream)
    return Job(
        f"index/{key}/{jobs.config.embedding_folder(key, stream)}/{stream}",
        "import-features",
        jobs.features(key),
        {"manifest": jobs.manifest(key)},
        (index, *jobs.embeddings(key, [index]), jobs.imported_list(key, stream)),
        {"stream": stream, "shards": jobs.config.datasets[key].shards} | jobs.features_content(key),
    )


def _tower(jobs: Jobs, key: str) -> Job:
    name = jobs.config.encoder
    reads = {
        "manifest": jobs.manifest(key),
        "rgb": jobs.index(key, RGB),
        "embeddings": jobs.embeddings(key, [jobs.index(key, RGB)]),
        "cues": jobs.cue_shards(key, "paper"),
    }
    tower = (jobs.config.learned_tower(key),)
    return Job(f"align/{key}/{name}", "align", jobs.align(key), reads, tower)


def _embedded(jobs: Jobs, key: str, stream: str) -> Iterator[Job]:
    folder = jobs.config.embedding_folder(key, stream)
    reads_videos = kind_of(stream).reads_videos(jobs.config.given(key))
    step = f"embed/{key}/{folder}/{stream}"
    files = jobs.shard_files(key, stream)
    options = {"shards": len(files)} | jobs.tables_content(key, stream)
    for shard, file in enumerate(files):
        yield Job(
            f"{step}/{shard}",
            "embed",
            jobs.embed(key, stream),
            {
                "manifest": jobs.manifest(key),
                "cues": jobs.cue_shard(key, stream, shard),
                "weights": jobs.encoder_weights(key, stream),
                "videos": jobs.videos(key) if reads_videos else [],
            },
            (file,),
            options,
            step,
            reads_videos=reads_videos,
        )
    reads = {"manifest": jobs.manifest(key), "shards": files}
    yield Job(f"index/{key}/{folder}/{stream}", "index", {}, reads, (jobs.index(key, stream),))


def _runs(jobs: Jobs) -> Iterator[Job]:
    for key in jobs.config.datasets:
        for name in jobs.config.possible(key):
            if name in jobs.searched:
                yield _search(jobs, key, name)
            yield from _run(jobs, key, name)
        for name, imported in jobs.config.imported.items():
            if key in imported.scores:
                yield _imported_scores(jobs, key, name)


def _imported_scores(jobs: Jobs, key: str, name: str) -> Job:
    files = (*JUDGED, "sources.csv")
    return Job(
        f"import-scores/{key}/{name}",
        "import-scores",
        jobs.imported_scores(key, name),
        {"manifest": jobs.manifest(key), "intervals": jobs.intervals(key)},
        tuple(f"{jobs.run(key, name)}/{file}" for file in files),
        {"main_metric": jobs.config.datasets[key].metrics[0]} | jobs.scores_content(key, name),
    )


def _search(jobs: Jobs, key: str, name: str) -> Job:
    streams = list(jobs.streams(key, name).values())
    reads: dict[str, Files] = {
        "manifest": jobs.manifest(key),
        "streams": streams,
        "embeddings": jobs.embeddings(key, streams),
        "texts": jobs.texts(key, name),
    }
    found = tuple(jobs.learning_rates(key, name))
    options = {"seeds": list(jobs.config.learning_rates["seeds"])}
    return Job(f"search/{key}/{name}", "search", jobs.search(key, name), reads, found, options)


def _run(jobs: Jobs, key: str, name: str) -> Iterator[Job]:
    seeds = list(jobs.config.seeds)
    run = jobs.run(key, name)
    streams = list(jobs.streams(key, name).values())
    trained = {"history": f"{run}/history.csv", "scores": f"{run}/epoch-scores.safetensors"}
    yield Job(
        f"train/{key}/{name}",
        "train",
        jobs.train(key, name),
        {
            "manifest": jobs.manifest(key),
            "streams": streams,
            "embeddings": jobs.embeddings(key, streams),
            "teacher": jobs.teacher_weights(key, name),
            "texts": jobs.texts(key, name),
            "learning_rates": jobs.learning_rates(key, name),
        },
        (*trained.values(), *jobs.weights(key, name)),
        {"seeds": seeds},
        seed_store=jobs.seed_store(key, name),
    )
    yield Job(
        f"evaluate/{key}/{name}",
        "evaluate",
        {},
        {"manifest": jobs.manifest(key), "intervals": jobs.intervals(key), **trained},
        tuple(f"{run}/{file}" for file in JUDGED),
        {"main_metric": jobs.config.datasets[key].metrics[0]},
    )
    if jobs.texts(key, name) and jobs.config.datasets[key].frame_level:
        yield Job(
            f"localise/{key}/{name}",
            "localise",
            jobs.localise(key),
            {
                "manifest": jobs.manifest(key),
                "intervals": jobs.intervals(key),
                "scores": f"{run}/scores.parquet",
            },
            tuple(f"{run}/{file}" for file in ("localisation.csv", "confusion.csv")),
        )
