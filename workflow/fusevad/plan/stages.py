"""The plan of a configuration: every job that its rules in `workflow/rules/` can run.

Stage by stage as the rule files are; a test compares the plan with Snakemake's own.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from fusevad.config.model import Config, Dataset
from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.config.streams import CAMERA
from fusevad.plan.jobs import PUBLISHED_CLASSES, RELEASED_STREAM, Jobs
from fusevad.plan.lineage import Plan, StageJob
from fusevad.plan.study_jobs import StudyJobs

CLAIMS = "config/claims.yaml"
# What results/all.pdf holds beside the figures, in this order.
BOOK_TABLES = (
    *(f"table{number}" for number in range(1, 15)),
    *("beyond", "checks", "equivalence", "selection"),
)


def plan(config: Config) -> Plan:
    """All jobs of a configuration; none that needs motion cues or crops which it lacks."""
    jobs = Jobs(config)
    return Plan(
        _possible(
            chain(
                _data(jobs),
                _cues(jobs),
                _embeddings(jobs),
                _runs(jobs),
                _reports(jobs),
                _studies(StudyJobs(jobs)),
            )
        )
    )


def _possible(jobs: Iterable[StageJob]) -> list[StageJob]:
    """Those whose inputs in `results/` are all made by a job that is possible itself."""
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


def _data(jobs: Jobs) -> Iterator[StageJob]:
    for source in jobs.fetched:
        outputs = (f"results/fetched/{source}.json",)
        yield StageJob(f"fetch/{source}", "fetch", jobs.fetch(source), (), outputs)
    for key, dataset in jobs.config.datasets.items():
        yield _source(jobs, key, dataset)
        yield _manifest(jobs, key)
    if "rendered" in jobs.config.datasets:
        yield StageJob(
            "contact-sheet/rendered",
            "contact-sheet",
            {},
            jobs.source_tables("rendered"),
            ("results/figures/rendered.png",),
        )


def _source(jobs: Jobs, key: str, dataset: Dataset) -> StageJob:
    stage = {"recorded": "labels"}.get(dataset.origin, dataset.origin)
    inputs = (f"results/fetched/{dataset.source}.json",) if dataset.fetch else ()
    options = {"videos": key in jobs.config.with_videos} if stage == "labels" else {}
    outputs = jobs.source_tables(key)
    return StageJob(f"{stage}/{key}", stage, jobs.origin(key), inputs, outputs, options)


def _manifest(jobs: Jobs, key: str) -> StageJob:
    inputs = jobs.source_tables(key)
    outputs = tuple(f"results/{key}/{name}.csv" for name in ("manifest", "intervals", "skipped"))
    options: dict[str, Any] = {"on_bad_video": jobs.config.on_bad_video}
    if key in jobs.config.without_videos:
        settings = jobs.features(key)
        stage = "manifest-from-features"
        return StageJob(f"manifest/{key}", stage, settings, inputs, outputs, options)
    options |= {"past_end": jobs.past_end(key)}
    return StageJob(f"manifest/{key}", "manifest", {}, inputs, outputs, options)


def _cues(jobs: Jobs) -> Iterator[StageJob]:
    for key in jobs.config.with_videos:
        shards = jobs.config.datasets[key].shards
        for definition in ("paper", "released"):
            for shard, file in enumerate(jobs.cue_shards(key, definition)):
                yield StageJob(
                    f"cues/{key}/{definition}/{shard}",
                    "cues",
                    jobs.cues(definition),
                    (f"results/{key}/manifest.csv",),
                    (file,),
                    {"shards": shards},
                    step=f"cues/{key}/{definition}",
                )
    for key, events in jobs.config.events.items():
        for shard, file in enumerate(jobs.cue_shards(key, CAMERA)):
            yield StageJob(
                f"cues/{key}/{CAMERA}/{shard}",
                "camera-cues",
                jobs.camera_cues(key),
                (f"results/{key}/manifest.csv", f"results/fetched/{events.source}.json"),
                (file,),
                {"shards": jobs.config.datasets[key].shards},
                step=f"cues/{key}/{CAMERA}",
            )


def _streams(jobs: Jobs, key: str) -> list[str]:
    """Streams that the experiments of a configuration learn from."""
    names = jobs.config.possible(key)
    found = chain.from_iterable(jobs.config.streams(name).values() for name in names)
    return list(dict.fromkeys(["rgb", *found]))


def _embeddings(jobs: Jobs) -> Iterator[StageJob]:
    for key in jobs.config.features:
        for stream in ("rgb", RELEASED_STREAM, *_streams(jobs, key)[1:]):
            yield _imported(jobs, key, stream)
    for key in jobs.config.embedded:
        if jobs.config.encoder_settings["motion_cue_weights"] is None:
            yield _tower(jobs, key)
        for stream in _streams(jobs, key):
            yield from _embedded(jobs, key, stream)
    yield StageJob(
        "event-clip",
        "event-clip",
        {"model": jobs.config.encoder_settings["model"]},
        (),
        ("results/encoders/event-clip.safetensors",),
    )


def _imported(jobs: Jobs, key: str, stream: str) -> StageJob:
    folder = jobs.config.embedding_folder(key)
    return StageJob(
        f"index/{key}/{folder}/{stream}",
        "import-features",
        jobs.features(key),
        (f"results/{key}/manifest.csv",),
        (jobs.index(key, stream),),
        {"stream": stream, "shards": jobs.config.datasets[key].shards},
    )


def _tower(jobs: Jobs, key: str) -> StageJob:
    name = jobs.config.encoder
    cues = jobs.cue_shards(key, "paper")
    return StageJob(
        f"align/{key}/{name}",
        "align",
        jobs.align(key),
        (f"results/{key}/manifest.csv", jobs.index(key, "rgb"), *cues),
        (f"results/{key}/encoders/{name}/motion-cue.safetensors",),
    )


def _embedded(jobs: Jobs, key: str, stream: str) -> Iterator[StageJob]:
    folder = jobs.config.embedding_folder(key)
    manifest = f"results/{key}/manifest.csv"
    step = f"embed/{key}/{folder}/{stream}"
    files = jobs.shard_files(key, folder, stream)
    for shard, file in enumerate(files):
        inputs = (
            manifest,
            *jobs.cue_shard(key, stream, str(shard)),
            *jobs.encoder_weights(key, stream),
        )
        options = {"shards": len(files)}
        settings = jobs.embed(key, stream)
        yield StageJob(f"{step}/{shard}", "embed", settings, inputs, (file,), options, step)
    yield StageJob(
        f"index/{key}/{folder}/{stream}",
        "index",
        {},
        (manifest, *files),
        (jobs.index(key, stream),),
    )


def _runs(jobs: Jobs) -> Iterator[StageJob]:
    seeds = list(jobs.config.seeds)
    for key, dataset in jobs.config.datasets.items():
        manifest, intervals = (f"results/{key}/{name}.csv" for name in ("manifest", "intervals"))
        for name in jobs.config.possible(key):
            run = f"results/{key}/runs/{name}"
            weights = (
                f"{run}/weights/seed-{seed}-{protocol}.safetensors"
                for seed in seeds
                for protocol in KEPT_PROTOCOLS
            )
            trained = (f"{run}/history.csv", f"{run}/epoch-scores.safetensors")
            yield StageJob(
                f"train/{key}/{name}",
                "train",
                jobs.train(key, name),
                (
                    manifest,
                    *jobs.streams(key, name).values(),
                    *jobs.teacher_weights(key, name),
                ),
                (*trained, *weights),
                {"seeds": seeds},
            )
            yield StageJob(
                f"evaluate/{key}/{name}",
                "evaluate",
                {},
                (manifest, intervals, *trained),
                tuple(f"{run}/{file}" for file in ("seeds.csv", "classes.csv", "scores.parquet")),
                {"main_metric": dataset.metrics[0]},
            )


def _report(
    name: str, kind: str, settings: dict[str, Any], inputs: list[str], outputs: tuple[str, ...]
) -> StageJob:
    unique = tuple(dict.fromkeys(inputs))
    return StageJob(f"report/{name}", "report", settings, unique, outputs, {"kind": kind})


def _table(name: str) -> tuple[str, str]:
    return f"results/{name}.tex", f"results/{name}.csv"


def _figure(name: str) -> tuple[str, str]:
    return f"results/figures/{name}.pdf", f"results/figures/{name}.png"


def _reports(jobs: Jobs) -> Iterator[StageJob]:
    config = jobs.config
    published = {"table1": "config/published/table01.csv", "classes": PUBLISHED_CLASSES}
    truth = [*jobs.dataset_files("manifest.csv"), *jobs.dataset_files("intervals.csv")]
    skipped = jobs.dataset_files("skipped.csv")
    inputs = {
        "table1": [*jobs.run_files(config.table1, "seeds.csv"), *skipped],
        "classes": [*jobs.run_files(config.table1, "classes.csv"), *truth, *skipped],
    }
    for name, files in inputs.items():
        settings = jobs.report(config.table1, published[name])
        yield _report(name, name, settings, [*files, published[name]], _table(name))
    for table in config.ablations:
        files = [*jobs.ablation_files(table), *jobs.published(table)]
        keys = jobs.ablation_datasets(table)
        if all(jobs.runs_of(table, key) <= set(config.possible(key)) for key in keys):
            yield _report(table, "ablation", jobs.ablation(table), files, _table(table))
    files = jobs.run_files(config.table1, "seeds.csv")
    metrics = ("results/metrics.json", "results/metrics.csv")
    yield _report("metrics", "metrics", jobs.report(config.table1), files, metrics)
    runs = jobs.run_files(config.radar, "classes.csv")
    yield _report("figure2", "radar", jobs.report(config.radar), runs, _figure("figure2"))
    files = [*jobs.run_files(config.table1, "scores.parquet"), *truth]
    yield _report("curves", "curves", jobs.report(config.table1), files, _figure("curves"))
    for key in config.embedded:
        yield _timelines(jobs, key)


def _timelines(jobs: Jobs, key: str) -> StageJob:
    name = jobs.config.timelines
    inputs = [
        f"results/{key}/manifest.csv",
        f"results/{key}/intervals.csv",
        *jobs.cues_of(key, name),
        f"results/{key}/runs/{name}/scores.parquet",
    ]
    figure = f"timelines-{key}"
    return _report(figure, "timelines", jobs.timelines(key, name), inputs, _figure(figure))


def _studies(studies: StudyJobs) -> Iterator[StageJob]:
    config = studies.jobs.config
    for key in config.datasets:
        yield from _studies_of(studies, key)
    for key in studies.with_released_split:
        yield _leaks(studies.jobs, key)
    for table, values in config.study_tables.items():
        files = [*studies.table_files(table), *studies.published(table)]
        yield _report(table, values["study"], studies.table(table), files, _table(table))
    files = studies.study_files("masking-dimensions.csv")
    yield _report("figure3", "weight-surface", studies.surfaces(), files, _figure("figure3"))
    for key in config.with_videos:
        figure = f"figure4-{key}"
        files = [
            f"results/{key}/studies/attention-maps.csv",
            f"results/{key}/manifest.csv",
            *studies.jobs.cues_of(key, config.study_experiment),
        ]
        settings = studies.attention_maps(key)
        yield _report(figure, "attention-maps", settings, files, _figure(figure))
    yield _claims(studies)
    yield _book(studies)


def _studies_of(studies: StudyJobs, key: str) -> Iterator[StageJob]:
    jobs, studied = studies.jobs, studies.jobs.config.study_experiment
    truth = (f"results/{key}/manifest.csv", f"results/{key}/intervals.csv")
    streams = tuple(jobs.streams(key, studied).values())
    run = studies.run(key, "history.csv")
    cues = jobs.cues_of(key, studied)
    paired = tuple(jobs.streams(key, studies.paired).values())
    inputs = {
        "masking": (*truth, *streams, run),
        "equivalence": (*truth, *paired, f"results/{key}/runs/{studies.paired}/history.csv"),
        "noise": (*truth, *streams, *cues, run),
        "attention": (*truth, *cues, *jobs.encoder_weights(key, "motion")),
    }
    files = {
        "masking": ("masking", "masking-dimensions"),
        "equivalence": ("equivalence",),
        "noise": ("noise",),
        "attention": ("attention", "attention-maps"),
    }
    for study in inputs if key in jobs.config.with_videos else ("masking", "equivalence"):
        yield StageJob(
            f"study-{study}/{key}",
            f"study-{study}",
            studies.settings(study, key),
            inputs[study],
            tuple(f"results/{key}/studies/{name}.csv" for name in files[study]),
        )


def _leaks(jobs: Jobs, key: str) -> StageJob:
    return StageJob(
        f"study-leaks/{key}",
        "study-leaks",
        jobs.origin(key),
        (f"results/fetched/{jobs.config.datasets[key].source}.json",),
        (f"results/{key}/studies/leaks.csv",),
    )


def _claims(studies: StudyJobs) -> StageJob:
    inputs = [
        *studies.claim_files(CLAIMS),
        *chain.from_iterable(
            studies.study_files(f"{name}.csv")
            for name in ("noise", "masking", "masking-dimensions")
        ),
        *studies.jobs.dataset_files("manifest.csv"),
        *studies.jobs.dataset_files("intervals.csv"),
        CLAIMS,
    ]
    outputs = ("results/claims.md", "results/claims.html")
    return _report("claims", "claims", studies.claims(CLAIMS), inputs, outputs)


def book_files(studies: StudyJobs) -> tuple[list[str], list[str]]:
    """Tables and figures of results/all.pdf, in their order."""
    videos = studies.jobs.config.with_videos
    names = [*BOOK_TABLES, *(["leaks"] if studies.with_released_split else [])]
    figures = ["figure2", "figure3", *(f"figure4-{key}" for key in videos), "curves"]
    tables = [f"results/{table}.tex" for table in names]
    return tables, [f"results/figures/{name}.pdf" for name in figures]


def _book(studies: StudyJobs) -> StageJob:
    tables, figures = book_files(studies)
    return StageJob("book", "book", {}, (*tables, *figures), ("results/all.pdf",))
