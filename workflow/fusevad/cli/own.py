"""Verbs for people's own training data."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import OWN, STAGES, MaybeSettings, Workers, say, verb
from fusevad.cli.data import CONFIG
from fusevad.plan.records import recorded


@verb(OWN, "fusevad init-dataset my_videos/ --name shop")
def init_dataset(
    place: Annotated[
        Path,
        typer.Argument(help="Folder with normal/ and anomalous/CLASS/, or a CSV of video, label."),
    ],
    name: Annotated[str, typer.Option(help="Of the data set, such as shop.")],
    intervals: Annotated[
        Path | None, typer.Option(help="CSV of video, class, start, end in frames.")
    ] = None,
    workers: Workers = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace files of that name.")] = False,
) -> None:
    """Configure a data set of them to train on, split by camera."""
    from fusevad.data.own.dataset import init_dataset as configure
    from fusevad.data.own.summary import summary

    made = configure(place, name, CONFIG, intervals, workers, force)
    for line in summary(made):
        say(line)
    print(f"wrote {made.configuration}, {made.labels} (edit the split there), and their neighbours")
    print(
        f"next: snakemake --cores all results/{name}/table1.tex --configfile {made.configuration}"
    )


@verb(
    STAGES,
    "fusevad own-labels config/datasets/shop/labels.csv config/datasets/shop/intervals.csv"
    " results/shop/source",
)
def own_labels(labels: Path, intervals: Path, out: Path, settings: MaybeSettings = None) -> None:
    """Check the tables of people's own videos and write them to the folder OUT."""
    from fusevad.data.own.labels import make_labels

    with recorded(settings):
        make_labels(labels, intervals, out)
