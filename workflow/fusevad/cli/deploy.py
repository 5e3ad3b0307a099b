"""Verbs for people's own videos: bundles of trained runs, and what they do."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import OWN, MaybeSettings, Workers, say, verb
from fusevad.cli.configured import ConfigFiles, Configured, configuration
from fusevad.errors import FusevadError
from fusevad.parsing import parse
from fusevad.plan.records import recorded

Model = Annotated[Path, typer.Option(help="A bundle, as fusevad bundle makes it.")]
Trust = Annotated[
    Path | None, typer.Option(help="Public key (PEM) whose signature the bundle must have.")
]
Rate = Annotated[float | None, typer.Option(help="False alarms an hour; else the bundle's lowest.")]

Window = Annotated[
    int | None, typer.Option(help="Segments that a score looks back on; else as in training.")
]


@verb(OWN, "fusevad bundle results/rendered/runs/student-t -o model.fusevad", cls=Configured)
def bundle(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The bundle to write.")],
    sign: Annotated[
        Path | None, typer.Option(help="Private key (PEM): also write OUT.sig.")
    ] = None,
    settings: MaybeSettings = None,
    configfile: ConfigFiles = None,
) -> None:
    """Write a run as one file, with encoder, weights, thresholds and model card."""
    from fusevad.deploy.card import threshold_line
    from fusevad.deploy.making import make_bundle
    from fusevad.deploy.settings import BundleSettings
    from fusevad.deploy.signing import check_private_key
    from fusevad.deploy.signing import sign as sign_bundle
    from fusevad.plan.bundle_jobs import bundle_of_run

    if sign is not None:
        check_private_key(sign)
    with recorded(settings) as job:
        values = job.settings or bundle_of_run(configuration(configfile), run)
        about = make_bundle(run, parse(BundleSettings, values, "bundle"), out)
    if sign is not None:
        sign_bundle(out, sign)
    for threshold in about.thresholds:
        say(f"{out}: {threshold_line(threshold)}")


@verb(
    OWN,
    "fusevad calibrate --model model.fusevad --normal my_camera/ --alarms-per-hour 1",
)
def calibrate(
    model: Model,
    normal: Annotated[
        list[str],
        typer.Option(
            help="Normal video of your camera that training has not seen: file, folder, pattern or"
            " list."
        ),
    ],
    alarms_per_hour: Annotated[float, typer.Option(help="False alarms an hour at most.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A bundle with this threshold.")
    ] = None,
    causal: Annotated[
        bool, typer.Option(help="For fusevad watch, whose scores look back only.")
    ] = False,
    window: Window = None,
    trust: Trust = None,
    workers: Workers = 1,
) -> None:
    """Find the threshold whose false alarms on your camera are bounded."""
    from fusevad.deploy.calibration import calibrate_model
    from fusevad.deploy.card import threshold_line
    from fusevad.deploy.looking_back import window_of_bundle
    from fusevad.deploy.signing import check_signature
    from fusevad.deploy.sources import find_videos
    from fusevad.evaluate.settings import MOST_ALARMS

    if not 0 < alarms_per_hour <= MOST_ALARMS:
        raise FusevadError(
            f"--alarms-per-hour {alarms_per_hour:g}: give a number above 0, at most {MOST_ALARMS}"
        )
    if window is not None and not causal:
        raise FusevadError(f"--window {window}: scores of recordings have none; add --causal")
    if trust is not None:
        check_signature(model, trust)
    videos = find_videos(normal)
    looked = window_of_bundle(model, window) if causal else None
    found, unread = calibrate_model(model, videos, alarms_per_hour, out, workers, looked)
    say(f"{out or model}: {threshold_line(found)}")
    if unread:
        raise typer.Exit(1)


@verb(OWN, "fusevad score my_videos/ --model model.fusevad --out scored")
def score(
    source: Annotated[list[str], typer.Argument(help="Files, folders, patterns, lists (.txt).")],
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder of the results, one folder a video.")],
    alarms_per_hour: Rate = None,
    film: Annotated[bool, typer.Option(help="Whether annotated films are made.")] = True,
    trust: Trust = None,
    workers: Workers = 1,
) -> None:
    """Write scores, events and a film of each video, and a page of all; a killed run resumes."""
    from fusevad.deploy.choosing import recording_threshold
    from fusevad.deploy.opening import bundle_facts
    from fusevad.deploy.results import code_here
    from fusevad.deploy.score import score_sources
    from fusevad.deploy.signing import check_signature
    from fusevad.deploy.sources import find_videos
    from fusevad.files import sha256
    from fusevad.report.explorer.own_videos import check_place, make_own_explorer

    if trust is not None:
        check_signature(model, trust)
    videos = find_videos(source)
    check_place(out)  # before hours of work
    failed = score_sources(videos, model, out, alarms_per_hour, film, workers)
    about = bundle_facts(model)
    threshold = recording_threshold(about, alarms_per_hour)
    if page := make_own_explorer(out, sha256(model), threshold, code_here(about)):
        print(f"{page}: open it to look at all videos")
    if failed:
        raise typer.Exit(1)


@verb(OWN, "fusevad watch /dev/video0 --model model.fusevad")
def watch(
    model: Model,
    source: Annotated[
        str | None, typer.Argument(help="rtsp://HOST/PATH, /dev/videoN, a file, or env:NAME.")
    ] = None,
    source_file: Annotated[
        Path | None, typer.Option(help="File with the address, which may have a password.")
    ] = None,
    alarms_per_hour: Rate = None,
    window: Window = None,
    webhook: Annotated[str | None, typer.Option(help="URL to post events to, or env:NAME.")] = None,
    mqtt: Annotated[
        str | None, typer.Option(help="HOST[:PORT]/TOPIC to publish events to, or env:NAME.")
    ] = None,
    update_seconds: Annotated[
        float, typer.Option(help="Seconds between updates of an event.", min=0)
    ] = 5.0,
    scores: Annotated[bool, typer.Option(help="Also print a line for each segment.")] = False,
    fast: Annotated[bool, typer.Option(help="Read a file faster than it plays.")] = False,
    trust: Trust = None,
) -> None:
    """Print events of a camera as lines of JSON while they happen."""
    from fusevad.deploy.choosing import camera_threshold
    from fusevad.deploy.detector import Detector
    from fusevad.deploy.watch.address import find_address, secret
    from fusevad.deploy.watch.outlets import Mqtt, Webhook
    from fusevad.deploy.watch.run import Watch, WatchSettings, watch_until_signal

    address = find_address(source, source_file)
    outlets = [] if webhook is None else [Webhook(secret(webhook, "--webhook"))]
    outlets += [] if mqtt is None else [Mqtt(secret(mqtt, "--mqtt"))]
    detector = Detector.load(model, trust)
    threshold = camera_threshold(detector.about, alarms_per_hour, window)
    settings = WatchSettings(threshold, window, fast, scores, update_seconds)
    watch_until_signal(Watch(detector, address, settings, outlets))


@verb(OWN, "fusevad export-onnx --model model.fusevad --out onnx")
def export_onnx(
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder of the .onnx files.")],
    trust: Trust = None,
) -> None:
    """Write detector and encoders for onnxruntime, compared with torch."""
    from fusevad.deploy.detector import Detector
    from fusevad.deploy.onnx import export_onnx as export

    for name, difference in export(Detector.load(model, trust), out).items():
        print(f"{out / name}: differs from torch by {difference:.1e}")
