"""The model card of a bundle, from its own facts."""

from collections.abc import Iterator

from fusevad.deploy.contents import BundleFacts, Threshold
from fusevad.errors import counted, rounded_up
from fusevad.evaluate.settings import VIDEO_AUC


def model_card(about: BundleFacts) -> str:
    """The card as Markdown."""
    return "\n".join(_lines(about)) + "\n"


def _lines(about: BundleFacts) -> Iterator[str]:
    yield f"# {about.label}, trained on {about.dataset}"
    yield ""
    yield (
        f"A detector of anomalies in surveillance videos: method `{about.method}`, experiment"
        f" `{about.experiment}`, {len(about.seeds)} seeds, weights of protocol `{about.protocol}`."
        " A video's score is the mean over the seeds, one value for each 16 frames."
    )
    yield ""
    yield "It has learned from video-level labels of that data set alone. What it calls an anomaly"
    yield "is what was labelled there; on other cameras its scores are lower or higher, so"
    yield "calibrate it on normal video of your own: `fusevad calibrate`."
    yield ""
    yield f"## Measured on {_judged_videos(about)} of that data set"
    for name, metric in about.metrics.items():
        yield f"- {name}: {100 * metric.mean:.1f} ± {100 * metric.std:.1f} % (mean over seeds)"
    yield ""
    yield "## Thresholds"
    for threshold in about.thresholds:
        yield f"- {threshold_line(threshold)}"
    yield ""
    yield "A certified threshold has a bound: the exact 95 % upper limit of how many new false"
    yield "events begin in an hour, if they begin independently of each other. It does not cover"
    yield "how often one event that lasts repeats its alarm, nor events that come in spells (low"
    yield "sun, rain), and it holds for footage like the one that it came from."
    yield ""
    yield "## Streams"
    for role, stream in about.streams.items():
        weights = stream.provenance.get("weights_sha256", "")
        shown = f", weights {weights[:12]}" if weights else ""
        yield f"- {role}: `{stream.settings['stream']}`{shown}"
    for path, file in about.files.items():
        if file.member is None:
            yield f"- not enclosed: `{path}`, SHA-256 {file.sha256}"
    yield ""
    yield "## Origin"
    yield f"Commit {about.commit or 'unknown'}; `training.provenance.json` has the settings, the"
    yield "versions and the hashes of everything that the run was made from."


def _judged_videos(about: BundleFacts) -> str:
    """Which videos the metrics are of; without intervals, test videos have none."""
    if VIDEO_AUC in about.metrics:
        return "the training videos that each seed held out"
    return "the test videos"


def threshold_line(threshold: Threshold) -> str:
    """A threshold and who vouches for it, for readers."""
    kind = "certified for" if threshold.certified else "only estimated for"
    scores = "" if threshold.window is None else f" of a camera (window {threshold.window})"
    hours = f"{threshold.hours:{'.2g' if threshold.hours < 10 else '.1f'}}"
    seen = f"{counted(threshold.alarms, 'alarm')} in {hours} h ({threshold.footage})"
    alarms = "false alarm" if threshold.rate == 1 else "false alarms"
    promised = f"so at most {rounded_up(threshold.bound, 3)} new false events an hour (95 %)"
    return (
        f"{kind} {threshold.rate:g} {alarms} an hour{scores}: {threshold.threshold:.4f}; {seen},"
        f" {promised if threshold.certified else 'which promises nothing for other video'}"
    )
