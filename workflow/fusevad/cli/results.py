"""Verbs of training, evaluation and report."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import (
    STAGES,
    Cues,
    Intervals,
    Manifest,
    MaybeSettings,
    Settings,
    StreamIndices,
    Workers,
    stream_paths,
    verb,
)
from fusevad.parsing import parse
from fusevad.plan.records import recorded

Seeds = Annotated[str, typer.Option(help="Numbers, separated by commas.")]
SeedStore = Annotated[
    Path | None, typer.Option(help="Folder of finished seeds: each is trained once.")
]
Texts = Annotated[
    Path | None, typer.Option(help="File of class-texts, for methods that learn with it.")
]
MemoryMB = Annotated[
    int | None, typer.Option(help="Memory for all seeds at a time, in MB; else not limited.")
]


def _seeds(option: str) -> tuple[int, ...]:
    """The numbers of `--seeds`, as a configuration may have them."""
    from fusevad.config.forms.values import Seeds as Numbers

    return parse(Numbers, option.split(","), "--seeds")


@verb(
    STAGES,
    "fusevad train --manifest results/rendered/manifest.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--settings results/settings/NAME.json results/rendered/runs/student-t",
)
def train(
    manifest: Manifest,
    stream: StreamIndices,
    settings: Settings,
    out: Path,
    teacher: Annotated[Path | None, typer.Option(help="Folder of the teacher's run.")] = None,
    texts: Texts = None,
    learning_rates: Annotated[
        Path | None, typer.Option(help="Result of a search: its choice is the learning rate.")
    ] = None,
    seeds: Seeds = "0",
    seed_store: SeedStore = None,
    workers: Workers = 1,
    memory_mb: MemoryMB = None,
) -> None:
    """Train one experiment on one data set with all SEEDS; a killed run resumes."""
    from fusevad.train.inputs import TrainData
    from fusevad.train.run import train as train_all
    from fusevad.train.search import chosen_learning_rate
    from fusevad.train.settings import train_settings

    numbers = _seeds(seeds)
    data = TrainData(manifest, stream_paths(stream), teacher, texts=texts)
    with recorded(settings) as job:
        if learning_rates is not None:
            job.found["learning_rate"] = chosen_learning_rate(learning_rates)
        parsed = train_settings(job.settings | job.found, "train")
        train_all(parsed, data, numbers, out, workers, memory_mb, seed_store)


@verb(
    STAGES,
    "fusevad search --manifest results/rendered/manifest.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--settings results/settings/NAME.json OUT.csv --seed-store results/rendered/seeds",
)
def search(
    manifest: Manifest,
    stream: StreamIndices,
    settings: Settings,
    out: Path,
    seed_store: Annotated[Path, typer.Option(help="Folder of finished seeds.")],
    texts: Texts = None,
    seeds: Seeds = "0",
    workers: Workers = 1,
    memory_mb: MemoryMB = None,
) -> None:
    """Choose a learning rate on the validation part of the training split; no test is scored."""
    from fusevad.train.inputs import TrainData
    from fusevad.train.search import search_learning_rate
    from fusevad.train.settings import search_candidates

    numbers = _seeds(seeds)
    data = TrainData(manifest, stream_paths(stream), tests=False, texts=texts)
    with recorded(settings) as job:
        candidates = search_candidates(job.settings)
        search_learning_rate(candidates, data, numbers, out, seed_store, workers, memory_mb)


@verb(
    STAGES,
    "fusevad evaluate results/rendered/runs/student-t --manifest "
    "results/rendered/manifest.csv --intervals results/rendered/intervals.csv",
)
def evaluate(
    run: Path,
    manifest: Manifest,
    intervals: Intervals,
    main_metric: Annotated[str, typer.Option(help="Metric by which `oracle` chooses.")] = "AUC",
    settings: MaybeSettings = None,
) -> None:
    """Compute frame-level metrics of a run under the protocols last, validation and oracle."""
    from fusevad.evaluate.run import evaluate as evaluate_run

    with recorded(settings):
        evaluate_run(run, manifest, intervals, main_metric)


@verb(
    STAGES,
    "fusevad localise results/rendered/runs/student-t --manifest "
    "results/rendered/manifest.csv --intervals results/rendered/intervals.csv "
    "--settings results/settings/NAME.json",
)
def localise(run: Path, manifest: Manifest, intervals: Intervals, settings: Settings) -> None:
    """Find events by class, and the classes of videos, with a run whose method tells them."""
    from fusevad.evaluate.localise import localise as localise_run
    from fusevad.evaluate.settings import LocaliseSettings

    with recorded(settings) as job:
        parsed = parse(LocaliseSettings, job.settings, "localise")
        localise_run(run, manifest, intervals, parsed.normal_events)


@verb(
    STAGES,
    "fusevad import-scores SCORES results/rendered/runs/theirs --manifest "
    "results/rendered/manifest.csv --intervals results/rendered/intervals.csv "
    "--settings results/settings/NAME.json",
)
def import_scores(
    scores: Path,
    out: Path,
    manifest: Manifest,
    intervals: Intervals,
    settings: Settings,
    main_metric: Annotated[str, typer.Option(help="Metric that must be defined.")] = "AUC",
) -> None:
    """Judge the scores that somebody else's detector gave in SCORES, and write a run to OUT."""
    from fusevad.evaluate.imported.run import import_scores as judge
    from fusevad.evaluate.imported.settings import SUFFIXES, ScoreSettings
    from fusevad.plan.own_files import content_of

    with recorded(settings) as job:
        parsed = parse(ScoreSettings, job.settings, "scores")
        judge(scores, manifest, intervals, parsed, main_metric, out)
        own = (str(scores), *filter(None, [parsed.order]))
        job.check_content(content_of(SUFFIXES, *own), scores)


