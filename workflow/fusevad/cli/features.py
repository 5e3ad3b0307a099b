"""Verbs of motion cues, embeddings and encoders."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import (
    DATA,
    STAGES,
    Cues,
    Manifest,
    MaybeSettings,
    OnBadVideo,
    Rgb,
    Settings,
    Shard,
    Shards,
    Threads,
    Workers,
    verb,
)
from fusevad.parsing import from_text_or_file, parse
from fusevad.plan.records import recorded


@verb(
    STAGES,
    "fusevad cues --manifest results/rendered/manifest.csv --settings "
    "results/settings/NAME.json --shard 0 --shards 8 "
    "results/rendered/cues/paper/shard-0.h5",
)
def cues(manifest: Manifest, settings: Settings, shard: Shard, shards: Shards, out: Path) -> None:
    """Count all windows and thresholds in one decode of each video of a shard."""
    from fusevad.cues.settings import CueSettings
    from fusevad.cues.store import make_cues

    with recorded(settings) as job:
        parsed = parse(CueSettings, job.settings, "cues")
        make_cues(manifest, shard, shards, parsed, out)


@verb(
    STAGES,
    "fusevad camera-cues EVENTS --manifest results/rendered/manifest.csv --settings "
    "results/settings/NAME.json --shard 0 --shards 8 OUT.h5",
)
def camera_cues(
    events: Path, manifest: Manifest, settings: Settings, shard: Shard, shards: Shards, out: Path
) -> None:
    """Count the event streams of a real camera in the folder EVENTS."""
    from fusevad.cues.camera import make_camera_cues
    from fusevad.cues.settings import CameraCueSettings

    with recorded(settings) as job:
        parsed = parse(CameraCueSettings, job.settings, "camera-cues")
        make_camera_cues(manifest, events, shard, shards, parsed, out)


@verb(
    STAGES,
    "fusevad embed --manifest results/rendered/manifest.csv --settings "
    "results/settings/NAME.json --shard 0 --shards 8 OUT.safetensors",
)
def embed(
    manifest: Manifest,
    settings: Settings,
    shard: Shard,
    shards: Shards,
    out: Path,
    cues: Annotated[
        list[Path] | None, typer.Option(help="Shards of motion cues, for a stream made from them.")
    ] = None,
    threads: Threads = 1,
) -> None:
    """Embed one stream of the videos of a shard."""
    from fusevad.embed.run import embed_shard
    from fusevad.embed.streams.registry import kind_of, parse_settings
    from fusevad.plan.own_files import TABLES, content_of

    with recorded(settings) as job:
        parsed = parse_settings(job.settings)
        embed_shard(manifest, shard, shards, parsed, out, cues or (), threads)
        folder = kind_of(parsed.stream).tables(job.settings)
        if folder:
            job.check_content(content_of(TABLES, folder), folder)


@verb(
    STAGES,
    "fusevad index --manifest results/rendered/manifest.csv "
    "results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv "
    "results/rendered/embeddings/fusevad-small.stride-16/rgb/shard-0.safetensors",
)
def index(
    manifest: Manifest, out: Path, shard_files: list[Path], settings: MaybeSettings = None
) -> None:
    """Check the shards of a stream against the manifest and write their index OUT."""
    from fusevad.embed.index import make_index

    with recorded(settings):
        make_index(manifest, shard_files, out)


@verb(
    STAGES,
    "fusevad class-texts --manifest results/rendered/manifest.csv --settings "
    "results/settings/NAME.json OUT.safetensors",
)
def class_texts(manifest: Manifest, settings: Settings, out: Path) -> None:
    """Write names of a data set's classes, and the text tower that reads them, to OUT."""
    from fusevad.encoders.class_texts import make_class_texts
    from fusevad.encoders.settings import EncoderSettings

    with recorded(settings) as job:
        make_class_texts(manifest, parse(EncoderSettings, job.settings, "class-texts"), out)


@verb(
    STAGES,
    "fusevad encoder-data --settings results/settings/NAME.json results/encoder/data",
)
def encoder_data(settings: Settings, out: Path, workers: Workers = 1) -> None:
    """Render clips, motion cues and captions for the bundled encoder into OUT."""
    from fusevad.bundled.data import make_encoder_data
    from fusevad.bundled.settings import EncoderDataSettings

    parsed = parse(EncoderDataSettings, from_text_or_file(settings), "encoder-data")
    make_encoder_data(parsed, out, workers)


