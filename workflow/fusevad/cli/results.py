"""Verbs of training, evaluation and report."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import Manifest, Settings, Workers, app
from fusevad.settings import from_text_or_file, parse


@app.command()
def train(
    manifest: Manifest,
    rgb: Annotated[Path, typer.Option(help="Index of the RGB embeddings.")],
    settings: Settings,
    out: Path,
    event: Annotated[
        Path | None, typer.Option(help="Index of the motion-cue embeddings, where needed.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Numbers, separated by commas.")] = "0",
    workers: Workers = 1,
) -> None:
    """Train one experiment on one data set with all SEEDS; goes on where a killed run was."""
    from fusevad.seed_run import TrainSettings
    from fusevad.train import TrainData
    from fusevad.train import train as train_all

    parsed = parse(TrainSettings, from_text_or_file(settings), "train")
    numbers = parse(list[int], seeds.split(","), "--seeds")
    train_all(parsed, TrainData(manifest, rgb, event), numbers, out, workers)


@app.command()
def evaluate(
    run: Path,
    manifest: Manifest,
    intervals: Annotated[Path, typer.Option(help="The data set's intervals.csv.")],
    headline: Annotated[str, typer.Option(help="Metric by which `oracle` chooses.")] = "AUC",
) -> None:
    """Frame-level metrics of a run under the protocols last, validation and oracle."""
    from fusevad.evaluate import evaluate as evaluate_run

    evaluate_run(run, manifest, intervals, headline)


@app.command()
def report(
    kind: Annotated[str, typer.Argument(help="table1, classes, radar, curves or timelines.")],
    settings: Settings,
    out: Annotated[tuple[Path, Path], typer.Argument(help="The two files to write.")],
) -> None:
    """Tables (.tex and .csv) and figures (.pdf and .png) from finished runs."""
    from fusevad.report import make_report

    make_report(kind, from_text_or_file(settings), *out)
