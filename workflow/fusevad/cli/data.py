"""Verbs of the stage `data`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fusevad.cli.app import DATA, STAGES, MaybeSettings, OnBadVideo, Settings, Workers, verb
from fusevad.errors import FusevadError, notice
from fusevad.parsing import parse
from fusevad.plan.records import recorded

if TYPE_CHECKING:
    from fusevad.data.recorded.settings import RecordedSettings

# Relative to the working directory, which is the repository.
CONFIG = Path("config")


@verb(STAGES, "fusevad render results/rendered/source --settings results/settings/NAME.json")
def render(settings: Settings, out: Path, workers: Workers = 1) -> None:
    """Render the default data set into the folder OUT (videos, labels, intervals)."""
    from fusevad.data.render.dataset import render_dataset
    from fusevad.data.render.settings import RenderSettings

    with recorded(settings) as job:
        render_dataset(parse(RenderSettings, job.settings, "render"), out, workers)


@verb(DATA, "fusevad fetch ucf-crime --data-root /data/UCF-Crime")
def fetch(
    dataset: str,
    settings: Annotated[
        str | None, typer.Option(help="Section `fetch`; else that of config/datasets.")
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder of data that you already have; it is linked.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="File to write at the end.")] = None,
    features: Annotated[
        str | None,
        typer.Option(help="Name of published features to download in place of videos (i3d, ...)."),
    ] = None,
) -> None:
    """Download a data set into data/DATASET, or say how to get it by hand."""
    from fusevad.config.load import load_dataset
    from fusevad.data.fetch.dataset import fetch as fetch_files
    from fusevad.data.fetch.settings import FetchSettings
    from fusevad.embed.imported.fetched import fetch_features
    from fusevad.files import write_json

    with recorded(settings) as job:
        values = job.settings if settings else load_dataset(CONFIG, dataset).fetch
        if values is None:
            raise FusevadError(f"data set {dataset}: rendered, so there is nothing to fetch")
        parsed = parse(FetchSettings, values, f"{dataset}: fetch")
        folder, lock = _data_folder(dataset), CONFIG / "checksums" / f"{dataset}.json"
        if features is not None:
            fetch_features(dataset, features, parsed, _recorded(dataset), folder, lock)
            return
        fetch_files(dataset, parsed, folder, lock, data_root)
        if record is not None:
            write_json({"dataset": dataset, "folder": str(folder)}, record)


def _recorded(dataset: str) -> "RecordedSettings":
    """Section `recorded` of a data set.

    Raises:
        FusevadError: it has none.
    """
    from fusevad.config.load import load_dataset
    from fusevad.data.recorded.settings import RecordedSettings

    configured = load_dataset(CONFIG, dataset)
    if configured.origin != "recorded":
        raise FusevadError(f"data set {dataset}: not recorded; this works only for recorded ones")
    return parse(RecordedSettings, configured.settings, f"{dataset}: recorded")


@verb(
    STAGES,
    "fusevad labels data/ucf-crime results/ucf-crime/source --settings results/settings/NAME.json",
)
def labels(
    data: Path,
    out: Path,
    settings: Settings,
    videos: Annotated[bool, typer.Option(help="Whether the videos must exist.")] = True,
    on_bad_video: OnBadVideo = "stop",
) -> None:
    """Write labels and intervals of the recorded videos in the folder DATA to OUT."""
    from fusevad.data.recorded.labels import make_labels
    from fusevad.data.recorded.settings import RecordedSettings

    with recorded(settings) as job:
        parsed = parse(RecordedSettings, job.settings, "recorded")
        make_labels(data, parsed, parsed.split, out, videos, on_bad_video)


@verb(DATA, "fusevad verify ucf-crime --workers 8")
def verify(
    dataset: str,
    split: Annotated[str, typer.Option(help="official or released.")] = "official",
    workers: Workers = 1,
) -> None:
    """Compare the files in data/DATASET with the expected files."""
    from fusevad.data.recorded.verify import verify as verify_files

    parsed = _recorded(dataset)
    problems = verify_files(dataset, _data_folder(dataset), parsed, split, workers)
    if problems:
        for problem in problems:
            notice(problem)
        raise FusevadError(
            f"{dataset}: split {split}: {len(problems)} differences from the expected files;"
            " correct them"
        )
    print(f"{dataset}: split {split}: all files exist and are as expected")


@verb(
    STAGES,
    "fusevad splice data/surveillance-fight results/surveillance-fight/source "
    "--settings results/settings/NAME.json",
)
def splice(data: Path, out: Path, settings: Settings, workers: Workers = 1) -> None:
    """Join the short clips of surveillance-fight in DATA into untrimmed videos in OUT."""
    from fusevad.data.splice.dataset import splice as splice_clips
    from fusevad.data.splice.settings import SpliceSettings

    with recorded(settings) as job:
        parsed = parse(SpliceSettings, job.settings, "splice")
        splice_clips(data, parsed, out, workers)


def _data_folder(dataset: str) -> Path:
    from fusevad.config.load import load_dataset

    return Path("data") / load_dataset(CONFIG, dataset).source


@verb(
    STAGES,
    "fusevad manifest results/rendered/source/labels.csv "
    "results/rendered/source/intervals.csv results/rendered",
)
def manifest(
    labels: Path,
    intervals: Path,
    out: Path,
    on_bad_video: OnBadVideo = "stop",
    past_end: Annotated[
        Literal["stop", "clip"], typer.Option(help="How to treat intervals past a video's end.")
    ] = "stop",
    workers: Workers = 1,
    features: Annotated[
        Path | None, typer.Option(help="Folder of features that must fit the videos.")
    ] = None,
    settings: MaybeSettings = None,
) -> None:
    """Decode every video once and write manifest, intervals and skipped videos to OUT."""
    from fusevad.data.manifest_making import make_manifest

    with recorded(settings) as job:
        if features is None:
            make_manifest(labels, intervals, out, on_bad_video, workers, past_end)
            return
        from fusevad.embed.imported.manifest import without_unusable
        from fusevad.embed.imported.settings import ImportSettings
        from fusevad.plan.own_files import outline_of

        parsed = parse(ImportSettings, job.settings, "features")
        check = partial(
            without_unusable, settings=parsed, folder=features, on_bad_video=on_bad_video
        )
        make_manifest(labels, intervals, out, on_bad_video, workers, past_end, check)
        job.check_content(outline_of(str(features), parsed), features)


@verb(STAGES, "fusevad contact-sheet results/rendered/source sheet.png")
def contact_sheet(source: Path, out: Path, settings: MaybeSettings = None) -> None:
    """Draw a picture of every class of the rendered data set in SOURCE."""
    from fusevad.data.render.sheet import contact_sheet as draw

    with recorded(settings):
        draw(source, out)