@verb(
    STAGES,
    "fusevad report table1 --settings results/settings/NAME.json results/table1.tex "
    "results/table1.csv",
)
def report(
    kind: Annotated[str, typer.Argument(help="table1, ablation, claims, curves, ...")],
    settings: Settings,
    out: Annotated[tuple[Path, Path], typer.Argument(help="The two files to write.")],
) -> None:
    """Write tables (.tex and .csv), figures (.pdf and .png) and numbers from finished runs."""
    from fusevad.report import make_report

    with recorded(settings) as job:
        make_report(kind, job.settings, *out)


@verb(
    STAGES,
    "fusevad films --manifest results/rendered/manifest.csv --cues "
    "results/rendered/cues/paper/shard-0.h5 --settings results/settings/NAME.json "
    "OUT.csv",
)
def films(
    manifest: Manifest, cues: Cues, settings: Settings, out: Path, workers: Workers = 1
) -> None:
    """Write films of the test videos for the explorer, and the table OUT of them."""
    from fusevad.report.explorer.films import make_films
    from fusevad.report.explorer.settings import FilmSettings

    with recorded(settings) as job:
        make_films(manifest, cues, parse(FilmSettings, job.settings, "films"), out, workers)


@verb(
    STAGES,
    "fusevad explorer --settings results/settings/NAME.json results/explorer/index.html"
    " results/explorer/page",
)
def explorer(
    settings: Settings,
    out: Annotated[tuple[Path, Path], typer.Argument(help="The page, and its folder beside it.")],
) -> None:
    """Write a page, opened from disk, to look at the scores of test videos."""
    from pydantic_core import ArgsKwargs

    from fusevad.report.explorer.runs import make_explorer

    with recorded(settings) as job:
        outputs = dict(zip(("out_index", "out_page"), out, strict=True))
        parse(make_explorer, ArgsKwargs((), job.settings | outputs), "explorer")


@verb(
    STAGES,
    "fusevad leaderboard results/methods.csv results/leaderboard.json --settings "
    "results/settings/NAME.json",
)
def leaderboard(table: Path, out: Path, settings: Settings) -> None:
    """Write the table of all methods as JSON, as docs/leaderboard.md describes it."""
    from fusevad.report.leaderboard import LeaderboardSettings, make_leaderboard

    with recorded(settings) as job:
        make_leaderboard(table, parse(LeaderboardSettings, job.settings, "leaderboard"), out)


@verb(STAGES, "fusevad book results/all.pdf results/table1.tex")
def book(
    out: Path,
    tables: list[Path],
    figure: Annotated[list[Path] | None, typer.Option(help="A figure, after the tables.")] = None,
    settings: MaybeSettings = None,
) -> None:
    """Write tables and figures to one PDF with latexmk, which must be installed."""
    from fusevad.report.book import make_book

    with recorded(settings):
        make_book(tables, figure or [], out)
