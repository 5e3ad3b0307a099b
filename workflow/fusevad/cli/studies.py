"""Verbs that ask questions of trained runs."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import (
    STAGES,
    Cues,
    Intervals,
    Manifest,
    Settings,
    StreamIndices,
    Threads,
    Workers,
    stream_paths,
    verb,
)
from fusevad.parsing import parse
from fusevad.plan.records import recorded


@verb(
    STAGES,
    "fusevad study-masking results/rendered/runs/student-t --manifest "
    "results/rendered/manifest.csv --intervals results/rendered/intervals.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--settings results/settings/NAME.json OUT.csv OUT2.csv",
)
def study_masking(
    run: Path,
    manifest: Manifest,
    intervals: Intervals,
    stream: StreamIndices,
    settings: Settings,
    out: Annotated[tuple[Path, Path], typer.Argument(help="Values, and values by dimension.")],
    workers: Workers = 1,
) -> None:
    """Score test videos with part of one stream's features masked (tables 11 to 14)."""
    from fusevad.studies.masking import study_masking as study
    from fusevad.studies.settings import MaskingSettings

    with recorded(settings) as job:
        parsed = parse(MaskingSettings, job.settings, "masking")
        study(run, manifest, intervals, stream_paths(stream), parsed, *out, workers)


@verb(
    STAGES,
    "fusevad study-noise results/rendered/runs/student-t --manifest "
    "results/rendered/manifest.csv --intervals results/rendered/intervals.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--cues results/rendered/cues/paper/shard-0.h5 --settings "
    "results/settings/NAME.json OUT.csv",
)
def study_noise(
    run: Path,
    manifest: Manifest,
    intervals: Intervals,
    stream: StreamIndices,
    cues: Cues,
    settings: Settings,
    out: Path,
    workers: Workers = 1,
) -> None:
    """Score test videos with background activity in their motion cues (table 5)."""
    from fusevad.studies.noise import study_noise as study
    from fusevad.studies.settings import NoiseSettings

    with recorded(settings) as job:
        parsed = parse(NoiseSettings, job.settings, "noise")
        streams = stream_paths(stream)
        study(run, manifest, intervals, streams, cues, parsed, out, workers)


@verb(
    STAGES,
    "fusevad study-alarms results/rendered/runs/student-t --manifest "
    "results/rendered/manifest.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--settings results/settings/NAME.json OUT.parquet",
)
def study_alarms(
    run: Path,
    manifest: Manifest,
    stream: StreamIndices,
    settings: Settings,
    out: Path,
    workers: Workers = 1,
) -> None:
    """Score normal videos, for thresholds of alarms, and test videos of another data set."""
    from fusevad.studies.alarms import score_normal_videos
    from fusevad.studies.settings import NormalScoresSettings

    with recorded(settings) as job:
        parsed = parse(NormalScoresSettings, job.settings, "alarms")
        score_normal_videos(run, manifest, stream_paths(stream), parsed, out, workers)


@verb(
    STAGES,
    "fusevad study-locality results/rendered/runs/student-t --manifest "
    "results/rendered/manifest.csv --intervals results/rendered/intervals.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--settings results/settings/NAME.json OUT.csv",
)
def study_locality(
    run: Path,
    manifest: Manifest,
    intervals: Intervals,
    stream: StreamIndices,
    settings: Settings,
    out: Path,
    workers: Workers = 1,
) -> None:
    """Measure how far evidence travels in a video, into the table OUT."""
    from fusevad.studies.locality import study_locality as study
    from fusevad.studies.settings import LocalitySettings

    with recorded(settings) as job:
        parsed = parse(LocalitySettings, job.settings, "locality")
        study(run, manifest, intervals, stream_paths(stream), parsed, out, workers)


@verb(
    STAGES,
    "fusevad study-attention --manifest results/rendered/manifest.csv --intervals "
    "results/rendered/intervals.csv --cues results/rendered/cues/paper/shard-0.h5 "
    "--settings results/settings/NAME.json OUT.csv OUT2.csv",
)
def study_attention(
    manifest: Manifest,
    intervals: Intervals,
    cues: Cues,
    settings: Settings,
    out: Annotated[tuple[Path, Path], typer.Argument(help="Areas, and maps of examples.")],
    threads: Threads = 1,
) -> None:
    """Measure how much of frames and motion cues the encoders attend to (table 6, figure 4)."""
    from fusevad.studies.attention import study_attention as study
    from fusevad.studies.settings import AttentionSettings

    with recorded(settings) as job:
        parsed = parse(AttentionSettings, job.settings, "attention")
        study(manifest, intervals, cues, parsed, *out, threads)


@verb(
    STAGES,
    "fusevad study-equivalence results/rendered/runs/student-t --manifest "
    "results/rendered/manifest.csv --intervals results/rendered/intervals.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--settings results/settings/NAME.json OUT.csv",
)
def study_equivalence(
    run: Path,
    manifest: Manifest,
    intervals: Intervals,
    stream: StreamIndices,
    settings: Settings,
    out: Path,
    workers: Workers = 1,
) -> None:
    """Compute with the parameters of a run as another method would."""
    from fusevad.studies.equivalence import study_equivalence as study
    from fusevad.studies.settings import EquivalenceSettings

    with recorded(settings) as job:
        parsed = parse(EquivalenceSettings, job.settings, "equivalence")
        study(run, manifest, intervals, stream_paths(stream), parsed, out, workers)


@verb(
    STAGES,
    "fusevad study-speed --manifest results/rendered/manifest.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--settings results/settings/NAME.json OUT.csv",
)
def study_speed(
    manifest: Manifest,
    stream: StreamIndices,
    settings: Settings,
    out: Path,
) -> None:
    """Measure how fast detectors learn and score on this machine; streams by their own names."""
    from fusevad.studies.settings import SpeedSettings
    from fusevad.studies.speed import study_speed as study

    with recorded(settings) as job:
        study(manifest, stream_paths(stream), parse(SpeedSettings, job.settings, "speed"), out)


@verb(
    STAGES,
    "fusevad study-transfer --manifest results/rendered/manifest.csv --intervals "
    "results/rendered/intervals.csv --stream "
    "rgb=results/rendered/embeddings/fusevad-small.stride-16/rgb/index.csv --stream "
    "motion=results/rendered/embeddings/fusevad-small.stride-16/motion-T16-thr10/index.csv "
    "--settings results/settings/NAME.json OUT.csv",
)
def study_transfer(
    manifest: Manifest,
    intervals: Intervals,
    stream: StreamIndices,
    settings: Settings,
    out: Path,
    workers: Workers = 1,
) -> None:
    """Test runs on other data sets on this one; streams by their own names."""
    from fusevad.studies.settings import TransferSettings
    from fusevad.studies.transfer import study_transfer as study

    with recorded(settings) as job:
        parsed = parse(TransferSettings, job.settings, "transfer")
        study(manifest, intervals, stream_paths(stream), parsed, out, workers)


@verb(
    STAGES,
    "fusevad study-leaks data/ucf-crime --settings results/settings/NAME.json OUT.csv",
)
def study_leaks(data: Path, settings: Settings, out: Path) -> None:
    """List the released split's part of each video of the official split in DATA."""
    from fusevad.data.recorded.leaks import study_leaks as study
    from fusevad.data.recorded.settings import RecordedSettings

    with recorded(settings) as job:
        study(data, parse(RecordedSettings, job.settings, "recorded"), out)
