"""The command `fusevad`: one verb a stage, the same ones that the workflow calls.

Heavy imports stand inside the verbs, so that `fusevad --help` answers at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fusevad.errors import FusevadError
from fusevad.settings import from_text_or_file, parse

if not sys.stderr.isatty():
    # In a log file a progress bar is a line every ten seconds, not ten a second.
    os.environ.setdefault("TQDM_MININTERVAL", "10")

app = typer.Typer(
    help="Weakly supervised video anomaly detection, stage by stage. The workflow calls these"
    " verbs for you: snakemake --cores all results/table1.tex",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Settings = Annotated[str, typer.Option(help="YAML or JSON file, or JSON text.")]
Workers = Annotated[int, typer.Option(help="Processes at a time.", min=1)]
Manifest = Annotated[Path, typer.Option(help="The data set's manifest.csv.")]
Shard = Annotated[int, typer.Option(help="Number of this shard, from 0.", min=0)]
Shards = Annotated[int, typer.Option(help="Number of shards.", min=1)]


def main() -> None:
    """Run the command; bad input ends it with one line and status 1."""
    try:
        app()
    except FusevadError as error:
        print(f"fusevad: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def render(settings: Settings, out: Path, workers: Workers = 1) -> None:
    """Data: render the embedded data set into the folder OUT (videos, labels, intervals)."""
    from fusevad.render import RenderSettings, render_dataset

    render_dataset(RenderSettings.from_mapping(from_text_or_file(settings)), out, workers)


@app.command()
def manifest(
    labels: Path, intervals: Path, out: Path, on_bad_video: str = "stop", workers: Workers = 1
) -> None:
    """Data: decode every video once and write manifest, intervals and skipped videos to OUT."""
    from fusevad.manifest import make_manifest

    if on_bad_video not in ("stop", "skip"):
        raise FusevadError(f"--on-bad-video {on_bad_video}: choose stop or skip")
    make_manifest(labels, intervals, out, on_bad_video, workers)


@app.command()
def cues(manifest: Manifest, settings: Settings, shard: Shard, shards: Shards, out: Path) -> None:
    """Motion cues of all windows and thresholds, from one decode of each video of a shard."""
    from fusevad.cues import CueSettings, make_cues

    parsed = parse(CueSettings, from_text_or_file(settings), "cues")
    make_cues(manifest, shard, shards, parsed, out)


@app.command()
def embed(
    manifest: Manifest,
    settings: Settings,
    shard: Shard,
    shards: Shards,
    out: Path,
    cue_folder: Annotated[Path | None, typer.Option(help="Motion cues, for their stream.")] = None,
    threads: Annotated[int, typer.Option(help="Threads of torch.", min=1)] = 1,
) -> None:
    """Embeddings of one stream (RGB or a motion cue) of the videos of a shard."""
    from fusevad.embed import EmbedSettings, embed_shard

    parsed = parse(EmbedSettings, from_text_or_file(settings), "embed")
    embed_shard(manifest, shard, shards, parsed, out, cue_folder, threads)


@app.command()
def index(manifest: Manifest, out: Path, shard_files: list[Path]) -> None:
    """Embeddings: check the shards of a stream against the manifest and write their index OUT."""
    from fusevad.embedding_index import make_index

    make_index(manifest, shard_files, out)


@app.command()
def train(
    manifest: Manifest,
    rgb: Annotated[Path, typer.Option(help="Index of the RGB embeddings.")],
    event: Annotated[Path, typer.Option(help="Index of the motion-cue embeddings.")],
    settings: Settings,
    out: Path,
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


@app.command()
def contact_sheet(source: Path, out: Path) -> None:
    """Data: a picture of every class of the rendered data set in SOURCE."""
    from fusevad.render import contact_sheet as draw

    draw(source, out)


@app.command()
def encoder_data(settings: Settings, out: Path, workers: Workers = 1) -> None:
    """Embedded encoder: render the clips, motion cues and captions it learns from into OUT."""
    from fusevad.encoder_data import EncoderDataSettings, make_encoder_data

    parsed = parse(EncoderDataSettings, from_text_or_file(settings), "encoder-data")
    make_encoder_data(parsed, out, workers)


@app.command()
def train_encoder(
    settings: Settings,
    data_settings: Annotated[str, typer.Option(help="Settings of encoder-data.")],
    model: Annotated[Path, typer.Option(help="open_clip model configuration (JSON).")],
    data: Annotated[Path, typer.Option(help="Folder written by encoder-data.")],
    out: Path,
) -> None:
    """Embedded encoder: train image, text and motion-cue towers into OUT, with a model card."""
    from fusevad.encoder_data import EncoderDataSettings
    from fusevad.encoder_training import EncoderTraining
    from fusevad.encoder_training import train_encoder as train_towers
    from fusevad.files import write_text
    from fusevad.model_card import model_card

    training = parse(EncoderTraining, from_text_or_file(settings), "train-encoder")
    clips = parse(EncoderDataSettings, from_text_or_file(data_settings), "encoder-data")
    report = train_towers(training, model, data, out)
    write_text(model_card(clips, training, report), out / "MODEL_CARD.md")