@verb(
    STAGES,
    "fusevad train-encoder --settings results/settings/NAME.json --data-settings "
    "D.json --model M.json --data results/encoder/data OUT",
)
def train_encoder(
    settings: Settings,
    data_settings: Annotated[str, typer.Option(help="Settings of encoder-data.")],
    model: Annotated[Path, typer.Option(help="open_clip model configuration (JSON).")],
    data: Annotated[Path, typer.Option(help="Folder written by encoder-data.")],
    out: Path,
) -> None:
    """Train image, text and motion-cue towers into OUT, with a model card."""
    from fusevad.bundled.model_card import model_card
    from fusevad.bundled.settings import EncoderDataSettings, EncoderTraining
    from fusevad.bundled.training import train_encoder as train_towers
    from fusevad.files import write_text

    training = parse(EncoderTraining, from_text_or_file(settings), "train-encoder")
    clips = parse(EncoderDataSettings, from_text_or_file(data_settings), "encoder-data")
    report = train_towers(training, model, data, out)
    write_text(model_card(clips, training, report), out / "MODEL_CARD.md")


@verb(
    STAGES,
    "fusevad train-audio-tower --settings results/settings/NAME.json results/encoder",
)
def train_audio_tower(settings: Settings, out: Path, workers: Workers = 1) -> None:
    """Train the small audio tower into the folder OUT, with a model card."""
    from fusevad.bundled.audio_card import audio_card
    from fusevad.bundled.settings import AudioTraining
    from fusevad.bundled.sound import train_audio_tower as train_tower
    from fusevad.files import write_text

    training = parse(AudioTraining, from_text_or_file(settings), "train-audio-tower")
    report = train_tower(training, out / "audio.safetensors", workers)
    write_text(audio_card(training, report), out / "AUDIO_MODEL_CARD.md")


@verb(
    STAGES,
    "fusevad align --manifest results/rendered/manifest.csv --rgb "
    "results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --cues "
    "results/rendered/cues/paper/shard-0.h5 --settings results/settings/NAME.json "
    "OUT.safetensors",
)
def align(
    manifest: Manifest,
    rgb: Rgb,
    cues: Cues,
    settings: Settings,
    out: Path,
    threads: Threads = 1,
) -> None:
    """Train a motion-cue tower on unlabelled training videos, written to OUT."""
    from fusevad.embed.align import align as align_tower
    from fusevad.embed.settings import AlignSettings

    with recorded(settings) as job:
        parsed = parse(AlignSettings, job.settings, "align")
        align_tower(manifest, rgb, cues, parsed, out, threads)


@verb(DATA, "fusevad convert-event-clip event-clip.safetensors --checkpoint event-clip.pt")
def convert_event_clip(
    out: Path,
    model: Annotated[str, typer.Option(help="Architecture of open_clip.")] = "ViT-L-14",
    checkpoint: Annotated[
        Path | None, typer.Option(help="The published pickle; else it is downloaded.")
    ] = None,
    settings: MaybeSettings = None,
) -> None:
    """Convert the published event-CLIP to safetensors of a motion-cue tower in OUT."""
    from fusevad.encoders.event_clip import convert_event_clip as convert
    from fusevad.encoders.event_clip import download_event_clip

    with recorded(settings):
        convert(checkpoint or download_event_clip(model), model, out)


@verb(DATA, "fusevad convert-wav2clip wav2clip.safetensors --checkpoint wav2clip.pt")
def convert_wav2clip(
    out: Path, checkpoint: Annotated[Path, typer.Option(help="The published checkpoint.")]
) -> None:
    """Convert the published Wav2CLIP to safetensors of an audio tower in OUT."""
    from fusevad.encoders.audio import convert_wav2clip as convert

    convert(checkpoint, out)


@verb(
    STAGES,
    "fusevad import-features FOLDER --manifest results/rendered/manifest.csv --stream "
    "rgb --settings results/settings/NAME.json --shards 8 OUT",
)
def import_features(
    folder: Path,
    manifest: Manifest,
    stream: Annotated[str, typer.Option(help="rgb, or a motion cue's.")],
    settings: Settings,
    shards: Shards,
    out: Path,
) -> None:
    """Import features that somebody else extracted from FOLDER, in the same form."""
    from fusevad.embed.imported.run import import_features as import_stream
    from fusevad.embed.imported.settings import ImportSettings
    from fusevad.plan.own_files import outline_of

    with recorded(settings) as job:
        parsed = parse(ImportSettings, job.settings, "features")
        import_stream(parsed, folder, manifest, stream, out, shards)
        job.check_content(outline_of(str(folder), parsed), folder)


@verb(
    STAGES,
    "fusevad manifest-from-features FOLDER LABELS.csv INTERVALS.csv OUT --settings "
    "results/settings/NAME.json",
)
def manifest_from_features(
    folder: Path,
    labels: Path,
    intervals: Path,
    out: Path,
    settings: Settings,
    on_bad_video: OnBadVideo = "stop",
) -> None:
    """Write a manifest for features in FOLDER without their videos to OUT."""
    from fusevad.embed.imported.manifest import manifest_from_features as make
    from fusevad.embed.imported.settings import ImportSettings
    from fusevad.plan.own_files import outline_of

    with recorded(settings) as job:
        parsed = parse(ImportSettings, job.settings, "features")
        make(parsed, folder, labels, intervals, out, on_bad_video)
        job.check_content(outline_of(str(folder), parsed), folder)
